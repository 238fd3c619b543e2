"""A POP3 server that follows a table of answers, one thread a connection: what a command is answered with is octets, an end
of the connection, silence, or a function. It believes nothing and counts nothing: what the client under test did is read
from its own results.
"""

import base64
import os
import select
import socket
import ssl
import struct
import threading
import time

BODY = b"Subject: one\r\n\r\n" + b"x" * 102 + b"\r\n"
SIZE = len(BODY)
BLOCK = 1 << 18


class Gone(Exception):
    """The client has gone, or the script has ended the connection."""


class Wire:
    """One connection as a script sees it. `number` counts from 0; `budget` and `how` cut it after so many octets."""

    def __init__(self, sock, number, context, budget=None, how=None, pace=None):
        self.sock, self.number, self.context = sock, number, context
        self.budget, self.how, self.pace = budget, how, pace
        self.held = b""
        # What functions of a script remember between two answers.
        self.memory = {}

    def say(self, data):
        if self.pace is not None:
            for octet in data:
                self.sock.sendall(bytes([octet]))
                time.sleep(self.pace)
            return
        if self.budget is not None:
            data, spent = data[: self.budget], len(data) >= self.budget
            self.budget -= len(data)
            if data:
                self.sock.sendall(data)
            if spent:
                self.how(self)
        else:
            self.sock.sendall(data)

    def raw(self, data):
        """Past TLS, where there is any."""
        while data:
            data = data[os.write(self.sock.fileno(), data):]

    def line(self):
        while b"\n" not in self.held:
            more = self.sock.recv(65536)
            if not more:
                raise Gone
            self.held += more
        line, _, self.held = self.held.partition(b"\n")
        return line.rstrip(b"\r")

    def encrypt(self):
        self.sock = self.context.wrap_socket(self.sock, server_side=True)
        self.held = b""


# What an answer may be made of, beside octets.

def close(wire):
    raise Gone


def reset(wire):
    # A shutdown of the TLS layer would say goodbye first; what lies underneath does not.
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def silence(wire):
    """Until the client has had enough. What it says meanwhile is read, so that the end is a FIN and not a reset."""
    while select.select([wire.sock], [], [], 120)[0]:
        if not wire.sock.recv(65536):
            raise Gone
    raise Gone


def hello(wire):
    """The client's first flight, read and left unanswered."""
    if not wire.sock.recv(65536):
        raise Gone


def handshake(wire):
    wire.encrypt()


def goodbye(wire):
    """close_notify and nothing more, in the middle of everything."""
    wire.sock.unwrap()
    raise Gone


def endless(data, beneath=False):
    """`data` again and again, until the client closes."""
    block = data * max(1, BLOCK // len(data))

    def flood(wire):
        while True:
            (wire.raw if beneath else wire.sock.sendall)(block)

    return flood


def drip(data, seconds):
    """One octet of `data` every so often, without end."""
    def act(wire):
        while True:
            for octet in data:
                wire.sock.sendall(bytes([octet]))
                time.sleep(seconds)

    return act


def raw(data):
    """Octets past the TLS layer."""
    return lambda wire: wire.raw(data)


def later(data):
    """A segment of its own, when the one before is long since read."""
    def act(wire):
        time.sleep(0.05)
        wire.sock.sendall(data)

    return act


def encoded(octets):
    return b"+ " + base64.b64encode(octets) + b"\r\n"


GOOD = {
    "GREETING": b"+OK ready <1896.697170952@hostile.example>\r\n",
    "CAPA": b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nSTLS\r\nSASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 NTLM\r\n.\r\n",
    "AUTH": b"+OK\r\nNTLM\r\n.\r\n",
    "STLS": (b"+OK begin\r\n", handshake),
    "USER": b"+OK\r\n", "PASS": b"+OK\r\n", "APOP": b"+OK\r\n",
    "AUTH PLAIN": b"+OK\r\n", "PLAIN 1": b"+OK\r\n",
    "AUTH LOGIN": b"+ VXNlcm5hbWU6\r\n", "LOGIN 1": b"+ UGFzc3dvcmQ6\r\n", "LOGIN 2": b"+OK\r\n",
    "AUTH CRAM-MD5": encoded(b"<1896.697170952@hostile.example>"), "CRAM-MD5 1": b"+OK\r\n",
    "AUTH NTLM": b"+ \r\n", "NTLM 2": b"+OK\r\n",
    "*": b"-ERR cancelled\r\n",
    "STAT": b"+OK 2 %d\r\n" % (2 * SIZE),
    "LIST": b"+OK\r\n1 %d\r\n2 %d\r\n.\r\n" % (SIZE, SIZE),
    "UIDL": b"+OK\r\n1 first\r\n2 second\r\n.\r\n",
    "TOP": b"+OK\r\nSubject: one\r\n\r\n.\r\n",
    "RETR": b"+OK %d octets\r\n%s.\r\n" % (SIZE, BODY),
    "DELE": b"+OK\r\n", "NOOP": b"+OK\r\n", "QUIT": (b"+OK\r\n", close),
}


class Dialogue:
    """A listener and its connections. The table's row is `changes` on top of `GOOD`."""

    def __init__(self, changes, encrypted=False, context=None, budget=None, how=None, pace=None):
        self.answers = {**GOOD, **changes}
        self.encrypted, self.context = encrypted, context
        self.budget, self.how, self.pace = budget, how, pace
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            number, self.count = self.count, self.count + 1
            threading.Thread(target=self.serve, args=(sock, number), daemon=True).start()

    def close(self):
        self.listener.close()

    def serve(self, sock, number):
        # The first connection is the client's look whether anybody is there: one cut off too early would end the run.
        budget = self.budget(number - 1) if self.budget and number > 0 else None
        wire = Wire(sock, number, self.context, budget, self.how, self.pace)
        try:
            if number == 0:
                silence(wire)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if budget is not None and budget <= 0:
                self.how(wire)
            if self.encrypted:
                self.act(wire, "HELLO", handshake)
            self.act(wire, "GREETING")
            self.converse(wire)
        except (Gone, OSError, ssl.SSLError, ValueError):
            pass
        finally:
            wire.sock.close()

    def converse(self, wire):
        mechanism, turn = None, 0
        while True:
            line = wire.line()
            words = line.decode("latin-1").split(" ")
            if mechanism and line != b"*":
                turn += 1
                key = f"{mechanism} {turn}"
            else:
                mechanism, turn = None, 0
                key = words[0].upper()
            if key == "AUTH" and len(words) > 1:
                mechanism, turn = words[1].upper(), 0
                key = f"AUTH {mechanism}"
                wire.memory["initial"] = words[2] if len(words) > 2 else ""
            wire.memory["line"] = line
            answered = self.act(wire, key)
            if isinstance(answered, bytes) and not answered.startswith(b"+ ") and answered != b"+\r\n":
                mechanism = None

    def act(self, wire, key, default=b"-ERR what?\r\n"):
        answer = self.answers.get(key, default)
        for part in answer if isinstance(answer, tuple) else (answer,):
            if isinstance(part, bytes):
                wire.say(part)
            else:
                part(wire)
        return answer
