// Numbers for people: three significant digits and a unit that fits; counts in groups of three.
// Invariant: the same text for the same value everywhere; "-" where there is no figure.

internal import Telemetry
internal import Terminal

public enum Figure {
    /// A time in microseconds: "312 us", "1.20 ms", "12.3 s"; "-" for none.
    public static func time(_ microseconds: Double?) -> String {
        guard let microseconds, microseconds >= 0, microseconds.isFinite else { return "-" }
        // The unit is chosen by the rounded value: 999.6 us is 1.00 ms.
        for (unit, scale) in [("us", 1.0), ("ms", 1e3)] where microseconds / scale < 999.5 {
            return significant(microseconds / scale) + " " + unit
        }
        return significant(microseconds / 1e6) + " s"
    }

    /// A time in nanoseconds.
    public static func time(ns: UInt64?) -> String { time(ns.map { Double($0) / 1_000 }) }

    /// A rate: "199.8/s", "12,345/s"; "-" for none.
    public static func rate(_ perSecond: Double?) -> String {
        guard let perSecond, perSecond >= 0, perSecond.isFinite else { return "-" }
        if perSecond >= 9_999.95 { return count(UInt64(min(perSecond.rounded(), 1e18))) + "/s" }
        let tenths = UInt64((perSecond * 10).rounded())
        return "\(count(tenths / 10)).\(tenths % 10)/s"
    }

    /// "1,234,567".
    public static func count(_ value: UInt64) -> String {
        var text = ""
        for (place, digit) in String(value).reversed().enumerated() {
            if place > 0, place % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// Octets, decimal units: "999 B", "40.9 MB".
    public static func bytes(_ value: Double) -> String {
        var rest = value
        for unit in ["B", "kB", "MB", "GB"] {
            if rest < 999.5 { return (unit == "B" ? DecimalText.fixed(rest, digits: 0) : significant(rest)) + " " + unit }
            rest /= 1_000
        }
        return significant(rest) + " TB"
    }

    /// A share of 1 in per cent: "0 %", "0.012 %", "12.5 %".
    public static func share(_ value: Double) -> String {
        if value == 0 { return "0 %" }
        if value * 100 < 0.001 { return "<0.001 %" }
        var text = DecimalText.fixed(value * 100, digits: 3)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text + " %"
    }

    /// A span of whole seconds: "8 s", "2 min 05 s", "1 h 02 min".
    public static func span(_ seconds: Double) -> String {
        let whole = UInt64(max(0, min(seconds, 1e9)).rounded())
        func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        if whole < 60 { return "\(whole) s" }
        if whole < 3_600 { return "\(whole / 60) min \(two(whole % 60)) s" }
        return "\(whole / 3_600) h \(two(whole / 60 % 60)) min"
    }

    /// Three significant digits for values below 999.5, whole above.
    private static func significant(_ value: Double) -> String {
        if value < 9.995 { return DecimalText.fixed(value, digits: 2) }
        return DecimalText.fixed(value, digits: value < 99.95 ? 1 : 0)
    }
}

/// Whether text may carry colour. Decided once, by who owns the terminal.
public struct Style: Sendable, Equatable {
    public let colour: Bool

    /// Colour only on a terminal, and only when NO_COLOR is unset or empty (no-color.org).
    public init(isTerminal: Bool, noColor: String?) { colour = isTerminal && (noColor ?? "").isEmpty }

    public static let plain = Style(isTerminal: false, noColor: nil)

    public enum Ink: String, Sendable {
        case good = "32"
        case bad = "31"
        case doubtful = "33"
        case faint = "2"
        case strong = "1"
    }

    public func paint(_ text: String, as ink: Ink) -> String { paint(text, ink) }

    private static func sequence(_ parameter: String) -> String { TerminalText.own("\u{1b}[\(parameter)m") }

    func paint(_ text: String, _ ink: Ink) -> String { colour ? Self.sequence(ink.rawValue) + text + Self.sequence("0") : text }
}

/// Text in a column of a table.
enum Cell {
    static func left(_ text: String, _ width: Int) -> String { Columns.left(text, width) }
    static func right(_ text: String, _ width: Int) -> String { Columns.right(text, width) }
}
