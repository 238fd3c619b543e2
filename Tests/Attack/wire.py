"""Clients of few lines: sockets that connect, talk, half-close and reset; source addresses 127.0.0.x; TLS by octets."""

import resource
import socket
import ssl
import struct
import time

PATIENCE = 10.0


class Broken(Exception):
    """The connection ended, or said nothing for too long, where an answer was due."""


def raise_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def eventually(condition, seconds=PATIENCE):
    stop = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > stop:
            return False
        time.sleep(0.01)
    return True


def connect(address, source=None, receive_buffer=None):
    sock = socket.socket()
    sock.settimeout(PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        sock.bind((source, 0))
    sock.connect(address)
    return sock


def reset(sock):
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def until(sock, end, enough=1):
    """What comes until `end` has been seen `enough` times; raises Broken at EOF, reset or silence."""
    data = b""
    while data.count(end) < enough:
        try:
            more = sock.recv(262144)
        except OSError as error:
            raise Broken(f"{error!r} after {data[-80:]!r}") from error
        if not more:
            raise Broken(f"EOF after {data[-80:]!r}")
        data += more
    return data


def line(sock):
    return until(sock, b"\r\n")


def rest(sock, seconds=PATIENCE):
    """Everything up to the end of the stream, and how it ended: "eof", "reset" or "silent"."""
    sock.settimeout(seconds)
    data = b""
    while True:
        try:
            more = sock.recv(262144)
        except ConnectionResetError:
            return data, "reset"
        except TimeoutError:
            return data, "silent"
        if not more:
            return data, "eof"
        data += more


class Client:
    """One that speaks and waits for the answer."""

    def __init__(self, address, source=None, **options):
        self.sock = connect(address, source, **options)
        self.greeting = line(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def ask(self, text):
        self.send(text)
        return line(self.sock)

    def log_on(self, user=0):
        self.ask(f"USER user{user:05}")
        answer = self.ask("PASS secret")
        if not answer.startswith(b"+OK"):
            raise Broken(f"user{user:05} was refused: {answer!r}")
        return self


def whole_session(address, user=0, source=None):
    """A logon, a message, QUIT; the seconds that it took."""
    began = time.monotonic()
    with Client(address, source) as client:
        client.log_on(user)
        client.send("RETR 1")
        until(client.sock, b"\r\n.\r\n")
        client.send("QUIT")
        goodbye, end = rest(client.sock)
        if not goodbye.startswith(b"+OK") or end != "eof":
            raise Broken(f"QUIT: {goodbye!r}, {end}")
    return time.monotonic() - began


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def client_hello():
    """The first flight of a TLS client, as octets."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context().wrap_bio(into, out)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class OctetTLS:
    """TLS over a socket, what it sends cut into single octets."""

    def __init__(self, sock):
        self.sock = sock
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context().wrap_bio(self.into, self.out)
        self.call(self.session.do_handshake)

    def call(self, action, *arguments):
        while True:
            try:
                result = action(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                more = self.sock.recv(65536)
                if not more:
                    raise Broken("EOF within TLS") from None
                self.into.write(more)

    def flush(self):
        for octet in self.out.read():
            self.sock.sendall(bytes([octet]))

    def ask(self, text):
        self.call(self.session.write, text.encode() + b"\r\n")
        return self.line()

    def line(self):
        data = b""
        while not data.endswith(b"\r\n"):
            data += self.call(self.session.read, 65536)
        return data
