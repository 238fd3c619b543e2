// The slab and its tokens: no stale token is ever honoured, and every element is destroyed once.

import PoplarCore
import Testing

@Suite("A slab honours a token only while its element lives")
struct SlabTests {
    @Test("a stale token finds nothing, also after its slot is taken again")
    func stale() throws {
        var slab = Slab<Int>(capacity: 2)
        let taken = slab.insert(1)
        let first = try #require(taken)
        let value = slab.pointer(first)?.pointee
        let removed = slab.remove(first)
        let removedTwice = slab.remove(first)
        let ghost = slab.pointer(first)
        #expect(value == 1 && removed && !removedTwice && ghost == nil)

        let next = slab.insert(2)
        let second = try #require(next)
        let stale = slab.pointer(first)
        let fresh = slab.pointer(second)?.pointee
        #expect(second.slot == first.slot)
        #expect(stale == nil)
        #expect(fresh == 2)
    }

    @Test("a full slab answers nil and counts what it holds")
    func full() throws {
        var slab = Slab<Int>(capacity: 2)
        let tokens = [slab.insert(1), slab.insert(2), slab.insert(3)]
        let count = slab.count
        #expect(tokens[0] != nil && tokens[1] != nil && tokens[2] == nil)
        #expect(count == 2)
    }

    @Test("an element that is made in its slot is one like any other")
    func take() throws {
        var slab = Slab<Int>(capacity: 1)
        let taken = slab.take()
        let (token, element) = try #require(taken)
        element.initialize(to: 7)
        let value = slab.pointer(token)?.pointee
        let second = slab.take() == nil
        let removed = slab.remove(token)
        let count = slab.count
        #expect(value == 7 && second && removed && count == 0)
    }

    @Test(
        "a token made up from the wire finds nothing",
        arguments: [
            Token(raw: 0), Token(raw: .max), Token(generation: 1, slot: 0), Token(generation: 0, slot: 5),
        ])
    func forged(token: Token) {
        let slab = Slab<Int>(capacity: 2)
        let ghost = slab.pointer(token)
        #expect(ghost == nil)
    }
}

@Suite("Buffers stay inside their bounds")
struct BufferTests {
    @Test("a writer that is full says so and keeps what it has")
    func overflow() {
        let bytes = withWriter(4) { writer in
            writer.append("abc")
            writer.append("de")
            #expect(writer.overflowed)
            writer.append("f")
        }
        #expect(bytes == Array("abc".utf8))
    }

    @Test("decimals", arguments: [(UInt64(0), "0"), (9, "9"), (10, "10"), (65535, "65535"), (.max, "18446744073709551615")])
    func decimal(value: UInt64, text: String) {
        #expect(withWriter(32) { $0.append(decimal: value) } == Array(text.utf8))
        #expect(Bytes.decimal(Array(text.utf8).span) == value)
    }

    @Test(
        "what is no decimal",
        arguments: ["", "-1", "+1", " 1", "1 ", "18446744073709551616", "99999999999999999999999999", "0x1"])
    func noDecimal(text: String) {
        #expect(Bytes.decimal(Array(text.utf8).span) == nil)
    }

    @Test("a pool lends at most its limit and counts refusals")
    func pool() throws {
        var pool = BufferPool(chunkSize: 64, limit: 1)
        let lent = pool.borrow()
        let chunk = try #require(lent)
        let refused = pool.borrow()
        #expect(refused == nil)
        let exhaustions = pool.exhaustions
        #expect(exhaustions == 1)
        pool.giveBack(chunk)
        let again = pool.borrow()
        let allocated = pool.allocated
        #expect(again == chunk)
        #expect(allocated == 1)
        pool.giveBack(chunk)
    }

    @Test("one root seed gives each thread a stream of its own, and the same one every time")
    func seeds() {
        func first(_ thread: UInt32, _ purpose: UInt32) -> [UInt64] {
            var random = Xoshiro256(root: 1, rank: 0, thread: thread, purpose: purpose)
            return (0..<4).map { _ in random.next() }
        }
        #expect(first(0, 0) == first(0, 0))
        #expect(first(0, 0) != first(1, 0))
        #expect(first(0, 0) != first(0, 1))
    }
}
