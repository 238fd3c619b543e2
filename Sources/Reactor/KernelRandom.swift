// Secrets from the kernel's random source (getrandom(2)), fetched a page at a time, so that a challenge costs no system
// call.
// Invariant: a word is given out once, and stays nowhere.

import CLinux
import Glibc

public struct KernelRandom: ~Copyable {
    private let words: UnsafeMutablePointer<UInt64>
    private var used = KernelRandom.capacity

    /// Words of a page of 4 KiB.
    static let capacity = 512

    public init() {
        words = .allocate(capacity: Self.capacity)
        words.initialize(repeating: 0, count: Self.capacity)
    }

    /// For tests of what is made from secrets: a first page of one word.
    init(fixed word: UInt64) {
        self.init()
        words.update(repeating: word, count: Self.capacity)
        used = 0
    }

    deinit {
        explicit_bzero(words, Self.capacity * MemoryLayout<UInt64>.size)
        words.deallocate()
    }

    /// Eight octets that nobody can know before.
    public mutating func next() -> UInt64 {
        if used == Self.capacity { fill() }
        let word = words[used]
        words[used] = 0
        used &+= 1
        return word
    }

    /// It cannot fail after boot; of more than 256 octets a signal may leave a rest.
    private mutating func fill() {
        let size = Self.capacity &* MemoryLayout<UInt64>.size
        let memory = UnsafeMutableRawPointer(words)
        var done = 0
        while done < size {
            let count = getrandom(memory + done, size &- done, 0)
            if count > 0 { done &+= count }
        }
        used = 0
    }
}
