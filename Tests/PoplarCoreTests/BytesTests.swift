// What looks at eight octets at a time gives the same as looking at each, at every length and place.

import PoplarCore
import Testing

private func word(_ octets: [UInt8], _ offset: Int) -> UInt64 { Bytes.word(octets.span, at: offset) }
private func firstIndex(_ octets: [UInt8]) -> Int? { Bytes.firstIndex(of: 0, or: 13, in: octets.span) }
private func equalNames(_ a: [UInt8], _ b: [UInt8]) -> Bool { Bytes.equalsIgnoringCase(a.span, b.span) }
private func equalsSecret(_ given: [UInt8], _ secret: [UInt8]) -> Bool { Bytes.equalsSecret(given.span, secret.span) }

@Suite("Octets eight at a time")
struct BytesTests {
    @Test("a word holds up to eight octets from its offset on, and zeros past the end", arguments: 0...18)
    func wordAtOffset(count: Int) {
        let octets = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 200) }
        for offset in 0...count {
            var expected: UInt64 = 0
            for index in 0..<min(8, count - offset) { expected |= UInt64(octets[offset + index]) << UInt64(index * 8) }
            #expect(word(octets, offset) == expected, "offset \(offset)")
        }
    }

    @Test("upper case by words is upper case by octets, for every octet at every place", arguments: 0..<8)
    func uppercase(place: Int) {
        for octet in UInt8.min...UInt8.max {
            let shift = UInt64(place * 8)
            let others: UInt64 = 0x7A61_FF00_7B60_5A41 & ~(0xFF << shift)
            let upper = Bytes.uppercased(word: others | UInt64(octet) << shift)
            #expect(UInt8(truncatingIfNeeded: upper >> shift) == Bytes.uppercased(octet))
        }
    }

    @Test("the first of two octets is found wherever it stands, and nothing else is taken for it", arguments: 0...26)
    func found(count: Int) {
        let plain = (0..<count).map { UInt8([1, 12, 14, 128, 141, 255][$0 % 6]) }
        #expect(firstIndex(plain) == nil)
        for place in 0..<count {
            for octet in [0, 13] as [UInt8] {
                var octets = plain
                octets[place] = octet
                #expect(firstIndex(octets) == place)
                octets[count - 1] = 0
                #expect(firstIndex(octets) == place)
            }
        }
    }

    @Test("a secret equals itself alone, and an empty one nothing", arguments: 0...12)
    func secrets(count: Int) {
        let secret = (0..<count).map { UInt8($0 + 65) }
        #expect(equalsSecret(secret, secret) == (count > 0))
        #expect(!equalsSecret(secret + [65], secret))
        guard let last = secret.last else { return }
        #expect(!equalsSecret(secret + [last], secret))
        #expect(!equalsSecret(secret.dropLast(), secret))
        for place in 0..<count {
            var wrong = secret
            wrong[place] ^= 0x20
            #expect(!equalsSecret(wrong, secret))
        }
    }

    @Test("names are equal whatever the case of their letters, and at every length", arguments: 0...18)
    func namesEqual(count: Int) {
        let name = (0..<count).map { UInt8(97 + $0) }
        let upper = name.map { $0 - 32 }
        #expect(equalNames(name, upper))
        #expect(!equalNames(name, upper + [65]))
        for place in 0..<count {
            var other = upper
            other[place] = 64
            #expect(!equalNames(name, other))
        }
    }

    @Test("decimal numbers have as many digits as they need")
    func decimal() {
        var power: UInt64 = 1
        for _ in 0..<20 {
            for value in [power &- 1, power, power &+ 1, UInt64.max] {
                let text = withUnsafeTemporaryAllocation(byteCount: 24, alignment: 8) { room in
                    var writer = ByteWriter(room)
                    writer.append(decimal: value)
                    return String(decoding: writer.written, as: UTF8.self)
                }
                #expect(text == String(value))
            }
            power &*= 10
        }
    }
}
