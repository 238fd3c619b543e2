// Reads the keys of one mapping by the schema. Every accessor answers a usable value and reports what is wrong, so that one pass
// finds all errors. Invariant: a key that the schema does not name cannot be read, and one that the file does not
// spell right is reported with its nearest neighbour.

/// The errors of one load, shared by all its sections.
public final class ReadContext {
    public var collector: DiagnosticCollector

    public init(_ collector: DiagnosticCollector) { self.collector = collector }

    public func report(_ message: String, at position: SourcePosition, remedy: String = "") {
        collector.report(message, at: position, remedy: remedy)
    }

    /// What was meant by `word`, or what is valid. Nothing once there are many errors: a file of thousands of wrong
    /// words is another file, and looking each of them up takes time.
    public func advice(for word: String, among candidates: [String], noun: String) -> String {
        collector.isCrowded ? "" : Spelling.advice(for: word, among: candidates, noun: noun)
    }
}

/// A mapping's keys.
public struct SchemaFields {
    public let context: ReadContext
    public let section: SchemaSection
    public let position: SourcePosition
    private var entries: [String: YAMLTree.Pair] = [:]
    /// Keys that an unknown one was probably meant to be: they are not reported as missing too.
    private var probablyMeant: Set<String> = []

    /// Reports unknown keys. A node that is no mapping is an error, and reads as if all keys were missing, silently.
    public init?(_ tree: YAMLTree, _ section: SchemaSection, _ context: ReadContext) {
        self.context = context
        self.section = section
        position = tree.position
        if case .refused = tree { return nil }
        guard case .mapping(let pairs, _) = tree else {
            context.report(
                "\(section.label) must be a mapping, not \(tree.kind)", at: tree.position,
                remedy: "its keys: \(section.names.joined(separator: ", "))")
            return nil
        }
        let names = section.names
        for pair in pairs {
            if names.contains(pair.key) {
                entries[pair.key] = pair
                continue
            }
            if !context.collector.isCrowded, let near = Spelling.nearest(to: pair.key, among: names) {
                probablyMeant.insert(near)
            }
            context.report(
                "unknown key '\(pair.key.shown(limit: 60))' in \(section.label)", at: pair.keyPosition,
                remedy: context.advice(for: pair.key, among: names, noun: "valid keys"))
        }
    }

    // MARK: Access

    public func tree(_ key: String) -> YAMLTree? {
        precondition(section.names.contains(key), "key outside the schema")
        return entries[key]?.value
    }

    public func has(_ key: String) -> Bool { entries[key] != nil }

    public func keyPosition(_ key: String) -> SourcePosition { entries[key]?.keyPosition ?? position }

    public func valuePosition(_ key: String) -> SourcePosition { entries[key]?.value.position ?? position }

    public func requireKey(_ key: String, example: String) {
        guard !has(key), !probablyMeant.contains(key) else { return }
        context.report(
            "the key '\(key)' is missing in \(section.label)", at: position, remedy: "add for example '\(key): \(example)'")
    }

    /// The scalar behind `key`; nil when it is absent, or reported because it is no text.
    public func text(_ key: String, expecting: String) -> (text: String, at: SourcePosition)? {
        guard let tree = tree(key) else { return nil }
        return scalar(tree, key, expecting: expecting)
    }

    public func scalar(_ tree: YAMLTree, _ key: String, expecting: String) -> (text: String, at: SourcePosition)? {
        if case .refused = tree { return nil }
        guard case .scalar(let text, let isPlain, let at) = tree else {
            context.report("'\(key)' must be \(expecting), not \(tree.kind)", at: tree.position)
            return nil
        }
        if isPlain, text.isEmpty || text == "~" || text == "null" {
            let isRequired = section.keys.first { $0.name == key }?.standard.hasPrefix("required") ?? true
            let advice = "it must be \(expecting)" + (isRequired ? "" : "; leave the key out for its default")
            context.report("'\(key)' has no value", at: at, remedy: advice)
            return nil
        }
        return (text, at)
    }

    /// Reads a scalar with `parse`; a failure is reported as "must be `expecting`".
    public func parsed<Value>(
        _ key: String, _ standard: Value, expecting: String, remedy: String = "", _ parse: (String) -> Value?
    ) -> Value {
        guard let (text, at) = text(key, expecting: expecting) else { return standard }
        if let value = parse(text) { return value }
        context.report("'\(key)' must be \(expecting), not '\(text.shown(limit: 60))'", at: at, remedy: remedy)
        return standard
    }

    // MARK: Values

    public func string(_ key: String, limit: Int = 100) -> String {
        parsed(key, "", expecting: "a text of 1 to \(limit) characters") { $0.count <= limit && !$0.trimmed().isEmpty ? $0 : nil }
    }

    /// A name, which is shown on terminals and in reports: no line feed, no escape.
    public func name(_ key: String, limit: Int = 100) -> String {
        parsed(key, "", expecting: "a name of 1 to \(limit) characters, none of them a control character") { text in
            let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
            return text.count <= limit && !text.trimmed().isEmpty && isPlain ? text : nil
        }
    }

    public func flag(_ key: String, _ standard: Bool) -> Bool {
        parsed(key, standard, expecting: "on or off") { ScalarText.flag($0) }
    }

    public func integer(_ key: String, _ standard: Int, in range: ClosedRange<UInt64>) -> Int {
        parsed(key, standard, expecting: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            ScalarText.integer(text).flatMap { range.contains($0) ? Int($0) : nil }
        }
    }

    public func size(_ key: String, _ standard: Int, in range: ClosedRange<UInt64>) -> Int {
        parsed(
            key, standard, expecting: "a size from \(range.lowerBound) to \(range.upperBound) octets",
            remedy: "write for example 2048 or 2KiB"
        ) { text in ScalarText.size(text).flatMap { range.contains($0) ? Int($0) : nil } }
    }

    public func share(_ key: String, _ standard: Double = 0) -> Double {
        parsed(key, standard, expecting: "a percentage from 0% to 100%", remedy: "write for example 10%") { ScalarText.share($0) }
    }

    /// Nanoseconds. `bounds` is the range's text for the message.
    public func duration(_ key: String, _ standard: UInt64, in range: ClosedRange<UInt64>, bounds: String) -> UInt64 {
        parsed(key, standard, expecting: "a duration \(bounds)", remedy: ScalarText.durationRemedy) { text in
            ScalarText.durationNs(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// One of a set of words.
    public func choice<Value>(_ key: String, _ standard: Value, _ words: [(String, Value)]) -> Value {
        let names = words.map(\.0)
        guard let (text, at) = text(key, expecting: "one of \(names.joined(separator: ", "))") else { return standard }
        if let found = words.first(where: { $0.0 == text }) { return found.1 }
        context.report(
            "'\(text.shown(limit: 60))' is no value of '\(key)'", at: at,
            remedy: context.advice(for: text, among: names, noun: "valid"))
        return standard
    }

    /// `host:port` or `[ipv6]:port`. A bad address is reported, and answered as it was given.
    public func address(_ tree: YAMLTree, _ key: String, ports: ClosedRange<UInt64>, example: String)
        -> (text: String, at: SourcePosition)?
    {
        if case .sequence(_, let at) = tree {
            context.report("'\(key)' must be host:port, not a list", at: at, remedy: example)
            return nil
        }
        guard let (text, at) = scalar(tree, key, expecting: "host:port") else { return nil }
        let colon = text.lastIndex(of: ":")
        let host = colon.map { text[..<$0] } ?? ""
        let port = colon.flatMap { ScalarText.integer(text[text.index(after: $0)...]) }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.utf8.count > 2
        let isPlain = !host.isEmpty && !host.contains(":") && !host.contains("[") && host.utf8.allSatisfy { $0 > 32 && $0 < 127 }
        guard let port, ports.contains(port), isBracketed || isPlain, text.utf8.count <= 300 else {
            context.report("'\(key)' must be host:port, not '\(text.shown(limit: 60))'", at: at, remedy: example)
            return (text, at)
        }
        return (text, at)
    }

    /// The items of a list; reported when it is none, is empty or too long.
    public func list(_ key: String, limit: Int) -> [YAMLTree] {
        guard let tree = tree(key) else { return [] }
        if case .refused = tree { return [] }
        guard case .sequence(let items, let at) = tree else {
            var remedy = "each item starts with '- '"
            if case .scalar(let text, _, _) = tree, !text.isEmpty {
                remedy = "write a list: \(key): \(Self.list(of: text))"
            }
            context.report("'\(key)' must be a list, not \(tree.kind)", at: tree.position, remedy: remedy)
            return []
        }
        if items.isEmpty { context.report("the list '\(key)' is empty", at: at) }
        if items.count > limit {
            context.report("the list '\(key)' has \(items.count) items, at most \(limit) are possible", at: keyPosition(key))
        }
        return Array(items.prefix(limit))
    }

    /// The words of `text`, which commas separate, as a list in YAML: quoted where they are more than letters.
    private static func list(of text: String) -> String {
        let items = text.split(separator: ",").map { item -> String in
            let word = item.trimmed().shown(limit: 60)
            let isPlain = word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                case UInt8(ascii: "-"): true
                default: false
                }
            }
            return isPlain ? word : "\"\(word)\""
        }
        return "[\(items.joined(separator: ", "))]"
    }

    /// A mapping below `key`; nil when it is absent or no mapping.
    public func fields(_ key: String, _ section: SchemaSection) -> SchemaFields? {
        tree(key).flatMap { SchemaFields($0, section, context) }
    }
}
