"""5,000 connections that end at the same moment, because the process that held them is killed: by FIN, and by RST."""

import os
import signal
import socket
import struct
import time

import server
import wire

COUNT = 5000


def hold(up, reset):
    """Forks a process that holds COUNT connections in every state; its process id once it holds them."""
    reader, writer = os.pipe()
    child = os.fork()
    if child > 0:
        os.close(writer)
        told = os.read(reader, 1)
        os.close(reader)
        if told != b"1":
            raise RuntimeError("the process that was to hold connections failed")
        return child
    try:
        hello = wire.client_hello()
        kept = []
        for index in range(COUNT):
            encrypted = index % 5 == 4
            sock = wire.connect(up.pop3s if encrypted else up.pop3, f"127.0.4.{index % 100 + 1}")
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if encrypted:
                sock.sendall(hello)
            else:
                text = f"USER user{index:05}\r\nPASS secret\r\nRETR 1\r\n"
                sock.sendall(["", text, text + "LIST\r\n", "AUTH NTLM\r\n"][index % 5].encode())
            kept.append(sock)
        time.sleep(0.3)
        os.write(writer, b"1")
        signal.pause()
    finally:
        os._exit(1)


def run(report):
    with server.Server(users=COUNT, messages=2, limits=server.patience(600)) as up:
        up.figures()
        baseline = up.descriptors()
        memory = []
        for way in ("FIN", "RST", "FIN again", "RST again"):
            child = hold(up, way.startswith("RST"))
            held = up.descriptors() - baseline
            began = time.monotonic()
            os.kill(child, signal.SIGKILL)
            took = wire.whole_session(up.pop3, 3)
            left = up.settled(baseline)
            gone = time.monotonic() - began
            os.waitpid(child, 0)
            server.wait_quiet(up)
            memory.append(up.allocated())
            report.check(left == baseline and took < 3, f"{held} connections closed at once by {way}: a session meanwhile took "
                         f"{took * 1e3:.0f} ms, descriptors {baseline} -> {left} after {gone:.2f} s")
        grown = memory[3] - memory[1]
        report.check(grown <= 1 << 20, f"heap {server.kibibytes(memory[1])} after two storms, {grown / 1024:+.0f} KiB after two more "
                     "(bound 1 MiB)")
        wrong = 0
        for user in range(0, COUNT, 50):
            try:
                wire.whole_session(up.pop3, user)
            except wire.Broken:
                wrong += 1
        report.check(wrong == 0, f"maildrops still locked: {wrong} of {COUNT // 50} tried")
