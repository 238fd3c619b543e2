"""Runs one script against one server and puts down what came back, in a form that two servers can be compared by.

A reply is reduced to its status, its response code (RFC 2449, section 8) and what is exact in it: numbers of STAT and
LIST, the octets of a message, the set of capabilities. Its text is for people, and dropped. Unique ids become letters in
the order of their first appearance, so that only their shape and their stability count (RFC 1939, section 7).
"""

import base64
import hashlib
import hmac
import re
import socket
import ssl
import time

# A reply that has not come by now does not come. Courier sleeps for 5 s after a refused logon.
REPLY_SECONDS = 8
# What a server does after the last reply: it closes, or it leaves the connection open for this long.
END_SECONDS = 1.2

SHUT = "closed"
SILENT = "no reply"


class Connection:
    """One TCP connection with buffered reading of lines."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=REPLY_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.banner = b""
        self.challenge = None
        self.shut = False

    def send(self, octets, one_by_one=False):
        try:
            if one_by_one:
                for octet in octets:
                    self.socket.sendall(bytes([octet]))
            else:
                self.socket.sendall(octets)
        except OSError:
            pass  # The reader says so: what the server sent before it closed is still to be read.

    def line(self, deadline):
        """The next line without its CRLF, or SHUT, or SILENT."""
        while b"\n" not in self.buffer:
            if self.shut:
                return SHUT
            left = deadline - time.monotonic()
            if left <= 0:
                return SILENT
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(65536)
            except (TimeoutError, ssl.SSLWantReadError):
                return SILENT
            except OSError:
                more = b""
            if not more:
                self.shut = True
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line if not line.endswith(b"\r") else line[:-1]

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket.settimeout(REPLY_SECONDS)
        try:
            self.socket = context.wrap_socket(self.socket)
        except (OSError, ssl.SSLError):
            self.shut = True
            return "handshake refused"
        return "handshake"

    def close(self):
        self.socket.close()


class Run:
    """The state of one script at one server: its connections, the letters of its unique ids."""

    def __init__(self, port, user, password):
        self.port, self.user, self.password = port, user, password
        self.connections = {}
        self.letters = {}
        self.nonce = "rOprNGfwEbeRWgbNEkqO"

    def script(self, script):
        """(label, outcome) for each step, and for each connection how it ended. An outcome is text, or a set of texts."""
        outcomes = []
        try:
            for step in script.steps:
                outcomes.append((step.label, self.step(step)))
            for name, connection in sorted(self.connections.items()):
                outcomes.append((f"end {name}", self.end(connection)))
        finally:
            for connection in self.connections.values():
                connection.close()
        return outcomes

    def step(self, step):
        if step.action == "connect":
            if step.on in self.connections:
                self.connections[step.on].close()
            self.connections[step.on] = Connection(self.port)
        connection = self.connections[step.on]
        if step.action == "drop":
            connection.close()
            connection.shut = True
            del self.connections[step.on]
            time.sleep(0.3)  # Until the server has seen it, and has let go of the maildrop.
            return "dropped"
        if step.action == "tls":
            return connection.start_tls()
        octets = step.octets(self, connection) if callable(step.octets) else self.fill(step.octets)
        if octets is None:
            return "not asked"
        connection.send(octets, step.one_by_one)
        replies = []
        for kind in step.kinds:
            # After one reply that does not come, the others of its segment are not waited for.
            replies.append(self.reply(connection, kind, 0.2 if SILENT in replies else REPLY_SECONDS))
        return replies[0] if len(replies) == 1 else " | ".join(map(flat, replies))

    def fill(self, octets):
        return octets.replace(b"{user}", self.user.encode()).replace(b"{password}", self.password.encode())

    def reply(self, connection, kind, seconds):
        deadline = time.monotonic() + seconds
        line = connection.line(deadline)
        if not isinstance(line, bytes):
            return line
        if line == b"+" or line.startswith(b"+ "):
            connection.challenge = line[2:]
            return "+"
        status, _, text = line.partition(b" ")
        if status == b"-ERR":
            return f"-ERR{code(text)}"
        if status != b"+OK":
            return f"neither: {line[:40]!r}"
        if kind == "g":
            connection.banner = line
            return "+OK timestamp" if timestamp(line) else "+OK"
        if kind in "sc":
            return f"+OK{code(text)}"
        if kind == "t":
            return f"+OK {numbers(text, 2)}"
        if kind == "u":
            found = re.match(rb"(\d+) ([\x21-\x7e]{1,70})\s*$", text)
            return f"+OK {int(found[1])} {self.letter(found[2])}" if found else "+OK misshapen"
        lines = []
        while True:
            line = connection.line(deadline)
            if not isinstance(line, bytes):
                return f"+OK unterminated, {line}"
            if line == b".":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        return self.lines(kind, lines)

    def lines(self, kind, lines):
        """What a multi-line reply comes down to."""
        if kind == "a":
            return frozenset(item for line in lines for item in capability(line.decode("latin-1")))
        if kind == "m":
            return frozenset(line.decode("latin-1").upper() for line in lines)
        if kind == "L":
            return "+OK {" + ", ".join(numbers(line, 2) for line in lines) + "}"
        if kind == "U":
            pairs = [re.match(rb"(\d+) ([\x21-\x7e]{1,70})$", line) for line in lines]
            return "+OK {" + ", ".join(f"{int(p[1])} {self.letter(p[2])}" if p else "misshapen" for p in pairs) + "}"
        if kind == "r":
            body = b"".join(line + b"\r\n" for line in lines)
            return f"+OK {len(body)} octets {hashlib.sha256(body).hexdigest()[:12]}"
        return f"+OK {len(lines)} lines"

    def letter(self, unique_id):
        return self.letters.setdefault(unique_id, chr(65 + len(self.letters)))

    def end(self, connection):
        """Closed, open, or with replies that nobody asked for."""
        if connection.shut and not connection.buffer:
            return SHUT
        extra = 0
        deadline = time.monotonic() + END_SECONDS
        while True:
            line = connection.line(deadline)
            if not isinstance(line, bytes):
                break
            extra += 1
        state = SHUT if line == SHUT else "open"
        return f"{state}, {extra} more lines" if extra else state


def flat(outcome):
    return outcome if isinstance(outcome, str) else "{" + ", ".join(sorted(outcome)) + "}"


def code(text):
    found = re.match(rb"\[([A-Za-z0-9/-]+)", text)
    return f" [{found[1].decode().upper()}]" if found else ""


def numbers(text, count):
    found = re.match(rb"\d+(?: \d+)*", text)
    fields = found[0].split() if found else []
    return " ".join(field.decode() for field in fields[:count]) if len(fields) >= count else "misshapen"


def timestamp(line):
    found = re.search(rb"<[^<>\s]+@[^<>\s]+>", line)
    return found[0] if found else None


def capability(line):
    """A capability line as the items that a client looks for: each mechanism and each argument by itself."""
    words = line.upper().split()
    if not words:
        return ["empty line"]
    if words[0] in ("SASL", "UTF8") and len(words) > 1:
        return [words[0], *(f"{words[0]} {word}" for word in words[1:])]
    return [words[0] if words[0] == "IMPLEMENTATION" else " ".join(words)]


# Answers that depend on what the server said. None: it did not ask, so nothing is sent.


def challenged(answer):
    """Base64 of `answer(run, challenge)`, where the last reply was a challenge."""

    def octets(run, connection):
        challenge, connection.challenge = connection.challenge, None
        if challenge is None:
            return None
        try:
            decoded = base64.b64decode(challenge)
        except ValueError:
            return None
        text = answer(run, decoded)
        return None if text is None else base64.b64encode(text) + b"\r\n"

    return octets


def cram(digest, user=None, password=None):
    """RFC 2195, section 2. `digest` changes the right one."""

    def answer(run, challenge):
        key = (password or run.password).encode()
        right = hmac.new(key, challenge, "md5").hexdigest()
        return f"{user or run.user} {digest(right)}".encode()

    return challenged(answer)


def apop(digest, user=None):
    """RFC 1939, section 7."""

    def octets(run, connection):
        stamp = timestamp(connection.banner)
        if stamp is None:
            stamp = b"<none@none>"
        right = hashlib.md5(stamp + run.password.encode()).hexdigest()
        return f"APOP {user or run.user} {digest(right)}\r\n".encode()

    return octets


def scram_final(password=None, header=b"n,,", change=lambda proof: proof):
    """RFC 5802, section 3 with SHA-256 (RFC 7677), after `n,,n=USER,r=NONCE`."""

    def answer(run, first):
        fields = dict(part.split(b"=", 1) for part in first.split(b",") if b"=" in part)
        if not {b"r", b"s", b"i"} <= fields.keys():
            return None
        salt, count = base64.b64decode(fields[b"s"]), int(fields[b"i"])
        salted = hashlib.pbkdf2_hmac("sha256", (password or run.password).encode(), salt, count)
        client = hmac.new(salted, b"Client Key", "sha256").digest()
        bare = f"n={run.user},r={run.nonce}".encode()
        without = b"c=" + base64.b64encode(header) + b",r=" + fields[b"r"]
        signed = hmac.new(hashlib.sha256(client).digest(), b",".join((bare, first, without)), "sha256").digest()
        proof = bytes(a ^ b for a, b in zip(client, signed))
        return without + b",p=" + base64.b64encode(change(proof))

    return challenged(answer)


def scram_first(header="n,,"):
    return challenged(lambda run, _: f"{header}n={run.user},r={run.nonce}".encode())


def if_challenged(octets):
    """Sent as it is, where the last reply was a challenge."""

    def send(run, connection):
        challenge, connection.challenge = connection.challenge, None
        return None if challenge is None else run.fill(octets)

    return send
