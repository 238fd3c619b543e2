// A whole number with several values, each with its part: the sizes of messages, the fill of mailboxes. Parts are met exactly, up
// to the rounding of a table's entries, rather than by chance: two tables of one mix differ in order alone.

import PoplarCore

public struct PopulationMix: Sendable, Equatable {
    public struct Part: Sendable, Equatable {
        public var value: Int
        /// Relative to the others.
        public var weight: Double

        public init(value: Int, weight: Double) {
            self.value = value
            self.weight = weight
        }
    }

    public let parts: [Part]

    /// At least one part has a weight above 0; none is negative.
    public init(_ parts: [Part]) {
        precondition(parts.contains { $0.weight > 0 } && parts.allSatisfy { $0.weight >= 0 }, "the caller checks the weights")
        self.parts = parts.filter { $0.weight > 0 }
    }

    public init(always value: Int) { parts = [Part(value: value, weight: 1)] }

    /// The mean value.
    var mean: Double {
        let sum = parts.reduce(0) { $0 + $1.weight }
        return parts.reduce(0) { $0 + Double($1.value) * $1.weight } / sum
    }

    var largest: Int { parts.reduce(0) { max($0, $1.value) } }

    /// `entries` values in which each part has its share, in an order drawn from `seed`.
    func table(entries: Int, seed: UInt64) -> [Int] {
        guard entries > 0 else { return [] }
        let sum = parts.reduce(0) { $0 + $1.weight }
        var values: [Int] = []
        var upTo = 0.0
        for part in parts {
            upTo += part.weight
            let edge = Int((upTo / sum * Double(entries)).rounded())
            values += [Int](repeating: part.value, count: max(0, edge - values.count))
        }
        var random = Xoshiro256(seed: seed)
        if parts.count > 1 { values.shuffle(using: &random) }
        return values
    }
}
