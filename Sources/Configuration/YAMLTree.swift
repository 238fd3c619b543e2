// YAML as positions and text: Yams' Node API composes the document, this file makes it safe and copies it into a small
// tree. Invariants: scalars stay text (no implicit types, no tags); anchors never reach the parser, so nothing can be
// expanded; at most 1 MiB and 16 levels; duplicate keys are found all at once, where Yams alone would stop at the
// first. Whatever the text, the time is in proportion to its size; libYAML itself bounds the stack, at 1,000 levels.

internal import Yams

/// What a document is called in its errors, and the least that it holds.
public struct DocumentKind: Sendable {
    /// `profile`, `settings file`.
    public let name: String
    /// Said of an empty file.
    public let minimum: String

    public init(name: String, minimum: String) {
        self.name = name
        self.minimum = minimum
    }
}

/// One node of a document, with the place where it starts.
public indirect enum YAMLTree {
    public struct Pair {
        public let key: String
        public let keyPosition: SourcePosition
        public let value: YAMLTree
    }

    /// `isPlain` tells `~` and an empty value from quoted text.
    case scalar(String, isPlain: Bool, at: SourcePosition)
    case sequence([YAMLTree], at: SourcePosition)
    case mapping([Pair], at: SourcePosition)
    /// Something already reported: it reads as absent, without a second error.
    case refused(at: SourcePosition)

    public var position: SourcePosition {
        switch self {
        case .scalar(_, _, let at), .sequence(_, let at), .mapping(_, let at), .refused(let at): at
        }
    }

    /// What the node is, for messages.
    public var kind: String {
        switch self {
        case .scalar(let text, let isPlain, _): isPlain && text.isEmpty ? "nothing" : "'\(text.shown(limit: 60))'"
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .refused: "this"
        }
    }
}

public struct YAMLReader {
    /// Octets of a document.
    static let sizeLimit = 1 << 20
    /// Levels of nesting.
    static let depthLimit = 16
    /// Duplicate keys that are told apart; more are beyond help.
    private static let renameLimit = 40
    /// Octets that are composed again to tell them apart.
    private static let composedLimit = 1 << 19
    /// Lines that begin with %TAG. libYAML compares each with all of them.
    private static let directiveLimit = 16

    let kind: DocumentKind

    /// The document's tree, or nil when it is not YAML (or empty); errors go to `collector`.
    public static func read(_ collector: inout DiagnosticCollector, _ kind: DocumentKind) -> YAMLTree? {
        YAMLReader(kind: kind).read(&collector)
    }

    private func read(_ collector: inout DiagnosticCollector) -> YAMLTree? {
        let source = collector.source
        let start = SourcePosition(line: 1, column: 1)
        let size = source.text.utf8.count
        guard size <= Self.sizeLimit else {
            collector.report(
                "the file is larger than 1 MiB", at: start, remedy: "a \(kind.name) is a page of text; was another file meant?")
            return nil
        }
        guard refuseControlCharacters(&collector), refuseDirectives(&collector) else { return nil }
        var masked = YAMLMasking(source.text)
        var composed = 0
        var renamed = 0
        while true {
            do {
                guard let node = try Yams.compose(yaml: masked.text, .basic, .default, .utf8) else {
                    collector.report("the file is empty", at: start, remedy: kind.minimum)
                    return nil
                }
                return convert(node, depth: 1, masked, &collector)
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let place = Self.position(context.mark)
                composed += size
                renamed += 1
                guard renamed <= Self.renameLimit, composed <= Self.composedLimit, masked.rename(at: place) else {
                    let others = keys.count > 1 ? "so do \(keys.count - 1) others of this mapping" : ""
                    collector.report("this key appears more than once", at: place, remedy: others)
                    return nil
                }
            } catch {
                report(error, &collector)
                return nil
            }
        }
    }

    /// What YAML 1.1 does not allow in a text, and what the masks are made of.
    private func refuseControlCharacters(_ collector: inout DiagnosticCollector) -> Bool {
        for (index, line) in collector.source.lines.enumerated() {
            var column = 0
            for scalar in line.unicodeScalars {
                column += 1
                let isText =
                    switch scalar.value {
                    case 0x09, 0x20..<0x7F, 0xA0..<0xFEFF, 0xFF00..<0xFFFE, 0x10000...: !YAMLMasking.isReserved(scalar)
                    default: false
                    }
                guard !isText else { continue }
                collector.report(
                    "a control character (U+\(String(scalar.value, radix: 16, uppercase: true))) is not text",
                    at: SourcePosition(line: index + 1, column: column), remedy: "save the \(kind.name) as plain UTF-8 text")
                return false
            }
        }
        return true
    }

    /// More definitions of tags than anybody has, who may not use one of them here.
    private func refuseDirectives(_ collector: inout DiagnosticCollector) -> Bool {
        var count = 0
        for (index, line) in collector.source.lines.enumerated() where line.utf8.starts(with: "%TAG".utf8) {
            count += 1
            guard count > Self.directiveLimit else { continue }
            collector.report(
                "more than \(Self.directiveLimit) lines begin with %TAG", at: SourcePosition(line: index + 1, column: 1),
                remedy: "tags are not part of a \(kind.name): remove these lines")
            return false
        }
        return true
    }

    static func position(_ mark: Mark?) -> SourcePosition {
        SourcePosition(line: max(1, mark?.line ?? 1), column: max(1, mark?.column ?? 1))
    }

    // MARK: Conversion

    private func convert(
        _ node: Node, depth: Int, _ masked: YAMLMasking, _ collector: inout DiagnosticCollector
    ) -> YAMLTree {
        let at = Self.position(node.mark)
        guard depth <= Self.depthLimit else {
            collector.report("nested more than \(Self.depthLimit) levels deep", at: at)
            return .refused(at: at)
        }
        // No plain text begins with '!': what does has a tag.
        if masked.scalar(at: at) == "!" {
            refuseTag(at, &collector)
            return .refused(at: at)
        }
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain
            if isPlain, scalar.string.unicodeScalars.first == YAMLMasking.ampersand {
                refuseAnchor(at, &collector)
                return .refused(at: at)
            }
            return .scalar(YAMLMasking.restored(scalar.string), isPlain: isPlain, at: at)
        case .sequence(let sequence):
            return .sequence(sequence.map { convert($0, depth: depth + 1, masked, &collector) }, at: at)
        case .mapping(let mapping):
            // `[::1]:110` may also come out as a mapping with a list for its key.
            if mapping.contains(where: { $0.key.scalar == nil }), reportAddress([at.line], &collector) { return .refused(at: at) }
            return .mapping(pairs(mapping, depth: depth, masked, &collector), at: at)
        case .alias:
            refuseAnchor(at, &collector)
            return .refused(at: at)
        }
    }

    private func pairs(
        _ mapping: Node.Mapping, depth: Int, _ masked: YAMLMasking, _ collector: inout DiagnosticCollector
    ) -> [YAMLTree.Pair] {
        var pairs: [YAMLTree.Pair] = []
        var seen: [String: SourcePosition] = [:]
        for (key, value) in mapping {
            guard let (name, at) = keyName(key, masked, &collector) else { continue }
            if let first = seen[name] {
                collector.report(
                    "the key '\(name.shown(limit: 60))' appears twice", at: at, remedy: "it was first given in line \(first.line)"
                )
                continue
            }
            seen[name] = at
            pairs.append(.init(key: name, keyPosition: at, value: convert(value, depth: depth + 1, masked, &collector)))
        }
        return pairs
    }

    /// The word of a key; nil where it is none, which is reported.
    private func keyName(
        _ key: Node, _ masked: YAMLMasking, _ collector: inout DiagnosticCollector
    ) -> (name: String, at: SourcePosition)? {
        let at = Self.position(key.mark)
        guard masked.scalar(at: at) != "!" else {
            refuseTag(at, &collector)
            return nil
        }
        guard case .scalar(let scalar) = key else {
            collector.report("a key must be a word", at: at)
            return nil
        }
        if scalar.string.unicodeScalars.first == YAMLMasking.ampersand {
            refuseAnchor(at, &collector)
            return nil
        }
        let name = YAMLMasking.restored(scalar.string)
        guard name != "<<" else {
            collector.report("merge keys (<<) are not part of a \(kind.name)", at: at, remedy: "write the keys out")
            return nil
        }
        return (name, at)
    }
}
