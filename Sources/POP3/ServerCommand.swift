// The command parser: one line without its line end becomes a case with ranges into that line. Keywords and arguments
// are separated by one space, keywords in either case (RFC 1939, section 3). A password is the whole rest of the line,
// so that it may hold spaces and tabs (RFC 1939, section 7); so is a user name, which NT account names need.
// Invariant: every range lies inside the line.

import PoplarCore

/// A command as it was understood. Numbers that no maildrop can hold become `UInt32.max`.
public enum ServerCommand: Equatable, Sendable {
    case user(Range<Int>)
    case pass(Range<Int>)
    /// The name may hold blanks, the digest is the last word (RFC 1939, section 7).
    case apop(name: Range<Int>, digest: Range<Int>)
    /// `mechanism` nil: list them (bare AUTH). `initial` nil: none was sent.
    case auth(mechanism: Range<Int>?, initial: Range<Int>?)
    case stat
    case list(UInt32?)
    case uidl(UInt32?)
    case retr(UInt32)
    case top(UInt32, lines: UInt64)
    case dele(UInt32)
    case rset
    case noop
    case capa
    case stls
    case utf8
    /// Nil: list the languages.
    case lang(Range<Int>?)
    case quit
    /// A known keyword with arguments that it cannot take.
    case badArguments
    /// No keyword of ours.
    case unknown

    /// Reads `line` (without CR LF).
    public static func parse(_ line: Span<UInt8>) -> ServerCommand {
        // All keywords but one have four letters. A blank among these four is in no keyword, so it need not be looked for.
        guard line.count > 4 ? line[4] == Bytes.space : line.count == 4 else { return threeLetters(line) }
        // Trailing blanks are no argument: `AUTH ` is the bare form too (MS-POP3 2.2.1).
        let arguments = min(5, line.count)..<line.count
        switch UInt32(truncatingIfNeeded: Bytes.uppercased(word: Bytes.word(line, at: 0))) {
        case code("USER"): return arguments.isEmpty ? .badArguments : .user(arguments)
        case code("PASS"): return .pass(arguments)
        case code("APOP"): return apop(line, arguments)
        case code("AUTH"): return auth(line, arguments)
        case code("STAT"): return isBlank(line, arguments) ? .stat : .badArguments
        case code("LIST"): return optional(line, arguments) { .list($0) }
        case code("UIDL"): return optional(line, arguments) { .uidl($0) }
        case code("RETR"): return required(line, arguments) { .retr($0) }
        case code("DELE"): return required(line, arguments) { .dele($0) }
        case code("RSET"): return isBlank(line, arguments) ? .rset : .badArguments
        case code("NOOP"): return isBlank(line, arguments) ? .noop : .badArguments
        case code("CAPA"): return isBlank(line, arguments) ? .capa : .badArguments
        case code("STLS"): return isBlank(line, arguments) ? .stls : .badArguments
        case code("UTF8"): return isBlank(line, arguments) ? .utf8 : .badArguments
        case code("LANG"): return lang(line, arguments)
        case code("QUIT"): return isBlank(line, arguments) ? .quit : .badArguments
        default: return threeLetters(line)
        }
    }

    private static func threeLetters(_ line: Span<UInt8>) -> ServerCommand {
        guard line.count > 3 ? line[3] == Bytes.space : line.count == 3 else { return .unknown }
        return Bytes.equals(line.extracting(0..<3), "TOP") ? top(line, min(4, line.count)..<line.count) : .unknown
    }

    /// Four letters as `Bytes.word` reads them.
    @inline(__always)
    private static func code(_ word: StaticString) -> UInt32 {
        var code: UInt32 = 0
        for index in 0..<word.utf8CodeUnitCount { code |= UInt32(word.utf8Start[index]) << UInt32(index &* 8) }
        return code
    }

    private static func isBlank(_ line: Span<UInt8>, _ range: Range<Int>) -> Bool {
        for index in range where line[index] != Bytes.space { return false }
        return true
    }

    /// The word that starts at `start`, with trailing blanks passed over; nil at the end of the line.
    private static func word(_ line: Span<UInt8>, from start: Int) -> (word: Range<Int>, next: Int)? {
        var first = start
        while first < line.count, line[first] == Bytes.space { first &+= 1 }
        var last = first
        while last < line.count, line[last] != Bytes.space { last &+= 1 }
        return first == last ? nil : (first..<last, last)
    }

    private static func apop(_ line: Span<UInt8>, _ arguments: Range<Int>) -> ServerCommand {
        var end = line.count
        while end > arguments.lowerBound, line[end &- 1] == Bytes.space { end &-= 1 }
        var start = end
        while start > arguments.lowerBound, line[start &- 1] != Bytes.space { start &-= 1 }
        guard start &- arguments.lowerBound > 1, end > start else { return .badArguments }
        return .apop(name: arguments.lowerBound..<(start &- 1), digest: start..<end)
    }

    private static func lang(_ line: Span<UInt8>, _ arguments: Range<Int>) -> ServerCommand {
        guard let (tag, next) = word(line, from: arguments.lowerBound) else { return .lang(nil) }
        return isBlank(line, next..<line.count) ? .lang(tag) : .badArguments
    }

    private static func auth(_ line: Span<UInt8>, _ arguments: Range<Int>) -> ServerCommand {
        guard let (mechanism, next) = word(line, from: arguments.lowerBound) else { return .auth(mechanism: nil, initial: nil) }
        guard let (initial, rest) = word(line, from: next) else { return .auth(mechanism: mechanism, initial: nil) }
        guard isBlank(line, rest..<line.count) else { return .badArguments }
        return .auth(mechanism: mechanism, initial: initial)
    }

    /// A message number: digits alone. Past 32 bits it names no message, which is for the maildrop to say.
    private static func number(_ line: Span<UInt8>, _ word: Range<Int>) -> UInt64? {
        var value: UInt64 = 0
        for index in word {
            let digit = line[index] &- 48
            guard digit <= 9 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            value = overflow || carry ? .max : sum
        }
        return value
    }

    @inline(__always)
    private static func optional(
        _ line: Span<UInt8>, _ arguments: Range<Int>, _ make: (UInt32?) -> ServerCommand
    ) -> ServerCommand {
        guard let (first, next) = word(line, from: arguments.lowerBound) else { return make(nil) }
        guard let value = number(line, first), isBlank(line, next..<line.count) else { return .badArguments }
        return make(UInt32(clamping: value))
    }

    @inline(__always)
    private static func required(
        _ line: Span<UInt8>, _ arguments: Range<Int>, _ make: (UInt32) -> ServerCommand
    ) -> ServerCommand {
        guard let (first, next) = word(line, from: arguments.lowerBound),
            let value = number(line, first), isBlank(line, next..<line.count)
        else { return .badArguments }
        return make(UInt32(clamping: value))
    }

    private static func top(_ line: Span<UInt8>, _ arguments: Range<Int>) -> ServerCommand {
        guard let (first, next) = word(line, from: arguments.lowerBound), let message = number(line, first),
            let (second, rest) = word(line, from: next), let lines = number(line, second), isBlank(line, rest..<line.count)
        else { return .badArguments }
        return .top(UInt32(clamping: message), lines: lines)
    }
}
