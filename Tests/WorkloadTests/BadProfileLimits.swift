// Profiles with a limit in `slo` that says nothing, or nothing that is measured.

/// Limits of slo.
let limitCases: [BadProfile] = [
    BadProfile(
        "an unknown metric is an error",
        "",
        "slo:\n  - eror <= 1%\n",
        "14:5 unknown metric 'eror' | did you mean 'errors'?"),
    BadProfile(
        "what is unfinished ends no run",
        "",
        "slo:\n  - {limit: unfinished <= 1%, abort: on}\n",
        "14:31 what is unfinished is known when the run is over, so it cannot end it | remove the key"),
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
        "8:9 '7' is no class of checks | valid: on, off, status, size, terminator, listing"),
]
