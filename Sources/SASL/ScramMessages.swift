// The texts of SCRAM (RFC 5802, sections 5 and 7): attributes between commas, names with `,` and `=` written as =2C and =3D,
// nonces of printable ASCII. Names are UTF-8 without control characters and otherwise taken as they stand: SASLprep's mappings
// would change none of the ASCII that accounts are made of.

import Digest
import PoplarCore

enum ScramMessage {
    static let comma: UInt8 = 44

    /// The value of the attribute `letter` that begins at `start`, up to the next comma or the end; never empty.
    static func value(_ letter: UInt8, in message: Span<UInt8>, at start: Int) -> Range<Int>? {
        guard start >= 0, start < message.count, message.count &- start > 2, message[start] == letter,
            message[start &+ 1] == 61
        else { return nil }
        var end = start &+ 2
        while end < message.count, message[end] != comma { end &+= 1 }
        return end > start &+ 2 ? (start &+ 2)..<end : nil
    }

    /// Where extensions end that begin at `start`, each behind a comma; nil when one is malformed. `p` and `m` are none.
    static func skipExtensions(in message: Span<UInt8>, from start: Int) -> Int? {
        var place = start
        while place < message.count {
            guard message[place] == comma, place &+ 1 < message.count else { return nil }
            let letter = message[place &+ 1]
            if letter == 112 { return place }
            guard letter != 109, Bytes.uppercased(letter) >= 65, Bytes.uppercased(letter) <= 90,
                let value = value(letter, in: message, at: place &+ 1), isCleanName(message.extracting(value))
            else { return nil }
            place = value.upperBound
        }
        return place
    }

    static func isNonce(_ text: Span<UInt8>) -> Bool {
        for index in 0..<text.count where text[index] < 0x21 || text[index] > 0x7E || text[index] == comma { return false }
        return text.count > 0
    }

    /// 120 random bits in twenty letters of base64.
    static func appendNonce(_ random: (UInt64, UInt64), into writer: inout ByteWriter) {
        withUnsafeBytes(of: (random.0.littleEndian, random.1.littleEndian)) {
            Base64.encode(UnsafeRawBufferPointer(rebasing: $0[..<15]), into: &writer)
        }
    }

    static func append(base64 digest: Digest32, into writer: inout ByteWriter) {
        digest.withSpan { $0.withUnsafeBytes { Base64.encode($0, into: &writer) } }
    }

    /// The thirty-two octets that base64 `text` stands for.
    static func digest(base64 text: Span<UInt8>) -> Digest32? {
        withUnsafeTemporaryAllocation(byteCount: 33, alignment: 8) { memory in
            var writer = ByteWriter(memory)
            guard Base64.decode(text, into: &writer) else { return nil }
            let octets = writer.written.bindMemory(to: UInt8.self)
            return Digest32(octets.span)
        }
    }

    // MARK: Names

    /// Appends a name with its escapes undone. False when it is not UTF-8 or has another escape.
    static func appendName(decoding text: Span<UInt8>, into writer: inout ByteWriter) -> Bool {
        guard (try? UTF8Span(validating: text)) != nil else { return false }
        var index = 0
        while index < text.count {
            guard text[index] == 61 else {
                writer.append(text[index])
                index &+= 1
                continue
            }
            guard text.count &- index > 2 else { return false }
            switch (text[index &+ 1], text[index &+ 2]) {
            case (50, 67): writer.append(comma)
            case (51, 68): writer.append(61)
            default: return false
            }
            index &+= 3
        }
        return true
    }

    static func appendName(encoding name: Span<UInt8>, into writer: inout ByteWriter) {
        for index in 0..<name.count {
            switch name[index] {
            case comma: writer.append("=2C")
            case 61: writer.append("=3D")
            default: writer.append(name[index])
            }
        }
    }

    /// No control characters, neither those of ASCII nor U+0080...U+009F.
    static func isNameClean(_ name: Span<UInt8>) -> Bool {
        guard isCleanName(name) else { return false }
        for index in 1..<max(1, name.count) where name[index &- 1] == 0xC2 && name[index] < 0xA0 { return false }
        return true
    }
}
