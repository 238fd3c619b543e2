// Every bad message that broke another implementation (protocol.md section 4), and whole grids around them. The rule is one:
// no trap, refused, and the next exchange on the same connection works.

import Digest
import PoplarCore
import Testing

@testable import NTLM

@Suite("A server and bad messages")
struct HostileClient {
    let type1 = TestClient(variant: .v2WithMIC).type1()

    func refuses(
        _ type3: [UInt8], _ expected: Outcome, level: CompatibilityLevel = .level0, from place: SourceLocation = #_sourceLocation
    ) throws {
        let bench = Bench(try makeSettings(level: level))
        _ = bench.negotiate(type1)
        #expect(bench.answer(type3) == expected, sourceLocation: place)
        #expect(bench.stillWorks(), sourceLocation: place)
    }

    @Test(
        "every NT length 0...60 under every LM length 0...32", arguments: [CompatibilityLevel.level0, .level5],
        [UInt32(0x8201), 0x8_8201])
    func lengths(level: CompatibilityLevel, flags: UInt32) throws {
        let bench = Bench(try makeSettings(level: level))
        for nt in 0...60 {
            for lm in 0...32 {
                var message = HandMade()
                message.flags = flags
                message.nt = [UInt8](repeating: 1, count: nt)
                message.lm = [UInt8](repeating: 1, count: lm)
                _ = bench.negotiate(type1)
                let result = bench.answer(message.octets)
                let exists = (lm == 0 || lm == 24) && (nt == 24 || nt == 0 && lm == 24)
                if exists {
                    #expect(result == .verdict(level == .level5 ? .refusedByLevel : .wrongResponse))
                } else if nt >= 44, lm == 0 || lm == 24 {
                    // The blob of ones: its list of pairs does not end. Exactly 44 octets have no list.
                    #expect(result == (nt == 44 ? .verdict(.wrongResponse) : .refused(.badTargetInfo)))
                } else {
                    #expect(result == .refused(.badResponse))
                }
            }
        }
        #expect(bench.stillWorks())
    }

    @Test("fields that point outside, wrap, or reach into the header", arguments: [12, 20, 28, 36, 44, 52])
    func fields(place: Int) throws {
        let good = HandMade(sessionKey: [UInt8](repeating: 0, count: 16)).octets
        let size = UInt32(good.count)
        let bad: [(Int, UInt32)] = [
            (1, size), (2, size - 1), (0xFFFF, 0xFFFF_FFF0), (0xFFFF, 64), (24, 0xFFFF_FFE8), (24, 0xFFFF_FFFF),
            (24, 0x8000_0000),
            (24, 0x7FFF_FFFF), (24, 0), (24, 8), (24, 51), (0xFFFF, 0xFFFF_0000), (1, 0xFFFF_FFFF),
        ]
        for (length, offset) in bad {
            try refuses(
                good.replacing(at: place, little16(length) + little16(length) + little32(offset)), .refused(.fieldOutOfBounds))
        }
    }

    @Test("MaxLen is ignored, and an empty field may point anywhere")
    func harmless() throws {
        for maximum in [0, 1, 23, 25, 0xFFFF] {
            try refuses(HandMade().octets.replacing(at: 22, little16(maximum)), .verdict(.wrongResponse))
        }
        let message = HandMade(domain: [])
        for offset in [0, 1, UInt32(message.octets.count), UInt32.max] {
            try refuses(message.octets.replacing(at: 32, little32(offset)), .verdict(.wrongResponse))
        }
    }

    @Test("a response that points into the user's name, or into itself, is compared and found wrong")
    func overlapping() throws {
        let message = HandMade(user: utf16("UserUserUserUser"))
        let user = UInt32(64 + 24 + 24 + message.domain.count)
        try refuses(message.octets.replacing(at: 24, little32(user)), .verdict(.wrongResponse))
        try refuses(message.octets.replacing(at: 16, little32(user)), .verdict(.wrongResponse))
        try refuses(message.octets.replacing(at: 24, little32(64)), .verdict(.wrongResponse))
    }

    @Test("nothing, too little, another signature or type")
    func envelopes() throws {
        let good = HandMade().octets
        try refuses([], .refused(.tooShort))
        for length in 0..<52 { try refuses(Array(good[..<length]), .refused(.tooShort)) }
        for index in 0..<8 { try refuses(good.replacing(at: index, [0x20]), .refused(.badSignature)) }
        for type: UInt32 in [0, 1, 2, 4, 0x103, 0x300, .max] {
            try refuses(good.replacing(at: 8, little32(type)), .refused(.wrongType))
        }
        try refuses([UInt8](repeating: 0xFF, count: 9216), .refused(.badSignature))
        try refuses(good + [UInt8](repeating: 0, count: Limits.authenticate), .refused(.tooLong))
    }

    @Test("anonymous: no user, no NT response, LM empty or one zero octet")
    func anonymous() throws {
        for lm in [[], [0]] as [[UInt8]] {
            try refuses(HandMade(lm: lm, nt: [], domain: [], user: [], workstation: []).octets, .anonymous)
            try refuses(HandMade(flags: 0x8A01, lm: lm, nt: [], user: []).octets, .anonymous)
        }
        try refuses(HandMade(lm: [], nt: []).octets, .refused(.badResponse))
        try refuses(HandMade(user: []).octets, .refused(.badName))
    }

    @Test("names: odd lengths, lone surrogates, control characters, 32 Ki characters")
    func names() throws {
        let bad: [[UInt8]] = [
            [0x55], utf16("Use") + [0x72], [0x00, 0xD8], [0x00, 0xDC], [0x00, 0xD8, 0x41, 0x00], utf16("a") + [0xFF, 0xDB],
            [0x00, 0xDC, 0x00, 0xD8], utf16("a\0b"), utf16("a\r\nb"), utf16("\u{7F}"), utf16("\u{85}"),
        ]
        for name in bad {
            try refuses(HandMade(user: name).octets, .refused(.badName))
            try refuses(HandMade(domain: name).octets, .refused(.badName))
            try refuses(HandMade(workstation: name).octets, .refused(.badName))
        }
        try refuses(HandMade(user: utf16(String(repeating: "u", count: 257))).octets, .refused(.tooLong))
        try refuses(HandMade(user: utf16(String(repeating: "u", count: 32767))).octets, .refused(.tooLong))
        for odd in ["DOM\\user", "user@domain", "DOM/user", "\u{1F33F}"] {
            try refuses(HandMade(user: utf16(odd)).octets, .verdict(.wrongResponse))
        }
    }

    static let lists: [(name: String, list: [UInt8], isGood: Bool)] = [
        ("no end", pair(2, utf16("D")), false),
        ("end cut short", pair(2, utf16("D")) + [0, 0, 0], false),
        ("end with a length", pair(2, utf16("D")) + [0, 0, 1, 0, 0], false),
        ("length past the end", [2, 0, 0xFF, 0xFF, 0x41, 0], false),
        ("length one past the end", [2, 0, 3, 0, 0x41, 0], false),
        ("flags of 3", pair(6, [2, 0, 0]) + pair(0, []), false),
        ("flags of 5", pair(6, [2, 0, 0, 0, 0]) + pair(0, []), false),
        ("flags of 0", pair(6, []) + pair(0, []), false),
        ("time of 7", pair(7, [UInt8](repeating: 0, count: 7)) + pair(0, []), false),
        ("time of 9", pair(7, [UInt8](repeating: 0, count: 9)) + pair(0, []), false),
        ("bindings of 15", pair(10, [UInt8](repeating: 1, count: 15)) + pair(0, []), false),
        ("bindings of 17", pair(10, [UInt8](repeating: 1, count: 17)) + pair(0, []), false),
        ("a name of odd length", pair(1, [0x41]) + pair(0, []), false),
        ("two flags", pair(6, [0, 0, 0, 0]) + pair(6, [2, 0, 0, 0]) + pair(0, []), false),
        ("two domains", pair(2, utf16("A")) + pair(2, utf16("B")) + pair(0, []), false),
        (
            "two bindings", pair(10, [UInt8](repeating: 0, count: 16)) + pair(10, [UInt8](repeating: 1, count: 16)) + pair(0, []),
            false
        ),
        ("an id that nobody knows, twice", pair(99, [1]) + pair(99, [2]) + pair(0, []), true),
        ("octets behind the end", pair(0, []) + [1, 2, 3], true),
        ("only an end", pair(0, []), true),
    ]

    @Test("lists of attribute-value pairs", arguments: lists.indices)
    func pairs(index: Int) throws {
        let row = Self.lists[index]
        let blob = bytes(hex: "0101000000000000") + [UInt8](repeating: 0, count: 20) + row.list
        let message = HandMade(nt: [UInt8](repeating: 0, count: 16) + blob)
        try refuses(message.octets, row.isGood ? .verdict(.wrongResponse) : .refused(.badTargetInfo))
    }

    @Test("a blob that does not begin 01 01")
    func blobVersion() throws {
        for head in [[0, 0], [1, 0], [1, 2], [2, 1]] as [[UInt8]] {
            try refuses(
                HandMade(nt: [UInt8](repeating: 0, count: 16) + head + [UInt8](repeating: 0, count: 40)).octets,
                .refused(.badResponse))
        }
    }

    @Test("a zero octet in an OEM name, where OEM was agreed on; in UTF-16 it is a part of a letter")
    func oemNames() throws {
        let bench = Bench(try makeSettings(level: .level0))
        let name = HandMade(domain: [0x44], user: [0x41, 0x00], workstation: [])
        for flags: UInt32 in [0x8201, 0x8202, 0] {
            var message = name
            message.flags = flags
            _ = bench.negotiate(TestClient(variant: .v1, isUnicode: false).type1())
            #expect(bench.answer(message.octets) == .refused(.badName))
            message.domain = utf16("D")
            _ = bench.negotiate(TestClient(variant: .v1).type1())
            #expect(bench.answer(message.octets) == .verdict(.wrongResponse))
        }
    }

    @Test("a type 1 with neither UNICODE nor OEM")
    func encoding() throws {
        let bench = Bench(try makeSettings())
        #expect(bench.negotiate(type1.replacing(at: 12, little32(0x8_8204))) == nil)
        #expect(bench.stillWorks())
    }

    @Test("a type 3 first, a type 1 twice, a type 3 twice")
    func order() throws {
        let bench = Bench(try makeSettings())
        #expect(bench.answer(HandMade().octets) == .refused(.outOfSequence))
        #expect(bench.stillWorks())
        let type2 = try #require(bench.negotiate(type1))
        #expect(bench.answer(type1) == .refused(.tooShort))
        #expect(bench.negotiate(type2) == nil)
        #expect(bench.negotiate(type1 + []) != nil)
        let second = bench.exchange.negotiate(
            type1.span, settings: bench.settings, challenge: 1, nowFileTime: now, transcript: bench.memory,
            into: &Self.scratch.writer)
        #expect(second == .refused(.outOfSequence))
        let client = TestClient(variant: .v2WithMIC)
        let again = try #require(bench.negotiate(client.type1()))
        let type3 = try #require(client.type3(again))
        #expect(bench.answer(type3) == .verdict(.accepted))
        #expect(bench.answer(type3) == .refused(.outOfSequence))
        #expect(bench.stillWorks())
    }

    /// A writer without room.
    struct Scratch: @unchecked Sendable { var writer = ByteWriter(UnsafeMutableRawBufferPointer(start: nil, count: 0)) }
    nonisolated(unsafe) static var scratch = Scratch()

    @Test("bad type 1: every length, signature, type, supplied names outside")
    func negotiate() throws {
        let bench = Bench(try makeSettings())
        for length in 0..<16 { #expect(bench.negotiate(Array(type1[..<length])) == nil) }
        for length in 16...32 { #expect(bench.negotiate(Array(type1[..<length])) != nil) }
        for type: UInt32 in [0, 2, 3, 4, .max] { #expect(bench.negotiate(type1.replacing(at: 8, little32(type))) == nil) }
        #expect(bench.negotiate(type1.replacing(at: 0, [0x6E])) == nil)
        let supplied = type1.replacing(at: 12, little32(0x8_B207))
        #expect(bench.negotiate(supplied) != nil)
        #expect(bench.negotiate(Array(supplied[..<20])) == nil)
        for field in [16, 24] {
            for (length, offset) in [(1, 32), (0xFFFF, 0xFFFF_FFF0), (4, 0xFFFF_FFFE), (1, 8), (0xFFFF, 32)] as [(Int, UInt32)] {
                #expect(
                    bench.negotiate(supplied.replacing(at: field, little16(length) + little16(length) + little32(offset))) == nil)
            }
        }
        #expect(bench.negotiate(type1 + [UInt8](repeating: 0, count: 737)) == nil)
        #expect(bench.stillWorks())
    }

    @Test("an answer that does not fit is refused, and the writer is as it was")
    func noRoom() throws {
        let settings = try makeSettings()
        let bench = Bench(settings)
        let size = try #require(bench.negotiate(type1)).count
        for capacity in 0...size {
            var outcome = NegotiateOutcome.challenged
            let text = written(capacity) {
                var exchange = ServerExchange()
                outcome = exchange.negotiate(
                    type1.span, settings: settings, challenge: 1, nowFileTime: now, transcript: bench.memory, into: &$0)
            }
            #expect(outcome == (capacity < size ? .refused(.noRoom) : .challenged))
            #expect(text.count == (capacity < size ? 0 : size))
        }
        var exchange = ServerExchange()
        let small = UnsafeMutableRawBufferPointer(rebasing: bench.memory[..<64])
        _ = written {
            let outcome = exchange.negotiate(
                type1.span, settings: settings, challenge: 1, nowFileTime: now, transcript: small, into: &$0)
            #expect(outcome == .refused(.noRoom))
        }
    }

    @Test("verify before authenticate, with another message, or with less transcript, lets nobody in")
    func misuse() throws {
        let bench = Bench(try makeSettings())
        let client = TestClient(variant: .v2WithMIC)
        let type2 = try #require(bench.negotiate(client.type1()))
        let type3 = try #require(client.type3(type2))
        func verify(_ message: [UInt8], transcript size: Int = ServerExchange.transcriptSize) -> Verdict {
            bench.exchange.verify(
                message.span, hash: secret, settings: bench.settings, nowFileTime: now,
                transcript: UnsafeRawBufferPointer(rebasing: bench.memory[..<size]))
        }
        #expect(verify(type3) == .wrongResponse)
        _ = bench.exchange.authenticate(type3.span)
        #expect(verify(type3 + [0]) == .wrongResponse)
        #expect(verify(Array(type3.dropLast())) == .wrongResponse)
        #expect(verify([UInt8](repeating: 0xFF, count: type3.count)) == .wrongResponse)
        #expect(verify(type3, transcript: 40) == .micMismatch)
        #expect(verify(type3) == .accepted)
    }
}

@Suite("A client and bad challenges")
struct HostileServer {
    func challenge(flags: UInt32 = 0x0089_8205, name: [UInt8] = utf16("Domain"), info: [UInt8]) -> [UInt8] {
        Array("NTLMSSP\0".utf8) + little32(2) + little16(name.count) + little16(name.count) + little32(56) + little32(flags)
            + bytes(hex: "0123456789abcdef") + [UInt8](repeating: 0, count: 8) + little16(info.count) + little16(info.count)
            + little32(UInt32(56 + name.count)) + [UInt8](repeating: 0, count: 8) + name + info
    }

    let good = pair(2, utf16("Domain")) + pair(0, [])

    func refuses(
        _ type2: [UInt8], _ fault: MessageFault, _ variant: NTLMVariant = .v2WithMIC,
        from place: SourceLocation = #_sourceLocation
    ) {
        let (outcome, type3) = TestClient(variant: variant).outcome(type2)
        #expect(outcome == .refused(fault) && type3.isEmpty, sourceLocation: place)
    }

    func answers(_ type2: [UInt8], _ variant: NTLMVariant = .v2WithMIC, from place: SourceLocation = #_sourceLocation) {
        #expect(TestClient(variant: variant).outcome(type2).0 == .answered, sourceLocation: place)
    }

    @Test("a good one is answered by every variant", arguments: NTLMVariant.allCases)
    func fine(variant: NTLMVariant) { answers(challenge(info: good), variant) }

    @Test("target information that wraps, ends outside or begins in the header")
    func targetInfo() {
        let type2 = challenge(info: good)
        for (length, offset) in [
            (0xFFFF, 0xFFFF_FFF0), (1, UInt32(type2.count)), (4, 47), (4, 0), (0xFFFF, 56), (20, 0xFFFF_FFEC), (1, .max),
        ] as [(Int, UInt32)] {
            refuses(type2.replacing(at: 40, little16(length) + little16(length) + little32(offset)), .fieldOutOfBounds)
            refuses(
                type2.replacing(at: 12, little16(length) + little16(length) + little32(offset == 47 ? 31 : offset)),
                .fieldOutOfBounds)
        }
        answers(type2.replacing(at: 40, little16(0) + little16(0) + little32(.max)))
    }

    @Test("target information of 1 KiB and one octet around it, of the limit, and of 60 KiB")
    func large() {
        for size in [1023, 1024, 1025, 4091, 4092] {
            answers(challenge(info: pair(99, [UInt8](repeating: 1, count: size - 8)) + pair(0, [])))
        }
        refuses(challenge(info: pair(99, [UInt8](repeating: 1, count: 4089)) + pair(0, [])), .tooLong)
        refuses(challenge(info: pair(99, [UInt8](repeating: 1, count: 60000)) + pair(0, [])), .tooLong)
    }

    @Test("the same bad lists of pairs that the server refuses", arguments: HostileClient.lists.indices)
    func pairs(index: Int) {
        let row = HostileClient.lists[index]
        if row.isGood { answers(challenge(info: row.list)) } else { refuses(challenge(info: row.list), .badTargetInfo) }
    }

    @Test("every length of a challenge below its header, and old ones of 32 and 48 octets")
    func lengths() {
        let type2 = challenge(flags: 0x0009_8205, name: [], info: [])
        for length in 0..<32 { refuses(Array(type2[..<length]), .tooShort) }
        for length in 32...56 { answers(Array(type2[..<length])) }
        let whole = challenge(info: good)
        for length in 0..<whole.count { #expect(TestClient(variant: .v2).outcome(Array(whole[..<length])).0 != .answered) }
    }

    @Test("a literal that lost sixteen octets points outside itself")
    func shortened() {
        let type2 = challenge(flags: 0x0009_8205, info: [])
        refuses(Array(type2[..<32] + type2[48...]), .fieldOutOfBounds)
    }

    @Test("an old server's target name whose MaxLen and Len differ")
    func maximum() { answers(challenge(info: good).replacing(at: 12, little16(3) + little16(12))) }

    @Test("another signature, type or encoding")
    func envelopes() {
        let type2 = challenge(info: good)
        for index in 0..<8 { refuses(type2.replacing(at: index, [0xFF]), .badSignature) }
        for type: UInt32 in [0, 1, 3, 4] { refuses(type2.replacing(at: 8, little32(type)), .wrongType) }
    }

    @Test("a challenge that names no encoding is answered with OEM names, and so is a type 2 of flags 0")
    func noEncoding() throws {
        for flags: UInt32 in [0x0089_8204, 0] {
            let type3 = try #require(TestClient(variant: .v2).type3(challenge(flags: flags, info: good)))
            let parsed = try AuthenticateMessage(type3.span, negotiated: nil)
            #expect(parsed.flags.contains(.oem) && !parsed.isUnicode && parsed.user.count == "User".count)
        }
    }

    @Test("our own names: 32 Ki characters, not UTF-8 for the wire, a long password")
    func ownNames() {
        for path in [\TestClient.domain, \.user, \.workstation] {
            var client = TestClient(variant: .v2)
            client[keyPath: path] = String(repeating: "n", count: 32768)
            #expect(client.outcome(challenge(info: good)).0 == .refused(.tooLong))
            client[keyPath: path] = String(repeating: "n", count: 257)
            #expect(client.outcome(challenge(info: good)).0 == .refused(.tooLong))
            client.isUnicode = false
            client[keyPath: path] = "\u{3A9}"
            #expect(client.outcome(challenge(flags: 0x0089_8206, info: good)).0 == .refused(.badName))
        }
        var client = TestClient(variant: .v2)
        client.password = String(repeating: "p", count: 65536)
        #expect(client.outcome(challenge(info: good)).0 == .answered)
        client.servicePrincipalName = String(repeating: "s", count: 257)
        #expect(client.outcome(challenge(info: good)).0 == .refused(.tooLong))
    }

    @Test("an answer that does not fit is refused, whatever is missing", arguments: NTLMVariant.allCases)
    func noRoom(variant: NTLMVariant) throws {
        let type2 = challenge(info: good)
        let client = TestClient(variant: variant)
        let size = try #require(client.type3(type2)).count
        for capacity in 0..<size {
            let (outcome, type3) = client.outcome(type2, capacity: capacity)
            #expect(outcome == .refused(.noRoom) && type3.isEmpty)
        }
        #expect(client.outcome(type2, capacity: size).0 == .answered)
    }
}
