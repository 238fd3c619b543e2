// RC4, for the one use that NTLM has for it: the session key that a client sends under KEY_EXCH (MS-NLMP 3.4.5.1).
// Tested against RFC 6229. Nothing is allocated; the state is 258 octets on the stack.

public struct RC4 {
    private var state = InlineArray<256, UInt8> { UInt8(truncatingIfNeeded: $0) }
    private var i: UInt8 = 0
    private var j: UInt8 = 0

    /// A key of 1...256 octets; an empty one leaves the state unkeyed.
    public init(key: Span<UInt8>) {
        guard key.count > 0 else { return }
        var mix: UInt8 = 0
        for index in 0..<256 {
            mix = mix &+ state[index] &+ key[index % key.count]
            swap(index, Int(mix))
        }
    }

    /// The next octet of the key stream.
    public mutating func next() -> UInt8 {
        i &+= 1
        j &+= state[Int(i)]
        swap(Int(i), Int(j))
        return state[Int(state[Int(i)] &+ state[Int(j)])]
    }

    /// `block` under the first sixteen octets of the key stream of `key`; its own inverse.
    public static func apply(to block: Digest16, key: Digest16) -> Digest16 {
        var cipher = key.withSpan { RC4(key: $0) }
        return Digest16(low: block.lowWord ^ cipher.nextWord(), high: block.highWord ^ cipher.nextWord())
    }

    private mutating func nextWord() -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(next()) << UInt64(8 &* index) }
        return word
    }

    private mutating func swap(_ a: Int, _ b: Int) {
        let kept = state[a]
        state[a] = state[b]
        state[b] = kept
    }
}
