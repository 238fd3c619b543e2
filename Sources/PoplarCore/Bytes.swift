// Scanning and comparing octets as they stand on the wire. Nothing here allocates, and every index is checked.
// Letters compare by ASCII alone (RFC 1939 keywords), never by locale; secrets compare in constant time.

public import Glibc

public enum Bytes {
    public static let carriageReturn: UInt8 = 13
    public static let lineFeed: UInt8 = 10
    public static let space: UInt8 = 32

    /// Offset of the first line feed at or after `start`; nil when there is none (memchr(3)).
    @inlinable
    public static func firstLineFeed(in bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
        guard start >= 0, start < bytes.count, let base = bytes.baseAddress else { return nil }
        guard let hit = memchr(base + start, 10, bytes.count &- start) else { return nil }
        return UnsafeRawPointer(hit) - base
    }

    @inlinable
    public static func uppercased(_ byte: UInt8) -> UInt8 {
        byte >= 97 && byte <= 122 ? byte &- 32 : byte
    }

    /// Up to eight octets from `offset` on as one number, the first lowest; zeros stand for what is past the end.
    @inlinable @inline(__always)
    public static func word(_ bytes: Span<UInt8>, at offset: Int) -> UInt64 {
        let rest = bytes.count &- offset
        if rest >= 8 { return UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
        if rest >= 4 {
            // Two halves that overlap: what both hold is the same.
            let low = UInt32(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
            let end = bytes.count &- 4
            let high = UInt32(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: end, as: UInt32.self))
            return UInt64(low) | UInt64(high) << UInt64((rest &- 4) &* 8)
        }
        var word: UInt64 = 0
        for index in 0..<max(0, rest) { word |= UInt64(bytes[offset &+ index]) << UInt64(index &* 8) }
        return word
    }

    /// `uppercased` of eight octets at once.
    @inlinable
    public static func uppercased(word: UInt64) -> UInt64 {
        let low = word & 0x7F7F_7F7F_7F7F_7F7F
        // Bit 7 of an octet: it is at or above `a`, and not above `z`, and no octet beyond ASCII.
        let isLetter = (low &+ 0x1F1F_1F1F_1F1F_1F1F) & ~(low &+ 0x0505_0505_0505_0505) & ~word & 0x8080_8080_8080_8080
        return word ^ isLetter >> 2
    }

    /// Whether an octet of `word` is zero (Warren, Hacker's Delight, 6-1).
    @inlinable
    public static func hasZero(_ word: UInt64) -> Bool {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0
    }

    /// Offset of the first octet that is `a` or `b`, neither of them 255; nil when there is none. Looks at eight at once: nearly
    /// every line holds neither.
    @inlinable @inline(__always)
    public static func firstIndex(of a: UInt8, or b: UInt8, in bytes: Span<UInt8>) -> Int? {
        holds(a, or: b, in: bytes) ? placed(a, or: b, in: bytes) : nil
    }

    @inlinable @inline(__always)
    static func holds(_ a: UInt8, or b: UInt8, in bytes: Span<UInt8>) -> Bool {
        let (everyA, everyB) = (UInt64(a) &* 0x0101_0101_0101_0101, UInt64(b) &* 0x0101_0101_0101_0101)
        // Below eight octets what is past the end counts as 255; from eight on the last word overlaps the one before it.
        guard bytes.count >= 8 else {
            let word = word(bytes, at: 0) | ~0 &<< UInt64(bytes.count &* 8)
            return hasZero(word ^ everyA) || hasZero(word ^ everyB)
        }
        var offset = 0
        while offset < bytes.count {
            let word = word(bytes, at: min(offset, bytes.count &- 8))
            if hasZero(word ^ everyA) || hasZero(word ^ everyB) { return true }
            offset &+= 8
        }
        return false
    }

    @inlinable @inline(never)
    static func placed(_ a: UInt8, or b: UInt8, in bytes: Span<UInt8>) -> Int? {
        for index in 0..<bytes.count where bytes[index] == a || bytes[index] == b { return index }
        return nil
    }

    /// Whether `bytes` spells `word`, ASCII letters in either case. `word` must be upper case.
    @inlinable
    public static func equals(_ bytes: Span<UInt8>, _ word: StaticString) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where uppercased(bytes[index]) != word.utf8Start[index] { return false }
        return true
    }

    /// Whether two names are equal, ASCII letters in either case.
    @inlinable
    public static func equalsIgnoringCase(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        var offset = 0
        while offset < a.count {
            // The last word may overlap the one before it, so that no octet is looked at alone.
            let place = max(0, min(offset, a.count &- 8))
            guard uppercased(word: word(a, at: place)) == uppercased(word: word(b, at: place)) else { return false }
            offset &+= 8
        }
        return true
    }

    /// Whether two secrets are equal, in a time that depends on their lengths alone.
    @inlinable
    public static func equalsInConstantTime(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
        guard a.count == b.count else { return false }
        var difference: UInt8 = 0
        for index in 0..<a.count { difference |= a[index] ^ b[index] }
        return difference == 0
    }

    /// Whether `given` is `secret`, in a time that depends on the length of `given` alone. False when `secret` is empty.
    @inlinable
    public static func equalsSecret(_ given: Span<UInt8>, _ secret: Span<UInt8>) -> Bool {
        guard secret.count > 0 else { return false }
        var difference = given.count ^ secret.count
        let last = secret.count &- 1
        for index in 0..<given.count {
            // The index, or the last one where it lies beyond: by arithmetic, since a branch would tell the length.
            let beyond = (last &- index) >> (Int.bitWidth - 1)
            difference |= Int(given[index] ^ secret[index & ~beyond | last & beyond])
        }
        return difference == 0
    }

    /// An unsigned decimal number made of digits alone; nil when empty, not a number, or past UInt64.
    @inlinable
    public static func decimal(_ bytes: Span<UInt8>) -> UInt64? {
        guard bytes.count > 0 else { return nil }
        var value: UInt64 = 0
        for index in 0..<bytes.count {
            let digit = bytes[index] &- 48
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// Writes zeros over what was secret. `room`: octets that may be written from `start` on, at least `count`; a short
    /// secret then costs a few stores.
    @inlinable
    public static func wipe(_ start: UnsafeMutableRawPointer, _ count: Int, room: Int) {
        guard count <= 64, room >= 64 else { return wipe(start, count) }
        // The memory is lent again, so that no compiler can take these for stores that nobody reads.
        for offset in 0..<4 { start.storeBytes(of: .zero, toByteOffset: offset &* 16, as: SIMD16<UInt8>.self) }
    }

    /// Writes zeros over what was secret; the compiler does not take them for stores that nobody reads. In pieces: for
    /// larger ones memset(3) uses string instructions, which take longer to begin than these few kilobytes.
    public static func wipe(_ start: UnsafeMutableRawPointer, _ count: Int) {
        var done = 0
        while done < count {
            explicit_bzero(start + done, min(1024, count &- done))
            done &+= 1024
        }
    }
}
