// Seeded generators. Everything random in a load comes from one root seed, split by (rank, thread, purpose), so
// that the same seed gives the same plan whatever the threads' timing. Secrets come from getrandom, not from here.

/// SplitMix64 (Steele, Lea, Flood 2014): one addition and a mix per value; used to spread seeds.
@frozen
public struct SplitMix64: RandomNumberGenerator, Sendable {
    @usableFromInline var state: UInt64

    @inlinable public init(seed: UInt64) { state = seed }

    @inlinable
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// The output function alone: a bijection of UInt64 that spreads close inputs apart.
    @inlinable
    public static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// xoshiro256** 1.0 (Blackman, Vigna 2018), seeded through SplitMix64.
@frozen
public struct Xoshiro256: RandomNumberGenerator, Sendable {
    @usableFromInline var s0: UInt64
    @usableFromInline var s1: UInt64
    @usableFromInline var s2: UInt64
    @usableFromInline var s3: UInt64

    @inlinable
    public init(seed: UInt64) {
        var spread = SplitMix64(seed: seed)
        s0 = spread.next()
        s1 = spread.next()
        s2 = spread.next()
        s3 = spread.next()
    }

    /// A stream of its own for (rank, thread, purpose) under one root seed.
    @inlinable
    public init(root: UInt64, rank: UInt32, thread: UInt32, purpose: UInt32) {
        let place = UInt64(rank) << 32 | UInt64(thread)
        self.init(seed: SplitMix64.mix(root ^ SplitMix64.mix(place ^ SplitMix64.mix(UInt64(purpose) &+ 1))))
    }

    @inlinable
    public mutating func next() -> UInt64 {
        let product = s1 &* 5
        let result = (product << 7 | product >> 57) &* 9
        let t = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = s3 << 45 | s3 >> 19
        return result
    }

    /// Uniform in [0, 1), 53 bits.
    @inlinable
    public mutating func nextUnit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Uniform in 0..<bound (Lemire 2019, with rejection); 0 when bound is 0.
    @inlinable
    public mutating func next(below bound: UInt64) -> UInt64 {
        guard bound > 0 else { return 0 }
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return product.high
    }
}
