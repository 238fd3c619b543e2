// Weaknesses of other POP3 servers' command lines, each with its input and what must hold here. Ids are named after records
// that were read; what a record says of the fault is in the name.

import POP3
import PoplarCore
import Reactor
import Testing

@testable import Server

private let tooLong = "-ERR Command line too long\r\n"
private let arguments = "-ERR Arguments are missing or not valid for this command\r\n"
private let noMessage = "-ERR No such message\r\n"
private let ready = "+OK Password required\r\n"

@Suite("Command lines that broke other servers")
struct CVELineTests {
    private func logOn(_ bench: Bench) -> Conversation {
        let client = bench.connect()
        client.say(["USER user00001", "PASS secret"])
        return client
    }

    /// A command with an argument of each length is answered once, costs one chunk, and the next line is understood.
    private func overlong(_ prefix: String, after setUp: [String], lengths: [Int], filling: Character = "A") throws {
        let bench = try Bench()
        for length in lengths {
            let client = bench.connect()
            client.say(setUp)
            let line = prefix + String(repeating: filling, count: length)
            let answer = client.say(line)
            #expect(answer.hasPrefix("-ERR ") && answer.hasSuffix("\r\n") && answer.utf8.count <= 512, "\(prefix), \(length)")
            #expect(answer.split(separator: "\r\n").count == 1 && !answer.contains("AAAA"))
            if line.utf8.count + 2 > 512 { #expect(answer == tooLong) }
            #expect(client.say(["USER user00002", "PASS secret"]) == ready + LogonText.loggedOn)
            #expect(bench.resources.inputPool.allocated == 1)
        }
    }

    @Test("CVE-1999-0006: a long PASS does not overflow (qpopper's descendants)")
    func longPass() throws {
        for setUp in [[], ["USER user00001"]] {
            try overlong("PASS ", after: setUp, lengths: [505, 506, 513, 4096, 65_536, 16 << 20])
        }
    }

    @Test("CVE-2003-0264: a PASS of some five thousand octets, with its line end and without (SLMail)")
    func passOfFiveThousand() throws {
        let lengths = Array(stride(from: 4_640, through: 5_008, by: 23)) + [4_654, 4_655, 5_000]
        try overlong("PASS ", after: ["USER user00001"], lengths: lengths)
        let bench = try Bench()
        for length in lengths {
            let client = bench.connect()
            client.say("USER user00001")
            #expect(client.send("PASS " + String(repeating: "A", count: length)) == tooLong)
            #expect(client.send(String(repeating: "A", count: length)).isEmpty)
            #expect(client.say(["", "USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
        }
    }

    @Test("CVE-2006-6605: a long PASS before USER and after it (MailEnable)")
    func passBeforeUser() throws {
        for setUp in [[], ["USER user00001"], ["USER"], ["AUTH"]] {
            try overlong("PASS ", after: setUp, lengths: [254, 255, 256, 505, 506, 1_000, 9_000])
        }
    }

    @Test("CVE-2001-1046, CVE-2002-1057: a long USER does not overflow, at its limit and beyond (qpopper, MailMax)")
    func longUser() throws {
        let bench = try Bench()
        for length in [499, 504, 505, 506, 800, 4096, 65_536, 16 << 20] {
            let client = bench.connect()
            let answer = client.say("USER " + String(repeating: "A", count: length))
            #expect(answer == (length + 7 <= 512 ? ready : tooLong), "\(length)")
            let expected = length + 7 <= 512 ? LogonText.refused : "-ERR USER must come before PASS\r\n"
            #expect(client.say("PASS secret") == expected)
            #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
            client.say("QUIT")
            #expect(bench.resources.inputPool.allocated == 1 && bench.resources.namePool.allocated == 1)
        }
    }

    @Test(
        "CVE-2001-1046: where longer lines are allowed, a name longer than its room is refused",
        arguments: [511, 512, 513, 4_000])
    func userInLongLines(length: Int) throws {
        var setting = Setting()
        setting.limits.commandLineBytes = 4096
        let client = try Bench(setting).connect()
        let isKept = length <= UserName.size
        #expect(client.say("USER " + String(repeating: "A", count: length)) == (isKept ? ready : arguments))
        #expect(client.say("PASS secret") == (isKept ? LogonText.refused : "-ERR USER must come before PASS\r\n"))
        #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
    }

    @Test("CVE-2006-2502: a long USER with separators of folders (Cyrus)", arguments: [".", "+", "/", "\\", "@", "%"])
    func userWithSeparators(separator: String) throws {
        let client = try Bench().connect()
        for count in [1, 100, 248] {
            let name = String(String(repeating: "a" + separator, count: count).prefix(500))
            #expect(client.say(["USER \(name)", "PASS secret"]) == ready + LogonText.refused)
        }
        let name = String(repeating: separator, count: 500)
        #expect(client.say(["USER \(name)", "PASS secret"]) == ready + LogonText.refused)
        #expect(client.say("USER " + String(repeating: separator, count: 5_000)) == tooLong)
        #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
    }

    @Test("CVE-2000-0096: a long LIST after the logon does not overflow (qpopper)")
    func longList() throws {
        let client = logOn(try Bench())
        for length in [32, 255, 504, 505, 506, 512, 1_024, 70_000] {
            for digit in ["9", "x"] {
                let answer = client.say("LIST " + String(repeating: digit, count: length))
                #expect(answer == (length + 7 > 512 ? tooLong : digit == "9" ? noMessage : arguments), "\(length)")
            }
        }
        #expect(client.say("STAT") == "+OK 3 900\r\n")
    }

    @Test("CVE-2002-1539: long and large numbers to DELE and UIDL name no message and delete nothing (MDaemon)")
    func largeNumbers() throws {
        var setting = Setting()
        setting.limits.badCommandsAfterLogon = 1000
        let client = logOn(try Bench(setting))
        let powers: [UInt64] = [1 << 8, 1 << 16, 1 << 31, 1 << 32, 1 << 63]
        var numbers = powers.flatMap { ["\($0 - 1)", "\($0)", "\($0 + 1)", "\($0 + 2)"] }
        numbers += ["18446744073709551615", "18446744073709551616", "18446744073709551617", "18446744073709551618", "0"]
        numbers += [32, 64, 255, 500].flatMap { [String(repeating: "9", count: $0), "1" + String(repeating: "0", count: $0)] }
        for number in numbers {
            for command in ["DELE", "UIDL", "RETR", "LIST"] {
                #expect(client.say("\(command) \(number)") == noMessage, "\(number)")
            }
            #expect(client.say("TOP \(number) 1") == noMessage)
        }
        for word in ["-1", "-2147483648", "+1", "1.0", "0x1", "1e0", "\u{661}"] {
            for command in ["DELE", "UIDL"] { #expect(client.say("\(command) \(word)") == arguments, "\(word)") }
        }
        #expect(client.say("DELE " + String(repeating: "1", count: 4_096)) == tooLong)
        #expect(client.say("STAT") == "+OK 3 900\r\n")
        #expect(client.say("DELE " + String(repeating: "0", count: 500) + "1") == "+OK Message marked for deletion\r\n")
    }

    @Test("CVE-2000-0442: formats in names and arguments are answered like any other word, and told as they are (qpopper)")
    func formats() throws {
        let ring = EventRing(capacity: 64)
        defer { ring.deallocate() }
        var setting = Setting()
        setting.limits.badCommandsBeforeLogon = 100
        setting.limits.badCommandsAfterLogon = 100
        let bench = try Bench(setting, events: EventLog(ring, level: .info))
        let format = "%s%n%x%08x%p"
        let client = bench.connect()
        for line in ["\(format)", "APOP \(format)", "STAT \(format)", "LIST \(format)", "LANG \(format)"] {
            let answer = client.say(line)
            #expect(answer.hasPrefix("-ERR ") && !answer.contains("%"))
        }
        #expect(client.say(["USER \(format)", "PASS \(format)"]) == ready + LogonText.refused)
        #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
        #expect(client.say("UIDL \(format)") == arguments)
        #expect(logLines(ring).contains { $0.contains("user=\(format)") || $0.contains("user=\"\(format)\"") })
    }

    @Test(
        "CVE-2003-0143: the longest argument in any state gives one line of at most 512 octets, and none of it comes back (qpopper)"
    )
    func longestArgument() throws {
        let bench = try Bench()
        let states: [[String]] = [[], ["USER user00002"], ["AUTH PLAIN"], ["USER user00001", "PASS secret"]]
        for setUp in states {
            for command in [
                "USER", "PASS", "APOP x", "AUTH", "UIDL", "LIST", "RETR", "TOP", "DELE", "LANG", "CAPA", "XTND", "UTF8",
            ] {
                for size in [509, 510, 511] {
                    let client = bench.connect()
                    client.say(setUp)
                    let marker = "zqj"
                    var line = command + " "
                    while line.utf8.count < size { line += marker }
                    let answer = client.say(String(line.prefix(size)))
                    #expect(answer.hasSuffix("\r\n") && answer.utf8.count <= 512 && !answer.contains(marker), "\(command)")
                    #expect(answer.split(separator: "\r\n").count == 1)
                }
            }
        }
    }

    @Test("CVE-2020-7046: an argument that ends within a UTF-8 sequence is answered once (Dovecot)")
    func cutSequence() throws {
        var setting = Setting()
        setting.limits.badCommandsBeforeLogon = 1000
        let bench = try Bench(setting)
        let cut: [[UInt8]] = [[0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xF0], [0xFF], [0x80], [0xED, 0xA0, 0x80]]
        for tail in cut {
            for command in ["USER x", "PASS x", "APOP x", "AUTH x", "LANG x", "STAT x", "x"] {
                let client = bench.connect()
                let answer = client.send(Array(command.utf8) + tail + [13, 10])
                #expect(answer.split(separator: "\r\n").count == 1, "\(command)")
                client.say("USER user00001")
                #expect(client.send(Array("PASS secret".utf8) + tail + [13, 10]) == LogonText.refused)
                #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
            }
        }
    }

    @Test("CVE-2019-11500: a NUL at any place of a command or of a decoded response writes nowhere (Dovecot)")
    func nul() throws {
        let bench = try Bench()
        for line in ["USER user00001", "PASS secret", "LIST 1", "TOP 1 1", "AUTH PLAIN AHVzZXIwMDAwMQBzZWNyZXQ="] {
            for place in 0...line.utf8.count {
                let client = bench.connect()
                var octets = Array((line + "\r\n").utf8)
                octets.insert(0, at: place)
                #expect(client.send(octets) == "-ERR A line must not hold a NUL\r\n")
                #expect(client.isClosed)
            }
        }
        let response = Array("\0user00001\0secret".utf8)
        for place in 0...response.count {
            var octets = response
            octets.insert(0, at: place)
            let client = bench.connect()
            let answer = client.say("AUTH PLAIN " + base64(octets))
            #expect(answer == LogonText.malformed, "\(place)")
            #expect(client.say(["USER user00001", "PASS secret"]) == ready + LogonText.loggedOn)
        }
    }
}

/// What a ring holds, as lines of the log.
func logLines(_ ring: EventRing) -> [String] {
    var drain = EventDrain([ring])
    var octets: [UInt8] = []
    drain.collect(nowNs: 0, wallOffsetNs: 0, isLast: true) { octets += $0 }
    return String(decoding: octets, as: UTF8.self).split(separator: "\n").map(String.init)
}
