// Profiles whose mailbox work could not be done as it is told: by its own keys, the population, or the limits.

/// Rules that join the keys of a work with each other, the population and the limits.
let workCases: [BadProfile] = [
    BadProfile(
        "weights of the work do not add up to 0",
        "  - name: check\n",
        "  - name: check\n    weight: 0\n",
        "10:1 the weights of 'mailbox_work' add up to 0 | give at least one work a weight above 0"),
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
        "a drain outlasts the idle",
        "    retrieve: 1",
        "    retrieve: 1\n    idle: 8s\nlimits: {drain_timeout: 7s}",
        "14:25 the work 'check' is idle for 8 s, so that its last sessions would be unfinished | lengthen it, leave it out, or "
            + "give 'unfinished' a limit in 'slo'"),
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
        "13:16 'read_rate' must be a size from 64 to 4194304 octets, not '10' | write for example 2048 or 2KiB"),
    BadProfile(
        "no line is read faster than the timers keep",
        "    retrieve: 1",
        "    retrieve: 1\n    read_rate: 4194305",
        "13:16 'read_rate' must be a size from 64 to 4194304 octets, not '4194305' | write for example 2048 or 2KiB"),
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
