// What is wrong with a document's syntax, in words for people who write one: libYAML says where it gave up, this file
// says what was probably meant. Invariant: every error has a place, also where libYAML has none.

internal import Yams

extension YAMLReader {
    func refuseAnchor(_ at: SourcePosition, _ collector: inout DiagnosticCollector) {
        collector.report(
            "anchors (&name) and aliases (*name) are not part of a \(kind.name)", at: at,
            remedy: "write the value out, or quote the text")
    }

    func refuseTag(_ at: SourcePosition, _ collector: inout DiagnosticCollector) {
        collector.report(
            "tags (!name) are not part of a \(kind.name)", at: at, remedy: "remove the tag, or quote a text that begins with '!'")
    }

    func report(_ error: any Error, _ collector: inout DiagnosticCollector) {
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
        if problem.hasPrefix("Maximum nesting level") {
            return collector.report("nested more than \(Self.depthLimit) levels deep", at: end)
        }
        if reportAddress([begin.line, end.line, end.line - 1], &collector) { return }
        if opening.contains("tag") || problem.contains("tag") { return refuseTag(end, &collector) }
        var advice = remedy(problem, at, collector.source)
        if opening.contains("flow") {
            advice = "a comma is missing, or the bracket opened in line \(begin.line), column \(begin.column) is not closed"
        }
        collector.report("YAML syntax: \(opening)\(problem)", at: at, remedy: advice)
        reportAnchor(before: end, &collector)
    }

    /// `[::1]:1110` without quotes: YAML takes the bracket for a list, and gives up somewhere behind it.
    func reportAddress(_ lines: [Int], _ collector: inout DiagnosticCollector) -> Bool {
        for number in lines {
            guard let found = UnquotedAddress.find(in: collector.source.line(number)) else { continue }
            let place = SourcePosition(line: number, column: found.column)
            collector.report(found.message, at: place, remedy: found.remedy)
            return true
        }
        return false
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
