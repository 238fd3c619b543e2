// Swift source with its comments and the insides of its string literals blanked, line by line, so that a scan for a word
// finds code alone. It knows line and block comments, "..." with escapes and interpolation, and """...""".
// Not a parser: raw strings and regex literals are taken as they come. The data plane has neither.

enum SwiftText {
    static func code(of line: String) -> String { code(of: [line])[0] }

    static func code(of lines: [String]) -> [String] {
        var comments = 0
        var isInLongText = false
        return lines.map { line in
            var output = ""
            var characters = line[...]
            var isInText = false
            var interpolation = 0
            while let character = characters.first {
                if comments > 0 {
                    if characters.hasPrefix("*/") {
                        comments -= 1
                        characters = characters.dropFirst()
                    }
                } else if isInLongText {
                    if characters.hasPrefix("\"\"\"") {
                        isInLongText = false
                        characters = characters.dropFirst(2)
                        output.append("\"")
                    }
                } else if isInText {
                    if interpolation > 0 {
                        // Code again, until the bracket closes; a literal in it is not looked into.
                        if character == "(" { interpolation += 1 }
                        if character == ")" { interpolation -= 1 }
                        output.append(character)
                    } else if characters.hasPrefix("\\(") {
                        interpolation = 1
                        characters = characters.dropFirst()
                        output.append(" (")
                    } else if character == "\\" {
                        characters = characters.dropFirst()
                    } else if character == "\"" {
                        isInText = false
                        output.append(character)
                    }
                } else if characters.hasPrefix("//") {
                    break
                } else if characters.hasPrefix("/*") {
                    comments += 1
                    characters = characters.dropFirst()
                } else if characters.hasPrefix("\"\"\"") {
                    isInLongText = true
                    characters = characters.dropFirst(2)
                    output.append("\"")
                } else {
                    if character == "\"" { isInText = true }
                    output.append(character)
                }
                characters = characters.dropFirst()
            }
            return output
        }
    }
}
