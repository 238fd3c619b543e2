// Profiles that are no YAML, or more YAML than a profile may be; and those with keys that are missing, unknown or of the wrong kind.

/// Syntax.
let syntaxCases: [BadProfile] = [
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
        "a tag is refused",
        "rate: 100",
        "rate: !!python/object/apply:os.system 100",
        "2:7 tags (!name) are not part of a profile | remove the tag, or quote a text that begins with '!'"),
    BadProfile(
        "a tag of YAML's own is refused too, also before a mapping and a key",
        "rate: 100",
        "rate: ! 100\n!!str seed: 1\ntls: !!map {resumption: 10%}",
        "2:7 tags (!name) are not part of a profile | remove the tag, or quote a text that begins with '!'",
        "3:1 tags (!name) are not part of a profile | remove the tag, or quote a text that begins with '!'",
        "4:6 tags (!name) are not part of a profile | remove the tag, or quote a text that begins with '!'"),
    BadProfile(
        "a tag that YAML cannot read is refused",
        "rate: 100",
        "rate: !foo!bar 100",
        "2:7 tags (!name) are not part of a profile | remove the tag, or quote a text that begins with '!'"),
    BadProfile(
        "an IPv6 address is quoted: the error stands at its bracket and shows the line as it must be",
        "rate: 100",
        "rate: 100\ntarget: {pop3: [::1]:1110}  # here",
        "3:16 an IPv6 address must be quoted in YAML | quote it: target: {pop3: \"[::1]:1110\"}  # here"),
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
        "a control character of the second set is refused",
        "name: sample",
        "name: sam\u{9B}ple",
        "1:10 a control character (U+9B) is not text | save the profile as plain UTF-8 text"),
    BadProfile(
        "a noncharacter is refused with its place",
        "rate: 100",
        "rate: 1\u{FFFE}00",
        "2:8 a control character (U+FFFE) is not text | save the profile as plain UTF-8 text"),
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
let structureCases: [BadProfile] = [
    BadProfile(
        "a profile is a mapping, not a list",
        "name: sample\nrate: 100\nphases:\n  - name: steady\n    duration: 10s\nclients:\n  - persona: internet-mail-3\n   "
            + " weight: 2\n  - persona: basic-ssl\nmailbox_work:\n  - name: check\n    retrieve: 1\n",
        "- name\n- rate\n",
        "1:1 the profile must be a mapping, not a list | its keys: name, description, seed, model, rate, arrivals, users, "
            + "think_time, phases, clients, mailbox_work, ntlm_variants, tls, population, server, target, sources, limits, "
            + "checks, overlap, claims, retry_pool, slo"),
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
        "a class of checks has a name of the list",
        "",
        "checks: [status, sizes, off]\n",
        "13:18 'sizes' is no class of checks | did you mean 'size'?",
        "13:25 'off' is no class of checks | valid: status, size, terminator, listing"),
    BadProfile(
        "checks are on, off, or classes",
        "",
        "checks: {size: off}\n",
        "13:9 'checks' must be on, off, or a list of classes, not a mapping"),
    BadProfile(
        "null is no value",
        "name: sample",
        "name: ~",
        "1:7 'name' has no value | it must be a name"),
]
