// From the text of a settings file to ServiceSettings, or to all its errors. Invariant: no input traps; every error has a
// place, and what is found wrong later (a certificate that cannot be read) can still be said at its place.

public import Configuration

/// Settings with the places where they were given.
public struct LoadedSettings: Sendable {
    public let settings: ServiceSettings
    public let source: SourceText
    /// Where the value of a key stands, by its path: `tls.certificate`, `listen.pop3[0]`.
    private let places: [String: SourcePosition]

    init(_ settings: ServiceSettings, _ source: SourceText, _ places: [String: SourcePosition]) {
        self.settings = settings
        self.source = source
        self.places = places
    }

    /// An error at the value of `path`, for what only its use can tell.
    public func error(_ message: String, at path: String, remedy: String = "") -> ConfigurationErrors {
        var collector = DiagnosticCollector(source: source)
        collector.report(message, at: places[path] ?? SourcePosition(line: 1, column: 1), remedy: remedy)
        return collector.errors()
    }
}

/// Loads settings files.
public enum SettingsLoader {
    static let kind = DocumentKind(
        name: "settings file", minimum: "it needs at least 'listen: {pop3: [127.0.0.1:1110]}'")

    /// Decodes `text`; `file` is its name in errors. `limits` are those that the server has. Without `needsListeners` the
    /// file may leave them out. Throws every error that one pass can find.
    public static func load(text: String, file: String, limits: [LimitDescription], needsListeners: Bool = true)
        throws(ConfigurationErrors) -> LoadedSettings
    {
        let source = SourceText(file: file, text: text)
        let context = ReadContext(DiagnosticCollector(source: source))
        guard let tree = YAMLReader.read(&context.collector, kind),
            let fields = SchemaFields(tree, SettingsSchema.top, context)
        else { throw context.collector.errors() }
        var decoder = SettingsDecoder(fields, context, limits)
        decoder.decode(needsListeners: needsListeners)
        guard context.collector.isEmpty else { throw context.collector.errors() }
        return LoadedSettings(decoder.settings, source, decoder.places)
    }
}

/// One decoding. What is wrong is reported and keeps its default.
private struct SettingsDecoder {
    private let fields: SchemaFields
    private let context: ReadContext
    private let limits: [LimitDescription]
    private(set) var settings = ServiceSettings()
    private(set) var places: [String: SourcePosition] = [:]

    init(_ fields: SchemaFields, _ context: ReadContext, _ limits: [LimitDescription]) {
        self.fields = fields
        self.context = context
        self.limits = limits
    }

    mutating func decode(needsListeners: Bool) {
        settings.compatibility = fields.choice("compat", .modern, Compatibility.allCases.map { ($0.rawValue, $0) })
        readListeners(isNeeded: needsListeners)
        readMethods()
        readNTLM()
        readTLS()
        readPopulation()
        readLimits()
        if fields.has("workers") {
            settings.workers = fields.integer("workers", 1, in: 1...1024)
            places["workers"] = fields.valuePosition("workers")
        }
        if let tree = fields.tree("metrics") {
            settings.metrics = note(
                fields.address(tree, "metrics", ports: 0...65_535, example: "for example 127.0.0.1:9110"), "metrics")
        }
        readLog()
    }

    /// Keeps the place of a value.
    private mutating func note(_ found: (text: String, at: SourcePosition)?, _ path: String) -> String? {
        guard let found else { return nil }
        places[path] = found.at
        return found.text
    }

    // MARK: Listeners

    private mutating func readListeners(isNeeded: Bool) {
        if isNeeded { fields.requireKey("listen", example: "{pop3: [127.0.0.1:1110], pop3s: [127.0.0.1:1995]}") }
        guard let inner = fields.fields("listen", SettingsSchema.listen) else { return }
        if isNeeded, !inner.has("pop3"), !inner.has("pop3s") {
            context.report(
                "'listen' names no address", at: fields.valuePosition("listen"), remedy: "give pop3, pop3s or both")
        }
        settings.pop3 = readAddresses(inner, "pop3")
        settings.pop3s = readAddresses(inner, "pop3s")
    }

    private mutating func readAddresses(_ inner: SchemaFields, _ key: String) -> [String] {
        var addresses: [String] = []
        for item in inner.list(key, limit: 64) {
            let example = "for example 127.0.0.1:1110, or \"[::1]:1110\" in quotes; port 0 lets the kernel choose"
            guard let (text, at) = inner.address(item, key, ports: 0...65_535, example: example) else { continue }
            if !text.hasSuffix(":0"), (settings.pop3 + addresses).contains(text) {
                context.report("the address '\(text.shown(limit: 60))' is given twice", at: at)
            }
            places["listen.\(key)[\(addresses.count)]"] = at
            addresses.append(text)
        }
        return addresses
    }

    // MARK: Logons

    private mutating func readMethods() {
        guard fields.has("methods") else { return }
        let names = MethodSwitches.names.map(\.name)
        var methods: MethodSwitches = []
        for item in fields.list("methods", limit: 32) {
            guard let (text, at) = fields.scalar(item, "methods", expecting: "a list of methods") else { continue }
            guard let found = MethodSwitches.names.first(where: { $0.name == text }) else {
                context.report(
                    "'\(text.shown(limit: 60))' is no method", at: at,
                    remedy: Spelling.advice(for: text, among: names, noun: "valid"))
                continue
            }
            if methods.contains(found.method) { context.report("the method '\(text)' is named twice", at: at) }
            methods.insert(found.method)
        }
        settings.methods = methods
    }

    private mutating func readNTLM() {
        guard let inner = fields.fields("ntlm", SettingsSchema.ntlm) else { return }
        settings.ntlmLevel = inner.integer("level", 5, in: 0...5)
        settings.ntlmReply = inner.choice("reply", .plus, ServiceSettings.NTLMReply.allCases.map { ($0.rawValue, $0) })
        // MS-NLMP's target information is bounded, and so are these: it cannot grow past what old clients take.
        if inner.has("netbios_domain") { settings.names.netBIOSDomain = inner.string("netbios_domain", limit: 15) }
        if inner.has("netbios_computer") { settings.names.netBIOSComputer = inner.string("netbios_computer", limit: 15) }
        if inner.has("dns_domain") { settings.names.dnsDomain = inner.string("dns_domain", limit: 64) }
        if inner.has("dns_computer") { settings.names.dnsComputer = inner.string("dns_computer", limit: 64) }
    }

    private mutating func readTLS() {
        guard let inner = fields.fields("tls", SettingsSchema.tls) else { return }
        settings.certificate = note(inner.text("certificate", expecting: "the name of a file"), "tls.certificate")
        settings.key = note(inner.text("key", expecting: "the name of a file"), "tls.key")
        if inner.has("certificate") != inner.has("key") {
            let present = inner.has("key") ? "key" : "certificate"
            context.report(
                "tls.certificate and tls.key belong together", at: inner.keyPosition(present),
                remedy: "add '\(present == "key" ? "certificate" : "key"): FILE'")
        }
    }

    // MARK: Contents and bounds

    private mutating func readPopulation() {
        guard let inner = fields.fields("population", SettingsSchema.population) else { return }
        for key in ["users", "messages", "bytes", "deleted"] where inner.has(key) {
            places["population.\(key)"] = inner.valuePosition(key)
        }
        var population = ServiceSettings.Population()
        population.users = inner.integer("users", population.users, in: 1...2_000_000)
        population.messages = inner.integer("messages", population.messages, in: 0...65_535)
        population.messageBytes = inner.size("bytes", population.messageBytes, in: 64...1 << 30)
        population.deleted = inner.choice(
            "deleted", .restore, ServiceSettings.Population.DeletedRule.allCases.map { ($0.rawValue, $0) })
        if population.messages * population.messageBytes > 2 << 30 {
            context.report(
                "the messages of a mailbox add up to more than 2 GiB",
                at: inner.keyPosition(inner.has("bytes") ? "bytes" : "messages"),
                remedy: "lower population.messages or population.bytes")
        }
        settings.population = population
    }

    private mutating func readLimits() {
        guard let inner = fields.fields("limits", SettingsSchema.limits(limits)) else { return }
        for limit in limits where inner.has(limit.name) {
            let range = "\(limit.range.lowerBound) to \(limit.range.upperBound)"
            guard let (text, at) = inner.text(limit.name, expecting: "\(range) \(limit.unit)") else { continue }
            guard let value = limit.value(text) else {
                context.report(
                    "'\(limit.name)' must be \(range) \(limit.unit), not '\(text.shown(limit: 60))'", at: at, remedy: limit.remedy
                )
                continue
            }
            settings.limits[limit.name] = value
            places["limits.\(limit.name)"] = at
        }
    }

    private mutating func readLog() {
        guard let inner = fields.fields("log", SettingsSchema.log) else { return }
        settings.logLevel = inner.choice("level", .info, ServiceSettings.LogLevel.allCases.map { ($0.rawValue, $0) })
        let file = note(inner.text("file", expecting: "the name of a file, or stderr"), "log.file")
        settings.logFile = file == "stderr" ? nil : file
    }
}

extension LimitDescription {
    /// A whole number of the unit, a duration of whole milliseconds, or a size; nil where it is none, or out of range.
    func value(_ text: String) -> Int? {
        var found = ScalarText.integer(text)
        if found == nil, unit == "ms", let ns = ScalarText.durationNs(text), ns % 1_000_000 == 0 { found = ns / 1_000_000 }
        if found == nil, unit == "octets" { found = ScalarText.size(text) }
        guard let found, found <= UInt64(Int.max), range.contains(Int(found)) else { return nil }
        return Int(found)
    }

    var remedy: String {
        switch unit {
        case "ms": "write a number of milliseconds, or a duration, for example 30s"
        case "octets": "write a number of octets, or a size, for example 2KiB"
        default: "write a plain number"
        }
    }
}
