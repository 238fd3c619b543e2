// Swift source with its comments and the insides of its string literals left out, line by line, so that a scan for a word
// finds code alone. It knows line and block comments, "..." with escapes and interpolation, and """...""".
// Not a parser: raw strings and regex literals are taken as they come; the data plane has neither. It works on octets,
// because a debug build takes seconds to walk all sources by Character.

enum SwiftText {
    static func code(of line: String) -> String { code(of: [line])[0] }

    static func code(of lines: [String]) -> [String] {
        var reader = Reader()
        return lines.map { reader.code(of: Array($0.utf8)) }
    }

    private struct Reader {
        private var comments = 0
        private var isInLongText = false

        mutating func code(of line: [UInt8]) -> String {
            var output: [UInt8] = []
            var index = 0
            // Open brackets of an interpolation; 0 outside of one.
            var brackets = 0
            var isInText = false
            while index < line.count {
                let rest = line[index...]
                let octet = line[index]
                index += 1
                if comments > 0 {
                    if rest.starts(with: "*/".utf8) {
                        comments -= 1
                        index += 1
                    }
                } else if isInLongText {
                    if rest.starts(with: Self.longQuote) {
                        isInLongText = false
                        index += 2
                        output.append(Self.quote)
                    }
                } else if brackets > 0 {
                    // Code again until the bracket closes; a literal in it is not looked into.
                    if octet == Self.open { brackets += 1 }
                    if octet == Self.close { brackets -= 1 }
                    output.append(octet)
                } else if isInText {
                    if rest.starts(with: "\\(".utf8) {
                        brackets = 1
                        index += 1
                        output.append(contentsOf: " (".utf8)
                    } else if octet == Self.backslash {
                        index += 1
                    } else if octet == Self.quote {
                        isInText = false
                        output.append(octet)
                    }
                } else if rest.starts(with: "//".utf8) {
                    break
                } else if rest.starts(with: "/*".utf8) {
                    comments += 1
                    index += 1
                } else if rest.starts(with: Self.longQuote) {
                    isInLongText = true
                    index += 2
                    output.append(Self.quote)
                } else {
                    isInText = octet == Self.quote
                    output.append(octet)
                }
            }
            return String(decoding: output, as: UTF8.self)
        }

        private static let longQuote = Array("\"\"\"".utf8)
        private static let quote = UInt8(ascii: "\"")
        private static let backslash = UInt8(ascii: "\\")
        private static let open = UInt8(ascii: "(")
        private static let close = UInt8(ascii: ")")
    }
}
