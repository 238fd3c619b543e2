// Settings as the text of a settings file: what `serve --check` prints.
// Invariant: the loader reads the same settings back.

extension ServiceSettings {
    /// Every key with its value; `limits` with the values in force, `standardMethods` where none are named.
    public func text(limits: [(name: String, value: Int)], standardMethods: MethodSwitches) -> String {
        var lines = ["compat: \(compatibility.rawValue)"]
        lines.append("listen:")
        if !pop3.isEmpty { lines.append("  pop3: [\(pop3.map(Self.quoted).joined(separator: ", "))]") }
        if !pop3s.isEmpty { lines.append("  pop3s: [\(pop3s.map(Self.quoted).joined(separator: ", "))]") }
        lines.append("methods: [\((methods ?? standardMethods).text.split(separator: ",").joined(separator: ", "))]")
        lines += ["ntlm:", "  level: \(ntlmLevel)", "  reply: \(ntlmReply.rawValue)"]
        for (key, name) in [
            ("netbios_domain", names.netBIOSDomain), ("netbios_computer", names.netBIOSComputer),
            ("dns_domain", names.dnsDomain), ("dns_computer", names.dnsComputer),
        ] where !name.isEmpty { lines.append("  \(key): \(Self.quoted(name))") }
        if let certificate, let key {
            lines += ["tls:", "  certificate: \(Self.quoted(certificate))", "  key: \(Self.quoted(key))"]
        }
        lines += ["population:", "  users: \(population.users)", "  messages: \(population.messages)"]
        lines += ["  bytes: \(population.messageBytes)", "  deleted: \(population.deleted.rawValue)"]
        if !limits.isEmpty { lines.append("limits:") }
        lines += limits.map { "  \($0.name): \($0.value)" }
        if let workers { lines.append("workers: \(workers)") }
        if let metrics { lines.append("metrics: \(Self.quoted(metrics))") }
        lines += ["log:", "  level: \(logLevel.rawValue)", "  file: \(Self.quoted(logFile ?? "stderr"))"]
        return lines.joined(separator: "\n") + "\n"
    }

    /// Single quotes, inside which YAML knows one escape: the quote itself, doubled.
    private static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }
}
