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
        for index in 0..<a.count where uppercased(a[index]) != uppercased(b[index]) { return false }
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
}
