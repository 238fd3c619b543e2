// The option values of `serve` that have a grammar of their own. Errors name the part that is wrong and what is right.
// What is left out keeps its default, and the defaults are made for measuring on loopback.

import Administration
import ArgumentParser

/// `users=1000,messages=10,bytes=2048,deleted=restore`.
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
        case "messages": settings.messages = try number(key, value, 0...65_535)
        case "bytes": settings.messageBytes = try number(key, value, 64...1_073_741_824)
        case "deleted":
            guard let rule = ServiceSettings.Population.DeletedRule(rawValue: value) else {
                throw ValidationError("--population: deleted is restore or gone, not '\(value)'")
            }
            settings.deleted = rule
        default:
            throw ValidationError("--population: '\(key)' is no key; there are: users, messages, bytes, deleted")
        }
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
