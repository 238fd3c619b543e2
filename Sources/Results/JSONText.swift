// JSON as Poplar writes it: keys in alphabetical order, so that two files can be compared line by line.
// Invariant: what is returned is JSON whose numbers are the figures that were given. A figure that JSON has no number for is a
// fault of ours, and an error with its place: a null or a text there would pass for something that was measured.

internal import Foundation
internal import Terminal

public enum JSONText {
    /// A value that has no JSON, with its place in what was to be written: "latency_us.start_lag.p99 is nan, which is no figure".
    public struct Unfit: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// Indented, with a line feed at the end.
    public static func pretty(_ value: some Encodable) throws(Unfit) -> String { try encode(value, .prettyPrinted) + "\n" }

    /// On one line, without a line feed.
    public static func line(_ value: some Encodable) throws(Unfit) -> String { try encode(value, []) }

    private static func encode(_ value: some Encodable, _ layout: JSONEncoder.OutputFormatting) throws(Unfit) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = layout.union([.sortedKeys, .withoutEscapingSlashes])
        do { return spelled(String(decoding: try encoder.encode(value), as: UTF8.self)) } catch let EncodingError.invalidValue(
            found, context)
        {
            let place = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
            throw Unfit(description: "\(place.joined(separator: ".")) is \(found), which is no figure")
        } catch { throw Unfit(description: "\(error)") }
    }

    /// JSON with what a terminal would obey, or not show, spelled out as JSON does (`\u202e`): such characters stand in
    /// its texts alone, and the texts stay what they are.
    static func spelled(_ json: String) -> String {
        guard json.unicodeScalars.contains(where: { $0.value >= 0x7F && !TerminalText.isShown($0) }) else { return json }
        var result = ""
        for scalar in json.unicodeScalars {
            if scalar.value < 0x7F || TerminalText.isShown(scalar) {
                result.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            }
        }
        return result
    }
}
