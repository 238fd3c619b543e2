// Numbers and times as text, from integers, so that no digit depends on a locale or on binary fractions.
// Invariant: rounding is half up, on integers; the text is ASCII.

public enum DecimalText {
    /// `value` / 10^`shift` with `digits` decimals. fixed(1_234_567, shift: 6, digits: 3) is "1.235".
    public static func fixed(_ value: UInt64, shift: Int, digits: Int) -> String {
        var scaled = UInt128(value)
        if digits < shift {
            let cut = power(shift - digits)
            scaled = (scaled + cut / 2) / cut
        } else {
            scaled *= power(digits - shift)
        }
        guard digits > 0 else { return String(scaled) }
        let unit = power(digits)
        let fraction = String(scaled % unit)
        return String(scaled / unit) + "." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
    }

    /// A finite, not negative `value` with `digits` decimals, rounded; anything else is "nan".
    public static func fixed(_ value: Double, digits: Int) -> String {
        guard value >= 0, value.isFinite, digits >= 0, digits <= 15 else { return "nan" }
        let scaled = (value * Double(power(digits))).rounded()
        guard scaled < 1e37 else { return "nan" }
        let unit = power(digits)
        let whole = UInt128(scaled)
        guard digits > 0 else { return String(whole) }
        let fraction = String(whole % unit)
        return String(whole / unit) + "." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
    }

    /// `text` with spaces before it, `width` characters in all.
    public static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    static func power(_ exponent: Int) -> UInt128 {
        var result: UInt128 = 1
        for _ in 0..<max(0, min(exponent, 18)) { result *= 10 }
        return result
    }
}

/// A moment in UTC, for labels in result files; never used in arithmetic on latencies.
public struct UTCTime: Sendable, Equatable {
    public let year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int

    /// Seconds since 1970-01-01 UTC, without leap seconds. (The proleptic Gregorian calendar, in 400-year eras.)
    public init(epochSeconds: UInt64) {
        let days = Int(truncatingIfNeeded: epochSeconds / 86_400)
        let rest = Int(truncatingIfNeeded: epochSeconds % 86_400)
        hour = rest / 3_600
        minute = rest / 60 % 60
        second = rest % 60
        // Years begin in March here, so that the leap day is the last one.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// As in names of run folders: 20260131T235959Z.
    public var basic: String {
        "\(year)\(Self.two(month))\(Self.two(day))T\(Self.two(hour))\(Self.two(minute))\(Self.two(second))Z"
    }

    /// ISO 8601: 2026-01-31T23:59:59Z.
    public var extended: String {
        "\(year)-\(Self.two(month))-\(Self.two(day))T\(Self.two(hour)):\(Self.two(minute)):\(Self.two(second))Z"
    }
}
