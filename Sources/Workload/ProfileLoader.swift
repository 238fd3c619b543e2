// From the text of a profile to a Profile, or to all its errors. The order: YAML, each section by the schema, then the rules
// that join sections. Invariant: no input traps; every error has a place.

public import Configuration

/// Loads profiles.
public enum ProfileLoader {
    private static let kind = DocumentKind(
        name: "profile", minimum: "a profile needs at least name, rate, phases and clients")

    /// What the command line puts in the place of the profile's own: a rule that it mends is not broken.
    public struct Given: Sendable {
        public let pop3: String?
        public let pop3s: String?
        /// The users come from a table, not from the population.
        public let hasUserTable: Bool

        public init(pop3: String? = nil, pop3s: String? = nil, hasUserTable: Bool = false) {
            self.pop3 = pop3
            self.pop3s = pop3s
            self.hasUserTable = hasUserTable
        }

        fileprivate func replacing(_ target: Profile.Target) -> Profile.Target {
            Profile.Target(pop3: pop3 ?? target.pop3, pop3s: pop3s ?? target.pop3s)
        }
    }

    /// Decodes `text`; `file` is its name in errors. Throws every error that one pass can find.
    public static func load(text: String, file: String, given: Given = Given()) throws(ConfigurationErrors) -> Profile {
        let source = SourceText(file: file, text: text)
        let context = ReadContext(DiagnosticCollector(source: source))
        guard let tree = YAMLReader.read(&context.collector, kind), let fields = SchemaFields(tree, ProfileSchema.top, context)
        else {
            throw context.collector.errors()
        }
        let profile = ProfileDecoder(fields, context, source, text, given).decode()
        guard let profile, context.collector.isEmpty else { throw context.collector.errors() }
        return profile
    }
}

/// One decoding. Sections that other sections refer to come first.
struct ProfileDecoder {
    let fields: SchemaFields
    let context: ReadContext
    let source: SourceText
    let originalText: String
    let given: ProfileLoader.Given

    init(
        _ fields: SchemaFields, _ context: ReadContext, _ source: SourceText, _ originalText: String, _ given: ProfileLoader.Given
    ) {
        self.fields = fields
        self.context = context
        self.source = source
        self.originalText = originalText
        self.given = given
    }

    /// A client as given, before it is compiled.
    struct ClientDraft {
        var client: Profile.Client
        var weight: Double
        let fields: SchemaFields
    }

    func decode() -> Profile? {
        let name = readName()
        let description = fields.has("description") ? fields.string("description", limit: 2000) : ""
        let seed = UInt64(fields.integer("seed", 1, in: 0...ProfileSchema.seedLimit))
        let (model, baseRate) = readModel()
        let traceSource = model == .open(.trace) ? readTrace() : nil
        let phases = readPhases(model, baseRate: baseRate)
        let population = readPopulation()
        let server = readServer()
        let target = readTarget()
        let sources = readSources(target)
        let tls = readTLS()
        var (limits, inFlightAt, drainAt) = readLimits()
        let work = readWork(population)
        let clients = readClients(work: work)
        let slo = readSLO()
        let retryPool = readRetryPool(model, clients)
        let claims = fields.choice("claims", false, [("throughput", false), ("server-maximum", true)])
        if claims, model.isOpen {
            context.report(
                "an open profile sets its own rate, so it cannot show a maximum", at: fields.keyPosition("claims"),
                remedy: "set 'model: closed', or remove the key")
        }
        let checks = readChecks()
        let allowsOverlap = fields.flag("overlap", false)
        let rules = CrossRules(fields: fields, context: context)
        rules.check(work: work, limits: limits)
        rules.check(model: model, limits: limits, inFlightAt: inFlightAt)
        let reached = given.replacing(target)
        let scripted = clients.flatMap { $0.client.work.map(\.value) }
        if let drainAt {
            rules.check(scripted, names: work.map(\.name), drainNs: limits.drainTimeoutNs, at: drainAt, slo: slo)
        } else {
            limits.allowForOwnTime(of: scripted, population: reached.isEmpty ? population : nil)
        }
        if reached.isEmpty, !given.hasUserTable { rules.check(model: model, population: population) }
        rules.check(clients, server: server)
        // A profile without a target leaves it to the run, which says what it misses.
        if !target.isEmpty { rules.check(clients, target: reached) }
        guard context.collector.isEmpty else { return nil }
        let final = clients.map(\.client)
        guard let scripts = ScriptCompiler.compile(clients: final, tls: tls, server: server) else {
            context.report(
                "the clients, variants, TLS versions and mailbox work combine to more than \(ScriptTable.rowLimit) scripts",
                at: fields.keyPosition("clients"),
                remedy: "give fewer alternatives")
            return nil
        }
        return Profile(
            name: name, description: description, sourceText: originalText, file: source.file, seed: seed, model: model,
            phases: phases,
            scripts: scripts, clients: final, tls: tls, population: population, server: server, target: target, sources: sources,
            limits: limits,
            checks: checks, allowsOverlap: allowsOverlap, slo: slo, claimsServerMaximum: claims,
            workNames: work.map(\.name), retryPool: retryPool, traceSource: traceSource)
    }

    // MARK: The load

    private func readName() -> String {
        fields.requireKey("name", example: "my-profile")
        guard let (text, at) = fields.text("name", expecting: "a name") else { return "" }
        let isGood =
            text.utf8.count <= 64 && text.utf8.allSatisfy { $0 == 45 || (48...57).contains($0) || (97...122).contains($0) }
        guard isGood, let first = text.utf8.first, first != 45 else {
            context.report(
                "'\(text.shown(limit: 60))' is no profile name", at: at,
                remedy: "1 to 64 of a-z, 0-9 and '-', not '-' first: it names folders")
            return ""
        }
        return text
    }

    private func readModel() -> (Profile.Model, Double) {
        let isOpen = fields.choice("model", true, [("open", true), ("closed", false)])
        let misplaced = isOpen ? ["users", "think_time"] : ["rate", "arrivals"]
        for key in misplaced where fields.has(key) {
            context.report(
                "'\(key)' belongs to a\(isOpen ? " closed" : "n open") profile, this one is \(isOpen ? "open" : "closed")",
                at: fields.keyPosition(key),
                remedy: isOpen ? "set 'model: closed', or give a rate instead" : "set 'model: open', or remove the key")
        }
        guard isOpen else {
            fields.requireKey("users", example: "100")
            let users = fields.integer("users", 1, in: 1...1_000_000)
            return (.closed(users: users, thinkTime: readThinkTime()), 0)
        }
        if case .mapping? = fields.tree("arrivals") {
            if fields.has("rate") {
                context.report(
                    "a replayed trace has its own times, so 'rate' means nothing", at: fields.keyPosition("rate"),
                    remedy: "remove the key, or set 'arrivals: poisson'")
            }
            return (.open(.trace), 0)
        }
        fields.requireKey("rate", example: "100")
        let process = fields.choice("arrivals", .poisson, [Profile.ArrivalProcess.poisson, .uniform].map { ($0.name, $0) })
        let rate = fields.tree("rate").flatMap { readRate($0, fields, "rate", base: nil) } ?? 1
        return (.open(process), rate)
    }

    /// `on`, `off`, one class, or a list of the classes that are checked.
    private func readChecks() -> ReplyChecks {
        guard let tree = fields.tree("checks") else { return .all }
        let names = ReplyChecks.named.map(\.name)
        func readClass(_ item: YAMLTree, _ words: [(String, ReplyChecks)]) -> ReplyChecks {
            guard let (text, at) = fields.scalar(item, "checks", expecting: "on, off, or a list of classes") else { return [] }
            if let found = words.first(where: { $0.0 == text }) { return found.1 }
            context.report(
                "'\(text.shown(limit: 60))' is no class of checks", at: at,
                remedy: context.advice(for: text, among: words.map(\.0), noun: "valid"))
            return []
        }
        guard case .sequence(let items, _) = tree else {
            if case .scalar(let text, _, _) = tree, let flag = ScalarText.flag(text) { return flag ? .all : [] }
            return readClass(tree, [("on", .all), ("off", [])] + ReplyChecks.named.map { ($0.name, $0.check) })
        }
        if items.count > names.count {
            context.report(
                "the list 'checks' has \(items.count) items, and there are \(names.count) classes",
                at: fields.keyPosition("checks"))
        }
        return items.prefix(names.count).reduce(into: ReplyChecks()) { checks, item in
            checks.formUnion(readClass(item, ReplyChecks.named.map { ($0.name, $0.check) }))
        }
    }

    private func readRetryPool(_ model: Profile.Model, _ clients: [ClientDraft]) -> Profile.RetryPool? {
        let members = clients.filter(\.client.usesRetryPool)
        guard fields.has("retry_pool") else {
            for draft in members {
                context.report(
                    "the client '\(draft.client.name.shown(limit: 60))' takes its users from a pool that there is not",
                    at: draft.fields.valuePosition("users"), remedy: "add for example 'retry_pool: {share: 7.5%, after: 300s}'")
            }
            return nil
        }
        if !model.isOpen || model == .open(.trace) {
            context.report(
                "a \(model.isOpen ? "trace names its users" : "closed load's users come again by themselves"), so there is no "
                    + "retry pool", at: fields.keyPosition("retry_pool"), remedy: "remove the key")
        } else if members.isEmpty, !clients.isEmpty {
            context.report(
                "no client takes its users from the retry pool", at: fields.keyPosition("retry_pool"),
                remedy: "add 'users: retry' to a client, or remove the key")
        }
        guard let inner = fields.fields("retry_pool", ProfileSchema.retryPool) else { return nil }
        inner.requireKey("share", example: "7.5%")
        inner.requireKey("after", example: "300s")
        let day: UInt64 = 86_400_000_000_000
        let share = inner.share("share", 0.5)
        if share == 0 || share == 1 {
            context.report(
                share == 0 ? "there is nobody in the retry pool" : "there is nobody outside the retry pool",
                at: inner.valuePosition("share"), remedy: "give the pool a part of the users, above 0% and below 100%")
        }
        return Profile.RetryPool(
            share: share,
            afterNs: inner.duration("after", 1_000_000, in: 1_000_000...day, bounds: "from 1ms to 1d"))
    }

    /// The file's name as given; it is read later, when the users are known.
    private func readTrace() -> TraceSource? {
        guard let inner = fields.fields("arrivals", ProfileSchema.replay) else { return nil }
        inner.requireKey("trace", example: "starts.csv")
        return inner.has("trace")
            ? TraceSource(path: inner.string("trace", limit: 1000), position: inner.valuePosition("trace")) : nil
    }

    private func readThinkTime() -> Profile.ThinkTime {
        let day: UInt64 = 86_400_000_000_000
        if case .mapping? = fields.tree("think_time"), let inner = fields.fields("think_time", ProfileSchema.thinkTime) {
            inner.requireKey("mean", example: "1s")
            let isExponential = inner.choice("distribution", false, [("constant", false), ("exponential", true)])
            return Profile.ThinkTime(
                meanNs: inner.duration("mean", 0, in: 0...day, bounds: "up to 1d"), isExponential: isExponential)
        }
        return Profile.ThinkTime(meanNs: fields.duration("think_time", 0, in: 0...day, bounds: "up to 1d"), isExponential: false)
    }

    /// Sessions/s, or a percentage of `base` where there is one (a phase may rest at 0, the base may not).
    private func readRate(_ tree: YAMLTree, _ fields: SchemaFields, _ key: String, base: Double?) -> Double? {
        let form =
            base == nil
            ? "a number of sessions/s above 0, up to 1000000"
            : "a number of sessions/s from 0 to 1000000, or a percentage of the base rate"
        guard let (text, at) = fields.scalar(tree, key, expecting: form) else { return nil }
        if let base, text.hasSuffix("%"), let percent = ScalarText.number(text.dropLast().trimmed()),
            base * percent / 100 <= ProfileSchema.rateLimit
        {
            return base * percent / 100
        }
        if let rate = ScalarText.number(text), rate <= ProfileSchema.rateLimit, rate > 0 || base != nil { return rate }
        context.report(
            "'\(key)' must be \(form), not '\(text.shown(limit: 60))'", at: at, remedy: "write a plain number, for example 400")
        return nil
    }

    private func readPhases(_ model: Profile.Model, baseRate: Double) -> [Profile.Phase] {
        fields.requireKey("phases", example: "[{name: steady, duration: 10s}]")
        let day: UInt64 = 86_400_000_000_000
        var total: UInt64 = 0
        var phases: [Profile.Phase] = []
        let items = fields.list("phases", limit: 64)
        for item in items {
            guard let inner = SchemaFields(item, ProfileSchema.phase, context) else { continue }
            inner.requireKey("name", example: "steady")
            inner.requireKey("duration", example: "10s")
            let name = inner.name("name")
            let duration = inner.duration("duration", 1_000_000_000, in: 1_000_000...30 * day, bounds: "from 1ms to 30d")
            let (start, end) = readPhaseRate(inner, model, baseRate: baseRate)
            total += duration
            phases.append(
                Profile.Phase(
                    name: name, durationNs: duration, startRate: start, endRate: end, isMeasured: inner.flag("measure", true)))
        }
        if total > 30 * day { context.report("the phases last more than 30 days in all", at: fields.keyPosition("phases")) }
        if !phases.isEmpty, phases.count == items.count, !phases.contains(where: \.isMeasured) {
            context.report(
                "no phase is measured, so there would be no result", at: fields.keyPosition("phases"),
                remedy: "leave 'measure' on in at least one phase")
        } else if model.isOpen, model != .open(.trace), phases.contains(where: \.isMeasured),
            !phases.contains(where: { $0.isMeasured && $0.expectedSessions > 0 })
        {
            context.report("the measured phases have a rate of 0", at: fields.keyPosition("phases"))
        }
        return phases
    }

    private func readPhaseRate(_ inner: SchemaFields, _ model: Profile.Model, baseRate: Double) -> (Double, Double) {
        guard let tree = inner.tree("rate") else { return (baseRate, baseRate) }
        guard model.isOpen, model != .open(.trace) else {
            context.report(
                "a phase of a \(model.isOpen ? "replayed trace" : "closed profile") has no rate", at: inner.keyPosition("rate"),
                remedy: "remove the key; \(model.isOpen ? "the trace's times" : "users and think_time") set the load")
            return (0, 0)
        }
        if case .mapping = tree, let ramp = SchemaFields(tree, ProfileSchema.ramp, context) {
            ramp.requireKey("from", example: "0")
            ramp.requireKey("to", example: "100%")
            let start = ramp.tree("from").flatMap { readRate($0, ramp, "from", base: baseRate) }
            let end = ramp.tree("to").flatMap { readRate($0, ramp, "to", base: baseRate) }
            return (start ?? baseRate, end ?? baseRate)
        }
        let rate = readRate(tree, inner, "rate", base: baseRate) ?? baseRate
        return (rate, rate)
    }

    // MARK: The server's side

    private func readPopulation() -> Profile.Population {
        let inner = fields.fields("population", ProfileSchema.population)
        func mix(_ key: String, _ noun: String, _ read: @escaping (String) -> Int?) -> [Profile.Weighted<Int>] {
            guard let inner, case .mapping? = inner.tree(key) else { return [] }
            return inner.weighted(key, noun: noun, names: []) { read($0) } ?? []
        }
        let messageMix = mix("messages", "a count from 0 to 65535") { text in
            ScalarText.integer(text).flatMap { $0 <= 65_535 ? Int($0) : nil }
        }
        let byteMix = mix("bytes", "a size from 64 octets to 64MiB") { text in
            ScalarText.size(text).flatMap { (64...64 << 20).contains($0) ? Int($0) : nil }
        }
        let population = Profile.Population(
            users: inner?.integer("users", 1000, in: 1...2_000_000) ?? 1000,
            messages: messageMix.map(\.value).max() ?? inner?.integer("messages", 10, in: 0...65_535) ?? 10,
            messageBytes: byteMix.map(\.value).max() ?? inner?.size("bytes", 2048, in: 64...64 << 20) ?? 2048,
            deleted: inner?.choice("deleted", .restore, Profile.Population.DeletedRule.allCases.map { ($0.rawValue, $0) })
                ?? .restore, messageMix: messageMix, byteMix: byteMix)
        if let inner, Double(population.messages) * population.meanBytes > 2 * 1024 * 1024 * 1024 {
            context.report(
                "the messages of a mailbox add up to more than 2 GiB",
                at: inner.keyPosition(inner.has("bytes") ? "bytes" : "messages"),
                remedy: "lower population.messages or population.bytes")
        }
        return population
    }

    private func readServer() -> Profile.ServerSetup {
        let inner = fields.fields("server", ProfileSchema.server)
        var methods = Profile.ServerMethod.allCases
        if let inner, inner.has("methods") {
            var named: [Profile.ServerMethod] = []
            for item in inner.list("methods", limit: 16) {
                guard let (text, at) = inner.scalar(item, "methods", expecting: "a list of switches") else { continue }
                if let method = Profile.ServerMethod(rawValue: text) {
                    if named.contains(method) { context.report("the switch '\(text)' is named twice", at: at) }
                    named.append(method)
                } else {
                    context.report(
                        "'\(text.shown(limit: 60))' is no switch of the server", at: at,
                        remedy: Spelling.advice(for: text, among: methods.map(\.rawValue), noun: "valid"))
                }
            }
            methods = methods.filter(named.contains)
        }
        let workers = inner.flatMap { $0.has("workers") ? $0.integer("workers", 1, in: 1...256) : nil }
        return Profile.ServerSetup(ntlmLevel: inner?.integer("ntlm_level", 5, in: 0...5) ?? 5, methods: methods, workers: workers)
    }

    private func readTarget() -> Profile.Target {
        guard let inner = fields.fields("target", ProfileSchema.target) else { return Profile.Target(pop3: nil, pop3s: nil) }
        if !inner.has("pop3"), !inner.has("pop3s") {
            context.report(
                "'target' names no address", at: fields.keyPosition("target"),
                remedy: "give pop3, pop3s or both; without 'target' the embedded server is started")
        }
        return Profile.Target(pop3: readAddress(inner, "pop3"), pop3s: readAddress(inner, "pop3s"))
    }

    /// The address as given. A bad one is reported and kept, so that it does not count as absent.
    private func readAddress(_ inner: SchemaFields, _ key: String) -> String? {
        guard let tree = inner.tree(key) else { return nil }
        let example = "for example 127.0.0.1:110, mail.example.org:995, or \"[::1]:110\" in quotes"
        return inner.address(tree, key, ports: 1...65_535, example: example)?.text ?? ""
    }

    private func readTLS() -> Profile.TLSMix {
        let inner = fields.fields("tls", ProfileSchema.tls)
        let versions = inner?.weighted("versions", noun: "a TLS version", names: TLSVersion.named.map(\.name)) { name in
            TLSVersion.named.first { $0.name == name }
        }
        return Profile.TLSMix(
            resumptionShare: inner?.share("resumption") ?? 0, versions: versions ?? [.init(value: .either, share: 1)])
    }

    /// The places of `in_flight` and `drain_timeout` where the file gives them.
    private func readLimits() -> (Profile.RunLimits, inFlightAt: SourcePosition?, drainAt: SourcePosition?) {
        let ms: UInt64 = 1_000_000
        let hour = 3_600_000 * ms
        guard let inner = fields.fields("limits", ProfileSchema.limits) else {
            let standard = Profile.RunLimits(
                inFlight: 10_000, connectTimeoutNs: 5_000 * ms, stepTimeoutNs: 10_000 * ms, sessionTimeoutNs: 30_000 * ms,
                drainTimeoutNs: 5_000 * ms)
            return (standard, nil, nil)
        }
        let limits = Profile.RunLimits(
            inFlight: inner.integer("in_flight", 10_000, in: 1...1_000_000),
            connectTimeoutNs: inner.duration("connect_timeout", 5_000 * ms, in: ms...hour, bounds: "from 1ms to 1h"),
            stepTimeoutNs: inner.duration("step_timeout", 10_000 * ms, in: ms...hour, bounds: "from 1ms to 1h"),
            sessionTimeoutNs: inner.duration("session_timeout", 30_000 * ms, in: ms...24 * hour, bounds: "from 1ms to 1d"),
            drainTimeoutNs: inner.duration("drain_timeout", 5_000 * ms, in: 0...24 * hour, bounds: "up to 1d"))
        for (key, value) in [("connect_timeout", limits.connectTimeoutNs), ("step_timeout", limits.stepTimeoutNs)]
        where inner.has(key) && value > limits.sessionTimeoutNs {
            context.report(
                "'\(key)' is longer than the session's time-out, so it never acts", at: inner.valuePosition(key),
                remedy: "shorten it, or lengthen session_timeout")
        }
        func place(_ key: String) -> SourcePosition? { inner.has(key) ? inner.valuePosition(key) : nil }
        return (limits, place("in_flight"), place("drain_timeout"))
    }

    // MARK: Limits that decide

    private func readSLO() -> [SLOLimit] {
        guard fields.has("slo") else { return [.standard] }
        var limits = fields.list("slo", limit: 64).compactMap { (item) -> SLOLimit? in
            guard case .mapping = item else { return readLimit(item, fields, "slo") }
            guard let inner = SchemaFields(item, ProfileSchema.slo, context) else { return nil }
            inner.requireKey("limit", example: "errors <= 5%")
            let aborts = inner.flag("abort", false)
            var limit = inner.tree("limit").flatMap { readLimit($0, inner, "limit") }
            limit?.aborts = aborts
            if aborts, limit?.metric == .unfinishedShare {
                context.report(
                    "what is unfinished is known when the run is over, so it cannot end it", at: inner.keyPosition("abort"),
                    remedy: "remove the key")
            }
            return limit
        }
        var slots = 0
        for index in limits.indices {
            guard case .lateShare(var rule) = limits[index].metric else { continue }
            if slots == LateRule.limit, let place = limits[index].position {
                context.report("a profile has at most \(LateRule.limit) limits by 'late'", at: place)
            }
            rule.slot = min(slots, LateRule.limit - 1)
            limits[index].metric = .lateShare(rule)
            slots += 1
        }
        return limits
    }

    private func readLimit(_ item: YAMLTree, _ fields: SchemaFields, _ key: String) -> SLOLimit? {
        guard let (text, at) = fields.scalar(item, key, expecting: "a limit such as 'errors <= 1%'") else { return nil }
        do throws(SLOSyntaxError) {
            return try SLOParser.parse(text, at: at)
        } catch {
            // A quoted scalar's text starts one column after its quote.
            let line = Array(source.line(at.line).unicodeScalars)
            let isQuoted = at.column <= line.count && (line[at.column - 1] == "\"" || line[at.column - 1] == "'")
            let place = SourcePosition(line: at.line, column: at.column + error.offset + (isQuoted ? 1 : 0))
            context.report(error.message, at: place, remedy: error.remedy)
            return nil
        }
    }
}
