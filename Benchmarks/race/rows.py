"""The rows of `make bench`, as descriptions: which runs make a round, and what is read from them.

A contest is a set of runs, each a server under a load; a round runs all of them, and rounds take turns in their order. A
row compares two costs of a round: (theirs, ours). `again` is theirs measured once more in the same round, so that
theirs / again shows what the machine's noise can fake. Servers are named here, and started by contest.py.
"""

import dataclasses

from load import Load


@dataclasses.dataclass(frozen=True)
class Cost:
    """Microseconds of server CPU per unit of work in a round."""
    run: str
    per: str = "session"
    base: str = ""  # for a message: the run without any, whose cost per session is taken off first

    def of(self, runs):
        run = runs[self.run]
        if self.per == "session":
            return run["cpu_us"]
        retrieved = run["messages"] / run["sessions"]
        return (run["cpu_us"] - (runs[self.base]["cpu_us"] if self.base else 0)) / retrieved

    def rate(self, runs):
        return runs[self.run][self.per + "s_per_s"]


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    work: str
    against: str
    target: float | None
    theirs: Cost
    ours: Cost
    again: Cost | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Contest:
    name: str
    runs: dict          # name -> (server, Load)
    rows: tuple
    stays: bool = False  # servers are started once, not for each run


PLAIN = Contest(
    "plain",
    {
        "floor 0": ("floor", Load()), "floor 10": ("floor", Load(retrievals=10)),
        "ours 0": ("ours", Load()), "ours 10": ("ours", Load(retrievals=10)),
        "ours pipelined": ("ours", Load(retrievals=10, pipelined=True)),
        "again 0": ("floor", Load()), "again 10": ("floor", Load(retrievals=10)),
    },
    (
        Row("session", "connect USER PASS STAT QUIT", "C floor", 1.0, Cost("floor 0"), Cost("ours 0"), Cost("again 0")),
        Row("message", "10 RETR of 2 KiB a session, per message", "C floor", 1.0,
            Cost("floor 10", "message", "floor 0"), Cost("ours 10", "message", "ours 0"),
            Cost("again 10", "message", "again 0")),
        Row("pipelined", "the 10 RETR in one write, per message", "ours, one by one", 2.0,
            Cost("ours 10", "message", "ours 0"), Cost("ours pipelined", "message", "ours 0")),
    ))

MEBIBYTE = Contest(
    "mebibyte",
    {name: (server, Load(retrievals=10, in_flight=8)) for name, server in
     (("floor", "floor of MiB"), ("ours", "ours of MiB"), ("again", "floor of MiB"))},
    (Row("mib", "10 RETR of 1 MiB a session, per message", "C floor", 0.95,
         Cost("floor", "message"), Cost("ours", "message"), Cost("again", "message"),
         "all of the session's cost is shared out to its messages"),))


def tls(kind, work):
    runs = {name: (server, Load(tls=kind)) for name, server in
            (("floor", "TLS floor"), ("ours", "ours with TLS"), ("again", "TLS floor"))}
    return Contest("tls-" + kind, runs, (
        Row("tls-" + kind, work, "C + OpenSSL floor", 0.95, Cost("floor"), Cost("ours"), Cost("again")),))


NTLM = Contest(
    "ntlm",
    {"basic": ("ours", Load()), "ntlm": ("ours", Load(auth="ntlm")), "again": ("ours", Load())},
    (Row("ntlm", "AUTH NTLM (NTLMv2) STAT QUIT", "ours, USER PASS STAT QUIT", 0.7, Cost("basic"), Cost("ntlm"), Cost("again"),
         "AUTH NTLM, its two messages: a round trip more than USER PASS"),))

DOVECOT = Contest(
    "dovecot",
    {"dovecot": ("dovecot", Load(retrievals=1)), "ours": ("ours", Load(retrievals=1))},
    (Row("dovecot", "USER PASS STAT RETR QUIT, 2 KiB", "Dovecot 2.3, tuned", None, Cost("dovecot"), Cost("ours"), None,
         "ours serves from memory here; Dovecot from Maildirs on tmpfs, all its processes on the one core"),),
    stays=True)

CONTESTS = (
    PLAIN, MEBIBYTE, tls("full", "TLS 1.3 full handshake, then the session"),
    tls("resumed", "TLS 1.3 resumed by ticket, then the session"), NTLM, DOVECOT)


def variants(names):
    """Builds of our own server against the first of them."""
    loads = {"session": Load(), "message": Load(retrievals=10), "tls": Load(tls="full")}
    runs = {f"{name} {kind}": ("variant " + name, load) for name in names for kind, load in loads.items()}
    rows = []
    for name in names[1:]:
        rows.append(Row(f"{name} session", "connect USER PASS STAT QUIT", names[0], None,
                        Cost(f"{names[0]} session"), Cost(f"{name} session")))
        rows.append(Row(f"{name} message", "10 RETR of 2 KiB a session, per message", names[0], None,
                        Cost(f"{names[0]} message", "message", f"{names[0]} session"),
                        Cost(f"{name} message", "message", f"{name} session")))
        rows.append(Row(f"{name} tls", "TLS 1.3 full handshake, then the session", names[0], None,
                        Cost(f"{names[0]} tls"), Cost(f"{name} tls")))
    return Contest("variants", runs, tuple(rows))
