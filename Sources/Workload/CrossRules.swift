// Rules that join sections of a profile: what a client needs must be there, or its sessions would fail by design.
// Each section alone may be right and the whole still wrong; such errors are found here, before anything is started.

import Configuration
import Telemetry

struct CrossRules {
    let fields: SchemaFields
    let context: ReadContext

    func check(work: [ProfileDecoder.WorkDraft], limits: Profile.RunLimits) {
        for draft in work {
            guard let idle = draft.variants.first?.value.idleNs, idle >= limits.sessionTimeoutNs else { continue }
            context.report(
                "the work '\(draft.name.shown(limit: 60))' is idle for longer than a session "
                    + "may last, so none of its sessions ends well",
                at: draft.idlePosition, remedy: "raise limits.session_timeout, or shorten 'idle'")
        }
    }

    /// Sessions that idle for longer than the drain are open at its end on the best of servers. Who names `unfinished` in `slo`
    /// has judged that himself; what `read_rate` takes depends on the mailbox, and is his to know.
    func check(_ work: [MailboxWork], names: [String], drainNs: UInt64, at: SourcePosition, slo: [SLOLimit]) {
        guard let longest = work.max(by: { $0.idleNs < $1.idleNs }), longest.idleNs > drainNs,
            !slo.contains(where: { $0.metric == .unfinishedShare })
        else { return }
        let name = names.indices.contains(Int(longest.index)) ? names[Int(longest.index)] : ""
        context.report(
            "the work '\(name.shown(limit: 60))' is idle for \(PlanText.span(longest.idleNs)), so that its last sessions would "
                + "be unfinished", at: at, remedy: "lengthen it, leave it out, or give 'unfinished' a limit in 'slo'")
    }

    /// A closed load opens as many sessions as it has users, whatever the limit is by default.
    func check(model: Profile.Model, limits: Profile.RunLimits, inFlightAt: SourcePosition?) {
        guard case .closed(let users, _) = model, let inFlightAt, users > limits.inFlight else { return }
        context.report(
            "\(users) closed users have a session each, more than in_flight allows", at: inFlightAt,
            remedy: "set limits.in_flight to at least \(users), or remove the key: the users are the limit of a closed load")
    }

    /// Only for the users of the embedded server.
    func check(model: Profile.Model, population: Profile.Population) {
        guard case .closed(let users, _) = model else { return }
        let rows = UserTable.embeddedRows(users: population.users)
        guard users > rows else { return }
        context.report(
            "\(users) users are to be logged on at once, a population of \(population.users) gives the load \(rows)",
            at: fields.valuePosition("users"),
            remedy: "set population.users to at least \(users * 2)")
    }

    func check(_ drafts: [ProfileDecoder.ClientDraft], target: Profile.Target) {
        for draft in drafts {
            for transport in draft.client.transports { checkAddress(draft, transport.value, target) }
        }
    }

    func check(_ drafts: [ProfileDecoder.ClientDraft], server: Profile.ServerSetup) {
        for draft in drafts {
            for transport in draft.client.transports { checkMethods(draft, transport.value, server) }
            if draft.client.usesNTLM(server) { checkVersions(draft, server) }
        }
    }

    private func place(_ draft: ProfileDecoder.ClientDraft, _ key: String) -> SourcePosition {
        draft.fields.has(key) ? draft.fields.valuePosition(key) : draft.fields.valuePosition("persona")
    }

    private func checkAddress(_ draft: ProfileDecoder.ClientDraft, _ transport: Transport, _ target: Profile.Target) {
        guard (transport == .pop3s ? target.pop3s : target.pop3) == nil else { return }
        context.report(
            "the client '\(draft.client.name.shown(limit: 60))' uses \(transport.name), for which 'target' has no address",
            at: place(draft, "transport"),
            remedy: "add 'target.\(transport == .pop3s ? "pop3s" : "pop3")'")
    }

    private func checkMethods(_ draft: ProfileDecoder.ClientDraft, _ transport: Transport, _ server: Profile.ServerSetup) {
        let traits = draft.client.persona.traits
        for attempt in traits.attempts where attempt.rule == .always { checkSwitch(draft, attempt.method, transport, server) }
        guard let planned = traits.plannedAttempt(on: transport, server) else {
            context.report(
                "the client '\(draft.client.name.shown(limit: 60))' finds no method on \(transport.name) that server.methods "
                    + "has on",
                at: place(draft, "transport"),
                remedy: "add one of its methods to server.methods, or remove the client")
            return
        }
        let first = traits.attempts[planned].method
        if draft.client.ntlmFailureShare > 0, traits.fallsBack, !first.isNTLM {
            context.report(
                "the client '\(draft.client.name.shown(limit: 60))' logs on by \(first.name) first on \(transport.name), so that "
                    + "no NTLM logon can fail",
                at: draft.fields.valuePosition("ntlm_failure_share"),
                remedy: "remove the key, or change server.methods")
        }
    }

    private func checkSwitch(
        _ draft: ProfileDecoder.ClientDraft, _ method: AuthMethod, _ transport: Transport, _ server: Profile.ServerSetup
    ) {
        guard !server.allows(method, on: transport) else { return }
        let needed = Profile.ServerSetup.requiredSwitch(method, on: transport)
        context.report(
            "the client '\(draft.client.name.shown(limit: 60))' needs \(method.name) on \(transport.name), which "
                + "server.methods leaves off",
            at: place(draft, "transport"),
            remedy: "add '\(needed.rawValue)' to server.methods, or remove the client")
    }

    private func checkVersions(_ draft: ProfileDecoder.ClientDraft, _ server: Profile.ServerSetup) {
        let at =
            draft.fields.has("ntlm_variants")
            ? draft.fields.valuePosition("ntlm_variants")
            : fields.has("ntlm_variants") ? fields.valuePosition("ntlm_variants") : draft.fields.valuePosition("persona")
        let versions = draft.client.ntlmVersions.map(\.value)
        for version in versions where (version == .v1 || version == .ntlm2Session) && server.ntlmLevel >= 5 {
            context.report(
                "the client '\(draft.client.name.shown(limit: 60))' sends \(version.name), which the server refuses at "
                    + "ntlm_level 5",
                at: at,
                remedy: "set server.ntlm_level to 4 or less, or send v2")
        }
        if versions.contains(.v2ChannelBinding), draft.client.transports.contains(where: { $0.value == .pop3 }) {
            context.report(
                "the client '\(draft.client.name.shown(limit: 60))' sends v2-channel-binding over pop3, which has no TLS "
                    + "channel to bind to",
                at: at,
                remedy: "give the client ntlm_variants of its own, or move it to pop3s")
        }
    }
}

extension Profile.RunLimits {
    /// A drain that the profile does not give: what it is by default, after the time that the slowest work takes by itself. No
    /// session is open for longer than its own time-out.
    mutating func allowForOwnTime(of work: [MailboxWork], population: Profile.Population?) {
        let own = work.reduce(0) { max($0, $1.ownTimeNs(population)) }
        drainTimeoutNs = max(drainTimeoutNs, min(own &+ drainTimeoutNs, sessionTimeoutNs))
    }
}

extension Profile.Client {
    /// Whether one of its sessions can come to NTLM on a server set up so.
    func usesNTLM(_ server: Profile.ServerSetup) -> Bool {
        persona.traits.attempts.contains { attempt in
            attempt.method.isNTLM && transports.contains { server.allows(attempt.method, on: $0.value) }
        }
    }
}
