"""How long a neighbour waits for its greeting while one client has expensive commands worked off, pipelined without an end.

One worker; mailboxes of 65,535 messages, of which one was removed. Printed for each command: the median of 20 greetings, less
the median beside a client that does nothing.
"""

import base64
import multiprocessing
import select
import socket
import ssl
import statistics
import struct
import time

import server
import wire

SAMPLES = 20
BOUND_MS = 20.0
# Of a CPU, below which the commands were not worked off one after the other.
LOADED = 0.15
MESSAGES = 65_535
USERS = 40


def greeting_ms(address):
    began = time.perf_counter()
    with wire.Client(address):
        return 1e3 * (time.perf_counter() - began)


def greetings_ms(address):
    times = []
    for _ in range(SAMPLES):
        times.append(greeting_ms(address))
        time.sleep(0.005)
    return statistics.median(times)


def pump(sock, text):
    """Sends `text` over and over and reads what comes, as fast as both go, until the connection ends."""
    sock.setblocking(False)
    waiting = memoryview(text)
    while True:
        wants_write = True
        while wants_write:
            try:
                waiting = waiting[sock.send(waiting[:65536]):] or memoryview(text)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                wants_write = False
            try:
                if not sock.recv(1 << 20):
                    return
            except (BlockingIOError, ssl.SSLWantReadError):
                if wants_write:
                    continue
                select.select([sock], [sock], [], 1)


def sessions(address, tls, begin, texts, users):
    """The expensive client: one connection after the other, each for the next user; a process of its own."""
    number = 0
    while True:
        number += 1
        try:
            sock = wire.connect(address)
            if tls:
                sock = wire.context().wrap_socket(sock, server_hostname="localhost")
            wire.line(sock)
            for line in begin:
                sock.sendall(line.replace("NAME", f"user{number % users:05}").encode() + b"\r\n")
                wire.line(sock)
            pump(sock, texts)
        except (OSError, wire.Broken):
            pass


def beside(up, *, begin=(), text, tls=False, users=1):
    """The median greeting of a neighbour meanwhile, and the server's CPU time for each second of it."""
    address = up.pop3s if tls else up.pop3
    process = multiprocessing.get_context("fork").Process(
        target=sessions, args=(address, tls, list(begin), text.encode(), users), daemon=True)
    process.start()
    try:
        time.sleep(0.3)
        began, before = time.monotonic(), up.cpu_ns()
        times = greetings_ms(up.pop3)
        return times, (up.cpu_ns() - before) / 1e9 / (time.monotonic() - began)
    finally:
        process.kill()
        process.join()


def encoded(octets):
    return base64.b64encode(octets).decode()


def ntlm():
    """Negotiate, and an NTLMv2 response of a known user that is wrong: the hashes are made all the same."""
    negotiate = b"NTLMSSP\0" + struct.pack("<II", 1, 0xA2088207) + bytes(16)
    domain, user, host = ("POPLAR".encode("utf-16le"), "user00001".encode("utf-16le"), "HOST".encode("utf-16le"))
    blob = bytes(16) + b"\1\1" + bytes(6) + struct.pack("<Q", 133_000_000_000_000_000) + bytes(8 + 4 + 4 + 200)
    fields, payload, at = b"", b"", 72
    for part in (bytes(24), blob, domain, user, host, b""):
        fields += struct.pack("<HHI", len(part), len(part), at)
        payload += part
        at += len(part)
    authenticate = b"NTLMSSP\0" + struct.pack("<I", 3) + fields + struct.pack("<I", 0xA2888205) + bytes(8) + payload
    return f"AUTH NTLM\r\n{encoded(negotiate)}\r\n{encoded(authenticate)}\r\n"


def scram():
    first = encoded(b"n,,n=user00001,r=fyko+d2lbbFgONRv9qkxdawL")
    final = encoded(b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL,p=" + base64.b64encode(bytes(32)))
    return f"AUTH SCRAM-SHA-256 {first}\r\n{final}\r\n"


def remove_one(up):
    """Has every mailbox a gap."""
    for user in range(USERS):
        with wire.Client(up.pop3) as client:
            client.log_on(user)
            client.ask("DELE 1")
            client.ask("QUIT")


IN_SESSION = {
    "NOOP": "NOOP\r\n", "STAT": "STAT\r\n", "LIST": "LIST\r\n", "LIST n": "LIST 65000\r\n", "UIDL": "UIDL\r\n",
    "UIDL n": "UIDL 65000\r\n", "TOP": "TOP 65000 1\r\n", "RETR": "RETR 65000\r\n", "CAPA": "CAPA\r\n",
    "unknown": "XYZZY\r\n", "RSET of one mark": "DELE 65000\r\nRSET\r\n",
}
BEFORE_LOGON = {
    "PASS": "USER user00001\r\nPASS wrong\r\n", "AUTH PLAIN": f"AUTH PLAIN {encoded(b'?user00001?wrong'.replace(b'?', bytes(1)))}\r\n",
    "APOP": f"APOP user00001 {'0' * 32}\r\n",
    "CRAM-MD5": f"AUTH CRAM-MD5\r\n{encoded(b'user00001 ' + b'0' * 32)}\r\n", "SCRAM-SHA-256": scram(), "NTLM": ntlm(),
    "AUTH lines of 12,000 octets": f"AUTH PLAIN\r\n{'A' * 12_000}\r\n", "unknown before the logon": "XYZZY\r\n",
}


def run(report):
    limits = [f"{name}=60000" for name in ("logon-failures", "bad-commands-before-logon", "bad-commands-after-logon")]
    with server.Server(users=USERS, messages=MESSAGES, octets="64,deleted=gone", workers=1, limits=limits) as up:
        remove_one(up)
        log_on = ["USER NAME", "PASS secret"]
        with wire.Client(up.pop3) as idle:
            idle.log_on(1)
            quiet = greetings_ms(up.pop3)
        report.note(f"beside a client that does nothing: {quiet:.2f} ms")
        every = "".join(f"DELE {number}\r\n" for number in range(1, MESSAGES))
        half = "".join(f"DELE {number}\r\n" for number in range(1, MESSAGES, 2))
        rows = {name: {"begin": log_on, "text": text} for name, text in IN_SESSION.items()}
        rows["LIST of marked messages"] = {"begin": log_on, "text": every + "LIST\r\n" * 100_000}
        rows["DELE and RSET of all"] = {"begin": log_on, "text": every + "RSET\r\n"}
        rows["DELE of half and QUIT"] = {"begin": log_on, "text": half + "QUIT\r\n", "users": USERS}
        rows["LIST in TLS"] = {"begin": log_on, "text": "LIST\r\n", "tls": True}
        rows |= {name: {"text": text} for name, text in BEFORE_LOGON.items()}
        for name, row in rows.items():
            judge(report, name, quiet, *beside(up, **row))
    with server.Server(users=2, messages=1, octets=1 << 26, workers=1, limits=limits) as up:
        quiet = greetings_ms(up.pop3)
        for name, text in (("TOP of 900,000 lines", "TOP 1 900000\r\n"), ("RETR of 64 MiB", "RETR 1\r\n")):
            judge(report, name, quiet, *beside(up, begin=log_on, text=text))


def judge(report, name, quiet, times, load):
    more = times - quiet
    report.check(more < BOUND_MS and load > LOADED, f"{name}: a neighbour is greeted {more:+.2f} ms later (bound {BOUND_MS:.0f} ms), "
                 f"the worker being busy for {100 * load:.0f} % of the time")
