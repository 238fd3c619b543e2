// The keys of a profile, in one table: the loader refuses what is not in it, and docs/profiles.md is made from it.
// A test holds the page against `reference()`.

import Configuration
import Telemetry

enum ProfileSchema {
    static let rateLimit = 1_000_000.0
    static let durationLimitSeconds = 30 * 86_400.0
    static let seedLimit: UInt64 = (1 << 53) - 1

    private static func key(_ name: String, _ form: String, _ standard: String, _ meaning: String) -> SchemaKey {
        SchemaKey(name: name, form: form, standard: standard, meaning: meaning)
    }

    static let top = SchemaSection(
        path: "(top level)", label: "the profile", about: "What is run, for how long, and by whom.",
        keys: [
            key("name", "a-z, 0-9, `-`", "required", "Names the run folder and the reports."),
            key("description", "text", "empty", "One or two sentences for the reader of a report."),
            key(
                "seed", "integer below 2^53", "1",
                "Root of everything random. The same seed gives the same plan, byte for byte. `--seed` replaces it."),
            key(
                "model", "`open`, `closed`", "`open`",
                "`open`: sessions arrive at a rate, whatever the server does. `closed`: a fixed number of users, each "
                    + "beginning a session after the last one."
            ),
            key(
                "rate", "sessions/s, up to 1000000", "required when open",
                "Base arrival rate, taken by each phase that has none of its own. `--rate` replaces that of the measured "
                    + "phases."),
            key(
                "arrivals", "`poisson`, `uniform`, or `arrivals` below", "`poisson`",
                "Open model: exponential gaps, equal ones, or the starts of a trace."),
            key("users", "1 to 1000000", "required when closed", "Closed model: sessions kept open at once."),
            key("think_time", "duration, or `think_time` below", "0", "Closed model: pause of a user between two sessions."),
            key("phases", "list of `phases[]`, 1 to 64", "required", "The stretches of the run, one after the other."),
            key("clients", "list of `clients[]`, 1 to 64", "required", "Who logs on, with weights."),
            key("mailbox_work", "list of `mailbox_work[]`, 1 to 64", "required", "What sessions do once they are logged on."),
            key(
                "ntlm_variants", "variant, or weights", "`v2`",
                "NTLM responses that clients send: `v1`, `ntlm2-session`, `v2`, `v2-mic`, `v2-channel-binding`."),
            key("tls", "`tls` below", "TLS 1.2 and 1.3 offered, no resumption", "TLS of the sessions that have it."),
            key("population", "`population` below", "see there", "Contents of the embedded server."),
            key(
                "server", "`server` below", "see there",
                "How the embedded server is started. With a target of your own, describe that server here."),
            key(
                "target", "`target` below", "the embedded server",
                "A server that already runs. `--pop3` and `--pop3s` replace it."),
            key(
                "sources", "list of IP addresses and ranges", "the kernel's choice",
                "Addresses that connections come from, in turn, such as `[127.0.0.1-127.0.0.8, 127.0.0.20]`; at most 1024, of "
                    + "the target's family, each with ports of its own ([commands.md](commands.md)). `--source` replaces them."),
            key("limits", "`limits` below", "see there", "Bounds of the generator."),
            key(
                "checks", "`on`, `off`, or a list of `status`, `size`, `terminator`, `listing`", "`on`",
                "What is checked of the replies behind the logon, by class; what is not listed is let pass, and counted in a "
                    + "warning: see Checks above. `off` is the empty list."),
            key(
                "overlap", "`on`, `off`", "`off`",
                "Let a user log on while his earlier session is open. Otherwise such a session counts as "
                    + "own_users_exhausted and the run is invalid. With `on`, an [IN-USE] to a session that met another one "
                    + "of its user is expected."
            ),
            key(
                "claims", "`throughput`, `server-maximum`", "`throughput`",
                "Closed model: whether the sessions a second are taken for the server's maximum. Then a generator that used up "
                    + "its CPU makes the run invalid; else the report just says so."),
            key(
                "retry_pool", "`retry_pool` below", "none",
                "Open model: users set apart for the clients with `users: retry`, who look again and again."),
            key("slo", "list of limits, or of `slo[]`", "`errors <= 1%`", "Limits that decide the verdict; see below."),
        ])

    static let replay = SchemaSection(
        path: "arrivals",
        about: "Starts recorded elsewhere, each with its user and its script: see Traces above. Neither the profile nor its "
            + "phases have a rate then.",
        keys: [
            key(
                "trace", "file name", "required",
                "A CSV with the header `time,user,script`, relative to the profile's folder.")
        ])

    static let phase = SchemaSection(
        path: "phases[]", about: "A session belongs to the phase of its planned start.",
        keys: [
            key("name", "text", "required", "Shown in the live view and the series."),
            key("duration", "duration, 1ms to 30d", "required", "Length. `--duration` replaces the sum of the measured phases."),
            key("measure", "`on`, `off`", "`on`", "Whether its sessions enter the results. Warm-up has `off`."),
            key(
                "rate", "sessions/s, percentage of the base rate, or `phases[].rate` below", "100%",
                "Arrival rate in this phase. Open model."),
        ])

    static let ramp = SchemaSection(
        path: "phases[].rate", about: "A rate that changes linearly over the phase.",
        keys: [
            key("from", "sessions/s or percentage", "required", "Rate at its start."),
            key("to", "sessions/s or percentage", "required", "Rate at its end."),
        ])

    static let client = SchemaSection(
        path: "clients[]",
        about: "A persona is a row of a table: the methods that such a client tries, in order, on which identity.",
        keys: [
            key("persona", "see the personas below", "required", "How the client logs on."),
            key("name", "text", "the persona", "Tells apart two entries of one persona."),
            key("weight", "number or percentage", "1", "Its part of the sessions, relative to the other entries."),
            key(
                "transport", "`pop3`, `stls`, `pop3s`, or weights", "the persona's first",
                "Where the persona leaves it open: in the clear, encrypted by STLS on the same port, or inside TLS from "
                    + "the first octet."),
            key(
                "ntlm_failure_share", "percentage", "0",
                "Part of its sessions whose NTLM password is wrong, so that the client falls back. Personas with a fallback only."
            ),
            key(
                "wrong_password_share", "percentage", "0",
                "Part of its sessions whose every password is wrong. The refusal is expected; being let in is the error "
                    + "wrong_admit."
            ),
            key(
                "ntlm_variants", "variant, or weights", "the persona's, else the top level's",
                "NTLM responses of this client. `fetchmail` speaks `v1` unless told otherwise."),
            key("mailbox_work", "name, or weights of names", "the top level's weights", "What its sessions do."),
            key("users", "`random`, `retry`", "`random`", "Whose sessions they are: everybody else's, or the retry pool's."),
        ])

    static let work = SchemaSection(
        path: "mailbox_work[]",
        about: "Commands go out in this order: STAT, LIST, UIDL, TOP, RETR with DELE behind each, NOOP while idle, QUIT.",
        keys: [
            key("name", "text", "required", "Referred to by `clients[].mailbox_work`."),
            key("weight", "number or percentage", "1", "Its part of the sessions of clients that name no work of their own."),
            key(
                "stat", "`on`, `off`", "`on`",
                "Send STAT. `off`: where messages are wanted and neither `list` nor `uidl` is on it is sent all the same, "
                    + "since nothing else says how many there are."),
            key("list", "`on`, `off`", "`off`", "Send LIST without an argument."),
            key("uidl", "`on`, `off`", "`off`", "Send UIDL without an argument."),
            key("top", "`mailbox_work[].top` below", "none", "Look at messages with TOP."),
            key(
                "choose", "percentage", "none",
                "Instead of `retrieve`: of the messages that TOP looked at, the part fetched with RETR, drawn from the seed."),
            key(
                "retrieve", "count, `all`, `new`, or weights of counts", "0",
                "Messages fetched with RETR, from the first on. `new`: those behind the last one that an earlier session of this "
                    + "user saw, by its unique id; needs `uidl: on`."),
            key("delete", "`on`, `off`", "`off`", "DELE each message retrieved."),
            key(
                "pipeline", "1 to 512", "1",
                "TOP, RETR and DELE commands written together; the next ones follow when all are answered. A step then runs from "
                    + "that write to the end of its reply."),
            key("idle", "duration, up to 1d", "0", "Stay logged on for so long after the work."),
            key("noop_every", "duration, 1ms to 1d", "none", "NOOP in these intervals while idle."),
            key(
                "abandon", "`greeting`, `logon`, `maildrop`, `retrieval`", "none",
                "Go away without a word: after the greeting; after the first answer to the logon; once logged on; in the "
                    + "middle of the first message. Such a session is a success."),
            key("quit", "`on`, `off`", "`on`", "End with QUIT. `off` closes the connection without it."),
            key(
                "close", "`fin`, `reset`", "`fin`",
                "How a client that abandons the session or sends no QUIT closes the connection."),
            key(
                "read_rate", "size a second, 64 to 4MiB", "none",
                "Octets a second that the client reads, as over a modem line: the server is held up by its full socket."),
        ])

    static let topCommand = SchemaSection(
        path: "mailbox_work[].top", about: "",
        keys: [
            key("messages", "count or `all`", "required", "Messages looked at, from the first on."),
            key("lines", "0 to 1000000", "0", "Body lines of each, beside the header."),
        ])

    static let retryPool = SchemaSection(
        path: "retry_pool",
        about: "The pool's users take turns like the others, each `after` his last start at the earliest. A session that finds "
            + "nobody ready takes one of the others; `--dry-run` counts these.",
        keys: [
            key(
                "share", "percentage", "required",
                "Part of the users that the pool takes from the others: above 0%, below 100%."),
            key("after", "duration, 1ms to 1d", "required", "Shortest time between two planned starts of one of its users."),
        ])

    static let thinkTime = SchemaSection(
        path: "think_time", about: "",
        keys: [
            key("mean", "duration, up to 1d", "required", "Mean pause."),
            key("distribution", "`constant`, `exponential`", "`constant`", "Always the mean, or exponential around it."),
        ])

    static let tls = SchemaSection(
        path: "tls", about: "",
        keys: [
            key(
                "resumption", "percentage", "0",
                "Part of the TLS sessions that offer an earlier one. Each thread keeps the last 256 of each TLS version, of all "
                    + "users together, and offers each of them once, the oldest first; with none kept the handshake is full."),
            key(
                "versions", "`tls1.2`, `tls1.3`, or weights", "both",
                "The one version that a client offers. Without this key each client offers 1.2 and 1.3, and the server chooses."),
        ])

    static let population = SchemaSection(
        path: "population",
        about:
            "Half of the users are NT identities, the other half POP3 accounts: a user of the load has one of each, so "
            + "that a fallback opens a mailbox of its own. There are as many members.",
        keys: [
            key(
                "users", "1 to 2000000", "1000",
                "Mailboxes user00000, user00001, ..., and members beside them. The load has half as many users."),
            key(
                "messages", "0 to 65535, or weights of counts", "10",
                "Messages in each mailbox, or in how many mailboxes how many."),
            key(
                "bytes", "size, 64 to 64MiB, or weights of sizes", "2KiB",
                "Size of a message, as LIST reports it, or size classes "
                    + "with their parts. All messages of the fullest mailbox together: 2 GiB at most, sizes in the mean."
            ),
            key(
                "deleted", "`restore`, `gone`", "`restore`",
                "Whether the next session finds deleted messages again, so that a load stays stationary."),
        ])

    static let server = SchemaSection(
        path: "server", about: "",
        keys: [
            key("ntlm_level", "0 to 5", "5", "LMCompatibilityLevel: 5 takes NTLMv2 only, 4 NTLM too, 3 and below LM as well."),
            key(
                "methods", "list of switches", "all eight",
                "`basic`, `basic-ssl`, `ntlm`, `ntlm-ssl`, `membership`, `apop`, `cram-md5`, `scram-sha-256`. They also decide "
                    + "which of its methods a client tries first."),
            key("workers", "1 to 256", "one per core it gets", "Worker threads."),
        ])

    static let target = SchemaSection(
        path: "target", about: "",
        keys: [
            key("pop3", "`host:port`, `[ipv6]:port`", "none", "Address for sessions in the clear."),
            key("pop3s", "`host:port`, `[ipv6]:port`", "none", "Address for sessions inside TLS."),
        ])

    static let limits = SchemaSection(
        path: "limits", about: "",
        keys: [
            key(
                "in_flight", "1 to 1000000", "10000",
                "Sessions open at once. A session that finds no room makes the run invalid. A closed load has as many as users."
            ),
            key("connect_timeout", "duration, 1ms to 1h", "5s", "From connect to the connection."),
            key("step_timeout", "duration, 1ms to 1h", "10s", "From a command to the end of its reply."),
            key(
                "session_timeout", "duration, 1ms to 1d", "30s",
                "From the start of a session to its end. The users should be at least rate x this."),
            key(
                "drain_timeout", "duration, up to 1d", "5s, longer for slow works",
                "How long open sessions may go on after the last phase. By default 5 s more than the slowest work takes by "
                    + "itself: its `idle`, and all that it may fetch from the embedded server at its `read_rate`; at most "
                    + "session_timeout. Less than an `idle` is an error, unless `slo` names `unfinished`."),
        ])

    static let slo = SchemaSection(
        path: "slo[]", about: "A limit is a text, or this mapping.",
        keys: [
            key("limit", "limit", "required", "`metric comparison value`; see below."),
            key(
                "abort", "`on`, `off`", "`off`",
                "End the run early, with the verdict `fail`, when the limit fails on what has been measured so far: looked at "
                    + "each second, once 100 sessions have ended, and a rate after 5 measured seconds."),
        ])

    static let all = [
        top, replay, phase, ramp, client, work, topCommand, retryPool, thinkTime, tls, population, server, target, limits,
        slo,
    ]

    /// The reference of every key as Markdown: the body of docs/profiles.md.
    static func reference() -> String {
        var text = all.map { $0.reference }.joined()
        text += "### Personas\n\n| persona | transports | what it does |\n|---|---|---|\n"
        for persona in Persona.allCases {
            let transports = persona.traits.transports.map { "`\($0.name)`" }.joined(separator: ", ")
            text += "| `\(persona.name)` | \(transports) | \(persona.traits.summary) |\n"
        }
        text += "\n### Metrics of `slo`\n\n"
        text += "A limit reads `metric comparison value`, the comparison being `<`, `<=`, `>` or `>=`.\n\n"
        text +=
            "- shares, in percent: `errors`, `fallbacks`, `unfinished`, and `errors(class)`, as in `errors(timeout) <= 0.1%`\n"
            + "- `unfinished` are the sessions still open, or due and never connected, `limits.drain_timeout` after the last "
            + "phase.\n  Where there are any and no limit names them, `unfinished <= 1%` holds too, unless the run "
            + "was ended before its time.\n"
            + "- numbers a second: `sessions_per_s`, `messages_per_s`, `bytes_per_s`\n"
        text +=
            "- durations: \(SLOStatistic.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")) of a series, as in "
            + "`p99(session) < 200ms`\n"
        text +=
            "- `within(series, duration)`: the share of a series at or under a duration, from 20 samples on, as in "
            + "`within(stat, 5s) >= 95%`\n"
        text +=
            "- `late(retr, duration + size/s)`: the share of the retrievals that ended well, from 20 on, and took longer than "
            + "the duration\n  and their octets at that speed, as in SPECmail2001's `late(retr, 5s + 3000B/s) <= 5%`; also "
            + "for `top`\n"
        text += "- series: \(SLOParser.seriesNames.map { "`\($0)`" }.joined(separator: ", "));\n"
        text += "  a step can be narrowed to a method and a transport: `p99(auth.ntlm)`, `max(retr.basic.pop3s)`\n"
        return text
    }
}
