// What first lines, figures and rows mean, and what is refused. A line that is nearly right is nothing: no figure is
// guessed at.

import POP3
import Testing

@Suite struct ClientReplyTests {
    private func reply(_ line: String) -> ClientReply? { ClientReply(Array(line.utf8).span) }

    @Test(arguments: ["+OK", "+OK ", "+OK text", "+OK 2 320"])
    func `+OK stands alone or before a space`(line: String) {
        #expect(reply(line)?.status == .ok)
    }

    @Test(arguments: ["-ERR", "-ERR ", "-ERR no such message"])
    func `-ERR stands alone or before a space`(line: String) {
        #expect(reply(line)?.status == .error)
    }

    @Test(arguments: ["+", "+ ", "+ TlRMTVNTUAACAAAA"])
    func `a continuation is a plus sign, alone or before a space`(line: String) {
        #expect(reply(line)?.status == .continuation)
    }

    @Test(arguments: [
        "", " ", "+O", "+OKAY", "+ok", "-ER", "-ERROR", "-err", "*", "OK", "220 mail.example SMTP", "+\tOK", "\u{0}+OK",
    ])
    func `anything else is no reply`(line: String) {
        #expect(reply(line) == nil)
    }

    @Test(arguments: [
        ("-ERR [IN-USE] locked", ResponseCode.inUse), ("-ERR [in-use]", .inUse), ("-ERR [AUTH] no", .auth),
        ("-ERR [LOGIN-DELAY] wait", .loginDelay), ("-ERR [SYS/TEMP] x", .systemTemporary),
        ("-ERR [SYS/PERM] x", .systemPermanent),
        ("+OK [UTF8] x", .other), ("-ERR [IN-USE", .none), ("-ERR x [IN-USE]", .none), ("-ERR", .none), ("+ [AUTH]", .none),
    ])
    func `a response code opens the text`(line: String, code: ResponseCode) {
        #expect(reply(line)?.code == code)
    }

    @Test func `the text begins behind the status and one space`() {
        #expect(reply("+OK 2 320")?.text == 4)
        #expect(reply("-ERR x")?.text == 5)
        #expect(reply("+ TlRM")?.text == 2)
        #expect(reply("+OK")?.text == 3)
        #expect(reply("+")?.text == 1)
    }

    private func stat(_ line: String) -> [UInt64]? {
        ReplyFigures.stat(Array(line.utf8).span, text: 4).map { [UInt64($0.messages), $0.octets] }
    }

    @Test func `STAT tells messages and octets, and more may follow`() {
        #expect(stat("+OK 2 320") == [2, 320])
        #expect(stat("+OK 0 0") == [0, 0])
        #expect(stat("+OK 2 320 octets") == [2, 320])
        #expect(stat("+OK 4294967295 18446744073709551615") == [4_294_967_295, .max])
    }

    @Test(arguments: [
        "+OK", "+OK ", "+OK 2", "+OK 2 ", "+OK two 320", "+OK 2  320", "+OK -2 320", "+OK 4294967296 1",
        "+OK 1 18446744073709551616",
    ])
    func `STAT without two numbers is nothing`(line: String) {
        #expect(stat(line) == nil)
    }

    private func octets(_ line: String) -> UInt64? { ReplyFigures.octets(Array(line.utf8).span, text: 4) }

    @Test func `RETR may announce its octets`() {
        #expect(octets("+OK 2048 octets") == 2048)
        #expect(octets("+OK 2048 octets follow.") == 2048)
        #expect(octets("+OK 2048 OCTETS") == 2048)
        #expect(octets("+OK 2048") == 2048)
    }

    @Test(arguments: [
        "+OK", "+OK message follows", "+OK 3 messages", "+OK 2048 octetsx", "+OK 1x octets", "+OK 99999999999999999999 octets",
    ])
    func `a text that announces nothing is not guessed at`(line: String) {
        #expect(octets(line) == nil)
    }

    @Test func `a row of LIST is a number and its octets`() {
        let row = ReplyFigures.listRow(Array("12 2048".utf8).span)
        #expect(row?.message == 12)
        #expect(row?.octets == 2048)
        for bad in ["", "1", "0 5", "x 5", "1 x", " 1 5", "1  5"] {
            #expect(ReplyFigures.listRow(Array(bad.utf8).span) == nil, "\(bad)")
        }
    }

    @Test func `a row of UIDL is a number and 1 to 70 printable octets`() {
        let row = ReplyFigures.uidlRow(Array("3 whqtswO00WBw418f9t5JxYwZ".utf8).span)
        #expect(row?.message == 3)
        #expect(row?.identifier == 2..<26)
        let longest = "1 " + String(repeating: "a", count: 70)
        #expect(ReplyFigures.uidlRow(Array(longest.utf8).span)?.identifier.count == 70)
        for bad in ["1", "1 ", "0 a", "1 a b", "1 a\u{7F}", longest + "a"] {
            #expect(ReplyFigures.uidlRow(Array(bad.utf8).span) == nil, "\(bad)")
        }
    }
}
