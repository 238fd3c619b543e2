// The pool keeps what is in use, and gives back what a flood has left behind.

import PoplarCore
import Testing

@Suite("The buffer pool")
struct BufferPoolTests {
    private func borrow(_ count: Int, _ pool: inout BufferPool) -> [UnsafeMutableRawPointer] {
        (0..<count).compactMap { _ in pool.borrow() }
    }

    @Test("after a flood all but the reserve is freed, piece by piece, and then there is no more to do")
    func flood() {
        var pool = BufferPool(chunkSize: 64, limit: 1000)
        for chunk in borrow(1000, &pool) { pool.giveBack(chunk) }
        #expect(pool.allocated == 1000 && pool.idle == 1000)
        // The first call learns what has been idle since it.
        var calls = 0
        while pool.shrink(reserve: 10, atMost: 300) { calls += 1 }
        #expect(calls == 4 && pool.idle == 10 && pool.allocated == 10 && pool.borrowed == 0)
        let again = borrow(1000, &pool)
        #expect(again.count == 1000 && pool.exhaustions == 0)
        for chunk in again { pool.giveBack(chunk) }
    }

    @Test("chunks that come and go between two calls are not freed")
    func inUse() {
        var pool = BufferPool(chunkSize: 64, limit: 100)
        for chunk in borrow(50, &pool) { pool.giveBack(chunk) }
        for _ in 0..<5 {
            _ = pool.shrink(reserve: 10, atMost: 100)
            for chunk in borrow(50, &pool) { pool.giveBack(chunk) }
        }
        #expect(pool.allocated == 50)
        _ = pool.shrink(reserve: 10, atMost: 100)
        _ = pool.shrink(reserve: 10, atMost: 100)
        #expect(pool.allocated == 10)
    }
}
