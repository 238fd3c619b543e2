// Programs that others wrote, against the built server: each for success and for a wrong password.

import Foundation
import Testing

/// Octets of a message of the default population.
private let messageBytes = 2048

@Suite(
    "curl logs on by every method and gets whole messages", .enabled(if: Program.exists("curl"), "SKIPPED: curl is not installed")
)
struct CurlTests {
    struct Case: CustomTestStringConvertible {
        var options: [String]
        var isEncrypted = false
        var testDescription: String { (isEncrypted ? "pop3s " : "pop3 ") + options.joined(separator: " ") }
    }

    static let cases = [
        Case(options: []),
        Case(options: ["--login-options", "AUTH=PLAIN"]),
        Case(options: ["--login-options", "AUTH=PLAIN", "--sasl-ir"]),
        Case(options: ["--login-options", "AUTH=LOGIN"]),
        Case(options: ["--login-options", "AUTH=NTLM"]),
        Case(options: ["--login-options", "AUTH=NTLM", "--sasl-ir"]),
        Case(options: ["--login-options", "AUTH=NTLM"], isEncrypted: true),
        Case(options: ["--login-options", "AUTH=NTLM", "--sasl-ir"], isEncrypted: true),
        Case(options: ["--login-options", "AUTH=PLAIN"], isEncrypted: true),
    ]

    private func curl(_ server: ServedPoplar, _ test: Case, user: String) throws -> Outcome {
        let url = test.isEncrypted ? "pop3s://127.0.0.1:\(server.pop3s)/1" : "pop3://127.0.0.1:\(server.pop3)/1"
        let path = try #require(Program.path("curl"))
        return try Program.run(path, ["-sS", "--insecure", "--max-time", "30", url, "-u", user] + test.options)
    }

    @Test("the right password opens the mailbox", arguments: cases)
    func admitted(test: Case) throws {
        let outcome = try curl(try ServedPoplar(), test, user: "user00003:secret")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.utf8.count == messageBytes)
    }

    @Test("a wrong password is refused: curl's exit 67", arguments: cases)
    func refused(test: Case) throws {
        let outcome = try curl(try ServedPoplar(), test, user: "user00003:wrong")
        #expect(outcome.status == 67)
        #expect(outcome.output.isEmpty)
    }

    @Test(
        "the membership instance and the NT domain keep to their own tables",
        arguments: [
            ("POPLAR\\user00003", Int32(0)), ("MEMBERSHIP\\member00003", 0), ("MEMBERSHIP\\user00003", 67),
            ("POPLAR\\member00003", 67),
        ])
    func membership(name: String, status: Int32) throws {
        let outcome = try curl(try ServedPoplar(), Case(options: ["--login-options", "AUTH=NTLM"]), user: "\(name):secret")
        #expect(outcome.status == status, "\(outcome.errors)")
    }
}

@Suite("mpop logs on by NTLM", .enabled(if: Program.exists("mpop"), "SKIPPED: mpop is not installed"))
struct MpopTests {
    private func mpop(level: Int, password: String, isEncrypted: Bool = false) throws -> (Outcome, String) {
        let server = try ServedPoplar("--ntlm-level", String(level))
        let folder = try ScratchFolder()
        let file = try folder.write(
            "mpoprc",
            """
            account test
            host 127.0.0.1
            port \(isEncrypted ? server.pop3s : server.pop3)
            tls \(isEncrypted ? "on" : "off")
            tls_starttls off
            \(isEncrypted ? "tls_certcheck off" : "")
            auth ntlm
            ntlmdomain POPLAR
            user user00004
            password \(password)
            keep on
            uidls_file \(folder.url.path)/uidls
            delivery mbox \(folder.url.path)/box

            """)
        let outcome = try Program.run(try #require(Program.path("mpop")), ["--file=\(file)", "test"])
        return (outcome, folder.read("box"))
    }

    @Test("with NTLMv1, at a level that takes it, clear and encrypted", arguments: [false, true])
    func admitted(isEncrypted: Bool) throws {
        let (outcome, box) = try mpop(level: 2, password: "secret", isEncrypted: isEncrypted)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(box.components(separatedBy: "\nSubject: ").count == 11)
    }

    @Test("a wrong password is refused")
    func refused() throws {
        let (outcome, box) = try mpop(level: 2, password: "wrong")
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("authentication failed"))
        #expect(box.isEmpty)
    }

    @Test("NTLMv1 is refused at level 5")
    func level() throws {
        let (outcome, box) = try mpop(level: 5, password: "secret")
        #expect(outcome.status != 0)
        #expect(box.isEmpty)
    }
}

@Suite("fetchmail logs on by NTLM", .enabled(if: Program.exists("fetchmail"), "SKIPPED: fetchmail is not installed"))
struct FetchmailTests {
    private func fetchmail(password: String, auth: String = "ntlm") throws -> (Outcome, String) {
        let server = try ServedPoplar("--ntlm-level", "2")
        let folder = try ScratchFolder()
        let file = try folder.write(
            "fetchmailrc",
            """
            poll 127.0.0.1 protocol POP3 port \(server.pop3) auth \(auth)
              username "user00005@POPLAR" password "\(password)" mda "cat >> \(folder.url.path)/box" keep sslproto ""

            """)
        let outcome = try Program.run(
            try #require(Program.path("fetchmail")),
            [
                "-f", file, "-v", "--nosyslog", "--nodetach", "--pidfile", "\(folder.url.path)/pid", "-i",
                "\(folder.url.path)/ids",
            ],
            environment: ["FETCHMAILHOME": folder.url.path, "HOME": folder.url.path])
        return (outcome, folder.read("box"))
    }

    @Test("with NTLMv1, at a level that takes it")
    func admitted() throws {
        let (outcome, box) = try fetchmail(password: "secret")
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("AUTH NTLM"))
        #expect(box.components(separatedBy: "\nSubject: ").count == 11)
    }

    @Test("a wrong password is refused, and is not taken for a busy mailbox")
    func refused() throws {
        let (outcome, box) = try fetchmail(password: "wrong")
        #expect(outcome.status == 3)
        #expect(outcome.output.contains("Authorization failure") || outcome.errors.contains("Authorization failure"))
        #expect(box.isEmpty)
    }
}

@Suite("Python's poplib reads what we write", .enabled(if: Program.exists("python3"), "SKIPPED: python3 is not installed"))
struct PoplibTests {
    private static let script = """
        import poplib, ssl, sys
        plain, tls, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        for encrypted in (False, True):
            if encrypted:
                client = poplib.POP3_SSL('127.0.0.1', tls, context=ssl._create_unverified_context(), timeout=30)
            else:
                client = poplib.POP3('127.0.0.1', plain, timeout=30)
            capabilities = client.capa()
            assert 'USER' in capabilities and 'NTLM' in capabilities['SASL'], capabilities
            try:
                client.user('POPLAR\\\\user00006')
                client.pass_(password)
            except poplib.error_proto as error:
                print('refused', error)
                continue
            count, octets = client.stat()
            assert (count, octets) == (10, 20480), (count, octets)
            _, rows, _ = client.list()
            assert rows == [b'%d 2048' % number for number in range(1, 11)], rows
            _, ids, _ = client.uidl()
            assert len(set(ids)) == 10
            for number in range(1, count + 1):
                _, lines, size = client.retr(number)
                assert size == 2048 and sum(len(line) + 2 for line in lines) == 2048
                assert any(line.startswith(b'.') for line in lines)
            _, head, _ = client.top(1, 0)
            assert head[-1] == b'' and head[0] == b'Subject: 1', head
            client.dele(3)
            assert client.stat() == (9, 18432)
            client.rset()
            assert client.stat() == (10, 20480)
            client.noop()
            client.quit()
            print('session', 'pop3s' if encrypted else 'pop3')
        """

    private func poplib(_ password: String) throws -> Outcome {
        let server = try ServedPoplar()
        let python = try #require(Program.path("python3"))
        return try Program.run(python, ["-c", Self.script, String(server.pop3), String(server.pop3s), password])
    }

    @Test("a whole session, clear and encrypted")
    func session() throws {
        let outcome = try poplib("secret")
        #expect(outcome.output == "session pop3\nsession pop3s\n", "\(outcome.errors)")
    }

    @Test("a wrong password is refused on both ports")
    func refused() throws {
        let outcome = try poplib("wrong")
        #expect(
            outcome.output.components(separatedBy: "refused b'-ERR [AUTH] Logon failure").count == 3,
            "\(outcome.output)\(outcome.errors)")
    }
}

@Suite("poplar serve keeps its word")
struct ServeTests {
    @Test("SIGTERM drains and exits 0")
    func drain() throws {
        let server = try ServedPoplar()
        #expect(server.stop() == 0)
    }

    @Test(
        "what cannot be is refused at once, with the remedy",
        arguments: [
            (["--methods", "basic,kerberos"], "'kerberos' is no method; there are: basic, basic-ssl"),
            (["--population", "user=3"], "'user' is no key; there are: users, messages, bytes, deleted"),
            (["--population", "users=x"], "users is 1 to 2000000, not 'x'"),
            (["--limit", "idle=3"], "'idle' is no limit; there are: connections"),
            (["--limit", "idle-ms=0"], "idle-ms is a whole number of ms from 10"),
            (["--ntlm-level", "6"], "--ntlm-level is 0 to 5, not 6"),
            (["--cert", "x.pem"], "--cert and --key belong together"),
        ])
    func usage(arguments: [String], message: String) throws {
        let outcome = try Program.run(Program.poplar, ["serve", "--pop3", "127.0.0.1:0"] + arguments)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }

    @Test("a port that is taken is an error that names it: exit 1")
    func taken() throws {
        let outcome = try Program.run(Program.poplar, ["serve", "--pop3", "192.0.2.1:1110"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("cannot listen on 192.0.2.1:1110"), "\(outcome.errors)")
    }

    @Test("every limit is shown with its unit")
    func limits() throws {
        let outcome = try Program.run(Program.poplar, ["serve", "--show-limits"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("idle-ms                     600000 ms"))
    }
}
