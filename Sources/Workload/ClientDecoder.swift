// Clients and their mailbox work: the part of a profile that becomes session scripts.
// Errors are noted with their place and the reading goes on, so that a profile shows all of them at once.

import Configuration
import Telemetry

extension ProfileDecoder {
    /// A work with its name, weight and the alternatives that its `retrieve` distribution spans.
    struct WorkDraft {
        let name: String
        let weight: Double
        let variants: [Profile.Weighted<MailboxWork>]
        /// Where `idle` stands.
        let idlePosition: SourcePosition
    }

    // MARK: Mailbox work

    func readWork(_ population: Profile.Population) -> [WorkDraft] {
        fields.requireKey("mailbox_work", example: "[{name: check, retrieve: 1}]")
        var drafts: [WorkDraft] = []
        for (index, item) in fields.list("mailbox_work", limit: 64).enumerated() {
            guard let inner = SchemaFields(item, ProfileSchema.work, context) else { continue }
            inner.requireKey("name", example: "check")
            let name = inner.name("name")
            if drafts.contains(where: { $0.name == name }) {
                context.report("the mailbox work '\(name.shown(limit: 60))' is defined twice", at: inner.valuePosition("name"))
            }
            drafts.append(
                WorkDraft(
                    name: name, weight: inner.weight("weight"), variants: readVariants(inner, UInt8(index), population),
                    idlePosition: inner.valuePosition("idle")))
        }
        return drafts
    }

    private func readVariants(_ inner: SchemaFields, _ index: UInt8, _ population: Profile.Population) -> [Profile.Weighted<
        MailboxWork
    >] {
        var work = MailboxWork(
            index: index, stat: inner.flag("stat", true), list: inner.flag("list", false), uidl: inner.flag("uidl", false),
            topMessages: 0, topLines: 0,
            retrieveMessages: 0, deletesRetrieved: inner.flag("delete", false), quits: inner.flag("quit", true))
        if let top = inner.fields("top", ProfileSchema.topCommand) {
            top.requireKey("messages", example: "1")
            work.topLines = UInt32(top.integer("lines", 0, in: 0...1_000_000))
            if let (text, at) = top.text("messages", expecting: "a count or 'all'") {
                work.topMessages = readCount(text, at, "messages", population)
            }
        }
        readManner(inner, &work)
        let counts = readRetrieve(inner, population, &work)
        if work.deletesRetrieved, !work.retrievesNew, work.chosenShare == nil, counts.allSatisfy({ $0.value == 0 }) {
            context.report(
                "'delete' acts on the messages retrieved, and none are", at: inner.keyPosition("delete"),
                remedy: "add 'retrieve', or remove the key")
        }
        if work.deletesRetrieved, !work.quits {
            context.report(
                "without QUIT nothing is deleted (RFC 1939)", at: inner.keyPosition("quit"),
                remedy: "set 'quit: on', or remove 'delete'")
        }
        if work.abandon == .retrieval, !work.retrievesNew, work.chosenShare == nil, counts.contains(where: { $0.value == 0 }) {
            context.report(
                "'abandon: retrieval' breaks off in the first message retrieved, and none is", at: inner.keyPosition("abandon"),
                remedy: "add 'retrieve: 1', or abandon elsewhere")
        }
        return counts.map { count in
            var variant = work
            variant.retrieveMessages = count.value
            return Profile.Weighted(value: variant, share: count.share)
        }
    }

    private func readRetrieve(
        _ inner: SchemaFields, _ population: Profile.Population, _ work: inout MailboxWork
    ) -> [Profile.Weighted<UInt32>] {
        let none = [Profile.Weighted<UInt32>(value: 0, share: 1)]
        if inner.has("choose") {
            work.chosenShare = UInt32((inner.share("choose") * 65_536).rounded())
            if work.topMessages == 0 {
                context.report(
                    "'choose' picks among the messages that TOP looked at, and there are none", at: inner.keyPosition("choose"),
                    remedy: "add 'top: {messages: 5}', or use 'retrieve'")
            }
            if inner.has("retrieve") {
                context.report(
                    "'choose' and 'retrieve' both say what is fetched", at: inner.keyPosition("retrieve"),
                    remedy: "remove one of them")
            }
        }
        guard let tree = inner.tree("retrieve") else { return none }
        if case .scalar("new", _, _) = tree {
            work.retrievesNew = true
            if !work.uidl {
                context.report(
                    "what is new shows in the unique ids, and 'uidl' is off", at: inner.valuePosition("retrieve"),
                    remedy: "add 'uidl: on'")
            }
            return none
        }
        if case .mapping(let pairs, _) = tree {
            for pair in pairs where Self.isCount(pair.key) { _ = readCount(pair.key, pair.keyPosition, "retrieve", population) }
        } else if let (text, at) = inner.scalar(tree, "retrieve", expecting: "a count, 'all', or a mapping of counts to weights")
        {
            return [.init(value: readCount(text, at, "retrieve", population), share: 1)]
        } else {
            return none
        }
        return inner.weighted("retrieve", noun: "a count of messages or 'all'", names: ["all", "0 to 65535"]) { text in
            Self.isCount(text) ? Self.count(text) : nil
        } ?? none
    }

    /// How the client goes about it: pipelining, idling, its way of going away.
    private func readManner(_ inner: SchemaFields, _ work: inout MailboxWork) {
        let day: UInt64 = 86_400_000_000_000
        work.depth = UInt16(clamping: inner.integer("pipeline", 1, in: 1...512))
        work.idleNs = inner.duration("idle", 0, in: 0...day, bounds: "up to 1d")
        if inner.has("noop_every") {
            work.noopEveryNs = inner.duration("noop_every", 0, in: 1_000_000...day, bounds: "from 1ms to 1d")
            if work.idleNs == 0 {
                context.report(
                    "NOOP is sent while idle, and this work never is", at: inner.keyPosition("noop_every"),
                    remedy: "add 'idle: 60s'")
            }
        }
        let points = AbandonPoint.allCases.filter { $0 != .never }
        work.abandon = inner.choice("abandon", .never, points.map { ($0.name, $0) })
        work.resets = inner.choice("close", false, [("fin", false), ("reset", true)])
        if inner.has("close"), work.quits, work.abandon == .never {
            context.report(
                "after QUIT the server closes first", at: inner.keyPosition("close"),
                remedy: "add 'abandon' or 'quit: off', or remove the key")
        }
        if work.abandon != .never, work.idleNs > 0 {
            context.report(
                "a client that has gone away is not idle", at: inner.keyPosition("idle"), remedy: "remove 'idle' or 'abandon'")
        }
        if inner.has("read_rate") {
            work.readRate = UInt32(clamping: inner.size("read_rate", 0, in: 64...UInt64(MailboxWork.readRateLimit)))
        }
    }

    private static func isCount(_ text: String) -> Bool { text == "all" || ScalarText.integer(text) != nil }

    private static func count(_ text: String) -> UInt32 {
        text == "all" ? MailboxWork.allMessages : UInt32(clamping: min(ScalarText.integer(text) ?? 0, 65_535))
    }

    /// A count or `all`. With the embedded server, more messages than a maildrop holds is an error.
    private func readCount(_ text: String, _ at: SourcePosition, _ key: String, _ population: Profile.Population) -> UInt32 {
        if text == "all" { return MailboxWork.allMessages }
        guard let count = ScalarText.integer(text), count <= 65_535 else {
            context.report("'\(key)' must be a count from 0 to 65535 or 'all', not '\(text.shown(limit: 60))'", at: at)
            return 0
        }
        if count > population.messages, !fields.has("target"), given.pop3 == nil, given.pop3s == nil {
            context.report(
                "\(count) messages are asked for, a maildrop of the population holds \(population.messages)", at: at,
                remedy: "lower the count, write 'all', or raise population.messages")
        }
        return UInt32(count)
    }

    // MARK: Clients

    func readClients(work: [WorkDraft]) -> [ClientDraft] {
        fields.requireKey("clients", example: "[{persona: basic}]")
        let variants = readVersions(fields) ?? [.init(value: .v2, share: 1)]
        let common = readCommonWork(work)
        var drafts: [ClientDraft] = []
        let items = fields.list("clients", limit: 64)
        for item in items {
            guard let inner = SchemaFields(item, ProfileSchema.client, context) else { continue }
            if let draft = readClient(inner, work: work, common: common, variants: variants) { drafts.append(draft) }
        }
        let sum = drafts.reduce(0) { $0 + $1.weight }
        if !drafts.isEmpty, drafts.count == items.count, sum <= 0 {
            context.report(
                "the weights of the clients add up to 0", at: fields.keyPosition("clients"),
                remedy: "give at least one client a weight above 0")
        }
        guard sum > 0 else { return [] }
        return drafts.filter { $0.weight > 0 }.map { draft in
            var scaled = draft
            scaled.client = draft.client.with(share: draft.weight / sum)
            return scaled
        }
    }

    private func readCommonWork(_ work: [WorkDraft]) -> [Profile.Weighted<MailboxWork>] {
        let sum = work.reduce(0) { $0 + $1.weight }
        if !work.isEmpty, sum <= 0 {
            context.report(
                "the weights of 'mailbox_work' add up to 0", at: fields.keyPosition("mailbox_work"),
                remedy: "give at least one work a weight above 0")
        }
        return Self.flatten(work.map { ($0, sum > 0 ? $0.weight / sum : 0) })
    }

    private static func flatten(_ parts: [(WorkDraft, Double)]) -> [Profile.Weighted<MailboxWork>] {
        parts.flatMap { draft, share in
            draft.variants.compactMap { share * $0.share > 0 ? Profile.Weighted(value: $0.value, share: share * $0.share) : nil }
        }
    }

    private func readVersions(_ fields: SchemaFields) -> [Profile.Weighted<NTLMVersion>]? {
        fields.weighted("ntlm_variants", noun: "an NTLM variant", names: NTLMVersion.allCases.map(\.name)) { name in
            NTLMVersion.allCases.first { $0.name == name }
        }
    }

    private func readClient(
        _ inner: SchemaFields, work: [WorkDraft], common: [Profile.Weighted<MailboxWork>],
        variants: [Profile.Weighted<NTLMVersion>]
    ) -> ClientDraft? {
        inner.requireKey("persona", example: "basic")
        let weight = inner.weight("weight")
        let own = readVersions(inner)
        let failing = inner.share("ntlm_failure_share")
        let wrong = inner.share("wrong_password_share")
        let named = inner.weighted("mailbox_work", noun: "a mailbox work of this profile", names: work.map(\.name)) { name in
            work.first { $0.name == name }
        }
        let name = inner.has("name") ? inner.name("name") : ""
        let transports = inner.weighted("transport", noun: "a transport", names: Transport.allCases.map(\.name)) { name in
            Transport.allCases.first { $0.name == name }
        }
        guard let persona = inner.choice("persona", nil, Persona.allCases.map { ($0.name, Optional($0)) }) else { return nil }
        let traits = persona.traits
        if inner.has("ntlm_variants"), !traits.usesNTLM {
            context.report(
                "the persona '\(traits.name)' does not use NTLM", at: inner.keyPosition("ntlm_variants"), remedy: "remove the key"
            )
        }
        if inner.has("ntlm_failure_share"), !traits.fallsBack {
            context.report(
                "the persona '\(traits.name)' has nothing to fall back to", at: inner.keyPosition("ntlm_failure_share"),
                remedy: "use wrong_password_share for logons that are to be refused")
        }
        if failing + wrong > 1 {
            context.report(
                "ntlm_failure_share and wrong_password_share add up to more than 100%",
                at: inner.keyPosition("wrong_password_share"))
        }
        for transport in transports ?? [] where !traits.transports.contains(transport.value) {
            context.report(
                "the persona '\(traits.name)' does not use \(transport.value.name)", at: inner.valuePosition("transport"),
                remedy: "valid: \(traits.transports.map(\.name).joined(separator: ", "))")
        }
        let client = Profile.Client(
            name: name.isEmpty ? traits.name : name, persona: persona, share: 0,
            transports: transports ?? [.init(value: traits.transports[0], share: 1)],
            ntlmVersions: own ?? traits.ntlmVersion.map { [.init(value: $0, share: 1)] } ?? variants,
            ntlmFailureShare: failing,
            wrongPasswordShare: wrong, work: named.map { Self.flatten($0.map { ($0.value, $0.share) }) } ?? common,
            usesRetryPool: inner.choice("users", false, [("random", false), ("retry", true)]))
        return ClientDraft(client: client, weight: weight, fields: inner)
    }
}

extension Profile.Client {
    func with(share: Double) -> Self {
        Self(
            name: name, persona: persona, share: share, transports: transports, ntlmVersions: ntlmVersions,
            ntlmFailureShare: ntlmFailureShare,
            wrongPasswordShare: wrongPasswordShare, work: work, usesRetryPool: usesRetryPool)
    }
}
