// Memory that one thread's sessions share, since one session is in a call at a time: what was just read, the commands
// just written, ciphertext both ways. Nothing here outlives a call.

import PoplarCore

struct IOScratch: ~Copyable {
    /// Octets that may be kept of a session between calls: a reply's line that is not whole yet.
    static let heldBytes = 16_384
    static let readBytes = 65_536
    static let commandBytes = 16_384
    static let cipherBytes = 40_960

    /// Plaintext: held octets in front, new ones behind them.
    let input: UnsafeMutableRawBufferPointer
    let commands: UnsafeMutableRawBufferPointer
    let cipherIn: UnsafeMutableRawBufferPointer
    let cipherOut: UnsafeMutableRawBufferPointer

    init() {
        input = .allocate(byteCount: Self.heldBytes + Self.readBytes, alignment: 64)
        commands = .allocate(byteCount: Self.commandBytes, alignment: 64)
        cipherIn = .allocate(byteCount: Self.readBytes, alignment: 64)
        cipherOut = .allocate(byteCount: Self.cipherBytes, alignment: 64)
    }

    deinit {
        input.deallocate()
        commands.deallocate()
        cipherIn.deallocate()
        cipherOut.deallocate()
    }
}

/// One bit per user: whether a session of his is open.
struct UserFlags: ~Copyable {
    private let words: UnsafeMutablePointer<UInt64>
    private let count: Int

    init(count: Int) {
        self.count = count
        words = .allocate(capacity: count / 64 + 1)
        words.initialize(repeating: 0, count: count / 64 + 1)
    }

    deinit { words.deallocate() }

    subscript(user: UInt32) -> Bool {
        get { Int(user) < count && words[Int(user >> 6)] >> UInt64(user & 63) & 1 == 1 }
        nonmutating set {
            guard Int(user) < count else { return }
            let bit = UInt64(1) << UInt64(user & 63)
            if newValue { words[Int(user >> 6)] |= bit } else { words[Int(user >> 6)] &= ~bit }
        }
    }
}

/// Sessions of each user that are open at once, where a profile lets them overlap. A refusal because the maildrop is in use is
/// expected by a session that met another one of its user.
struct OverlapTable: ~Copyable {
    /// What a session found at its beginning.
    struct Mark: Sendable {
        let wasAlone: Bool
        let number: UInt16
    }

    /// Open sessions in the lower half, those begun so far, modulo 65,536, in the upper half.
    private let words: UnsafeMutablePointer<UInt32>
    private let count: Int

    init(users: Int) {
        count = users
        words = .allocate(capacity: max(1, users))
        words.initialize(repeating: 0, count: max(1, users))
    }

    deinit { words.deallocate() }

    func begin(_ user: UInt32) -> Mark {
        guard Int(user) < count else { return Mark(wasAlone: true, number: 0) }
        let word = words[Int(user)]
        words[Int(user)] = word &+ 0x1_0001
        return Mark(wasAlone: word & 0xFFFF == 0, number: UInt16(truncatingIfNeeded: (word &+ 0x1_0001) >> 16))
    }

    func end(_ user: UInt32) {
        if Int(user) < count, words[Int(user)] & 0xFFFF > 0 { words[Int(user)] &-= 1 }
    }

    /// Whether another session of the user was open at any time since `mark`.
    func hasMet(_ user: UInt32, _ mark: Mark) -> Bool {
        guard Int(user) < count else { return false }
        return !mark.wasAlone || UInt16(truncatingIfNeeded: words[Int(user)] >> 16) != mark.number
    }
}

/// A first-in first-out queue of numbers with a fixed capacity.
struct PlaceQueue: ~Copyable {
    private let places: UnsafeMutablePointer<UInt32>
    private let capacity: Int
    private var head = 0
    private(set) var count = 0
    /// Numbers that found no room: a fault of ours, since there is room for all.
    private(set) var lost: UInt64 = 0

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        places = .allocate(capacity: self.capacity)
        places.initialize(repeating: 0, count: self.capacity)
    }

    deinit { places.deallocate() }

    mutating func push(_ place: UInt32) {
        assert(count < capacity, "a user waits twice")
        guard count < capacity else {
            lost &+= 1
            return
        }
        places[(head &+ count) % capacity] = place
        count &+= 1
    }

    mutating func pop() -> UInt32? {
        guard count > 0 else { return nil }
        defer {
            head = (head &+ 1) % capacity
            count &-= 1
        }
        return places[head]
    }
}
