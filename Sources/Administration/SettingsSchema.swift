// The keys of the server's settings file, in one table: the loader refuses what is not in it, and the table of docs/settings.md
// is made from it. The limits are not listed here: they are the server's, and are handed in.

import Configuration

enum SettingsSchema {
    private static func key(_ name: String, _ form: String, _ standard: String, _ meaning: String) -> SchemaKey {
        SchemaKey(name: name, form: form, standard: standard, meaning: meaning)
    }

    static let top = SchemaSection(
        path: "(top level)", label: "the settings", about: "What the server is, and where it listens.",
        keys: [
            key(
                "compat", "`modern`, `exchange-5.5`", "`modern`",
                "Whose manners it has: those of the RFCs, or those of Exchange 5.5, which knows neither CAPA nor STLS."),
            key("listen", "`listen` below", "required", "Its addresses. `--pop3` and `--pop3s` replace them."),
            key("methods", "list of methods", "all that `compat` has", "What clients may log on with."),
            key("ntlm", "`ntlm` below", "see there", "Windows NT Challenge/Response."),
            key("tls", "`tls` below", "a self-signed certificate", "Certificate and key."),
            key("population", "`population` below", "see there", "The mailboxes in memory."),
            key("limits", "mapping of limits to values", "their defaults", "Bounds, by the names of `--show-limits`."),
            key("workers", "1 to 1024", "one for each CPU", "Worker threads. `--workers` replaces it."),
            key("metrics", "`host:port`", "none", "Serve Prometheus metrics there; a loopback address."),
            key("log", "`log` below", "see there", "What is written, and where."),
        ])

    static let listen = SchemaSection(
        path: "listen", about: "At least one address of either kind. Port 0 lets the kernel choose.",
        keys: [
            key("pop3", "list of `host:port`, `[ipv6]:port`", "none", "For clients in the clear."),
            key("pop3s", "list of `host:port`, `[ipv6]:port`", "none", "For clients inside TLS from the first octet."),
        ])

    static let ntlm = SchemaSection(
        path: "ntlm",
        about: "The names are what challenges say; the accounts of the population stay in the domain POPLAR.",
        keys: [
            key(
                "level", "0 to 5", "5",
                "LMCompatibilityLevel: 0 to 3 take every response, 4 refuses LM, 5 takes NTLMv2 alone."),
            key("reply", "`plus`, `ok`", "`plus`", "The answer to AUTH NTLM: `+ ` (MS-OXPOP3) or `+OK` (MS-POP3)."),
            key("netbios_domain", "text, 1 to 15 characters", "`POPLAR`", "NetBIOS name of the domain, also the target name."),
            key("netbios_computer", "text, 1 to 15 characters", "`POPLAR`", "NetBIOS name of the server."),
            key("dns_domain", "text, 1 to 64 characters", "none", "DNS name of the domain."),
            key("dns_computer", "text, 1 to 64 characters", "`localhost`", "DNS name of the server."),
        ])

    static let tls = SchemaSection(
        path: "tls", about: "Both or neither. A relative path starts at the folder of the settings file.",
        keys: [
            key("certificate", "file", "a self-signed one", "Certificate chain in PEM form, own certificate first."),
            key("key", "file", "a self-signed one's", "Private key of the certificate in PEM form."),
        ])

    static let population = SchemaSection(
        path: "population",
        about: "user00000, user00001, ... of the NT domain POPLAR and as many members of the instance MEMBERSHIP.",
        keys: [
            key("users", "1 to 2000000", "1000", "Accounts, and as many members; each has a mailbox."),
            key("messages", "0 to 65535", "10", "Messages in each mailbox."),
            key("bytes", "size, 64 to 1GiB", "2KiB", "Size of a message, as LIST reports it. A mailbox has 2 GiB at most."),
            key("deleted", "`restore`, `gone`", "`restore`", "Whether the next session finds deleted messages again."),
        ])

    static let log = SchemaSection(
        path: "log", about: "One line for each event.",
        keys: [
            key("level", "`error`, `warn`, `info`, `debug`", "`info`", "The least important message that is written."),
            key("file", "file, or `stderr`", "`stderr`", "A relative path starts at the folder of the settings file."),
        ])

    static let all = [top, listen, ntlm, tls, population, log]

    /// The limits as a section: names, ranges and defaults are the server's.
    static func limits(_ limits: [LimitDescription]) -> SchemaSection {
        SchemaSection(
            path: "limits", about: "Milliseconds may be written as a duration (`10m`), octets as a size (`2KiB`).",
            keys: limits.map { limit in
                SchemaKey(
                    name: limit.name, form: "\(limit.range.lowerBound) to \(limit.range.upperBound) \(limit.unit)",
                    standard: String(limit.standard), meaning: limit.explanation)
            })
    }

    /// The reference of every key as Markdown, for docs/settings.md; `--show-limits` is that of the limits.
    static func reference() -> String { all.map(\.reference).joined() }
}
