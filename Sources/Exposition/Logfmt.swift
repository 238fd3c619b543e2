// A line of the log: `key=value` pairs, one event a line. What came from a client stands in quotes, in printable ASCII
// alone: controls, quotes, backslashes and all beyond ASCII are escaped as JSON does, so that no name can forge a line or
// steer a terminal.

public struct Logfmt {
    public private(set) var text = ""

    public init() {}

    /// A value of our own making: a word or a number, without space or quote.
    public mutating func field(_ key: String, _ word: String) {
        if !text.isEmpty { text += " " }
        text += "\(key)=\(word)"
    }

    public mutating func field(_ key: String, _ value: UInt64) { field(key, String(value)) }

    /// A value from outside, or with spaces.
    public mutating func quoted(_ key: String, _ value: String) { field(key, Self.quote(value)) }

    public static func quote(_ value: String) -> String {
        var result = "\""
        for unit in value.utf16 {
            switch unit {
            case 34: result += "\\\""
            case 92: result += "\\\\"
            case 32...126: result.unicodeScalars.append(Unicode.Scalar(UInt8(truncatingIfNeeded: unit)))
            default:
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result + "\""
    }

    /// RFC 3339 with microseconds, UTC: `2026-03-01T12:00:00.000001Z`. `nanoseconds` count from the epoch.
    public static func time(_ nanoseconds: UInt64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        let days = Int(seconds / 86_400)
        let (year, month, day) = date(days)
        let rest = Int(seconds % 86_400)
        let micros = Int(nanoseconds % 1_000_000_000 / 1000)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T"
            + "\(padded(rest / 3600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2)).\(padded(micros, 6))Z"
    }

    /// The civil date, `days` after 1970-01-01: years are counted from a first of March, in eras of 400 of them.
    private static func date(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * part + 2) / 5 + 1)
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
