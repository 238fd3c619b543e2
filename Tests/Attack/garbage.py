"""What is not POP3, and POP3 in amounts that nobody needs: right answers, or a refusal, and the next client is served."""

import random
import socket

import server
import wire


def one(up, octets, wanted, logged_on=True, ends=False):
    """Whether `octets` are answered by a line that begins with `wanted`, after which the session goes on (or ends)."""
    with wire.Client(up.pop3) as client:
        if logged_on:
            client.log_on()
        client.sock.sendall(octets)
        answer = wire.line(client.sock)
        if ends:
            return answer.startswith(wanted) and wire.rest(client.sock)[1] == "eof"
        return answer.startswith(wanted) and client.ask("QUIT").startswith(b"+OK")


def lines(up, report):
    checks = {
        "NUL in a line": one(up, b"NO\0OP\r\n", b"-ERR", ends=True), "bare CR": one(up, b"NOOP\rSTAT\r\n", b"-ERR"),
        "bare LF": one(up, b"NOOP\n", b"-ERR"), "NUL in a password": one(up, b"USER user00001\r\nPASS sec\0ret\r\n", b"+OK", False, True),
        "GET": one(up, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"-ERR", False, True), "empty line": one(up, b"\r\n", b"-ERR"),
        "octets above 127": one(up, bytes(range(128, 256)) + b"\r\n", b"-ERR"),
    }
    wrong = [name for name, good in checks.items() if not good]
    report.check(not wrong, f"{len(checks)} malformed lines refused, wrong: {wrong or 0}")


def long_lines(up, report):
    piece = b"A" * 65536
    server.wait_quiet(up)
    before = up.private_dirty()
    answers = []
    for logged_on in (False, True):
        with wire.Client(up.pop3) as client:
            if logged_on:
                client.log_on()
            for _ in range(256):
                client.sock.sendall(piece)
            client.sock.sendall(b"\r\nQUIT\r\n")
            answers.append(wire.rest(client.sock))
    grown = up.private_dirty() - before
    good = all(data.count(b"\r\n") == 2 and data.startswith(b"-ERR") and b"\r\n+OK" in data and end == "eof" for data, end in answers)
    report.check(good and grown < 1 << 20, f"16 MiB lines: one refusal each, then QUIT is answered: {good}; memory {grown / 1024:+.0f} KiB")


def pipelined(up, report):
    """1,000 commands at once give the octets that they give one by one; and what lies behind QUIT disturbs nothing."""
    draw = random.Random(report.options.seed)
    commands = ["NOOP", "STAT", "LIST", "LIST 2", "UIDL 1", "RETR 1", "RETR 4", "TOP 2 3", "RETR 77", "DELE 99"]
    answers = {}
    with wire.Client(up.pop3) as client:
        client.log_on()
        for command in commands:
            client.send(command)
            client.send("RSET")
            data = wire.until(client.sock, b"+OK Maildrop as it was at logon\r\n")
            answers[command] = data.removesuffix(b"+OK Maildrop as it was at logon\r\n")
    script = [draw.choice([command for command in commands if command != "DELE 99"]) for _ in range(1000)]
    # Wrong numbers count as no bad command; the whole is in one write.
    with wire.Client(up.pop3) as client:
        client.log_on()
        client.sock.sendall("".join(command + "\r\n" for command in [*script, "QUIT"]).encode())
        data, end = wire.rest(client.sock)
    wanted = b"".join(answers[command] for command in script)
    good = end == "eof" and data.startswith(wanted) and data[len(wanted):].startswith(b"+OK Poplar")
    report.check(good, f"1,000 pipelined commands: {len(wanted)} octets as one by one: {good}")
    rounds, lost, resets = 200, 0, 0
    for turn in range(rounds):
        with wire.Client(up.pop3) as client:
            size = 70_000 + 1000 * (turn % 100)
            try:
                client.sock.sendall(b"USER user00000\r\nPASS secret\r\nSTAT\r\nQUIT\r\n" + b"NOOP\r\n" * (size // 6))
                client.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            data, end = wire.rest(client.sock)
            lost += b"signing off" not in data
            resets += end != "eof"
    report.check(lost == 0 and resets == 0, f"{rounds} times 70 to 170 kB in one write behind QUIT: goodbyes lost {lost}, resets {resets}")


def strangers(up, report):
    hello = wire.client_hello()
    with wire.Client(up.pop3) as client:
        client.sock.sendall(hello + b"\r\n\r\n\r\n\r\n")
        data, end = wire.rest(client.sock, 3)
    good = data.startswith(b"-ERR") and end != "silent"
    report.check(good, f"TLS hello on the clear port: {data[:40]!r}, {end}")
    sock = wire.connect(up.pop3s)
    sock.sendall(b"USER user00000\r\nPASS secret\r\n")
    data, end = wire.rest(sock, 3)
    sock.close()
    report.check(b"+OK" not in data and end != "silent", f"clear text on the TLS port: {data.hex()[:20]!r}, {end}")


def noise(up, report):
    draw = random.Random(report.options.seed)
    open_sockets, count = [], 600
    for turn in range(count):
        sock = wire.connect(up.pop3 if turn % 2 else up.pop3s)
        sock.settimeout(1)
        octets = draw.randbytes(draw.randrange(1, 8192))
        if turn % 3 == 0:
            octets = bytes(draw.choice(b"USERPASTLAUHNMRCDOQI 0129+*=\r\n\0\xff") for _ in range(draw.randrange(1, 2000)))
        try:
            sock.sendall(octets)
        except OSError:
            pass
        open_sockets.append(sock)
        if len(open_sockets) > 100:
            open_sockets.pop(0).close()
    for sock in open_sockets:
        sock.close()
    wire.whole_session(up.pop3)
    report.check(True, f"{count} connections of random octets, the next session is served")


def run(report):
    with server.Server(limits=server.patience(60)) as up:
        wire.whole_session(up.pop3)
        up.figures()
        baseline = up.descriptors()
        for part in (lines, long_lines, pipelined, strangers, noise):
            part(up, report)
        left = up.settled(baseline)
        report.check(left == baseline, f"descriptors {baseline} -> {left}")
