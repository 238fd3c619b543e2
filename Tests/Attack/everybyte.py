"""A connection may end anywhere: 40 dialogues, cut after each of their octets, by FIN and by RST, answered so far or not.

Afterwards the server holds no descriptor more, a third pass adds no memory to what two took, and no maildrop has stayed locked.
"""

import base64
import socket

import server
import wire


def b64(text):
    return base64.b64encode(text.encode()).decode()


PLAIN = b64("\0user00000\0secret")
NTLM = "TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAGAbEdAAAADw=="
SCRAM = b64("n,,n=user00000,r=abcdefghijklmnop")
# Commands whose answer is a list or a message, when it is a good one.
LISTS = ("CAPA", "LIST", "UIDL", "RETR 1", "RETR 3", "TOP 1 0", "TOP 2 5", "AUTH", "LANG")


def logged_on(user, *commands):
    return [f"USER user{user:05}", "PASS secret", *commands, "QUIT"]


DIALOGUES = [
    ["QUIT"], ["CAPA", "QUIT"], ["AUTH", "QUIT"], ["NOOP", "QUIT"], ["USER user00000", "QUIT"],
    ["USER user00000", "PASS wrong", "QUIT"], ["USER nobody", "PASS secret", "USER user00001", "PASS secret", "QUIT"],
    ["APOP user00000 0123456789abcdef0123456789abcdef", "QUIT"], ["LANG", "LANG en", "UTF8", "QUIT"],
    [f"AUTH PLAIN {PLAIN}", "STAT", "QUIT"], ["AUTH PLAIN", PLAIN, "STAT", "QUIT"], ["AUTH PLAIN", "*", "QUIT"],
    ["AUTH PLAIN", "!!!", "QUIT"], ["AUTH PLAIN =", "QUIT"], ["AUTH LOGIN", b64("user00002"), b64("secret"), "STAT", "QUIT"],
    ["AUTH LOGIN", b64("user00002"), "*", "QUIT"], ["AUTH CRAM-MD5", b64("user00003 0123456789abcdef0123456789abcdef"), "QUIT"],
    ["AUTH CRAM-MD5", "*", "QUIT"], ["AUTH SCRAM-SHA-256", SCRAM, "*", "QUIT"], [f"AUTH SCRAM-SHA-256 {SCRAM}", "*", "QUIT"],
    ["AUTH NTLM", NTLM, "*", "QUIT"], ["AUTH NTLM", "*", "QUIT"], [f"AUTH NTLM {NTLM}", "*", "QUIT"], ["AUTH NTLM", "AAAA", "QUIT"],
    ["AUTH NTLM", NTLM, NTLM, "QUIT"], ["AUTH NONE", "QUIT"],
    logged_on(4), logged_on(5, "STAT"), logged_on(6, "LIST", "LIST 1", "LIST 9"), logged_on(7, "UIDL", "UIDL 2"),
    logged_on(8, "RETR 1"), logged_on(9, "RETR 1", "RETR 3", "DELE 1", "RETR 1"), logged_on(10, "TOP 1 0", "TOP 2 5"),
    logged_on(11, "DELE 1", "DELE 2", "RSET", "STAT"), logged_on(12, "DELE 1", "NOOP"), logged_on(13, "CAPA", "USER x", "STLS"),
    logged_on(14, "BOGUS", "RETR", "RETR 99999999999999999999", "TOP 1"),
]


def cuts():
    """(address name, answered steps, octets that come behind them) of every place to cut at."""
    for dialogue in DIALOGUES:
        for count, command in enumerate(dialogue):
            octets = command.encode() + b"\r\n"
            for size in range(len(octets) + (count == len(dialogue) - 1)):
                yield "pop3", dialogue[:count], octets[:size]
    hello = wire.client_hello()
    for size in range(len(hello) + 1):
        yield "pop3s", None, hello[:size]
        yield "pop3", ["STLS"], hello[:size]
    for size in range(7):
        yield "pop3", ["CAPA"], b"STLS\r\n"[:size]


def answer(sock, command):
    """Reads the whole answer to `command`."""
    data = wire.line(sock)
    if command in LISTS and data.startswith(b"+OK"):
        while not data.endswith(b"\r\n.\r\n"):
            data += wire.until(sock, b"\r\n")


def cut(up, name, steps, octets, way):
    sock = wire.connect(up.pop3s if name == "pop3s" else up.pop3)
    if way == "burst":
        # Everything at once, no answer awaited, then RST: what arrives may be lost on the way.
        sock.sendall("".join(step + "\r\n" for step in steps or []).encode() + octets)
        return wire.reset(sock)
    if steps is not None:
        wire.line(sock)
        for step in steps:
            sock.sendall(step.encode() + b"\r\n")
            answer(sock, step)
    sock.sendall(octets)
    sock.close() if way == "close" else wire.reset(sock)


def half_closed(up):
    """Whole dialogues in one piece and then FIN: each still gets its answers, the goodbye last. How many did not."""
    wrong = 0
    for dialogue in DIALOGUES:
        sock = wire.connect(up.pop3)
        sock.sendall("".join(step + "\r\n" for step in dialogue).encode())
        sock.shutdown(socket.SHUT_WR)
        data, end = wire.rest(sock)
        sock.close()
        wrong += end != "eof" or not data.splitlines()[-1].startswith(b"+OK Poplar POP3 server signing off")
    return wrong


def run(report):
    # Some of the dialogues have more than three mistakes before the logon on purpose.
    with server.Server(users=20, limits=(*server.patience(600), "bad-commands-before-logon=50")) as up:
        wire.whole_session(up.pop3)
        up.figures()
        baseline = up.descriptors()
        memory, count = [], 0
        for _ in range(3):
            for way in ("close", "reset", "burst"):
                for name, steps, octets in cuts():
                    cut(up, name, steps, octets, way)
                    count += 1
            left = up.settled(baseline)
            server.wait_quiet(up)
            memory.append(up.private_dirty())
        report.check(left == baseline, f"{len(DIALOGUES) + 3} dialogues, {count} connections cut at every octet; "
                     f"descriptors {baseline} -> {left}")
        grown = memory[2] - memory[1]
        report.check(grown <= 256 * 1024, f"memory {server.kibibytes(memory[1])} after two passes, {grown / 1024:+.0f} KiB after a "
                     "third (bound 256 KiB)")
        locked = 0
        for user in range(20):
            try:
                wire.whole_session(up.pop3, user)
            except wire.Broken:
                locked += 1
        report.check(locked == 0, f"maildrops still locked: {locked} of 20")
        wrong = half_closed(up)
        report.check(wrong == 0, f"half-closed dialogues without their goodbye: {wrong} of {len(DIALOGUES)}")
