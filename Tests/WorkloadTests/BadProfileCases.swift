// Profiles with one thing wrong, or several: an edit of a good profile, and every error that it must give, in order.

import Testing

/// A good profile; the cases below change it.
let goodProfile = """
    name: sample
    rate: 100
    phases:
      - name: steady
        duration: 10s
    clients:
      - persona: internet-mail-3
        weight: 2
      - persona: basic-ssl
    mailbox_work:
      - name: check
        retrieve: 1

    """

/// One case: in the good profile `old` becomes `new` (an empty `old` appends). `errors` are lines "line:column message | remedy".
struct BadProfile: Sendable, CustomTestStringConvertible {
    let rule: String
    let old: String
    let new: String
    let errors: [String]

    init(_ rule: String, _ old: String, _ new: String, _ errors: String...) {
        self.rule = rule
        self.old = old
        self.new = new
        self.errors = errors
    }

    var testDescription: String { rule }
    var text: String { old.isEmpty ? goodProfile + new : goodProfile.replacingFirst(old, with: new) }
}

extension String {
    func replacingFirst(_ old: String, with new: String) -> String {
        let parts = split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        precondition(parts.count == 2, "the edit does not apply")
        return parts[0] + new + parts[1]
    }
}

/// Every case, by group.
let badProfiles: [BadProfile] = traceCases + poolCases + syntaxCases + structureCases + valueCases + crossCases + limitCases

/// Syntax.
private let syntaxCases: [BadProfile] = [
    BadProfile(
        "a tab is no indentation",
        "  - name: steady",
        "\t- name: steady",
        "4:1 YAML syntax: while scanning for the next token: found character that cannot start any token | indent with "
            + "spaces, not with tabs"),
    BadProfile(
        "a quote is closed",
        "name: sample",
        "name: \"sample",
        "1:7 YAML syntax: while scanning a quoted scalar: found unexpected end of stream | a quote is not closed"),
    BadProfile(
        "a bracket is closed",
        "phases:",
        "tls: {resumption: 10%\nphases:",
        "4:7 YAML syntax: while parsing a flow mapping: did not find expected ',' or '}' | a comma is missing, or the "
            + "bracket opened in line 3, column 6 is not closed"),
    BadProfile(
        "keys of one mapping start in one column",
        "    duration: 10s",
        "   duration: 10s",
        "5:4 YAML syntax: while parsing a block collection: did not find expected '-' indicator | check the indentation: "
            + "the items of one list start in the same column"),
    BadProfile(
        "a key has a colon",
        "rate: 100",
        "rate 100",
        "2:1 YAML syntax: while scanning a simple key: could not find expected ':' | each key needs a colon and a space: "
            + "'key: value'"),
    BadProfile(
        "a text with a colon and a blank is quoted",
        "name: sample",
        "name: sample: two",
        "1:13 YAML syntax: mapping values are not allowed in this context | check the indentation, and quote a text that "
            + "holds ': '"),
    BadProfile(
        "a profile is one document",
        "",
        "---\nname: other\n",
        "13:1 YAML syntax: expected a single document in the stream: but found another document | a profile is one "
            + "document: remove the '---'"),
    BadProfile(
        "an anchor is refused",
        "rate: 100",
        "rate: &r 100",
        "2:7 anchors (&name) and aliases (*name) are not part of a profile | write the value out, or quote the text"),
    BadProfile(
        "an anchor before a mapping is refused",
        "  - persona: basic-ssl",
        "  - &c\n    persona: basic-ssl",
        "9:5 anchors (&name) and aliases (*name) are not part of a profile | write the value out, or quote the text",
        "10:12 YAML syntax: mapping values are not allowed in this context | check the indentation, and quote a text that "
            + "holds ': '"),
    BadProfile(
        "an alias is refused",
        "rate: 100",
        "rate: *r",
        "2:7 anchors (&name) and aliases (*name) are not part of a profile | write the value out, or quote the text"),
    BadProfile(
        "a merge key is refused",
        "    weight: 2",
        "    weight: 2\n    <<: {persona: basic}",
        "9:5 merge keys (<<) are not part of a profile | write the keys out"),
    BadProfile(
        "a control character is refused",
        "name: sample",
        "name: sam\u{1B}ple",
        "1:10 a control character (U+1B) is not text | save the profile as plain UTF-8 text"),
    BadProfile(
        "deep nesting is refused",
        "rate: 100",
        "rate: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not a list",
        "2:22 nested more than 16 levels deep"),
    BadProfile(
        "a character reserved to YAML is quoted",
        "name: sample",
        "name: @sample",
        "1:7 YAML syntax: while scanning for the next token: found character that cannot start any token | quote a text "
            + "that starts with this character"),
]

/// Keys and kinds.
private let structureCases: [BadProfile] = [
    BadProfile(
        "a profile is a mapping, not a list",
        "name: sample\nrate: 100\nphases:\n  - name: steady\n    duration: 10s\nclients:\n  - persona: internet-mail-3\n   "
            + " weight: 2\n  - persona: basic-ssl\nmailbox_work:\n  - name: check\n    retrieve: 1\n",
        "- name\n- rate\n",
        "1:1 the profile must be a mapping, not a list | its keys: name, description, seed, model, rate, arrivals, users, "
            + "think_time, phases, clients, mailbox_work, ntlm_variants, tls, population, server, target, limits, checks, "
            + "overlap, claims, retry_pool, slo"),
    BadProfile(
        "an unknown key is named with its nearest neighbour",
        "rate: 100",
        "rates: 100",
        "2:1 unknown key 'rates' in the profile | did you mean 'rate'?"),
    BadProfile(
        "an unknown key without a neighbour gets the list",
        "    weight: 2",
        "    colour: red",
        "8:5 unknown key 'colour' in clients[] | valid keys: persona, name, weight, transport, ntlm_failure_share, "
            + "wrong_password_share, ntlm_variants, mailbox_work, users"),
    BadProfile(
        "a hyphen for an underscore is recognised",
        "mailbox_work:",
        "mailbox-work:",
        "10:1 unknown key 'mailbox-work' in the profile | did you mean 'mailbox_work'?"),
    BadProfile(
        "neighbouring letters swapped are recognised",
        "    duration: 10s",
        "    duratoin: 10s",
        "5:5 unknown key 'duratoin' in phases[] | did you mean 'duration'?"),
    BadProfile(
        "duplicate keys are found, each with its first place",
        "rate: 100",
        "rate: 100\nname: other\nrate: 200",
        "3:1 the key 'name' appears twice | it was first given in line 1",
        "4:1 the key 'rate' appears twice | it was first given in line 2"),
    BadProfile(
        "duplicate keys are found together with other errors",
        "    weight: 2",
        "    weight: 2\n    weight: 3\n    wieght: 4",
        "9:5 the key 'weight' appears twice | it was first given in line 8",
        "10:5 unknown key 'wieght' in clients[] | did you mean 'weight'?"),
    BadProfile(
        "a key is a word",
        "rate: 100",
        "rate: 100\n[a, b]: 1",
        "3:1 a key must be a word"),
    BadProfile(
        "name, rate, phases, clients and mailbox_work are required",
        "name: sample\nrate: 100\nphases:\n  - name: steady\n    duration: 10s\nclients:\n  - persona: internet-mail-3\n   "
            + " weight: 2\n  - persona: basic-ssl\nmailbox_work:\n  - name: check\n    retrieve: 1\n",
        "description: nothing else\n",
        "1:1 the key 'name' is missing in the profile | add for example 'name: my-profile'",
        "1:1 the key 'rate' is missing in the profile | add for example 'rate: 100'",
        "1:1 the key 'phases' is missing in the profile | add for example 'phases: [{name: steady, duration: 10s}]'",
        "1:1 the key 'mailbox_work' is missing in the profile | add for example 'mailbox_work: [{name: check, retrieve: 1}]'",
        "1:1 the key 'clients' is missing in the profile | add for example 'clients: [{persona: basic}]'"),
    BadProfile(
        "a phase needs a name and a duration",
        "  - name: steady\n    duration: 10s",
        "  - measure: on",
        "4:5 the key 'name' is missing in phases[] | add for example 'name: steady'",
        "4:5 the key 'duration' is missing in phases[] | add for example 'duration: 10s'"),
    BadProfile(
        "a client needs a persona",
        "  - persona: basic-ssl",
        "  - weight: 1",
        "9:5 the key 'persona' is missing in clients[] | add for example 'persona: basic'"),
    BadProfile(
        "a work needs a name",
        "  - name: check\n    retrieve: 1",
        "  - retrieve: 1",
        "11:5 the key 'name' is missing in mailbox_work[] | add for example 'name: check'"),
    BadProfile(
        "a list is a list",
        "phases:\n  - name: steady\n    duration: 10s",
        "phases: {name: steady, duration: 10s}",
        "3:9 'phases' must be a list, not a mapping | each item starts with '- '"),
    BadProfile(
        "a list has items",
        "clients:\n  - persona: internet-mail-3\n    weight: 2\n  - persona: basic-ssl",
        "clients: []",
        "6:10 the list 'clients' is empty"),
    BadProfile(
        "an item is a mapping",
        "  - persona: basic-ssl",
        "  - basic-ssl",
        "9:5 clients[] must be a mapping, not 'basic-ssl' | its keys: persona, name, weight, transport, "
            + "ntlm_failure_share, wrong_password_share, ntlm_variants, mailbox_work, users"),
    BadProfile(
        "a section is a mapping",
        "",
        "tls: on\n",
        "13:6 tls must be a mapping, not 'on' | its keys: resumption, versions"),
    BadProfile(
        "a scalar is no list",
        "rate: 100",
        "rate: [100]",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not a list"),
    BadProfile(
        "a key has a value",
        "rate: 100",
        "rate:",
        "2:6 'rate' has no value | it must be a number of sessions/s above 0, up to 1000000"),
    BadProfile(
        "null is no value",
        "name: sample",
        "name: ~",
        "1:7 'name' has no value | it must be a name"),
]

/// Values.
private let valueCases: [BadProfile] = [
    BadProfile(
        "a name names a folder",
        "name: sample",
        "name: My Profile!",
        "1:7 'My Profile!' is no profile name | 1 to 64 of a-z, 0-9 and '-', not '-' first: it names folders"),
    BadProfile(
        "a name does not climb out of its folder",
        "name: sample",
        "name: ../../etc",
        "1:7 '../../etc' is no profile name | 1 to 64 of a-z, 0-9 and '-', not '-' first: it names folders"),
    BadProfile(
        "a rate is a number",
        "rate: 100",
        "rate: fast",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not 'fast' | write a plain number, for example 400"),
    BadProfile(
        "a rate has no sign",
        "rate: 100",
        "rate: -5",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not '-5' | write a plain number, for example 400"),
    BadProfile(
        "a rate has no exponent",
        "rate: 100",
        "rate: 1e3",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not '1e3' | write a plain number, for example 400"),
    BadProfile(
        "infinity is no rate",
        "rate: 100",
        "rate: .inf",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not '.inf' | write a plain number, for example 400"),
    BadProfile(
        "a rate is above 0",
        "rate: 100",
        "rate: 0",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not '0' | write a plain number, for example 400"),
    BadProfile(
        "a rate is at most a million",
        "rate: 100",
        "rate: 2000000",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not '2000000' | write a plain number, for "
            + "example 400"),
    BadProfile(
        "a duration has a unit",
        "    duration: 10s",
        "    duration: 10",
        "5:15 'duration' must be a duration from 1ms to 30d, not '10' | write a number with ns, us, ms, s, m, h or d, for "
            + "example 15s or 250ms"),
    BadProfile(
        "a sexagesimal is no duration",
        "    duration: 10s",
        "    duration: 1:30",
        "5:15 'duration' must be a duration from 1ms to 30d, not '1:30' | write a number with ns, us, ms, s, m, h or d, "
            + "for example 15s or 250ms"),
    BadProfile(
        "a duration is no word",
        "    duration: 10s",
        "    duration: soon",
        "5:15 'duration' must be a duration from 1ms to 30d, not 'soon' | write a number with ns, us, ms, s, m, h or d, "
            + "for example 15s or 250ms"),
    BadProfile(
        "a duration is not 0",
        "    duration: 10s",
        "    duration: 0s",
        "5:15 'duration' must be a duration from 1ms to 30d, not '0s' | write a number with ns, us, ms, s, m, h or d, for "
            + "example 15s or 250ms"),
    BadProfile(
        "a duration is at most 30 days",
        "    duration: 10s",
        "    duration: 31d",
        "5:15 'duration' must be a duration from 1ms to 30d, not '31d' | write a number with ns, us, ms, s, m, h or d, for "
            + "example 15s or 250ms"),
    BadProfile(
        "a switch is on or off",
        "",
        "checks: maybe\n",
        "13:9 'checks' must be on or off, not 'maybe'"),
    BadProfile(
        "a seed is below 2^53",
        "",
        "seed: 9007199254740992\n",
        "13:7 'seed' must be a whole number from 0 to 9007199254740991, not '9007199254740992'"),
    BadProfile(
        "a hexadecimal number is none",
        "",
        "seed: 0x10\n",
        "13:7 'seed' must be a whole number from 0 to 9007199254740991, not '0x10'"),
    BadProfile(
        "a seed has no fraction",
        "",
        "seed: 1.5\n",
        "13:7 'seed' must be a whole number from 0 to 9007199254740991, not '1.5'"),
    BadProfile(
        "a model is open or closed",
        "",
        "model: opne\n",
        "13:8 'opne' is no value of 'model' | did you mean 'open'?"),
    BadProfile(
        "arrivals are poisson or uniform",
        "",
        "arrivals: gaussian\n",
        "13:11 'gaussian' is no value of 'arrivals' | valid: poisson, uniform"),
    BadProfile(
        "a percentage has its sign",
        "",
        "tls: {resumption: 0.5}\n",
        "13:19 'resumption' must be a percentage from 0% to 100%, not '0.5' | write for example 10%"),
    BadProfile(
        "a percentage is at most 100",
        "",
        "tls: {resumption: 150%}\n",
        "13:19 'resumption' must be a percentage from 0% to 100%, not '150%' | write for example 10%"),
    BadProfile(
        "a TLS version is known",
        "",
        "tls: {versions: {tls1.1: 1, tls1.3: 1}}\n",
        "13:18 'tls1.1' is not a TLS version | did you mean 'tls1.2'?"),
    BadProfile(
        "a size has octets or a binary unit",
        "",
        "population: {bytes: 2KB}\n",
        "13:21 'bytes' must be a size from 64 to 67108864 octets, not '2KB' | write for example 2048 or 2KiB"),
    BadProfile(
        "a size is in range",
        "",
        "population: {bytes: 10}\n",
        "13:21 'bytes' must be a size from 64 to 67108864 octets, not '10' | write for example 2048 or 2KiB"),
    BadProfile(
        "a population has users",
        "",
        "population: {users: 0}\n",
        "13:21 'users' must be a whole number from 1 to 2000000, not '0'"),
    BadProfile(
        "a mailbox holds at most 65535 messages",
        "",
        "population: {messages: 70000}\n",
        "13:24 'messages' must be a whole number from 0 to 65535, not '70000'"),
    BadProfile(
        "a deletion rule is restore or gone",
        "",
        "population: {deleted: never}\n",
        "13:23 'never' is no value of 'deleted' | valid: restore, gone"),
    BadProfile(
        "an NTLM level is 0 to 5",
        "",
        "server: {ntlm_level: 6}\n",
        "13:22 'ntlm_level' must be a whole number from 0 to 5, not '6'"),
    BadProfile(
        "a switch of the server is known, and named once",
        "",
        "server: {methods: [basic, basic-ssl, ntml, ntlm, ntlm]}\n",
        "13:38 'ntml' is no switch of the server | did you mean 'ntlm'?",
        "13:50 the switch 'ntlm' is named twice"),
    BadProfile(
        "an NTLM variant is known",
        "",
        "ntlm_variants: {v3: 1}\n",
        "13:17 'v3' is not an NTLM variant | did you mean 'v1'?"),
    BadProfile(
        "an address is host:port",
        "",
        "target: {pop3: localhost, pop3s: 'localhost:995'}\n",
        "13:16 'pop3' must be host:port, not 'localhost' | for example 127.0.0.1:110, mail.example.org:995 or [::1]:110"),
    BadProfile(
        "an IPv6 address stands in brackets",
        "",
        "target: {pop3: '::1:110', pop3s: '[::1]:995'}\n",
        "13:16 'pop3' must be host:port, not '::1:110' | for example 127.0.0.1:110, mail.example.org:995 or [::1]:110"),
    BadProfile(
        "a time-out is in range",
        "",
        "limits: {connect_timeout: 2h}\n",
        "13:27 'connect_timeout' must be a duration from 1ms to 1h, not '2h' | write a number with ns, us, ms, s, m, h or "
            + "d, for example 15s or 250ms"),
    BadProfile(
        "a persona is known",
        "  - persona: basic-ssl",
        "  - persona: outlook-expres-ssl",
        "9:14 'outlook-expres-ssl' is no value of 'persona' | did you mean 'outlook-express-ssl'?"),
    BadProfile(
        "a transport is known",
        "  - persona: basic-ssl",
        "  - persona: membership\n    transport: imap",
        "10:16 'imap' is not a transport | valid: pop3, stls, pop3s"),
    BadProfile(
        "a weight is a number",
        "    weight: 2",
        "    weight: heavy",
        "8:13 'weight' must be a weight: a number or a percentage from 0 to 1000000, not 'heavy'"),
    BadProfile(
        "a count is a number or all",
        "    retrieve: 1",
        "    retrieve: some",
        "12:15 'retrieve' must be a count from 0 to 65535 or 'all', not 'some'"),
    BadProfile(
        "a distribution is over counts",
        "    retrieve: 1",
        "    retrieve: {1: 50, many: 50}",
        "12:23 'many' is not a count of messages or 'all' | valid: all, 0 to 65535"),
    BadProfile(
        "a weight of a distribution is a number",
        "    retrieve: 1",
        "    retrieve: {1: x, 2: 50}",
        "12:19 the weight of '1' must be a number or a percentage from 0 to 1000000, not 'x'"),
]

/// Rules that join keys.
private let crossCases: [BadProfile] = [
    BadProfile(
        "weights of clients do not add up to 0",
        "    weight: 2\n  - persona: basic-ssl",
        "    weight: 0\n  - {persona: basic-ssl, weight: 0}",
        "6:1 the weights of the clients add up to 0 | give at least one client a weight above 0"),
    BadProfile(
        "weights of a mapping do not add up to 0",
        "",
        "ntlm_variants: {v2: 0, v2-mic: 0}\n",
        "13:1 the weights of 'ntlm_variants' add up to 0 | give at least one of them a weight above 0"),
    BadProfile(
        "weights of the work do not add up to 0",
        "  - name: check\n",
        "  - name: check\n    weight: 0\n",
        "10:1 the weights of 'mailbox_work' add up to 0 | give at least one work a weight above 0"),
    BadProfile(
        "an open profile has no users",
        "",
        "users: 10\nthink_time: 1s\n",
        "13:1 'users' belongs to a closed profile, this one is open | set 'model: closed', or give a rate instead",
        "14:1 'think_time' belongs to a closed profile, this one is open | set 'model: closed', or give a rate instead"),
    BadProfile(
        "a closed profile has no rate",
        "rate: 100",
        "model: closed\nusers: 10\nrate: 100",
        "4:1 'rate' belongs to an open profile, this one is closed | set 'model: open', or remove the key"),
    BadProfile(
        "a closed profile has users",
        "rate: 100",
        "model: closed",
        "1:1 the key 'users' is missing in the profile | add for example 'users: 100'"),
    BadProfile(
        "a phase of a closed profile has no rate",
        "rate: 100\nphases:\n  - name: steady\n",
        "model: closed\nusers: 10\nphases:\n  - name: steady\n    rate: 5\n",
        "6:5 a phase of a closed profile has no rate | remove the key; users and think_time set the load"),
    BadProfile(
        "closed users fit the population",
        "rate: 100",
        "model: closed\nusers: 501",
        "3:8 501 users are to be logged on at once, a population of 1000 gives the load 500 | set population.users to at "
            + "least 1002"),
    BadProfile(
        "some phase is measured",
        "    duration: 10s",
        "    duration: 10s\n    measure: off",
        "3:1 no phase is measured, so there would be no result | leave 'measure' on in at least one phase"),
    BadProfile(
        "a measured phase has a rate",
        "    duration: 10s",
        "    duration: 10s\n    rate: 0%",
        "3:1 the measured phases have a rate of 0"),
    BadProfile(
        "a membership client needs the membership switch",
        "  - persona: basic-ssl",
        "  - persona: membership\nserver: {methods: [basic, ntlm]}",
        "9:14 the client 'membership' needs membership on pop3, which server.methods leaves off | add 'membership' to "
            + "server.methods, or remove the client"),
    BadProfile(
        "a method needs its switch",
        "",
        "server: {methods: [basic, basic-ssl]}\n",
        "7:14 the client 'internet-mail-3' needs ntlm on pop3, which server.methods leaves off | add 'ntlm' to "
            + "server.methods, or remove the client"),
    BadProfile(
        "NTLMv1 needs a level below 5",
        "",
        "ntlm_variants: {v1: 1, v2: 1}\n",
        "13:16 the client 'internet-mail-3' sends v1, which the server refuses at ntlm_level 5 | set server.ntlm_level to "
            + "4 or less, or send v2"),
    BadProfile(
        "a channel binding needs a channel",
        "",
        "ntlm_variants: v2-channel-binding\n",
        "13:16 the client 'internet-mail-3' sends v2-channel-binding over pop3, which has no TLS channel to bind to | give "
            + "the client ntlm_variants of its own, or move it to pop3s"),
    BadProfile(
        "a persona keeps to its transports",
        "  - persona: basic-ssl",
        "  - persona: basic-ssl\n    transport: pop3",
        "10:16 the persona 'basic-ssl' does not use pop3 | valid: pop3s"),
    BadProfile(
        "only a persona with a fallback falls back",
        "  - persona: basic-ssl",
        "  - persona: basic-ssl\n    ntlm_failure_share: 10%",
        "10:5 the persona 'basic-ssl' has nothing to fall back to | use wrong_password_share for logons that are to be refused"),
    BadProfile(
        "a persona that gives up after a refusal has no fallback",
        "  - persona: basic-ssl",
        "  - persona: curl\n    ntlm_failure_share: 10%",
        "10:5 the persona 'curl' has nothing to fall back to | use wrong_password_share for logons that are to be refused"),
    BadProfile(
        "an NTLM logon can fail only where NTLM comes first",
        "  - persona: basic-ssl",
        "  - {persona: mailkit, ntlm_failure_share: 10%}",
        "9:44 the client 'mailkit' logs on by apop first on pop3, so that no NTLM logon can fail | remove the key, or change "
            + "server.methods"),
    BadProfile(
        "fetchmail speaks NTLMv1",
        "  - persona: basic-ssl",
        "  - persona: fetchmail",
        "9:14 the client 'fetchmail' sends v1, which the server refuses at ntlm_level 5 | set server.ntlm_level to 4 or less, or "
            + "send v2"),
    BadProfile(
        "a client that tries what is listed needs one method that is on",
        "  - persona: basic-ssl",
        "  - {persona: curl, transport: pop3s}\nserver: {methods: [basic, ntlm]}",
        "9:32 the client 'curl' finds no method on pop3s that server.methods has on | add one of its methods to server.methods, "
            + "or remove the client"),
    BadProfile(
        "after STLS the switches of an encrypted channel hold",
        "  - persona: basic-ssl",
        "  - {persona: basic, transport: stls}\nserver: {methods: [basic, ntlm]}",
        "9:33 the client 'basic' needs basic on stls, which server.methods leaves off | add 'basic-ssl' to server.methods, or "
            + "remove the client"),
    BadProfile(
        "STLS goes to the clear port of the target",
        "  - persona: basic-ssl",
        "  - {persona: basic, transport: stls}\ntarget: {pop3s: 127.0.0.1:995}",
        "7:14 the client 'internet-mail-3' uses pop3, for which 'target' has no address | add 'target.pop3'",
        "9:33 the client 'basic' uses stls, for which 'target' has no address | add 'target.pop3'"),
    BadProfile(
        "only an NTLM persona has variants",
        "  - persona: basic-ssl",
        "  - persona: basic-ssl\n    ntlm_variants: v2",
        "10:5 the persona 'basic-ssl' does not use NTLM | remove the key"),
    BadProfile(
        "shares of outcomes add up to at most 100%",
        "    weight: 2",
        "    ntlm_failure_share: 60%\n    wrong_password_share: 60%",
        "9:5 ntlm_failure_share and wrong_password_share add up to more than 100%"),
    BadProfile(
        "a client's work exists",
        "    weight: 2",
        "    mailbox_work: chekc",
        "8:19 'chekc' is not a mailbox work of this profile | did you mean 'check'?"),
    BadProfile(
        "a work is defined once",
        "    retrieve: 1",
        "    retrieve: 1\n  - name: check",
        "13:11 the mailbox work 'check' is defined twice"),
    BadProfile(
        "no more messages are retrieved than there are",
        "    retrieve: 1",
        "    retrieve: 11",
        "12:15 11 messages are asked for, a maildrop of the population holds 10 | lower the count, write 'all', or raise "
            + "population.messages"),
    BadProfile(
        "DELE needs RETR",
        "    retrieve: 1",
        "    delete: on",
        "12:5 'delete' acts on the messages retrieved, and none are | add 'retrieve', or remove the key"),
    BadProfile(
        "DELE needs QUIT",
        "    retrieve: 1",
        "    retrieve: 1\n    delete: on\n    quit: off",
        "14:5 without QUIT nothing is deleted (RFC 1939) | set 'quit: on', or remove 'delete'"),
    BadProfile(
        "to choose, one must have looked",
        "    retrieve: 1",
        "    choose: 50%",
        "12:5 'choose' picks among the messages that TOP looked at, and there are none | add 'top: {messages: 5}', or use 'retrieve'"
    ),
    BadProfile(
        "what is fetched is said once",
        "    retrieve: 1",
        "    retrieve: 1\n    choose: 50%\n    top: {messages: 1}",
        "12:5 'choose' and 'retrieve' both say what is fetched | remove one of them"),
    BadProfile(
        "what is new shows in unique ids",
        "    retrieve: 1",
        "    retrieve: new",
        "12:15 what is new shows in the unique ids, and 'uidl' is off | add 'uidl: on'"),
    BadProfile(
        "a pipeline has a depth",
        "    retrieve: 1",
        "    retrieve: 1\n    pipeline: 513",
        "13:15 'pipeline' must be a whole number from 1 to 512, not '513'"),
    BadProfile(
        "NOOP is for the idle",
        "    retrieve: 1",
        "    retrieve: 1\n    noop_every: 1s",
        "13:5 NOOP is sent while idle, and this work never is | add 'idle: 60s'"),
    BadProfile(
        "who is idle for longer than a session lasts never ends well",
        "    retrieve: 1",
        "    retrieve: 1\n    idle: 30s",
        "13:11 the work 'check' is idle for longer than a session may last, so none of its sessions ends well | raise "
            + "limits.session_timeout, or shorten 'idle'"),
    BadProfile(
        "a place to go away at is one of four",
        "    retrieve: 1",
        "    retrieve: 1\n    abandon: retreival",
        "13:14 'retreival' is no value of 'abandon' | did you mean 'retrieval'?"),
    BadProfile(
        "in the middle of a message needs a message",
        "    retrieve: 1",
        "    abandon: retrieval",
        "12:5 'abandon: retrieval' breaks off in the first message retrieved, and none is | add 'retrieve: 1', or abandon elsewhere"
    ),
    BadProfile(
        "who has gone is not idle",
        "    retrieve: 1",
        "    retrieve: 1\n    abandon: logon\n    idle: 1s",
        "14:5 a client that has gone away is not idle | remove 'idle' or 'abandon'"),
    BadProfile(
        "after QUIT the server closes",
        "    retrieve: 1",
        "    retrieve: 1\n    close: reset",
        "13:5 after QUIT the server closes first | add 'abandon' or 'quit: off', or remove the key"),
    BadProfile(
        "a line has a rate",
        "    retrieve: 1",
        "    retrieve: 1\n    read_rate: 10",
        "13:16 'read_rate' must be a size from 64 to 1073741824 octets, not '10' | write for example 2048 or 2KiB"),
    BadProfile(
        "a target has the addresses that clients need",
        "",
        "target: {pop3: '127.0.0.1:110'}\n",
        "9:14 the client 'basic-ssl' uses pop3s, for which 'target' has no address | add 'target.pop3s'"),
    BadProfile(
        "a step ends before its session",
        "",
        "limits: {step_timeout: 20s, session_timeout: 10s}\n",
        "13:24 'step_timeout' is longer than the session's time-out, so it never acts | shorten it, or lengthen session_timeout"),
    BadProfile(
        "a mailbox has a bounded size",
        "",
        "population: {messages: 65535, bytes: 1MiB}\n",
        "13:31 the messages of a mailbox add up to more than 2 GiB | lower population.messages or population.bytes"),
]

/// Limits of slo.
private let limitCases: [BadProfile] = [
    BadProfile(
        "an unknown metric is an error",
        "",
        "slo:\n  - eror <= 1%\n",
        "14:5 unknown metric 'eror' | did you mean 'errors'?"),
    BadProfile(
        "an unknown figure is an error",
        "",
        "slo:\n  - p98(session) < 1s\n",
        "14:5 unknown figure 'p98' | did you mean 'p90'?"),
    BadProfile(
        "an unknown series is an error",
        "",
        "slo:\n  - p99(sesion) < 1s\n",
        "14:9 unknown series 'sesion' | did you mean 'session'?"),
    BadProfile(
        "an unknown method of a step is an error",
        "",
        "slo:\n  - p99(auth.ntml) < 1s\n",
        "14:9 unknown method 'ntml' in 'auth.ntml' | did you mean 'ntlm'?"),
    BadProfile(
        "an unknown transport of a step is an error",
        "",
        "slo:\n  - p99(auth.ntlm.smtp) < 1s\n",
        "14:9 unknown transport 'smtp' in 'auth.ntlm.smtp' | valid: pop3, stls, pop3s"),
    BadProfile(
        "an unknown class of error is an error",
        "",
        "slo:\n  - errors(time-out) <= 1%\n",
        "14:12 unknown error class 'time-out' | did you mean 'timeout'?"),
    BadProfile(
        "a function of two arguments wants two",
        "",
        "slo:\n  - within(session) >= 95%\n",
        "14:12 'within' takes two arguments | write for example 'within(retr, 5s)'"),
    BadProfile(
        "the second argument of within is a duration",
        "",
        "slo:\n  - within(session, 5) >= 95%\n",
        "14:21 '5' is not a duration | write a number with ns, us, ms, s, m, h or d, for example 15s or 250ms"),
    BadProfile(
        "what is late has a payload",
        "",
        "slo:\n  - late(stat, 5s) <= 5%\n",
        "14:10 'stat' retrieves no message | valid: retr, top"),
    BadProfile(
        "the speed of a late retrieval is octets a second",
        "",
        "slo:\n  - late(retr, 5s + 3000) <= 5%\n",
        "14:16 '3000' is not a speed | write octets a second, for example 3000B/s or 64KiB/s"),
    BadProfile(
        "the mapping of a limit knows its keys, and its limit keeps its place",
        "",
        "slo:\n  - {limit: eror <= 1%, abort: on}\n  - {abort: on, limits: errors <= 1%}\n",
        "14:13 unknown metric 'eror' | did you mean 'errors'?",
        "15:17 unknown key 'limits' in slo[] | did you mean 'limit'?"),
    BadProfile(
        "a comparison is one of four",
        "",
        "slo:\n  - errors == 1%\n",
        "14:12 '==' is not a comparison | valid: <, <=, >, >="),
    BadProfile(
        "a limit compares",
        "",
        "slo:\n  - errors\n",
        "14:5 the limit 'errors' compares with nothing | write for example 'errors <= 1%'"),
    BadProfile(
        "a limit on a share is a percentage",
        "",
        "slo:\n  - errors <= 3\n",
        "14:15 '3' is not a share | write a percentage from 0% to 100%"),
    BadProfile(
        "a limit on a latency is a duration",
        "",
        "slo:\n  - \"p99(session) < 200\"\n",
        "14:21 '200' is not a duration | write a number with ns, us, ms, s, m, h or d, for example 15s or 250ms"),
    BadProfile(
        "a limit on a rate is a number",
        "",
        "slo:\n  - sessions_per_s >= 5s\n",
        "14:23 '5s' is not a number a second | write a plain number, for example 380"),
    BadProfile(
        "several errors are found in one pass",
        "rate: 100\nphases:\n  - name: steady\n    duration: 10s",
        "rate: x\nphases:\n  - name: steady\n    duration: 10x\n    mesure: on\nslo: [errors < 2, 'p99(x) < 1s']\nchecks: 7",
        "2:7 'rate' must be a number of sessions/s above 0, up to 1000000, not 'x' | write a plain number, for example 400",
        "5:15 'duration' must be a duration from 1ms to 30d, not '10x' | write a number with ns, us, ms, s, m, h or d, for "
            + "example 15s or 250ms",
        "6:5 unknown key 'mesure' in phases[] | did you mean 'measure'?",
        "7:16 '2' is not a share | write a percentage from 0% to 100%",
        "7:24 unknown series 'x' | valid, a step also with .auth and .transport: session, session_service, session_failed, "
            + "start_lag, connect, tls_full, tls_resumed, greeting, capa, stls, auth, ntlm_negotiate, ntlm_authenticate, "
            + "stat, list, uidl, top, retr, dele, quit, noop",
        "8:9 'checks' must be on or off, not '7'"),
]

/// A trace in the place of rates.
private let traceCases: [BadProfile] = [
    BadProfile(
        "a trace leaves no room for a rate", "rate: 100", "rate: 100\narrivals: {trace: a.csv}",
        "2:1 a replayed trace has its own times, so 'rate' means nothing | remove the key, or set 'arrivals: poisson'"),
    BadProfile(
        "a phase of a trace has no rate", "rate: 100\nphases:\n  - name: steady",
        "arrivals: {trace: a.csv}\nphases:\n  - rate: 10\n    name: steady",
        "4:5 a phase of a replayed trace has no rate | remove the key; the trace's times set the load"),
    BadProfile(
        "a trace is named", "rate: 100", "arrivals: {}",
        "2:11 the key 'trace' is missing in arrivals | add for example 'trace: starts.csv'"),
    BadProfile(
        "a trace is a key of arrivals, no word", "rate: 100", "rate: 100\narrivals: trace",
        "3:11 'trace' is no value of 'arrivals' | valid: poisson, uniform"),
    BadProfile(
        "a closed load has no trace", "rate: 100", "model: closed\nusers: 2\narrivals: {trace: a.csv}",
        "4:1 'arrivals' belongs to an open profile, this one is closed | set 'model: open', or remove the key"),
]

/// The retry pool and its clients.
private let poolCases: [BadProfile] = [
    BadProfile(
        "a client's pool is there", "    weight: 2", "    weight: 2\n    users: retry",
        "9:12 the client 'internet-mail-3' takes its users from a pool that there is not | "
            + "add for example 'retry_pool: {share: 7.5%, after: 300s}'"),
    BadProfile(
        "a pool has a client", "", "retry_pool: {share: 10%, after: 1s}\n",
        "13:1 no client takes its users from the retry pool | add 'users: retry' to a client, or remove the key"),
    BadProfile(
        "closed users come again by themselves", "rate: 100", "model: closed\nusers: 2\nretry_pool: {share: 10%, after: 1s}",
        "4:1 a closed load's users come again by themselves, so there is no retry pool | remove the key"),
]
