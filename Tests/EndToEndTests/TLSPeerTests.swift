// Whom the generator takes for its server, over sockets: spellings of an address, SNI, versions, and what is said of a
// handshake that failed. The peer is Python's TLS server, which tells what it heard.

import Certificates
import Foundation
import Testing

@Suite("The TLS server that a run or a probe asks for", .serialized)
struct TLSPeerTests {
    /// One TLS server for `certificate`, of the versions up to `maximum`; a line for the name of each handshake by SNI,
    /// and another for the version of each that was done. Speaks enough POP3 for a logon.
    private static let script = """
        import socket, ssl, sys, threading
        folder, maximum, clear = sys.argv[1], sys.argv[2], sys.argv[3] == "clear"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/c.crt", folder + "/c.key")
        if maximum == "1.2": context.maximum_version = ssl.TLSVersion.TLSv1_2
        log = open(folder + "/heard", "w", buffering=1)
        context.sni_callback = lambda sock, name, c: log.write("name %s\\n" % name) and None
        def serve(c):
            try:
                if clear: c.sendall(b"+OK clear text here\\r\\n"); c.recv(4096); return c.close()
                c = context.wrap_socket(c, server_side=True); log.write("version %s\\n" % c.version())
                c.sendall(b"+OK\\r\\n"); f = c.makefile("rb")
                for line in f:
                    word = line.split()[:1] and line.split()[0].upper()
                    c.sendall({b"CAPA": b"+OK\\r\\nUSER\\r\\n.\\r\\n", b"STAT": b"+OK 0 0\\r\\n", b"AUTH": b"-ERR\\r\\n"}.get(word, b"+OK\\r\\n"))
                    if word == b"QUIT": break
                f.close(); c.close()
            except OSError: c.close()
        l = socket.create_server(("127.0.0.1", 0))
        print(l.getsockname()[1], flush=True)
        while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
        """

    /// Such a server; it ends with this object.
    private final class Peer {
        let port: Int
        let folder: ScratchFolder
        private let child: Child

        init(_ names: [String], maximum: String = "1.3", days: Int = 2, speaksClear: Bool = false) throws {
            folder = try ScratchFolder()
            let made = try SelfSigned.make(commonName: "server", alternativeNames: names, days: days)
            _ = try folder.write("c.crt", String(decoding: made.certificatePEM, as: UTF8.self))
            _ = try folder.write("c.key", String(decoding: made.keyPEM, as: UTF8.self))
            let output = try Pipe2()
            let python = try #require(Program.path("python3"))
            let words = ["-c", TLSPeerTests.script, folder.url.path, maximum, speaksClear ? "clear" : "tls"]
            child = try Child(python, words, seconds: 120, output: output.write, errors: nil)
            output.closeWrite()
            port = try #require(Int(output.read(until: "\n").trimmingCharacters(in: .whitespacesAndNewlines)))
        }

        deinit {
            kill(child.pid, SIGTERM)
            _ = child.wait()
        }

        var authority: String { folder.url.appendingPathComponent("c.crt").path }
        var heard: [String] { folder.read("heard").split(separator: "\n").map(String.init) }
    }

    private func probe(_ host: String, _ peer: Peer, _ options: String...) throws -> Outcome {
        try Program.run(Program.poplar, ["probe", "\(host):\(peer.port)", "--tls", "--timeout", "5"] + options)
    }

    @Test("an address in any spelling, and a name with a dot or in upper case, finds the certificate that is for it")
    func spellings() throws {
        let peer = try Peer(["DNS:localhost", "IP:127.0.0.1"])
        for host in ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "localhost", "LOCALHOST", "localhost."] {
            let outcome = try probe(host, peer, "--ca", peer.authority)
            #expect(outcome.status == 0, "\(host): \(outcome.output)\(outcome.errors)")
            #expect(outcome.output.contains("TLS 1.3, certificate verified"), "\(host): \(outcome.output)")
        }
        #expect(Set(peer.heard.filter { $0.hasPrefix("name") }) == ["name None", "name localhost"])
    }

    @Test(
        "a certificate of another host is refused for each of them, and the remedy is to name the host right",
        arguments: ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "localhost", "localhost."])
    func others(host: String) throws {
        let peer = try Peer(["DNS:evil.example", "IP:127.0.0.2"])
        let outcome = try probe(host, peer, "--ca", peer.authority)
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("the certificate is not accepted: "), "\(outcome.output)")
        #expect(outcome.output.contains("mismatch, alert "))
        #expect(outcome.output.contains("give the host as its certificate calls it"))
    }

    @Test("a name is sent by SNI without a verification too, an address never", arguments: [[], ["--insecure"]])
    func serverName(options: [String]) throws {
        let peer = try Peer(["DNS:localhost"])
        for host in ["localhost", "127.0.0.1", "127.1"] {
            _ = try Program.run(Program.poplar, ["probe", "\(host):\(peer.port)", "--tls", "--timeout", "5"] + options)
        }
        #expect(peer.heard.filter { $0.hasPrefix("name") } == ["name localhost", "name None", "name None"])
    }

    @Test("a name beyond ASCII and an authority file that is cut are usage errors with what to do")
    func usage() throws {
        let peer = try Peer(["DNS:localhost"])
        let foreign = try probe("m\u{FC}nchen.example", peer)
        #expect(foreign.status == 64 && foreign.errors.contains("xn--"), "\(foreign.errors)")
        let cut = try peer.folder.write("cut.pem", String(peer.folder.read("c.crt").dropLast(40)))
        let outcome = try probe("localhost", peer, "--ca", cut)
        #expect(outcome.status == 64 && outcome.errors.contains("is cut: its END line is missing"), "\(outcome.errors)")
    }

    private static let profile = """
        name: peer
        rate: 20
        phases: [{name: steady, duration: 1s}]
        clients: [{persona: basic-ssl}]
        mailbox_work: [{name: check}]
        population: {users: 200}

        """

    private func run(_ peer: Peer, _ options: [String], versions: String? = nil) throws -> FinishedRun {
        let file = try peer.folder.write("p.yaml", Self.profile + (versions.map { "tls: {versions: \($0)}\n" } ?? ""))
        let words = ["run", file, "--out", peer.folder.url.appendingPathComponent("run").path, "--trace", "1"] + options
        return FinishedRun(peer.folder, try Program.run(Program.poplar, words))
    }

    private func text(_ run: FinishedRun, _ name: String) throws -> String {
        try String(contentsOf: run.folder.appendingPathComponent(name), encoding: .utf8)
    }

    @Test("a server of TLS 1.2 alone is spoken to in 1.2, by default, and the report says so")
    func oldServer() throws {
        let peer = try Peer(["DNS:localhost"], maximum: "1.2")
        let finished = try run(peer, ["--pop3s", "localhost:\(peer.port)", "--ca", peer.authority])
        #expect(try finished.sessions()["failed"] == 0, "\(finished.outcome.output)")
        #expect(finished.outcome.output.contains(" of TLS 1.2\n"), "\(finished.outcome.output)")
        #expect(try text(finished, "dialogues.txt").contains("TLS 1.2"))
        #expect(try text(finished, "manifest.json").replacing(" ", with: "").contains("\"certificate_verified\":true"))
    }

    @Test("with 1.3 alone asked for, the same server is no fault of its certificate: alert and version stand in every report")
    func version() throws {
        let peer = try Peer(["DNS:localhost"], maximum: "1.2")
        let finished = try run(peer, ["--pop3s", "localhost:\(peer.port)", "--ca", peer.authority], versions: "tls1.3")
        let words = "alert 70 (protocol version) received, TLS 1.3 offered"
        for name in ["errors.jsonl", "dialogues.txt"] { #expect(try text(finished, name).contains(words), "\(name)") }
        #expect(
            finished.outcome.output.contains("\(words); the server has no version that was offered"), "\(finished.outcome.output)"
        )
        #expect(try text(finished, "manifest.json").replacing(" ", with: "").contains("\"certificate_verified\":false"))
    }

    @Test("a certificate of another host, one that has expired, and clear text each have their reason and their remedy")
    func reasons() throws {
        for (peer, reason, remedy) in [
            (try Peer(["DNS:evil.example"]), "hostname mismatch, alert ", "give the host as its certificate calls it"),
            (try Peer(["DNS:localhost"], days: -1), "certificate has expired, alert 45", "renew the server's certificate"),
            (
                try Peer(["DNS:localhost"], speaksClear: true),
                "what came is no TLS, TLS 1.2 and TLS 1.3 offered: +OK clear text here",
                "this port does not speak TLS"
            ),
        ] {
            let finished = try run(peer, ["--pop3s", "localhost:\(peer.port)", "--ca", peer.authority])
            for name in ["errors.jsonl", "dialogues.txt"] {
                let text = try text(finished, name)
                #expect(text.contains(reason), "\(reason): \(text)")
            }
            #expect(finished.outcome.output.contains(remedy), "\(remedy): \(finished.outcome.output)")
        }
    }
}
