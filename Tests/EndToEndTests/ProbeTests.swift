// `poplar probe` against the real server and against ports that are none: exit codes, the table, and the words for each case.

import Foundation
import Glibc
import Testing

@Suite("poplar probe", .serialized)
struct ProbeTests {
    private static let header = "account,password,nt_domain,nt_user,nt_password,membership_user,membership_password\n"

    private func probe(_ folder: ScratchFolder, _ arguments: [String], password: String = "secret") throws -> Outcome {
        let row = "user00005,\(password),POPLAR,user00000,\(password),member00000,\(password)\n"
        let file = try folder.write("users.csv", Self.header + row)
        return try Program.run(Program.poplar, ["probe"] + arguments + ["--users", file, "--timeout", "5"])
    }

    @Test("every method on every channel of our own server; old NTLM is refused, with the reason")
    func ours() throws {
        let folder = try ScratchFolder()
        let server = try ServedPoplar(
            "--population", "users=10,messages=2,bytes=512", "--methods",
            "basic,basic-ssl,ntlm,ntlm-ssl,membership,apop,cram-md5,scram-sha-256")
        let outcome = try probe(folder, ["127.0.0.1:\(server.pop3)", "--pop3s", "127.0.0.1:\(server.pop3s)"])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        for method in ["basic", "plain", "login", "apop", "cram-md5", "scram-sha-256", "ntlm-v2", "ntlm-v2-mic", "membership"] {
            let row = outcome.output.split(separator: "\n").last { $0.hasPrefix(" \(method) ") }
            #expect(row?.split(separator: " ").dropFirst() == ["ok", "ok", "ok"], "\(method): \(row ?? "no row")")
        }
        #expect(outcome.output.contains("LMCompatibilityLevel 5"))
        #expect(!outcome.output.contains("secret"))
    }

    @Test("a wrong password is refused by every method, and stands nowhere in the output")
    func wrong() throws {
        let folder = try ScratchFolder()
        let server = try ServedPoplar("--population", "users=10,messages=2,bytes=512")
        for extra in [[], ["--json"]] {
            let outcome = try probe(folder, ["127.0.0.1:\(server.pop3)"] + extra, password: "C4nary!sings")
            #expect(outcome.status == 2)
            #expect(!(outcome.output + outcome.errors).contains("C4nary!sings"))
        }
    }

    @Test("a method that cannot be tried is a usage error that says why, before anything is sent")
    func impossible() throws {
        let folder = try ScratchFolder()
        let users = try folder.write("users.csv", Self.header + "user00000,secret,POPLAR,user00000,secret,,\n")
        let port = try TalkingPort(greeting: "+OK ready\r\n", answer: "")
        for (method, words) in [
            ("membership", "row 1 has no membership user"), ("basic,membership", "row 1 has no membership user"),
            ("", "--method names none"), (",", "--method names none"),
        ] {
            let outcome = try Program.run(
                Program.poplar, ["probe", "127.0.0.1:\(port.number)", "--users", users, "--method", method, "--timeout", "1"])
            #expect(outcome.status == 64, "\(method): \(outcome.output)")
            #expect(outcome.errors.contains(words), "\(outcome.errors)")
        }
        #expect(port.heard.isEmpty)
    }

    @Test("channel bindings on a server without TLS: not tried, with a note that says so")
    func bindings() throws {
        let folder = try ScratchFolder()
        let server = try AnsweringPort { line, _ in line == "CAPA" ? "+OK\r\nUSER\r\n." : AnsweringPort.good(line) }
        let outcome = try probe(folder, [server.target, "--method", "ntlm-v2-channel-binding"])
        #expect(outcome.status == 2)
        #expect(
            outcome.output.contains("note  ntlm-v2-channel-binding was not tried: it needs TLS, and there is no channel with it"),
            "\(outcome.output)\(outcome.errors)")
    }

    @Test("a server that cuts at bare AUTH, as stunnel does in its STLS mode, is asked once more without it")
    func cutAtAuth() throws {
        let folder = try ScratchFolder()
        // Two connections: to the first one AUTH is the end.
        let server = try AnsweringPort { line, _ in
            switch line {
            case "CAPA": "+OK\r\nUSER\r\n."
            case "AUTH": AnsweringPort.hangUp
            default: AnsweringPort.good(line)
            }
        }
        let outcome = try probe(folder, [server.target, "--method", "basic"])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("  AUTH lists  nothing: bare AUTH ends the connection\n  CAPA lists  USER\n"))
        #expect(outcome.output.contains("*: once more over a new connection, without bare AUTH\n"))
        #expect(outcome.output.contains("basic over pop3 as user00005: ok\n"))
    }

    @Test("each logon is told as it ends, in a pipe: before the next one is answered, its line is there")
    func stream() throws {
        let folder = try ScratchFolder()
        let row = "user00005,x,,,,,\n"
        let users = try folder.write("users.csv", Self.header + row)
        let gate = DispatchSemaphore(value: 0)
        let server = try AnsweringPort { line, _ in
            if line == "AUTH LOGIN" { gate.wait() }
            if line.hasPrefix("AUTH ") { return "-ERR no" }
            return line == "CAPA" ? "+OK\r\nUSER\r\nSASL LOGIN\r\n." : AnsweringPort.good(line)
        }
        let output = try Pipe2()
        let child = try Child(
            Program.poplar, ["probe", server.target, "--users", users, "--timeout", "20"], seconds: 60, output: output.write,
            errors: nil)
        output.closeWrite()
        // The reader does not go on, and neither does the server, until the first line has come.
        #expect(output.read(until: "basic over pop3 as user00005: ok\n").contains("CAPA lists"))
        gate.signal()
        #expect(output.readAll().contains("login over pop3 as user00005: refused\n"))
        _ = child.wait()
    }

    @Test("a probe whose output is lost is exit 1")
    func full() throws {
        let server = try AnsweringPort { line, _ in line == "CAPA" ? "+OK\r\nUSER\r\n." : AnsweringPort.good(line) }
        for words in ["", " --json"] {
            let outcome = try Program.run(
                "/bin/bash", ["-c", "\"$0\" probe \(server.target) --timeout 1\(words) >/dev/full", Program.poplar])
            #expect(outcome.status == 1)
            #expect(outcome.errors == "poplar: cannot write to standard output: No space left on device\n")
        }
    }

    @Test("TLS where clear text was expected, the other way round, and a port where nobody listens")
    func ports() throws {
        let server = try ServedPoplar("--population", "users=2,messages=1,bytes=512")
        let tls = try Program.run(Program.poplar, ["probe", "127.0.0.1:\(server.pop3s)", "--timeout", "1"])
        #expect(tls.status == 1)
        #expect(tls.output.contains("speaks TLS from the first octet"))
        let clear = try Program.run(Program.poplar, ["probe", "127.0.0.1:\(server.pop3)", "--tls", "--timeout", "1"])
        #expect(clear.status == 1)
        #expect(clear.output.contains("speaks POP3 in the clear"))
        let offered = try Program.run(Program.poplar, ["probe", "127.0.0.1:\(server.pop3)"])
        #expect(offered.status == 0)
        let port = server.pop3
        server.stop()
        let gone = try Program.run(Program.poplar, ["probe", "127.0.0.1:\(port)", "--timeout", "1"])
        #expect(gone.status == 1)
    }

    /// The result of each method on each channel of the table at the end.
    private func table(_ outcome: Outcome) -> [String: [String]] {
        var rows: [String: [String]] = [:]
        for line in outcome.output.split(separator: "\n") where line.hasPrefix(" ") && !line.hasPrefix("  ") {
            let words = line.replacingOccurrences(of: "not offered", with: "no").split(separator: " ").map(String.init)
            if words[0] != "note" { rows[words[0]] = Array(words.dropFirst()) }
        }
        return rows
    }

    @Test(
        "a server in the manner of Exchange 5.5: no CAPA, NTLM alone in its list, USER and PASS taken although nobody lists them")
    func exchange() throws {
        let folder = try ScratchFolder()
        let server = try ServedPoplar("--compat", "exchange-5.5", "--population", "users=10,messages=2,bytes=512")
        let outcome = try probe(folder, ["127.0.0.1:\(server.pop3)"])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        for words in [
            "  AUTH lists  NTLM\n", "  CAPA lists  refused\n", "  APOP        not offered\n",
            "S: +OK Microsoft Exchange POP3 server version 5.5.2655.20 ready", "S: -ERR Command not valid",
            "ntlm-v1 over pop3 as POPLAR\\user00000: refused\n  the server said \"-ERR Logon failure: unknown user name or bad "
                + "password.\": the server takes NTLMv2 only (LMCompatibilityLevel 5); use v2, or lower the level at the server\n",
        ] { #expect(outcome.output.contains(words), "\(words): \(outcome.output)") }
        let table = table(outcome)
        for method in ["basic", "ntlm-v2", "ntlm-v2-mic", "membership"] { #expect(table[method] == ["ok"], "\(method)") }
        for method in ["plain", "login", "apop", "cram-md5", "scram-sha-256"] { #expect(table[method] == ["no"], "\(method)") }
    }

    @Test("methods that are switched off: not tried where the lists say so, and told for what they are where they are asked for")
    func switchedOff() throws {
        let folder = try ScratchFolder()
        let server = try ServedPoplar("--methods", "basic-ssl,ntlm-ssl", "--population", "users=10,messages=2,bytes=512")
        let target = "127.0.0.1:\(server.pop3)"
        let outcome = try probe(folder, [target, "--pop3s", "127.0.0.1:\(server.pop3s)"])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(
            outcome.output.contains("  AUTH lists  refused\n") && outcome.output.contains("  AUTH lists  NTLM, PLAIN, LOGIN\n"))
        #expect(outcome.output.contains("S: -ERR No authentication mechanism is enabled on this port"))
        #expect(
            outcome.output.contains(
                "membership over stls as MEMBERSHIP\\member00000: refused\n  the server said \"-ERR [AUTH] Logon failure: unknown "
                    + "user name or bad password\": the membership instance does not know MEMBERSHIP\\member00000, or membership is "
                    + "off; check membership_user and membership_password\n"))
        let table = table(outcome)
        for method in ["basic", "plain", "login", "ntlm-v2"] { #expect(table[method] == ["no", "ok", "ok"], "\(method)") }
        for method in ["apop", "cram-md5", "scram-sha-256"] { #expect(table[method] == ["no", "no", "no"], "\(method)") }
        let asked = try probe(folder, [target, "--method", "basic,ntlm-v2,scram-sha-256"])
        #expect(asked.status == 0)
        for (method, words) in [
            ("basic over pop3 as user00005", "-ERR Clear text logon is disabled on this port"),
            ("ntlm-v2 over pop3 as POPLAR\\user00000", "-ERR The NTLM authentication package is disabled on this port"),
            ("scram-sha-256 over stls as user00005", "-ERR This authentication mechanism is disabled"),
        ] {
            let why =
                "  the server said \"\(words)\": the method is switched off on this channel; try another channel, or switch it on "
                + "at the server\n"
            #expect(asked.output.contains("\(method): refused\n\(why)"), "\(method): \(asked.output)")
        }
    }

    @Test(
        "a port of another service is named, on either channel: 1, and no logon is tried there",
        arguments: [
            ("220 x ESMTP\r\n", "", "this port speaks SMTP, not POP3; its first line is 220 x ESMTP", "SMTP"),
            ("* OK IMAP4rev1 ready\r\n", "", "this port speaks IMAP, not POP3; its first line is * OK IMAP4rev1 ready", "IMAP"),
            ("SSH-2.0-x\r\n", "", "this port speaks SSH, not POP3; its first line is SSH-2.0-x", "SSH"),
            ("hello\r\n", "", "this port speaks something else, not POP3; its first line is hello", ""),
            ("", "HTTP/1.1 400 Bad Request\r\n\r\n", "this port speaks HTTP, not POP3", "HTTP"),
        ])
    func strangers(greeting: String, answer: String, sentence: String, service: String) throws {
        let folder = try ScratchFolder()
        let port = try TalkingPort(greeting: greeting, answer: answer)
        let users = try folder.write("users.csv", Self.header + "ada,C4nary!sings,POPLAR,ada,C4nary!sings,,\n")
        let target = "127.0.0.1:\(port.number)"
        let clear = try Program.run(Program.poplar, ["probe", target, "--users", users, "--timeout", "1"])
        #expect(clear.status == 1, "\(clear.errors)")
        #expect(clear.output.hasPrefix("pop3 \(target)\n  \(sentence)\n"), "\(clear.output)")
        #expect(!clear.output.contains(" over ") && !clear.output.contains("C: AUTH"))
        let tls = try Program.run(Program.poplar, ["probe", target, "--tls", "--users", users, "--timeout", "1"])
        #expect(tls.status == 1, "\(tls.errors)")
        let name = service.isEmpty ? "something else" : service
        let failure = "this port speaks \(name) in the clear, not TLS; give it without --tls or --pop3s"
        #expect(tls.output.hasPrefix("pop3s \(target)\n  \(failure)\n"), "\(tls.output)")
        #expect(!port.heard.contains("ada") && !port.heard.contains("C4nary"))
    }
}

/// A port that says one thing to who connects, another to the first that it hears, and closes.
private final class TalkingPort: @unchecked Sendable {
    let number: Int
    private let listener: SilentPort
    private let lock = NSLock()
    private var text = ""

    init(greeting: String, answer: String) throws {
        let listener = try SilentPort()
        self.listener = listener
        number = Int(listener.port)
        let descriptor = dup(listener.descriptor)
        Thread.detachNewThread { [weak self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let client = accept(descriptor, nil, nil)
                guard client >= 0 else { break }
                _ = send(client, greeting, greeting.utf8.count, Int32(MSG_NOSIGNAL))
                let count = recv(client, &buffer, buffer.count, 0)
                if count > 0 {
                    self?.hear(buffer.prefix(count))
                    _ = send(client, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
                }
                close(client)
            }
            close(descriptor)
        }
    }

    deinit { shutdown(listener.descriptor, Int32(SHUT_RDWR)) }

    private func hear(_ octets: ArraySlice<UInt8>) { lock.withLock { text += String(decoding: octets, as: UTF8.self) } }

    /// All that clients have said.
    var heard: String { lock.withLock { text } }
}
