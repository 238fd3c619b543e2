// The session that `poplar probe` runs: one logon by one method, STAT, QUIT. It reads a figure and changes nothing.
// No list of the server decides whether the logon is tried: whoever asks for it has looked.

public import Telemetry

extension SessionScript {
    /// One logon by `method`, whatever the server lists; a refusal ends it.
    public static func check(
        _ method: AuthMethod, as identity: Identity, over transport: Transport, ntlmVersion: NTLMVersion = .v2
    ) -> SessionScript {
        SessionScript(
            client: 0, persona: Persona(row: 0), transport: transport, probe: .none,
            chain: LogonChain([LogonLink(method: method, identity: identity, usesWrongPassword: false)]), plannedLink: 0,
            afterRefusal: .giveUp, habits: [], ntlmVersion: ntlmVersion, tlsVersion: .either, resumesTLS: false,
            expected: .admitted,
            work: MailboxWork(
                index: 0, stat: true, list: false, uidl: false, topMessages: 0, topLines: 0, retrieveMessages: 0,
                deletesRetrieved: false, quits: true))
    }
}
