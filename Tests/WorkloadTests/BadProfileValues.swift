// Profiles in which the value of one key is out of its form or range.

/// Values.
let valueCases: [BadProfile] = [
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
        "a name that is shown has no control characters",
        "name: steady",
        "name: \"ste\\e[31mady\"",
        "4:11 'name' must be a name of 1 to 100 characters, none of them a control character, not 'ste\\u{1B}[31mady'"),
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
        "overlap: maybe\n",
        "13:10 'overlap' must be on or off, not 'maybe'"),
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
        "a mailbox has 2 GiB at most",
        "",
        "population: {messages: 2000, bytes: 2MiB}\n",
        "13:30 the messages of a mailbox add up to more than 2 GiB | lower population.messages or population.bytes"),
    BadProfile(
        "a mailbox has 2 GiB at most where its sizes are a mapping, too",
        "",
        "population: {messages: 1000, bytes: {4MiB: 1}}\n",
        "13:30 the messages of a mailbox add up to more than 2 GiB | lower population.messages or population.bytes"),
    BadProfile(
        "of mixed sizes the mean counts, of mixed counts the largest",
        "",
        "population: {messages: {1: 99, 60000: 1}, bytes: {64KiB: 1, 8KiB: 1}}\n",
        "13:43 the messages of a mailbox add up to more than 2 GiB | lower population.messages or population.bytes"),
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
        "13:16 'pop3' must be host:port, not 'localhost' | for example 127.0.0.1:110, mail.example.org:995, "
            + "or \"[::1]:110\" in quotes"),
    BadProfile(
        "an IPv6 address stands in brackets",
        "",
        "target: {pop3: '::1:110', pop3s: '[::1]:995'}\n",
        "13:16 'pop3' must be host:port, not '::1:110' | for example 127.0.0.1:110, mail.example.org:995, "
            + "or \"[::1]:110\" in quotes"),
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
