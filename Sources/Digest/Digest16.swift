// A digest of sixteen octets (MD4, MD5, HMAC-MD5) as a trivial value. Invariant: the two words hold the octets in
// their order in memory, so that a view of the value is the digest; equality takes the same time for every value.

@frozen
public struct Digest16: Sendable, Equatable {
    /// Octets 0..<8 and 8..<16, loaded little-endian.
    @usableFromInline let low: UInt64
    @usableFromInline let high: UInt64

    public static let octetCount = 16
    /// Sixteen zero octets.
    @inlinable public static var zero: Digest16 { Digest16(low: 0, high: 0) }

    /// The octets 0..<8 and 8..<16 of the digest, each read as a little-endian number.
    @inlinable
    public init(low: UInt64, high: UInt64) {
        self.low = low.littleEndian
        self.high = high.littleEndian
    }

    /// The sixteen octets of `bytes`; nil when there are more or fewer.
    @inlinable
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var low: UInt64 = 0
        var high: UInt64 = 0
        for index in 0..<8 {
            low |= UInt64(bytes[index]) << UInt64(8 &* index)
            high |= UInt64(bytes[index &+ 8]) << UInt64(8 &* index)
        }
        self.init(low: low, high: high)
    }

    /// From 32 hexadecimal digits in either case; for set-up and tests.
    public init?(hex: String) {
        var bytes: [UInt8] = []
        let digits = Array(hex.utf8)
        guard digits.count == 32 else { return nil }
        for index in stride(from: 0, to: 32, by: 2) {
            guard let high = Self.nibble(digits[index]), let low = Self.nibble(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(bytes.span)
    }

    /// From 32 hexadecimal digits in either case, as a client sends them.
    public init?(hexDigits digits: Span<UInt8>) {
        guard digits.count == 32 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<16 {
            guard let high = Self.nibble(digits[index &* 2]), let low = Self.nibble(digits[index &* 2 &+ 1]) else { return nil }
            let octet = UInt64(high << 4 | low) << UInt64(8 &* (index & 7))
            if index < 8 { words.0 |= octet } else { words.1 |= octet }
        }
        self.init(low: words.0, high: words.1)
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: return digit &- 48
        case 65...70: return digit &- 55
        case 97...102: return digit &- 87
        default: return nil
        }
    }

    /// Octet `index`, of 0..<16.
    @inlinable
    public subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < 16)
        let word = index < 8 ? low.littleEndian : high.littleEndian
        return UInt8(truncatingIfNeeded: word >> UInt64(8 &* (index & 7)))
    }

    /// Octets 0..<8 as a little-endian number.
    @inlinable public var lowWord: UInt64 { low.littleEndian }
    /// Octets 8..<16 as a little-endian number.
    @inlinable public var highWord: UInt64 { high.littleEndian }

    /// Lends the sixteen octets for the duration of `body`.
    @inlinable
    public func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        withUnsafeBytes(of: self) { raw in
            let octets = raw.assumingMemoryBound(to: UInt8.self)
            return body(octets.span)
        }
    }

    /// Whether `self` equals the octets of `bytes` from `offset` on, in a time that does not depend on them.
    /// False when they do not reach.
    @inlinable
    public func equals(_ bytes: Span<UInt8>, at offset: Int) -> Bool {
        guard offset >= 0, offset <= bytes.count, bytes.count &- offset >= 16 else { return false }
        var difference: UInt8 = 0
        for index in 0..<16 { difference |= self[index] ^ bytes[offset &+ index] }
        return difference == 0
    }

    @inlinable
    public static func == (a: Digest16, b: Digest16) -> Bool {
        ((a.low ^ b.low) | (a.high ^ b.high)) == 0
    }
}
