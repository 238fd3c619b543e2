// Weights of a profile: one word, or a mapping of words to weights, and single weights. What a weight is stands here alone.
// Errors are noted with their place and the reading goes on.

import Configuration

extension SchemaFields {
    /// Part of a whole, relative to its neighbours: a number or a percentage.
    func weight(_ key: String) -> Double {
        parsed(key, 1, expecting: "a weight: a number or a percentage from 0 to 1000000") { Self.weight($0) }
    }

    static func weight(_ text: String) -> Double? {
        let body = text.hasSuffix("%") ? text.dropLast().trimmed() : text
        return ScalarText.number(body).flatMap { $0 <= 1e6 ? $0 : nil }
    }

    /// One word, or a mapping of words to weights. nil when the key is absent or nothing usable was given.
    func weighted<Value>(_ key: String, noun: String, names: [String], _ value: (String) -> Value?) -> [Profile.Weighted<Value>]?
    {
        guard let tree = tree(key) else { return nil }
        func lookUp(_ name: String, _ at: SourcePosition) -> Value? {
            if let found = value(name) { return found }
            context.report(
                "'\(name.shown(limit: 60))' is not \(noun)", at: at,
                remedy: context.advice(for: name, among: names, noun: "valid"))
            return nil
        }
        guard case .mapping(let pairs, let at) = tree else {
            guard let (text, at) = scalar(tree, key, expecting: "\(noun), or a mapping of them to weights") else { return nil }
            return lookUp(text, at).map { [Profile.Weighted(value: $0, share: 1)] }
        }
        var found: [(Value, Double)] = []
        for pair in pairs {
            let item = lookUp(pair.key, pair.keyPosition)
            guard let (text, at) = scalar(pair.value, pair.key, expecting: "a weight") else { continue }
            guard let weight = Self.weight(text) else {
                context.report(
                    "the weight of '\(pair.key.shown(limit: 60))' must be a number or a percentage from 0 to 1000000, not "
                        + "'\(text.shown(limit: 60))'",
                    at: at)
                continue
            }
            if let item { found.append((item, weight)) }
        }
        guard !found.isEmpty else {
            if pairs.isEmpty { context.report("'\(key)' has no entries", at: at) }
            return nil
        }
        let sum = found.reduce(0) { $0 + $1.1 }
        guard sum > 0 else {
            context.report(
                "the weights of '\(key)' add up to 0", at: keyPosition(key), remedy: "give at least one of them a weight above 0")
            return nil
        }
        return found.filter { $0.1 > 0 }.map { Profile.Weighted(value: $0.0, share: $0.1 / sum) }
    }
}
