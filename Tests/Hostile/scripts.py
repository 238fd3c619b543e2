"""The table of hostile servers: a row says what the server does, which client it does it to, and the class of error that each
of that client's sessions must come to. "succeeded" is a class like the others: what harms nobody is no error."""

import dataclasses

import challenges
from dialogue import (BODY, SIZE, close, drip, encoded, endless, goodbye, handshake, hello, later, raw, reset, silence)


@dataclasses.dataclass
class Script:
    name: str
    # The class of every session; or all that may occur, of which the first must.
    classes: str | tuple
    changes: dict = dataclasses.field(default_factory=dict)
    # Persona and transport.
    persona: str = "basic"
    transport: str = "pop3"
    # Lines of the profile's mailbox work and of its top level.
    work: str = "stat: on, list: on, uidl: on, top: {messages: 1, lines: 1}, retrieve: 2, delete: on"
    profile: str = ""
    client: str = ""
    # Cuts the n-th connection after so many octets of the server's, by `how`.
    budget: object = None
    how: object = None
    pace: float | None = None
    sessions: int = 8
    seconds: float = 0.4
    # Time-outs of a step and of a session; None: short where a time-out is expected, else long.
    patience: tuple | None = None
    options: tuple = ()
    # Steps that take minutes of octets: not of `quick`.
    long: bool = False

    def __post_init__(self):
        if isinstance(self.classes, str):
            self.classes = (self.classes,)


def row(name, classes, changes=None, **more):
    return Script(name, classes, changes or {}, **more)


POLITE = [
    row("polite", "succeeded"),
    row("polite, NTLM", "succeeded", {"NTLM 1": encoded(challenges.GOOD)}, persona="membership"),
    row("polite, 995", "succeeded", persona="basic-ssl", transport="pop3s"),
    row("polite, STLS", "succeeded", transport="stls"),
    row("polite, pipelined", "succeeded", work="stat: on, retrieve: 2, delete: on, pipeline: 4"),
]

GREETINGS = [
    row("endless greeting", "greeting", {"GREETING": endless(b"a")}, sessions=4),
    row("greeting without CRLF, then silence", "timeout", {"GREETING": (b"+OK", silence)}),
    row("greeting of 8,191 octets and no end", "timeout", {"GREETING": (b"+OK " + b"a" * 8187, silence)}),
    row("greeting of 8,192 octets and no end", "greeting", {"GREETING": (b"+OK " + b"a" * 8188, silence)}),
    row("greeting one octet at a time, for ever", "timeout", {"GREETING": drip(b"a", 0.02)}),
    row("another protocol", "greeting", {"GREETING": (b"220 mail.example ESMTP\r\n", silence)}),
    row("greeting that refuses", "greeting", {"GREETING": (b"-ERR busy\r\n", silence)}),
    row("greeting in use", "in_use", {"GREETING": (b"-ERR [IN-USE] busy\r\n", silence)}),
    row("greeting that continues", "greeting", {"GREETING": (b"+ \r\n", silence)}),
    row("two greetings", "protocol", {"GREETING": b"+OK\r\n+OK\r\n"}),
    row("endless greetings", "protocol", {"GREETING": endless(b"+OK hello\r\n")}, sessions=4),
    row("NUL greeting", "greeting", {"GREETING": (b"\0+OK\r\n", silence)}),
    row("bare CR greeting", "timeout", {"GREETING": (b"+OK\r+OK\r", silence)}),
    row("empty line as greeting", "greeting", {"GREETING": (b"\r\n", silence)}),
]

# What each step's answer is when it is silence, -ERR, a continuation, garbage.
STEPS = ["USER", "PASS", "STAT", "LIST", "UIDL", "TOP", "RETR", "DELE", "QUIT"]
AT_STEPS = (
    [row(f"silence at {step}", "timeout", {step: silence}) for step in ["GREETING", *STEPS]]
    + [row(f"silence within {step}", "timeout", {step: (b"+OK\r\n1 ", silence)}) for step in ("LIST", "UIDL", "TOP", "RETR")]
    + [row(f"-ERR at {step}", "auth" if step in ("USER", "PASS") else "content", {step: b"-ERR no\r\n"}) for step in STEPS]
    + [row(f"continuation at {step}", "content" if step == "QUIT" else "protocol", {step: b"+ \r\n"}) for step in STEPS]
    + [row(f"garbage at {step}", "protocol", {step: b"\x80\xff\0 what\r\n"}) for step in STEPS]
    + [row(f"endless line at {step}", "protocol", {step: (b"+OK ", endless(b"a"))}, sessions=4)
       for step in ("USER", "STAT", "QUIT")]
    + [row(f"twice answered {step}", "protocol", {step: b"+OK 2 %d\r\n+OK\r\n" % (2 * SIZE)})
       for step in ("USER", "PASS", "STAT")]
    + [row(f"RST at {step}", "reset", {step: reset}) for step in ("GREETING", "PASS", "RETR", "QUIT")]
)

# Clients that read by the timers alone: their time-outs must not go with what was to be read.
SLOW = {"work": "stat: on, list: on, uidl: on, top: {messages: 1, lines: 1}, retrieve: 2, delete: on, read_rate: 6000"}
SLOW_READERS = [
    row("slow reader: polite", "succeeded", **SLOW),
    row("slow reader: polite, 995", "succeeded", persona="basic-ssl", transport="pop3s", **SLOW),
] + [row(f"slow reader: silence at {step}", "timeout", {step: silence}, **SLOW) for step in ["GREETING", *STEPS]] + [
    row(f"slow reader: {port}silence within RETR", "timeout", {"RETR": (b"+OK\r\n1 ", silence)}, **channel, **SLOW)
    for port, channel in (("", {}), ("995, ", {"persona": "basic-ssl", "transport": "pop3s"}))
] + [
    row(f"slow reader at {rate}: endless message", "timeout", {"RETR": (b"+OK\r\n", endless(b"x" * 76 + b"\r\n"))}, sessions=2,
        work=f"retrieve: 1, read_rate: {rate}")
    for rate in ("64KiB", "4MiB")
]

FIGURES = [
    row(f"STAT says {text.decode()[:40]}", "content", {"STAT": b"+OK " + text + b"\r\n"})
    for text in (b"-1 120", b"2 -240", b"4294967296 1", b"99999999999999999999 1", b"2 18446744073709551616", b"2", b"",
                 b"two 240", b"0x2 240", b"+2 240", b"2\t240", b"2 240octets", b"9" * 4000 + b" 1")
] + [
    row(f"LIST's row says {text.decode()[:40]}", "content", {"LIST": b"+OK\r\n" + text + b"\r\n2 %d\r\n.\r\n" % SIZE})
    for text in (b"-1 120", b"1 -120", b"4294967296 120", b"1 18446744073709551616", b"0 120", b"1", b"",
                 b"1 18446744073709551615")
] + [
    row("STAT counts more than LIST", "content", {"STAT": b"+OK 3 %d\r\n" % (2 * SIZE)}),
    row("STAT counts less than LIST", "content", {"STAT": b"+OK 1 %d\r\n" % (2 * SIZE)}),
    row("STAT's octets are not LIST's", "content", {"STAT": b"+OK 2 %d\r\n" % (2 * SIZE + 1)}),
    row("UIDL has fewer rows than LIST", "content", {"UIDL": b"+OK\r\n1 a\r\n.\r\n"}),
    row("RETR announces more than comes", "content", {"RETR": b"+OK %d octets\r\n%s.\r\n" % (SIZE + 1, BODY)}),
    row("RETR announces less than comes", "content", {"RETR": b"+OK %d octets\r\n%s.\r\n" % (SIZE - 1, BODY)}),
    row("RETR announces 2^64", "content", {"RETR": b"+OK 18446744073709551615 octets\r\n%s.\r\n" % BODY}),
    row("messages that are not as long as STAT says", "content", {"RETR": b"+OK\r\nshort\r\n.\r\n"}),
    row("4,294,967,295 messages, of which two exist", "content", {
        "STAT": b"+OK 4294967295 1\r\n", "RETR": lambda wire: wire.say(
            b"+OK\r\n.\r\n" if wire.memory["line"] in (b"RETR 1", b"RETR 2") else b"-ERR no such message\r\n"),
    }, work="stat: on, retrieve: all"),
    row("unique ids of 10 KiB", "protocol", {"UIDL": b"+OK\r\n1 " + b"a" * 10240 + b"\r\n2 b\r\n.\r\n"}),
    row("unique ids of 71 octets", "content", {"UIDL": b"+OK\r\n1 " + b"a" * 71 + b"\r\n2 b\r\n.\r\n"}),
    row("CVE-2018-14362 unique ids that are paths", "succeeded", {"UIDL": b"+OK\r\n1 ../../../tmp/x\r\n2 /etc/passwd\r\n.\r\n"}),
    row("unique ids with NUL", "content", {"UIDL": b"+OK\r\n1 a\0b\r\n2 b\r\n.\r\n"}),
]

BODIES = [
    row("endless listing", "timeout", {"LIST": (b"+OK\r\n", endless(b"1 118\r\n"))}, sessions=2),
    row("endless unique ids", "timeout", {"UIDL": (b"+OK\r\n", endless(b"1 abcdefgh\r\n"))}, sessions=2),
    row("endless message", "timeout", {"RETR": (b"+OK\r\n", endless(b"x" * 76 + b"\r\n"))}, sessions=2),
    row("endless line in a message", "timeout", {"RETR": (b"+OK\r\n", endless(b"x"))}, sessions=2),
    row("endless dots in a message", "timeout", {"RETR": (b"+OK\r\n", endless(b"..\r\n.\r"))}, sessions=2),
    row("endless line in a listing", "protocol", {"LIST": (b"+OK\r\n", endless(b"1"))}, sessions=4),
    row("message one octet at a time, for ever", "timeout", {"RETR": (b"+OK\r\n", drip(b"xy\r\n", 0.02))}),
    row("octets after the terminator", "protocol", {"RETR": b"+OK %d octets\r\n%s.\r\nmore\r\n" % (SIZE, BODY)}),
    row("rows after the terminator", "protocol", {"LIST": b"+OK\r\n1 %d\r\n2 %d\r\n.\r\n3 1\r\n" % (SIZE, SIZE)}),
    row("a reply nobody asked for, later", ("protocol", "content"), {"USER": (b"+OK\r\n", later(b"+OK\r\n"))}),
    row("endless replies after the logon", "protocol", {"PASS": endless(b"+OK\r\n")}, sessions=4),
    row("terminator by bare LF", "content", {"RETR": b"+OK %d octets\r\n%s.\n" % (SIZE, BODY)}),
    row("message by bare LF", "content", {"RETR": b"+OK %d octets\r\n%s.\r\n" % (SIZE, BODY.replace(b"\r\n", b"\n\n"))}),
    row("terminator without its CR before", "content", {"RETR": b"+OK %d octets\r\n%s.\r\n" % (SIZE, BODY[:-2] + b"x\n")}),
    row("a line's dot not stuffed", "content", {"RETR": b"+OK %d octets\r\n.\r\n%s.\r\n" % (SIZE, BODY)}, work="retrieve: 1"),
    row("dots stuffed, not counted", "content", {"RETR": b"+OK %d octets\r\n..%s.\r\n" % (SIZE, BODY)}),
    row("dots stuffed, counted", "succeeded", {"RETR": b"+OK %d octets\r\n..%s.\r\n" % (SIZE, BODY[1:])}),
    row("NUL and bare CR within a message", "succeeded", {"RETR": b"+OK %d octets\r\n%s.\r\n" % (SIZE, b"\0\r" + BODY[2:])}),
    row("replies by bare LF", "succeeded", {step: b"+OK\n" for step in ("USER", "PASS", "DELE")}),
    row("replies with two CR", "protocol", {"USER": b"+OK\r\r\n"}),
    row("replies with NUL", "protocol", {"USER": b"+OK\0\r\n"}),
    row("lower case status", "protocol", {"USER": b"+ok\r\n"}),
    row("pipelined: garbage behind the first answer", ("protocol", "content"), {"RETR": b"+OK\r\n.\r\n\0\0\0\r\n"},
        work="stat: on, retrieve: 2, pipeline: 4"),
    row("pipelined: one answer too many", ("content", "protocol"), {"RETR": b"+OK %d octets\r\n%s.\r\n+OK\r\n" % (SIZE, BODY)},
        work="stat: on, retrieve: 2, delete: on, pipeline: 4"),
    row("pipelined: silence after the first answer", "timeout", {"DELE": silence},
        work="stat: on, retrieve: 2, delete: on, pipeline: 4"),
]

# More octets than the polite server says to this client: the last sessions are whole.
SAID = 260
CUTS = [
    row("FIN after each octet", ("early_close", "reset", "succeeded"), budget=lambda n: n, how=close, sessions=SAID, seconds=1.5,
        work="stat: on, uidl: on, retrieve: 1"),
    row("RST after each octet", ("reset", "early_close", "succeeded"), budget=lambda n: n, how=reset, sessions=SAID, seconds=1.5,
        work="stat: on, uidl: on, retrieve: 1"),
    row("silence after each octet", ("timeout", "succeeded"), budget=lambda n: n, how=silence, sessions=SAID, seconds=1.5,
        work="stat: on, uidl: on, retrieve: 1"),
    row("FIN after each octet, in TLS", ("early_close", "reset", "tls", "succeeded"), budget=lambda n: n, how=close,
        persona="basic-ssl", transport="pop3s", sessions=SAID, seconds=3, work="stat: on, uidl: on, retrieve: 1"),
    row("a session by single octets", "succeeded", pace=0, sessions=4),
    row("a session by single octets, slowly", "timeout", pace=0.05, sessions=4),
]

NTLM = [
    row(f"NTLM challenge: {name}", "protocol", {"NTLM 1": answer}, persona="membership", sessions=4)
    for name, answer in challenges.FORGED.items()
] + [
    row("NTLM: +OK for the challenge", "protocol", {"NTLM 1": b"+OK\r\n"}, persona="membership"),
    row("NTLM: a second challenge for the verdict", "protocol", {
        "NTLM 1": encoded(challenges.GOOD), "NTLM 2": encoded(challenges.GOOD)}, persona="membership"),
    row("NTLM: refused at once", "auth", {"AUTH NTLM": b"-ERR no\r\n"}, persona="membership"),
    row("NTLM: silence at the challenge", "timeout", {"NTLM 1": silence}, persona="membership"),
    row("NTLM: silence at the verdict", "timeout", {"NTLM 1": encoded(challenges.GOOD), "NTLM 2": silence}, persona="membership"),
    row("NTLM: silence after the client's cancel", "timeout", {"NTLM 1": b"+ !\r\n", "*": silence}, persona="membership"),
    row("NTLM: endless challenge", "protocol", {"NTLM 1": (b"+ ", endless(b"QUJD"))}, persona="membership", sessions=4),
    row("CVE-2019-3822 NTLM: information of 1,200 octets", "protocol", {
        "NTLM 1": encoded(challenges.challenge(info=challenges.pair(2, b"a\0" * 600) + challenges.INFO))}, persona="membership"),
    row("NTLM: information of 5,800 octets", "protocol", {
        "NTLM 1": encoded(challenges.challenge(info=challenges.pair(2, b"a\0" * 2860) + challenges.INFO))}, persona="membership"),
]

SASL = [
    row("CRAM-MD5: bad base64", "protocol", {"AUTH CRAM-MD5": b"+ !!!!\r\n"}, persona="cram-md5"),
    row("CRAM-MD5: challenge of 6,000 octets", "succeeded", {"AUTH CRAM-MD5": encoded(b"x" * 6000)}, persona="cram-md5"),
    row("CRAM-MD5: no challenge", "protocol", {"AUTH CRAM-MD5": b"+OK\r\n"}, persona="cram-md5"),
    row("PLAIN: challenges without end", "protocol", {"AUTH PLAIN": b"+ \r\n", "PLAIN 1": b"+ \r\n"}, persona="plain"),
    row("LOGIN: prompts without end", "protocol", {"LOGIN 2": b"+ \r\n"}, persona="login"),
    row("APOP: no timestamp", "auth", {"GREETING": b"+OK\r\n"}, persona="apop"),
    row("APOP: timestamp of 8,000 octets", "auth", {"GREETING": b"+OK <" + b"a" * 8000 + b"@b>\r\n"}, persona="apop"),
] + [
    row(f"SCRAM: {name}", "protocol", {"AUTH SCRAM-SHA-256": answer}, persona="scram-sha-256", sessions=4)
    for name, answer in {
        "4,294,967,295 iterations": challenges.scram(iterations=b"4294967295"),
        "iterations that overflow": challenges.scram(iterations=b"18446744073709551617"),
        "no iterations": challenges.scram(iterations=b"0"),
        "another's nonce": challenges.scram(nonce=b"fyko+d2lbbFgONRv9qkxdawL"),
        "bad salt": challenges.scram(salt=b"!!!!"),
        "admitted without proof": b"+OK\r\n",
    }.items()
] + [
    row("SCRAM: forged signature", "protocol", {
        "AUTH SCRAM-SHA-256": challenges.scram(), "SCRAM-SHA-256 1": encoded(b"v=" + b"A" * 43 + b"=")}, persona="scram-sha-256"),
    row("wrong password admitted", "wrong_admit", client="wrong_password_share: 100%"),
    row("CAPA without end", "timeout", {"CAPA": (b"+OK\r\n", endless(b"X-NOTHING\r\n"))}, persona="curl", sessions=2),
    row("CAPA with a line of 1 MiB", "protocol", {"CAPA": b"+OK\r\n" + b"A" * (1 << 20) + b"\r\n.\r\n"}, persona="curl"),
]

ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"
CIPHERS = [
    ("silence", "timeout", (silence,)), ("FIN", "early_close", (close,)), ("RST", "reset", (reset,)),
    ("a fatal alert", "tls", (raw(ALERT),)), ("warnings without end", "tls", (endless(WARNING, beneath=True),)),
    ("plain POP3", "tls", (raw(b"+OK hello\r\n"),)), ("zeros without end", "tls", (endless(b"\0", beneath=True),)),
    ("empty handshake records without end", "tls", (endless(b"\x16\x03\x03\x00\x00", beneath=True),)),
    ("change_cipher_spec without end", "tls", (endless(b"\x14\x03\x03\x00\x01\x01", beneath=True),)),
    ("a ServerHello of 16 MiB", "tls", (endless(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\0" * 16380, beneath=True),)),
    ("half a record", "timeout", (raw(b"\x16\x03\x03\x40\x00\x02"), silence)),
    ("a record one octet at a time", "timeout", (raw(b"\x16\x03\x03\x40\x00\x02\0\x20\0"), drip(b"\0", 0.02))),
]
TLS = [
    row(f"995, for the ServerHello: {name}", classes, {"HELLO": (hello, *action)}, persona="basic-ssl", transport="pop3s",
        sessions=4)
    for name, classes, action in CIPHERS
] + [
    row(f"STLS, for the ServerHello: {name}", classes, {"STLS": (b"+OK\r\n", hello, *action)}, transport="stls", sessions=4)
    for name, classes, action in CIPHERS
] + [
    row(f"995, plain alert at {step}", "tls", {step: (raw(ALERT), silence)}, persona="basic-ssl", transport="pop3s", sessions=4)
    for step in ("GREETING", "PASS", "RETR", "QUIT")
] + [
    row(f"995, plain text at {step}", "tls", {step: (raw(b"+OK\r\n"), silence)}, persona="basic-ssl", transport="pop3s",
        profile="tls: {versions: tls1.2}", sessions=4)
    for step in ("GREETING", "STAT")
] + [
    row("995, close_notify within a message", ("early_close", "tls"), {"RETR": (b"+OK\r\n", goodbye)}, persona="basic-ssl",
        transport="pop3s"),
    row("995, endless greeting", "greeting", {"GREETING": endless(b"a")}, persona="basic-ssl", transport="pop3s", sessions=4),
    row("995, endless message", "timeout", {"RETR": (b"+OK\r\n", endless(b"x" * 76 + b"\r\n"))}, persona="basic-ssl",
        transport="pop3s", sessions=2),
    row("CVE-2021-22947 data behind STLS", "protocol", {"STLS": (b"+OK\r\n+OK\r\n+OK\r\n", handshake)}, transport="stls"),
    row("CVE-2020-15953 data behind STLS, later", "tls", {"STLS": (b"+OK\r\n", hello, b"+OK\r\n+OK\r\n")},
        transport="stls"),
    row("CVE-2021-22946 STLS refused", "tls", {"STLS": b"-ERR no\r\n"}, transport="stls"),
    row("CVE-2021-22946 STLS not offered", "tls", {"CAPA": b"+OK\r\nUSER\r\n.\r\n"}, persona="curl", transport="stls"),
    row("CVE-2011-1947 silence at STLS", "timeout", {"STLS": silence}, transport="stls"),
    row("STLS: continuation", "protocol", {"STLS": b"+ \r\n"}, transport="stls"),
    row("certificate of a stranger", "tls", persona="basic-ssl", transport="pop3s", options=("--ca", "STRANGER")),
    row("certificate of another host", "tls", persona="basic-ssl", transport="pop3s", options=("--ca", "OWN")),
    row("certificate of a stranger, STLS", "tls", transport="stls", options=("--ca", "STRANGER")),
]

MILLIONS = b"".join(b"%d 1\r\n" % number for number in range(1, 10_001))


def ten_million_rows(wire):
    # Numbers repeat: that costs the server little, and the client counts rows.
    for _ in range(1000):
        wire.sock.sendall(MILLIONS)
    wire.sock.sendall(b".\r\n")


def four_gibibytes(wire):
    wire.sock.sendall(b"+OK 4294967298 octets\r\n")
    block = b"x" * (1 << 20)
    for _ in range(4096):
        wire.sock.sendall(block)
    wire.sock.sendall(b"\r\n.\r\n")


LONG = [
    row("listing of 10,000,000 rows", "succeeded", {
        "STAT": b"+OK 10000000 10000000\r\n", "LIST": (b"+OK\r\n", ten_million_rows)}, work="stat: on, list: on", sessions=1,
        patience=(120, 240), long=True),
    row("message that is one line of 4 GiB", "succeeded", {"STAT": b"+OK 1 4294967298\r\n", "RETR": four_gibibytes},
        work="stat: on, retrieve: 1", sessions=1, patience=(120, 240), long=True),
]

ALL = POLITE + GREETINGS + AT_STEPS + SLOW_READERS + FIGURES + BODIES + CUTS + NTLM + SASL + TLS + LONG
