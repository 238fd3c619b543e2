// Reads the keys of one mapping by the schema. Every accessor answers a usable value and reports what is wrong, so that one pass
// finds all errors. Invariant: a key that the schema does not name cannot be read, and one that the file does not
// spell right is reported with its nearest neighbour.

/// The errors of one load, shared by all its sections.
final class ReadContext {
    var collector: DiagnosticCollector

    init(_ collector: DiagnosticCollector) { self.collector = collector }

    func report(_ message: String, at position: SourcePosition, remedy: String = "") {
        collector.report(message, at: position, remedy: remedy)
    }
}

/// A mapping's keys.
struct SchemaFields {
    let context: ReadContext
    let section: ProfileSchema.Section
    let position: SourcePosition
    private var entries: [String: YAMLTree.Pair] = [:]

    /// Reports unknown keys. A node that is no mapping is an error, and reads as if all keys were missing, silently.
    init?(_ tree: YAMLTree, _ section: ProfileSchema.Section, _ context: ReadContext) {
        self.context = context
        self.section = section
        position = tree.position
        guard case .mapping(let pairs, _) = tree else {
            context.report(
                "\(section.path) must be a mapping, not \(tree.kind)", at: tree.position, remedy: "its keys: \(section.names.joined(separator: ", "))")
            return nil
        }
        for pair in pairs {
            if section.names.contains(pair.key) {
                entries[pair.key] = pair
            } else {
                context.report(
                    "unknown key '\(pair.key.shown(limit: 60))' in \(section.path)", at: pair.keyPosition,
                    remedy: Spelling.advice(for: pair.key, among: section.names, noun: "valid keys"))
            }
        }
    }

    // MARK: Access

    func tree(_ key: String) -> YAMLTree? {
        precondition(section.names.contains(key), "key outside the schema")
        return entries[key]?.value
    }

    func has(_ key: String) -> Bool { entries[key] != nil }

    func keyPosition(_ key: String) -> SourcePosition { entries[key]?.keyPosition ?? position }

    func valuePosition(_ key: String) -> SourcePosition { entries[key]?.value.position ?? position }

    func requireKey(_ key: String, example: String) {
        if !has(key) { context.report("\(section.path): the key '\(key)' is missing", at: position, remedy: "add for example '\(key): \(example)'") }
    }

    /// The scalar behind `key`; nil when it is absent, or reported because it is no text.
    func text(_ key: String, expecting: String) -> (text: String, at: SourcePosition)? {
        guard let tree = tree(key) else { return nil }
        return scalar(tree, key, expecting: expecting)
    }

    func scalar(_ tree: YAMLTree, _ key: String, expecting: String) -> (text: String, at: SourcePosition)? {
        guard case .scalar(let text, let isPlain, let at) = tree else {
            context.report("'\(key)' must be \(expecting), not \(tree.kind)", at: tree.position)
            return nil
        }
        if isPlain, text.isEmpty || text == "~" || text == "null" {
            context.report("'\(key)' has no value", at: at, remedy: "it must be \(expecting); leave the key out for its default")
            return nil
        }
        return (text, at)
    }

    /// Reads a scalar with `parse`; a failure is reported as "must be `expecting`".
    private func parsed<Value>(_ key: String, _ standard: Value, expecting: String, remedy: String = "", _ parse: (String) -> Value?) -> Value {
        guard let (text, at) = text(key, expecting: expecting) else { return standard }
        if let value = parse(text) { return value }
        context.report("'\(key)' must be \(expecting), not '\(text.shown(limit: 60))'", at: at, remedy: remedy)
        return standard
    }

    // MARK: Values

    func string(_ key: String, limit: Int = 100) -> String {
        parsed(key, "", expecting: "a text of 1 to \(limit) characters") { $0.count <= limit && !$0.trimmed().isEmpty ? $0 : nil }
    }

    func flag(_ key: String, _ standard: Bool) -> Bool {
        parsed(key, standard, expecting: "on or off") { ScalarText.flag($0) }
    }

    func integer(_ key: String, _ standard: Int, in range: ClosedRange<UInt64>) -> Int {
        parsed(key, standard, expecting: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            ScalarText.integer(text).flatMap { range.contains($0) ? Int($0) : nil }
        }
    }

    func size(_ key: String, _ standard: Int, in range: ClosedRange<UInt64>) -> Int {
        parsed(
            key, standard, expecting: "a size from \(range.lowerBound) to \(range.upperBound) octets", remedy: "write for example 2048 or 2KiB"
        ) { text in ScalarText.size(text).flatMap { range.contains($0) ? Int($0) : nil } }
    }

    func share(_ key: String, _ standard: Double = 0) -> Double {
        parsed(key, standard, expecting: "a percentage from 0% to 100%", remedy: "write for example 10%") { ScalarText.share($0) }
    }

    /// Nanoseconds. `bounds` is the range's text for the message.
    func duration(_ key: String, _ standard: UInt64, in range: ClosedRange<UInt64>, bounds: String) -> UInt64 {
        parsed(key, standard, expecting: "a duration \(bounds)", remedy: ScalarText.durationRemedy) { text in
            ScalarText.durationNs(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// One of a set of words.
    func choice<Value>(_ key: String, _ standard: Value, _ words: [(String, Value)]) -> Value {
        let names = words.map(\.0)
        guard let (text, at) = text(key, expecting: "one of \(names.joined(separator: ", "))") else { return standard }
        if let found = words.first(where: { $0.0 == text }) { return found.1 }
        context.report("'\(text.shown(limit: 60))' is no value of '\(key)'", at: at, remedy: Spelling.advice(for: text, among: names, noun: "valid"))
        return standard
    }

    /// Part of a whole, relative to its neighbours: a number or a percentage.
    func weight(_ key: String) -> Double {
        parsed(key, 1, expecting: "a weight: a number or a percentage from 0 to 1000000") { Self.weight($0) }
    }

    static func weight(_ text: String) -> Double? {
        let body = text.hasSuffix("%") ? text.dropLast().trimmed() : text
        return ScalarText.number(body).flatMap { $0 <= 1e6 ? $0 : nil }
    }

    /// One word, or a mapping of words to weights. nil when the key is absent or nothing usable was given.
    func weighted<Value>(_ key: String, noun: String, names: [String], _ value: (String) -> Value?) -> [Profile.Weighted<Value>]? {
        guard let tree = tree(key) else { return nil }
        func lookUp(_ name: String, _ at: SourcePosition) -> Value? {
            if let found = value(name) { return found }
            context.report("'\(name.shown(limit: 60))' is not \(noun)", at: at, remedy: Spelling.advice(for: name, among: names, noun: "valid"))
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
                context.report("the weight of '\(pair.key.shown(limit: 60))' must be a number or a percentage from 0 to 1000000, not '\(text.shown(limit: 60))'", at: at)
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
            context.report("the weights of '\(key)' add up to 0", at: keyPosition(key), remedy: "give at least one of them a weight above 0")
            return nil
        }
        return found.filter { $0.1 > 0 }.map { Profile.Weighted(value: $0.0, share: $0.1 / sum) }
    }

    /// The items of a list; reported when it is none, is empty or too long.
    func list(_ key: String, limit: Int) -> [YAMLTree] {
        guard let tree = tree(key) else { return [] }
        guard case .sequence(let items, let at) = tree else {
            context.report("'\(key)' must be a list, not \(tree.kind)", at: tree.position, remedy: "each item starts with '- '")
            return []
        }
        if items.isEmpty { context.report("the list '\(key)' is empty", at: at) }
        if items.count > limit { context.report("the list '\(key)' has \(items.count) items, at most \(limit) are possible", at: keyPosition(key)) }
        return Array(items.prefix(limit))
    }

    /// A mapping below `key`; nil when it is absent or no mapping.
    func fields(_ key: String, _ section: ProfileSchema.Section) -> SchemaFields? {
        tree(key).flatMap { SchemaFields($0, section, context) }
    }
}
