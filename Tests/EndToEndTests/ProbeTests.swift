// `poplar probe` against the real server and against ports that are none: exit codes, the table, and the words for each case.

import Foundation
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
}
