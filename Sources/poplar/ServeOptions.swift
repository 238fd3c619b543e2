// The option values of `serve` that have a grammar of their own. Errors name the part that is wrong and what is right.
// What is left out keeps its default, and the defaults are made for measuring on loopback.

import Administration
import ArgumentParser

/// `users=1000,messages=10,bytes=2048,deleted=restore`; messages and bytes may be several values with weights, joined
/// by `+`, as in `bytes=1024:10.2+2048:30.7`.
struct PopulationOption {
    var settings = ServiceSettings.Population()

    /// Reads the list; keys that are left out keep their defaults.
    static func parse(_ list: String) throws -> PopulationOption {
        var option = PopulationOption()
        for part in list.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { throw ValidationError("--population: '\(part)' is not KEY=VALUE") }
            try option.set(String(pair[0]), String(pair[1]))
        }
        return option
    }

    private mutating func set(_ key: String, _ value: String) throws {
        switch key {
        case "users": settings.users = try number(key, value, 1...2_000_000)
        case "messages":
            settings.messageMix = try mix(key, value, 0...65_535)
            settings.messages = settings.messageMix.reduce(0) { max($0, $1.value) }
        case "bytes":
            settings.byteMix = try mix(key, value, 64...1_073_741_824)
            settings.messageBytes = settings.byteMix.reduce(0) { max($0, $1.value) }
        case "deleted":
            guard let rule = ServiceSettings.Population.DeletedRule(rawValue: value) else {
                throw ValidationError("--population: deleted is restore or gone, not '\(value)'")
            }
            settings.deleted = rule
        default:
            throw ValidationError("--population: '\(key)' is no key; there are: users, messages, bytes, deleted")
        }
    }

    /// One value, or several with their weights.
    private func mix(_ key: String, _ text: String, _ range: ClosedRange<Int>) throws -> [ServiceSettings.Population.Share] {
        let shares = try text.split(separator: "+", omittingEmptySubsequences: false).map { part in
            let pair = part.split(separator: ":", omittingEmptySubsequences: false)
            let value = try number(key, String(pair[0]), range)
            guard pair.count > 1 else { return ServiceSettings.Population.Share(value: value, weight: 1) }
            guard pair.count == 2, let weight = Double(pair[1]), weight >= 0, weight <= 1e6 else {
                throw ValidationError("--population: \(key): '\(part)' is not VALUE:WEIGHT")
            }
            return ServiceSettings.Population.Share(value: value, weight: weight)
        }
        guard shares.contains(where: { $0.weight > 0 }) else {
            throw ValidationError("--population: the weights of \(key) add up to 0")
        }
        return shares
    }

    private func number(_ key: String, _ text: String, _ range: ClosedRange<Int>) throws -> Int {
        guard let value = Int(text), range.contains(value) else {
            throw ValidationError("--population: \(key) is \(range.lowerBound) to \(range.upperBound), not '\(text)'")
        }
        return value
    }
}

/// A list of the page's methods.
struct MethodsOption {
    var switches: MethodSwitches

    static func parse(_ list: String) throws -> MethodsOption {
        switch MethodSwitches.parse(list) {
        case .success(let switches): return MethodsOption(switches: switches)
        case .failure(let error): throw ValidationError("--methods: \(error)")
        }
    }
}

/// One word of a fixed set.
enum WordOption {
    static func parse<Value: RawRepresentable<String> & CaseIterable>(_ option: String, _ word: String) throws -> Value {
        if let value = Value(rawValue: word) { return value }
        let words = Value.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("\(option): '\(word)' is none of: \(words)")
    }
}
