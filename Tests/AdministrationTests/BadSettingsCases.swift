// Settings files with one thing wrong, or several: an edit of a good file, and every error that it must give, in order.

import Testing

/// A good settings file; the cases below change it.
let goodSettings = """
    compat: modern
    listen:
      pop3: [127.0.0.1:1110]
      pop3s: ["[::1]:1995"]
    methods: [basic, ntlm-ssl]
    ntlm:
      level: 4
    tls: {certificate: a.crt, key: a.key}
    population: {users: 10}
    limits:
      idle-ms: 10m
      line-bytes: 1KiB
    workers: 2

    """

/// One case: in the good file `old` becomes `new`. `errors` are lines "line:column message | remedy".
struct BadSettings: Sendable, CustomTestStringConvertible {
    let rule: String
    let old: String
    let new: String
    let errors: [String]

    init(_ rule: String, _ old: String, _ new: String, _ errors: String...) {
        (self.rule, self.old, self.new, self.errors) = (rule, old, new, errors)
    }

    var testDescription: String { rule }

    var text: String {
        let parts = goodSettings.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        precondition(parts.count == 2, "the edit does not apply")
        return parts[0] + new + parts[1]
    }
}

let badSettings: [BadSettings] = [
    BadSettings(
        "a quote is closed", "workers: 2", "workers: \"2",
        "13:10 YAML syntax: while scanning a quoted scalar: found unexpected end of stream | a quote is not closed"),
    BadSettings(
        "a file is one document", "workers: 2", "workers: 2\n---\na: b",
        "14:1 YAML syntax: expected a single document in the stream: but found another document | a settings file is "
            + "one document: remove the '---'"),
    BadSettings(
        "an anchor is refused", "level: 4", "level: &x 4",
        "7:10 anchors (&name) and aliases (*name) are not part of a settings file | write the value out, or quote "
            + "the text"),
    BadSettings(
        "a key given twice is refused", "workers: 2", "workers: 2\ncompat: modern",
        "14:1 the key 'compat' appears twice | it was first given in line 1"),
    BadSettings(
        "a tab is no indentation", "  level: 4", "\tlevel: 4",
        "7:1 YAML syntax: while scanning for the next token: found character that cannot start any token | indent "
            + "with spaces, not with tabs"),
    BadSettings(
        "an unknown key is refused, with the nearest one", "workers: 2", "worker: 2",
        "13:1 unknown key 'worker' in the settings | did you mean 'workers'?"),
    BadSettings(
        "a key far from all is refused, with the list", "workers: 2", "quux: 2",
        "13:1 unknown key 'quux' in the settings | valid keys: compat, listen, methods, ntlm, tls, population, "
            + "limits, workers, metrics, log"),
    BadSettings(
        "an unknown key of a section is refused", "  level: 4", "  lavel: 4",
        "7:3 unknown key 'lavel' in ntlm | did you mean 'level'?"),
    BadSettings(
        "an unknown limit is refused, with the nearest one", "idle-ms: 10m", "idel-ms: 10m",
        "11:3 unknown key 'idel-ms' in limits | did you mean 'idle-ms'?"),
    BadSettings(
        "the quick form's spelling of a key finds the file's", "  level: 4", "  level: 4\n  netbios-domain: X",
        "8:3 unknown key 'netbios-domain' in ntlm | did you mean 'netbios_domain'?"),
    BadSettings(
        "compat is one of two words", "compat: modern", "compat: exchange",
        "1:9 'exchange' is no value of 'compat' | did you mean 'exchange-5.5'?"),
    BadSettings(
        "there is something to listen on", "listen:\n  pop3: [127.0.0.1:1110]\n  pop3s: [\"[::1]:1995\"]\n", "",
        "1:1 the key 'listen' is missing in the settings | add for example 'listen: {pop3: [127.0.0.1:1110], pop3s: "
            + "[127.0.0.1:1995]}'"),
    BadSettings(
        "listen names an address", "listen:\n  pop3: [127.0.0.1:1110]\n  pop3s: [\"[::1]:1995\"]\n", "listen: {}\n",
        "2:9 'listen' names no address | give pop3, pop3s or both"),
    BadSettings(
        "listen is a mapping", "listen:\n  pop3: [127.0.0.1:1110]\n  pop3s: [\"[::1]:1995\"]\n", "listen: 127.0.0.1:1110\n",
        "2:9 listen must be a mapping, not '127.0.0.1:1110' | its keys: pop3, pop3s"),
    BadSettings(
        "addresses are a list", "pop3: [127.0.0.1:1110]", "pop3: 127.0.0.1:1110",
        "3:9 'pop3' must be a list, not '127.0.0.1:1110' | write a list: pop3: [\"127.0.0.1:1110\"]"),
    BadSettings(
        "an address has a port", "pop3: [127.0.0.1:1110]", "pop3: [127.0.0.1]",
        "3:10 'pop3' must be host:port, not '127.0.0.1' | for example 127.0.0.1:1110, or \"[::1]:1110\" in quotes; "
            + "port 0 lets the kernel choose"),
    BadSettings(
        "a port is below 65536", "pop3: [127.0.0.1:1110]", "pop3: [127.0.0.1:65536]",
        "3:10 'pop3' must be host:port, not '127.0.0.1:65536' | for example 127.0.0.1:1110, or \"[::1]:1110\" in quotes; "
            + "port 0 lets the kernel choose"),
    BadSettings(
        "an IPv6 address stands in brackets", "pop3: [127.0.0.1:1110]", "pop3: [\"::1:1110\"]",
        "3:10 'pop3' must be host:port, not '::1:1110' | for example 127.0.0.1:1110, or \"[::1]:1110\" in quotes; "
            + "port 0 lets the kernel choose"),
    BadSettings(
        "an address is given once", "pop3: [127.0.0.1:1110]", "pop3: [\"[::1]:1995\"]",
        "4:11 the address '[::1]:1995' is given twice"),
    BadSettings(
        "a method has a name of the list", "methods: [basic, ntlm-ssl]", "methods: [basic, ntlm-tls]",
        "5:18 'ntlm-tls' is no method | did you mean 'ntlm-ssl'?"),
    BadSettings(
        "a method is named once", "methods: [basic, ntlm-ssl]", "methods: [basic, basic]",
        "5:18 the method 'basic' is named twice"),
    BadSettings(
        "a list of methods is not empty", "methods: [basic, ntlm-ssl]", "methods: []", "5:10 the list 'methods' is empty"),
    BadSettings(
        "methods are a list", "methods: [basic, ntlm-ssl]", "methods: basic,ntlm-ssl",
        "5:10 'methods' must be a list, not 'basic,ntlm-ssl' | write a list: methods: [basic, ntlm-ssl]"),
    BadSettings("the level is 0 to 5", "level: 4", "level: 6", "7:10 'level' must be a whole number from 0 to 5, not '6'"),
    BadSettings(
        "the reply is one of two words", "level: 4", "reply: +OK", "7:10 '+OK' is no value of 'reply' | did you mean 'ok'?"),
    BadSettings(
        "a NetBIOS name has 15 characters at the most", "level: 4", "netbios_domain: SIXTEEN-LETTERS-",
        "7:19 'netbios_domain' must be a text of 1 to 15 characters, not 'SIXTEEN-LETTERS-'"),
    BadSettings(
        "a certificate has a key", "tls: {certificate: a.crt, key: a.key}", "tls: {certificate: a.crt}",
        "8:7 tls.certificate and tls.key belong together | add 'key: FILE'"),
    BadSettings(
        "a key has a certificate", "tls: {certificate: a.crt, key: a.key}", "tls: {key: a.key}",
        "8:7 tls.certificate and tls.key belong together | add 'certificate: FILE'"),
    BadSettings(
        "a file has a name", "tls: {certificate: a.crt, key: a.key}", "tls: {certificate: , key: a.key}",
        "8:20 'certificate' has no value | it must be the name of a file; leave the key out for its default"),
    BadSettings(
        "there is a user", "population: {users: 10}", "population: {users: 0}",
        "9:21 'users' must be a whole number from 1 to 2000000, not '0'"),
    BadSettings(
        "a message has 64 octets", "population: {users: 10}", "population: {bytes: 63}",
        "9:21 'bytes' must be a size from 64 to 1073741824 octets, not '63' | write for example 2048 or 2KiB"),
    BadSettings(
        "a mailbox holds 2 GiB at the most", "population: {users: 10}", "population: {messages: 3, bytes: 1GiB}",
        "9:27 the messages of a mailbox add up to more than 2 GiB | lower population.messages or population.bytes"),
    BadSettings(
        "deleted is one of two words", "population: {users: 10}", "population: {deleted: restored}",
        "9:23 'restored' is no value of 'deleted' | did you mean 'restore'?"),
    BadSettings(
        "a limit keeps to its range", "idle-ms: 10m", "idle-ms: 5ms",
        "11:12 'idle-ms' must be 10 to 86400000 ms, not '5ms' | write a number of milliseconds, or a duration, for "
            + "example 30s"),
    BadSettings(
        "a limit in milliseconds is whole", "idle-ms: 10m", "idle-ms: 10500us",
        "11:12 'idle-ms' must be 10 to 86400000 ms, not '10500us' | write a number of milliseconds, or a duration, "
            + "for example 30s"),
    BadSettings(
        "a limit in octets is a size", "line-bytes: 1KiB", "line-bytes: 1s",
        "12:15 'line-bytes' must be 255 to 4096 octets, not '1s' | write a number of octets, or a size, for example "
            + "2KiB"),
    BadSettings(
        "a limit has a value", "idle-ms: 10m", "idle-ms:",
        "11:11 'idle-ms' has no value | it must be 10 to 86400000 ms; leave the key out for its default"),
    BadSettings(
        "limits are a mapping", "limits:\n  idle-ms: 10m\n  line-bytes: 1KiB\n", "limits: [idle-ms]\n",
        "10:9 limits must be a mapping, not a list | its keys: idle-ms, line-bytes, turns"),
    BadSettings(
        "a limit that counts is a plain number", "idle-ms: 10m", "turns: 10s",
        "11:10 'turns' must be 1 to 64 turns, not '10s' | write a plain number"),
    BadSettings(
        "there are workers", "workers: 2", "workers: 0", "13:10 'workers' must be a whole number from 1 to 1024, not '0'"),
    BadSettings(
        "workers are a whole number", "workers: 2", "workers: 1.5",
        "13:10 'workers' must be a whole number from 1 to 1024, not '1.5'"),
    BadSettings(
        "metrics have an address", "workers: 2", "metrics: 9110",
        "13:10 'metrics' must be host:port, not '9110' | for example 127.0.0.1:9110"),
    BadSettings(
        "a level of the log is one of four words", "workers: 2", "log: {level: warning}",
        "13:14 'warning' is no value of 'level' | valid: error, warn, info, debug"),
    BadSettings(
        "all errors come in one pass, in the order of the file", "methods: [basic, ntlm-ssl]\nntlm:\n  level: 4",
        "methods: [ntml]\nntlm:\n  level: nine",
        "5:11 'ntml' is no method | did you mean 'ntlm'?",
        "7:10 'level' must be a whole number from 0 to 5, not 'nine'"),
]
