"""Memory after a burst: 10,000 connections that all had output, then idle, then gone; and the same again adds nothing."""

import time

import server
import wire

COUNT = 9500


def burst(up):
    """Connections that have logged on and read five messages each."""
    held = []
    for index in range(COUNT):
        sock = wire.connect(up.pop3, f"127.0.6.{index % 100 + 1}")
        sock.sendall(f"USER user{index:05}\r\nPASS secret\r\n".encode() + b"RETR 1\r\n" * 5)
        held.append(sock)
        if index >= 500:
            wire.until(held[index - 500], b"\r\n.\r\n", 5)
    for sock in held[-500:]:
        wire.until(sock, b"\r\n.\r\n", 5)
    return held


def run(report):
    with server.Server(users=COUNT, limits=server.patience(600)) as up:
        up.figures()
        before = up.private_dirty()
        rounds = []
        for _ in range(3):
            held = burst(up)
            peak = up.private_dirty()
            time.sleep(3)
            idle = up.private_dirty()
            for sock in held:
                wire.reset(sock)
            server.wait_quiet(up, 5)
            time.sleep(1)
            rounds.append((peak, idle, up.private_dirty()))
        for number, (peak, idle, after) in enumerate(rounds, start=1):
            report.note(f"burst {number}: before {server.kibibytes(before)}, {COUNT} connections with output {server.kibibytes(peak)}, idle "
                        f"{server.kibibytes(idle)} ({(idle - before) / COUNT:.0f} octets each), closed {server.kibibytes(after)}")
        per = (rounds[0][1] - before) / COUNT
        grown = rounds[2][2] - rounds[0][2]
        report.check(per <= 4096, f"{per:.0f} octets for each of {COUNT} connections, idle after output (bound 4,096)")
        report.check(grown <= 1 << 20, f"two more bursts add {grown / 1024:+.0f} KiB (bound 1 MiB)")
