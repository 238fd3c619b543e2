// Compiles clients into the rows of a ScriptTable: a product of their alternatives, each row with the product of the shares.
// Done once, before the run: a thread that starts a session only looks a row up.

import PoplarCore
import Telemetry

enum ScriptCompiler {
    /// How a session's logons end by plan.
    private enum Outcome {
        case admitted, fallback, refused
    }

    private struct Channel {
        let transport: Transport
        let version: TLSVersion
        let resumes: Bool
        let share: Double
    }

    /// The table; nil when it would have more rows than a plan can number.
    static func compile(clients: [Profile.Client], tls: Profile.TLSMix) -> ScriptTable? {
        var rows: [SessionScript] = []
        var shares: [Double] = []
        for (index, client) in clients.enumerated() {
            let channels = channels(client, tls)
            let outcomes = outcomes(client)
            let versions = client.persona.traits.usesNTLM ? client.ntlmVersions : [.init(value: .v2, share: 1)]
            guard channels.count * outcomes.count * versions.count * client.work.count <= ScriptTable.rowLimit - rows.count else {
                return nil
            }
            for channel in channels {
                for (outcome, part) in outcomes {
                    for version in versions {
                        for work in client.work {
                            rows.append(row(UInt8(index), client.persona, channel, outcome, version.value, work.value))
                            shares.append(client.share * channel.share * part * version.share * work.share)
                        }
                    }
                }
            }
        }
        return ScriptTable(rows: rows, shares: shares)
    }

    private static func channels(_ client: Profile.Client, _ tls: Profile.TLSMix) -> [Channel] {
        client.transports.flatMap { transport -> [Channel] in
            guard transport.value != .pop3 else {
                return [Channel(transport: .pop3, version: .tls13, resumes: false, share: transport.share)]
            }
            return tls.versions.flatMap { version in
                [(true, tls.resumptionShare), (false, 1 - tls.resumptionShare)].compactMap { resumes, part in
                    part > 0
                        ? Channel(
                            transport: transport.value, version: version.value, resumes: resumes,
                            share: transport.share * version.share * part) : nil
                }
            }
        }
    }

    private static func outcomes(_ client: Profile.Client) -> [(Outcome, Double)] {
        let failing = client.ntlmFailureShare
        let wrong = client.wrongPasswordShare
        return [(Outcome.admitted, max(0, 1 - failing - wrong)), (.fallback, failing), (.refused, wrong)].filter { $0.1 > 0 }
    }

    private static func row(
        _ client: UInt8, _ persona: Persona, _ channel: Channel, _ outcome: Outcome, _ version: NTLMVersion, _ work: MailboxWork
    ) -> SessionScript {
        let attempts = persona.traits.attempts
        func link(_ attempt: Persona.Attempt, wrong: Bool) -> LogonLink {
            LogonLink(method: attempt.method, identity: attempt.identity, usesWrongPassword: wrong)
        }
        return SessionScript(
            client: client, persona: persona, transport: channel.transport, probe: persona.traits.probe,
            first: link(attempts[0], wrong: outcome != .admitted),
            fallback: attempts.count > 1 ? link(attempts[1], wrong: outcome == .refused) : nil,
            ntlmVersion: version, tlsVersion: channel.version, resumesTLS: channel.resumes,
            expected: outcome == .refused ? .refused : .admitted, work: work)
    }
}
