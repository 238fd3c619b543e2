// Where a run's connections come from, and what happens when ports or descriptors are used up: real runs against a real server.
// What needs a small range of ports, or the kernel's whole table of connections, has a network namespace of its own.

import Foundation
import Testing

/// A network of one loopback interface and nothing else, and a process namespace, so that nothing outlives it.
private enum Namespace {
    private static let unshare = ["-r", "-n", "--pid", "--fork", "--kill-child"]

    /// Why this machine gives none; nil when it does.
    static let obstacle: String? = {
        guard let path = Program.path("unshare"), Program.exists("ip") else { return "unshare or ip is not installed" }
        let trial = "ip link set lo up && echo 40000 40063 > /proc/sys/net/ipv4/ip_local_port_range"
        guard let outcome = try? Program.run(path, unshare + ["sh", "-c", trial]) else { return "unshare cannot be run" }
        return outcome.status == 0
            ? nil : "no network namespace: \(outcome.errors.split(separator: "\n").first ?? "unshare failed")"
    }()

    static let skipped = "SKIPPED: \(obstacle ?? "")"

    /// Runs a shell script in a new one, with `words` as $1, $2, ...
    static func run(_ script: String, _ words: [String]) throws -> Outcome {
        let path = try #require(Program.path("unshare"))
        return try Program.run(path, unshare + ["sh", "-c", "ip link set lo up\n" + script, "sh"] + words)
    }
}

/// What a run left.
private struct Left {
    var summary: [String: Any]
    var manifest: [String: Any]

    init(_ folder: ScratchFolder) throws {
        func read(_ name: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(folder.read("run/\(name)").utf8)) as? [String: Any])
        }
        summary = try read("summary.json")
        manifest = try read("manifest.json")
    }

    var errors: [String: Int] { summary["errors"] as? [String: Int] ?? [:] }
    var sessions: [String: Int] { summary["sessions"] as? [String: Int] ?? [:] }
    var reasons: [String] { summary["reasons"] as? [String] ?? [] }
}

/// A hundred sessions a second, each of them open for a second and a half: 150 at once.
private let waiting = """
    name: waiting
    rate: 100
    arrivals: uniform
    phases: [{name: steady, duration: 2s}]
    clients: [{persona: basic}]
    mailbox_work: [{name: wait, idle: 1500ms}]
    population: {users: 2000, messages: 1, bytes: 512}
    limits: {connect_timeout: 20s, step_timeout: 20s, session_timeout: 30s, drain_timeout: 20s}

    """

private let short = waiting.replacingOccurrences(of: ", idle: 1500ms", with: "")

@Suite("Ports of a run", .serialized)
struct PortTests {
    // MARK: Own-side errors

    private static let narrow = """
        echo 40000 40063 > /proc/sys/net/ipv4/ip_local_port_range
        poplar=$1; shift
        exec "$poplar" run "$@"
        """

    @Test(
        "64 ports do not carry 150 sessions: the rest are own_ports, and the run is invalid",
        .enabled(if: Namespace.obstacle == nil, Comment(rawValue: Namespace.skipped)))
    func portsUsedUp() throws {
        let folder = try ScratchFolder()
        let words = [Program.poplar, try folder.write("waiting.yaml", waiting), "--out", folder.url.path + "/run"]
        let outcome = try Namespace.run(Self.narrow, words)
        #expect(outcome.status == 4, "\(outcome.output)\(outcome.errors)")
        let left = try Left(folder)
        #expect(Array(left.errors.keys) == ["own_ports"], "nothing of it is the server's: \(left.errors)")
        #expect((left.errors["own_ports"] ?? 0) > 50)
        #expect(left.errors["own_ports"] == left.sessions["failed"])
        #expect((left.sessions["succeeded"] ?? 0) >= 60, "the ports that there are were used")
        let reason = try #require(left.reasons.first)
        #expect(
            reason.hasPrefix("invalid: own_ports is ") && reason.contains("ran out of local ports; name more source addresses"))
        #expect(outcome.output.contains(reason))
        #expect(outcome.output.contains("the generator's, not the server's"))
        #expect(outcome.errors.contains("not valid as it stands: the generator ran out of local ports"), "told while it ran")
    }

    @Test(
        "the same load from eight addresses has eight times the ports",
        .enabled(if: Namespace.obstacle == nil, Comment(rawValue: Namespace.skipped)))
    func moreAddresses() throws {
        let folder = try ScratchFolder()
        let words = [
            Program.poplar, try folder.write("waiting.yaml", waiting + "sources: [127.0.0.1-127.0.0.8]\n"), "--out",
            folder.url.path + "/run",
        ]
        let outcome = try Namespace.run(Self.narrow, words)
        let left = try Left(folder)
        // A machine that is busy with other tests may make the run invalid (4) for its lag; no session may fail.
        #expect([0, 4].contains(outcome.status), "\(outcome.output)\(outcome.errors)")
        #expect(left.errors.isEmpty && left.sessions["succeeded"] == left.sessions["planned"], "\(left.errors)")
        #expect(left.manifest["sources"] as? [String] == ["127.0.0.1-127.0.0.8"])
    }

    @Test(
        "too few descriptors: own_descriptors, an invalid run, and its results are written all the same",
        .enabled(if: Program.exists("prlimit"), "SKIPPED: prlimit is not installed"))
    func descriptorsUsedUp() throws {
        let server = try ServedPoplar("--population", "users=2000,messages=1,bytes=512")
        let folder = try ScratchFolder()
        let outcome = try Program.run(
            try #require(Program.path("prlimit")),
            [
                "--nofile=80:80", Program.poplar, "run", try folder.write("waiting.yaml", waiting), "--pop3",
                "127.0.0.1:\(server.pop3)", "--out", folder.url.path + "/run",
            ])
        #expect(outcome.status == 4, "\(outcome.output)\(outcome.errors)")
        let left = try Left(folder)
        #expect(Array(left.errors.keys) == ["own_descriptors"], "nothing of it is the server's: \(left.errors)")
        #expect((left.errors["own_descriptors"] ?? 0) > 50)
        let reason = try #require(left.reasons.first)
        #expect(reason.hasPrefix("invalid: own_descriptors is ") && reason.contains("raise the hard limit of open files"))
        #expect(outcome.output.contains(reason))
        #expect(outcome.errors.contains("not valid as it stands: the generator ran out of descriptors"), "told while it ran")
    }

    // MARK: Who closes first, and from where

    /// Ends of connections in TIME_WAIT, by /proc/net/tcp: the port here, and the far end as it stands there (0200007F:87CC).
    private func resting(_ table: String) -> [(port: Int, peer: String)] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let words = line.split(separator: " ")
            guard words.count > 3, words[3] == "06" else { return nil }
            return Int(words[1].split(separator: ":")[1], radix: 16).map { ($0, String(words[2])) }
        }
    }

    /// The other end of each connection that a server's log at debug tells of, in the form of /proc/net/tcp.
    private func peers(_ log: String) throws -> [String] {
        try log.split(separator: "\n").filter { $0.contains(" event=connection_open ") }.map { line in
            let peer = try #require(line.split(separator: " ").first { $0.hasPrefix("peer=") }?.dropFirst(5))
            let words = peer.split(separator: ":")
            let octets = words[0].split(separator: ".").compactMap { Int($0) }
            let ends = octets.reversed().map { String(format: "%02X", $0) }.joined()
            return ends + ":" + String(format: "%04X", try #require(Int(words[1])))
        }
    }

    // The kernel may give a port a second time while its first connection rests at the server, which takes the new one in its
    // place. So what rests is held against the ports that the server saw, not against the number of sessions.
    @Test(
        "after QUIT the server closes first, so TIME_WAIT stays on its side; two source addresses share the sessions",
        .enabled(if: Namespace.obstacle == nil, Comment(rawValue: Namespace.skipped)))
    func timeWait() throws {
        let folder = try ScratchFolder()
        let script = """
            "$1" serve --pop3 127.0.0.1:1110 --workers 1 --population users=2000,messages=1,bytes=512 \\
                --log-level debug --log "$2/log" > "$2/ready" &
            server=$!
            for turn in $(seq 200); do grep -q ready "$2/ready" && break; sleep 0.1; done
            "$1" run "$3" --pop3 127.0.0.1:1110 --source 127.0.0.2,127.0.0.3 --out "$2/run"
            status=$?
            cat /proc/net/tcp > "$2/tcp"
            kill $server
            wait $server
            exit $status
            """
        let outcome = try Namespace.run(script, [Program.poplar, folder.url.path, try folder.write("short.yaml", short)])
        #expect([0, 4].contains(outcome.status), "\(outcome.output)\(outcome.errors)")
        let left = try Left(folder)
        #expect(left.errors.isEmpty)
        // The first is the run's own question whether anybody answers there.
        let seen = try peers(folder.read("log")).dropFirst()
        let (two, three) = (seen.count { $0.hasPrefix("0200007F:") }, seen.count { $0.hasPrefix("0300007F:") })
        #expect(two + three == left.sessions["succeeded"] && abs(two - three) <= 2, "\(two) and \(three)")
        let resting = resting(folder.read("tcp"))
        let served = Set(resting.filter { $0.port == 1110 }.map(\.peer))
        let gone = Set(seen).subtracting(served)
        #expect(gone.isEmpty, "each session's end rests at the server")
        #expect(!resting.contains { $0.peer.hasSuffix(":0456") }, "none rests at the generator")
        #expect(left.manifest["sources"] as? [String] == ["127.0.0.2", "127.0.0.3"])
    }

    // MARK: What is refused

    private func refusal(_ arguments: [String], profile: String = short) throws -> Outcome {
        let folder = try ScratchFolder()
        let out = folder.url.path + "/run"
        let outcome = try Program.run(
            Program.poplar, ["run", try folder.write("short.yaml", profile), "--out", out] + arguments)
        #expect(!FileManager.default.fileExists(atPath: out), "refused before anything is begun")
        return outcome
    }

    @Test(
        "--source that is none: exit 64",
        arguments: [
            ("localhost", "is no IP address"), ("", "an address is missing"), ("127.0.0.2,127.0.0.2", "named twice"),
            ("::1", "the source addresses are IPv6, and the target 127.0.0.1 (the embedded server) is IPv4"),
        ])
    func usage(list: String, words: String) throws {
        let outcome = try refusal(["--source", list])
        #expect(outcome.status == 64 && outcome.errors.contains(words), "\(outcome.errors)")
    }

    @Test("sources of another family than the target's stand with their place in the profile: exit 64")
    func place() throws {
        let outcome = try refusal(["--pop3", "[::1]:1110"], profile: short + "sources: [127.0.0.2]\n")
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("short.yaml:9:11: error: the source addresses are IPv4"), "\(outcome.errors)")
    }

    @Test("an address that this machine does not have: exit 1, and how to give it one")
    func missing() throws {
        let outcome = try refusal(["--source", "127.0.0.2,192.0.2.77"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("does not have the source address 192.0.2.77"), "\(outcome.errors)")
        #expect(outcome.errors.contains("ip addr add 192.0.2.77/32 dev "))
    }

    @Test("--dry-run reckons with the ports of all addresses")
    func plan() throws {
        let outcome = try refusal(["--source", "127.0.0.1-127.0.0.8", "--rate", "20", "--dry-run"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("\nsources    127.0.0.1-127.0.0.8: 8 addresses, in turn\n"))
        #expect(outcome.output.contains(" x 8 source addresses\n"), "\(outcome.output)")
    }
}
