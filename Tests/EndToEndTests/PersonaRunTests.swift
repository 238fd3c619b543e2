// Every persona over every transport with every outcome against the server itself: a run in which each is drawn many times, and
// none may end otherwise than planned.

import Foundation
import Telemetry
import Testing

@testable import Workload

@Suite("Personas against the server", .serialized)
struct PersonaRunTests {
    /// Clients for every persona, transport and outcome that fits a server with these switches.
    private func profile(_ switches: String, failing: [String], without: [String]) -> String {
        var clients = ""
        for persona in Persona.allCases where !without.contains(persona.name) {
            for transport in persona.traits.transports {
                let outcomes =
                    failing.contains(persona.name)
                    ? "wrong_password_share: 30%, ntlm_failure_share: 30%" : "wrong_password_share: 30%"
                clients +=
                    "  - {persona: \(persona.name), name: \(persona.name)-\(transport.name), transport: \(transport.name), \(outcomes)}\n"
            }
        }
        return """
            name: personas
            description: Every persona.
            rate: 150
            phases: [{name: steady, duration: 6s}]
            clients:
            \(clients)
            mailbox_work: [{name: fetch, list: on, retrieve: 1}]
            tls: {resumption: 50%, versions: {tls1.2: 1, tls1.3: 1}}
            population: {users: 3000, messages: 2, bytes: 512}
            server: {ntlm_level: 4, methods: [\(switches)]}
            limits: {session_timeout: 8s}

            """
    }

    @Test(
        "every persona, transport and outcome ends as planned, and the counts add up",
        arguments: [
            (
                "basic, basic-ssl, ntlm, ntlm-ssl, membership, apop, cram-md5, scram-sha-256", ["internet-mail-3", "fetchmail"],
                []
            ),
            (
                "basic, basic-ssl, ntlm, ntlm-ssl, membership", ["internet-mail-3", "fetchmail", "mailkit"],
                ["apop", "cram-md5", "scram-sha-256"]
            ),
        ])
    func everyPersona(switches: String, failing: [String], without: [String]) throws {
        let folder = try ScratchFolder()
        let file = try folder.write("personas.yaml", profile(switches, failing: failing, without: without))
        let out = folder.url.appendingPathComponent("run")
        let outcome = try Program.run(Program.poplar, ["run", file, "--out", out.path])
        // On a machine that is busy with other tests the run may be called invalid (4); everything else must hold.
        #expect([0, 4].contains(outcome.status), "\(outcome.output)\(outcome.errors)")
        let data = try Data(contentsOf: out.appendingPathComponent("summary.json"))
        let summary = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let counts = try #require(summary["sessions"] as? [String: Int])
        #expect(counts["failed"] == 0, "\(outcome.output)")
        #expect(counts["planned"] == ["succeeded", "failed", "cancelled", "in_flight"].reduce(0) { $0 + (counts[$1] ?? -1) })
        #expect((counts["succeeded"] ?? 0) > 500)
        #expect((summary["expected_refusals"] as? Int ?? 0) > 100)
        let steps = try #require(summary["steps"] as? [[String: Any]])
        let seen = Set(steps.map { "\($0["step"] as? String ?? "").\($0["transport"] as? String ?? "")" })
        #expect(
            seen.isSuperset(of: ["stls.stls", "tls_full.stls", "tls_resumed.stls", "tls_full.pop3s", "capa.stls"]), "\(seen)")
        let fallbacks = try #require(summary["fallbacks"] as? [[String: Any]])
        #expect(fallbacks.contains { $0["from"] as? String == "ntlm" && $0["to"] as? String == "basic" })
    }
}
