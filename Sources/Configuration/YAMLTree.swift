// YAML as positions and text: Yams' Node API composes the document, this file makes it safe and copies it into a small tree.
// Invariants: scalars stay text (no implicit types); anchors never reach the parser, so nothing can be expanded; at most
// 1 MiB and 16 levels; duplicate keys are found all at once, where Yams alone would stop at the first.

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

    private let kind: DocumentKind

    /// The document's tree, or nil when it is not YAML (or empty); errors go to `collector`.
    public static func read(_ collector: inout DiagnosticCollector, _ kind: DocumentKind) -> YAMLTree? {
        YAMLReader(kind: kind).read(&collector)
    }

    private func read(_ collector: inout DiagnosticCollector) -> YAMLTree? {
        let source = collector.source
        let start = SourcePosition(line: 1, column: 1)
        guard source.text.utf8.count <= Self.sizeLimit else {
            collector.report(
                "the file is larger than 1 MiB", at: start, remedy: "a \(kind.name) is a page of text; was another file meant?")
            return nil
        }
        guard refuseControlCharacters(&collector) else { return nil }
        var masked = Masking(source.text)
        for _ in 0...Self.renameLimit {
            do {
                guard let node = try Yams.compose(yaml: masked.text, .basic, .default, .utf8) else {
                    collector.report(
                        "the file is empty", at: start, remedy: kind.minimum)
                    return nil
                }
                return convert(node, depth: 1, &collector)
            } catch YamlError.duplicatedKeysInMapping(_, let context) {
                let place = Self.position(context.mark)
                guard masked.rename(at: place) else {
                    collector.report("a key appears twice in this mapping", at: place)
                    return nil
                }
            } catch {
                report(error, &collector)
                return nil
            }
        }
        collector.report("more than \(Self.renameLimit) keys appear twice", at: start)
        return nil
    }

    private func refuseControlCharacters(_ collector: inout DiagnosticCollector) -> Bool {
        for (index, line) in collector.source.lines.enumerated() {
            var column = 0
            for scalar in line.unicodeScalars {
                column += 1
                let isControl = scalar.value < 0x20 && scalar != "\t" || scalar.value == 0x7F || scalar.value == 0xFEFF
                guard isControl || Masking.isReserved(scalar) else { continue }
                collector.report(
                    "a control character (U+\(String(scalar.value, radix: 16, uppercase: true))) is not text",
                    at: SourcePosition(line: index + 1, column: column), remedy: "save the \(kind.name) as plain UTF-8 text")
                return false
            }
        }
        return true
    }

    private static func position(_ mark: Mark?) -> SourcePosition {
        SourcePosition(line: max(1, mark?.line ?? 1), column: max(1, mark?.column ?? 1))
    }

    // MARK: Conversion

    private func convert(_ node: Node, depth: Int, _ collector: inout DiagnosticCollector) -> YAMLTree {
        let at = Self.position(node.mark)
        guard depth <= Self.depthLimit else {
            collector.report("nested more than \(Self.depthLimit) levels deep", at: at)
            return .refused(at: at)
        }
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain
            if isPlain, scalar.string.unicodeScalars.first == Masking.ampersand {
                refuseAnchor(at, &collector)
                return .refused(at: at)
            }
            return .scalar(Masking.restored(scalar.string), isPlain: isPlain, at: at)
        case .sequence(let sequence):
            return .sequence(sequence.map { convert($0, depth: depth + 1, &collector) }, at: at)
        case .mapping(let mapping):
            return .mapping(pairs(mapping, depth: depth, &collector), at: at)
        case .alias:
            refuseAnchor(at, &collector)
            return .refused(at: at)
        }
    }

    private func pairs(_ mapping: Node.Mapping, depth: Int, _ collector: inout DiagnosticCollector) -> [YAMLTree.Pair] {
        var pairs: [YAMLTree.Pair] = []
        var seen: [String: SourcePosition] = [:]
        for (key, value) in mapping {
            let at = Self.position(key.mark)
            guard case .scalar(let scalar) = key else {
                collector.report("a key must be a word", at: at)
                continue
            }
            if scalar.string.unicodeScalars.first == Masking.ampersand {
                refuseAnchor(at, &collector)
                continue
            }
            let name = Masking.restored(scalar.string)
            if name == "<<" {
                collector.report("merge keys (<<) are not part of a \(kind.name)", at: at, remedy: "write the keys out")
                continue
            }
            if let first = seen[name] {
                collector.report(
                    "the key '\(name.shown(limit: 60))' appears twice", at: at, remedy: "it was first given in line \(first.line)"
                )
                continue
            }
            seen[name] = at
            pairs.append(.init(key: name, keyPosition: at, value: convert(value, depth: depth + 1, &collector)))
        }
        return pairs
    }

    // MARK: Errors of the syntax

    private func refuseAnchor(_ at: SourcePosition, _ collector: inout DiagnosticCollector) {
        collector.report(
            "anchors (&name) and aliases (*name) are not part of a \(kind.name)", at: at,
            remedy: "write the value out, or quote the text")
    }

    private func report(_ error: any Error, _ collector: inout DiagnosticCollector) {
        switch error {
        case YamlError.composer(_, "found undefined alias", let mark, _):
            refuseAnchor(Self.position(mark), &collector)
        case YamlError.scanner(let context, let problem, let mark, _), YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            reportSyntax(context, problem, Self.position(mark), &collector)
        case YamlError.reader(let problem, _, _, _):
            collector.report(
                "YAML syntax: \(problem)", at: SourcePosition(line: 1, column: 1),
                remedy: "save the \(kind.name) as plain UTF-8 text")
        default:
            collector.report("YAML syntax: the document cannot be read", at: SourcePosition(line: 1, column: 1))
        }
    }

    /// libYAML tells where it gave up, and what it was reading since where: the place to look is the one or the other.
    private func reportSyntax(
        _ context: YamlError.Context?, _ problem: String, _ end: SourcePosition, _ collector: inout DiagnosticCollector
    ) {
        let opening = context.map { $0.text.isEmpty ? "" : "\($0.text): " } ?? ""
        let begin = context.map { Self.position($0.mark) } ?? end
        let startsThere = opening.contains("quoted scalar") || opening.contains("simple key")
        let at = startsThere ? begin : end
        var advice = remedy(problem, at, collector.source)
        if opening.contains("flow") {
            advice = "a comma is missing, or the bracket opened in line \(begin.line), column \(begin.column) is not closed"
        }
        collector.report("YAML syntax: \(opening)\(problem)", at: at, remedy: advice)
        reportAnchor(before: end, &collector)
    }

    /// An anchor disguises itself as a syntax error, since it is never handed to the parser: name it.
    private func reportAnchor(before end: SourcePosition, _ collector: inout DiagnosticCollector) {
        for number in stride(from: end.line, through: max(1, end.line - 1), by: -1) {
            let scalars = Array(collector.source.line(number).unicodeScalars)
            for index in scalars.indices.dropLast() where scalars[index] == "&" && scalars[index + 1] != " " {
                let before = scalars[..<index].last { $0 != " " }
                guard before == nil || before == ":" || before == "-" || before == "[" || before == "{" || before == "," else {
                    continue
                }
                return refuseAnchor(SourcePosition(line: number, column: index + 1), &collector)
            }
        }
    }

    private func remedy(_ problem: String, _ at: SourcePosition, _ source: SourceText) -> String {
        let line = source.line(at.line)
        if line.unicodeScalars.contains("\t"), line.unicodeScalars.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
            return "indent with spaces, not with tabs"
        }
        switch problem {
        case "mapping values are not allowed in this context": return "check the indentation, and quote a text that holds ': '"
        case "could not find expected ':'": return "each key needs a colon and a space: 'key: value'"
        case "did not find expected key": return "check the indentation: the keys of one mapping start in the same column"
        case "did not find expected '-' indicator": return "check the indentation: the items of one list start in the same column"
        case "found unexpected end of stream": return "a quote is not closed"
        case "found character that cannot start any token": return "quote a text that starts with this character"
        case "but found another document": return "a \(kind.name) is one document: remove the '---'"
        default: return ""
        }
    }
}

/// The text that the parser sees: `&` stands masked, so that no anchor exists, and the first letter of a key that
/// appears again is masked too, so that both survive. Each mask is one scalar for one: positions stay true.
private struct Masking {
    static let ampersand: Unicode.Scalar = "\u{10E026}"
    /// Masks of the renamed keys: plane 16, 128 codes for each round.
    private static let renamed: UInt32 = 0x100000
    private static let rounds: UInt32 = 0x400

    private var lines: [[Unicode.Scalar]] = [[]]
    private var round: UInt32 = 0

    init(_ text: String) {
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            // Line breaks become one kind, as in SourceText, whose line numbers must agree.
            switch scalar {
            case "\n" where previous == "\r": break
            case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": lines.append([])
            case "&": lines[lines.count - 1].append(Self.ampersand)
            default: lines[lines.count - 1].append(scalar)
            }
            previous = scalar
        }
    }

    var text: String {
        var view = String.UnicodeScalarView()
        for line in lines {
            view.append(contentsOf: line)
            view.append("\n")
        }
        return String(view)
    }

    static func isReserved(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= 0x100000 }

    /// Makes the key at `position` differ from every other; false when it has no letter to mask.
    mutating func rename(at position: SourcePosition) -> Bool {
        guard position.line <= lines.count, round < Self.rounds else { return false }
        let row = position.line - 1
        var column = position.column - 1
        while column < lines[row].count, lines[row][column] == "\"" || lines[row][column] == "'" { column += 1 }
        guard column < lines[row].count, lines[row][column].value < 0x80, lines[row][column].value > 0x20,
            let mask = Unicode.Scalar(Self.renamed + round * 0x80 + lines[row][column].value)
        else { return false }
        lines[row][column] = mask
        round += 1
        return true
    }

    static func restored(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isReserved) else { return text }
        var view = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == ampersand {
                view.append("&")
            } else if isReserved(scalar), let original = Unicode.Scalar((scalar.value - renamed) % 0x80) {
                view.append(original)
            } else {
                view.append(scalar)
            }
        }
        return String(view)
    }
}
