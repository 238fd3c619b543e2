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
    static func compile(clients: [Profile.Client], tls: Profile.TLSMix, server: Profile.ServerSetup) -> ScriptTable? {
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
                            rows.append(row(UInt8(index), client.persona, channel, outcome, version.value, work.value, server))
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
        _ client: UInt8, _ persona: Persona, _ channel: Channel, _ outcome: Outcome, _ version: NTLMVersion, _ work: MailboxWork,
        _ server: Profile.ServerSetup
    ) -> SessionScript {
        let traits = persona.traits
        let links = traits.attempts.map { attempt in
            let isWrong = outcome == .refused || outcome == .fallback && attempt.method.isNTLM
            return LogonLink(
                method: attempt.method, identity: attempt.identity, rule: attempt.rule, usesWrongPassword: isWrong)
        }
        return SessionScript(
            client: client, persona: persona, transport: channel.transport, probe: traits.probe, chain: LogonChain(links),
            plannedLink: UInt8(traits.plannedAttempt(on: channel.transport, server) ?? 0), afterRefusal: traits.afterRefusal,
            habits: traits.habits, ntlmVersion: version, tlsVersion: channel.version, resumesTLS: channel.resumes,
            expected: outcome == .refused ? .refused : .admitted, work: work)
    }
}

extension Persona.Traits {
    /// The first attempt that a server set up so lets the client make; nil when there is none.
    func plannedAttempt(on transport: Transport, _ server: Profile.ServerSetup) -> Int? {
        attempts.firstIndex { $0.rule == .always || server.allows($0.method, on: transport) }
    }
}

extension Profile.ServerSetup {
    /// The switch that governs a method on a channel. After STLS those of an encrypted channel hold.
    static func requiredSwitch(_ method: AuthMethod, on transport: Transport) -> Profile.ServerMethod {
        switch method {
        case .membership: .membership
        case .ntlm: transport == .pop3 ? .ntlm : .ntlmSSL
        case .basic, .plain, .login: transport == .pop3 ? .basic : .basicSSL
        case .apop: .apop
        case .cramMD5: .cramMD5
        case .scramSHA256: .scramSHA256
        }
    }

    func allows(_ method: AuthMethod, on transport: Transport) -> Bool {
        methods.contains(Self.requiredSwitch(method, on: transport))
    }
}
