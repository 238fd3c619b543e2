// JSON as Poplar writes it: keys in alphabetical order, so that two files can be compared line by line.
// Invariant: the text is always JSON; a number that JSON does not know becomes the string "inf", "-inf" or "nan".

internal import Foundation

public enum JSONText {
    /// Indented, with a line feed at the end.
    public static func pretty(_ value: some Encodable) -> String { encode(value, .prettyPrinted) + "\n" }

    /// On one line, without a line feed.
    public static func line(_ value: some Encodable) -> String { encode(value, []) }

    private static func encode(_ value: some Encodable, _ layout: JSONEncoder.OutputFormatting) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = layout.union([.sortedKeys, .withoutEscapingSlashes])
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        guard let data = try? encoder.encode(value) else { preconditionFailure("results are numbers, texts and lists of them") }
        return String(decoding: data, as: UTF8.self)
    }
}
