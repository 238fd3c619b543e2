// `poplar run --ca`: a certificate is verified against the authorities given and against the host named on the command line, after
// STLS on the one port and in TLS on the other, each by its own host.

import Certificates
import Foundation
import Testing

@Suite("The server's certificate", .serialized)
struct CertificateTests {
    private let profile = """
        name: verified
        rate: 40
        phases: [{name: steady, duration: 1s}]
        clients: [{persona: basic, transport: stls}, {persona: basic-ssl}]
        mailbox_work: [{name: check}]
        population: {users: 500, messages: 1, bytes: 256}

        """

    /// A server whose certificate holds for 127.0.0.1 alone, with another TLS port on 127.0.0.2; errors by transport of a run
    /// against it.
    private func run(pop3sHost: String, trustsIt: Bool) throws -> (status: Int32, stls: Int, pop3s: Int, classes: Set<String>) {
        let folder = try ScratchFolder()
        let made = try SelfSigned.make(commonName: "server", alternativeNames: ["IP:127.0.0.1"], days: 2)
        let other = try SelfSigned.make(commonName: "server", alternativeNames: ["IP:127.0.0.1"], days: 2)
        let certificate = try folder.write("server.crt", String(decoding: made.certificatePEM, as: UTF8.self))
        let key = try folder.write("server.key", String(decoding: made.keyPEM, as: UTF8.self))
        let authority = try folder.write("ca.pem", String(decoding: (trustsIt ? made : other).certificatePEM, as: UTF8.self))
        let server = try ServedPoplar(
            "--pop3s", "127.0.0.2:0", "--cert", certificate, "--key", key, "--population", "users=500,messages=1,bytes=256")
        let port = try #require(
            server.ready.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix("pop3s=\(pop3sHost):") }?.split(
                separator: ":"
            )
            .last)
        let file = try folder.write("verified.yaml", profile)
        let finished = FinishedRun(
            folder,
            try Program.run(
                Program.poplar,
                [
                    "run", file, "--out", folder.url.appendingPathComponent("run").path, "--pop3", "127.0.0.1:\(server.pop3)",
                    "--pop3s", "\(pop3sHost):\(port)", "--ca", authority,
                ]))
        let methods = try #require(try finished.summary["methods"] as? [[String: Any]], "\(finished.outcome.errors)")
        func failed(_ transport: String) -> Int {
            methods.filter { $0["transport"] as? String == transport }.reduce(0) { $0 + ($1["failed"] as? Int ?? 0) }
        }
        #expect(methods.allSatisfy { ($0["sessions"] as? Int ?? 0) > 5 } && methods.count == 2)
        let classes = try #require(try finished.summary["errors"] as? [String: Int]).keys
        return (finished.outcome.status, failed("stls"), failed("pop3s"), Set(classes))
    }

    @Test("one that the authorities vouch for, for the host that was named, is taken on both ports")
    func verified() throws {
        let result = try run(pop3sHost: "127.0.0.1", trustsIt: true)
        #expect([0, 4].contains(result.status))
        #expect(result.stls == 0 && result.pop3s == 0)
    }

    @Test("another host on the TLS port fails there as `tls`, and not after STLS on the port of the host that it is for")
    func otherHost() throws {
        let result = try run(pop3sHost: "127.0.0.2", trustsIt: true)
        #expect([2, 4].contains(result.status))
        #expect(result.stls == 0 && result.pop3s > 5)
        #expect(result.classes == ["tls"])
    }

    @Test("authorities that do not know it: no session succeeds, and all of them fail as `tls`")
    func unknown() throws {
        let result = try run(pop3sHost: "127.0.0.1", trustsIt: false)
        #expect([2, 4].contains(result.status))
        #expect(result.stls > 5 && result.pop3s > 5)
        #expect(result.classes == ["tls"])
    }
}
