"""No descriptors, and no seats: accept at its limit costs next to no CPU and recovers at once; when all seats are taken the
oldest connection without a logon makes room, and whoever has logged on stays."""

import socket
import time

import server
import wire

OVER = 3.0


def flooded(up, count):
    """Connections that stay in the kernel's queue."""
    sockets = []
    for index in range(count):
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)
        sock.bind((f"127.0.3.{index % 200 + 1}", 0))
        try:
            sock.connect(up.pop3)
        except BlockingIOError:
            pass
        sockets.append(sock)
    return sockets


def descriptors(report):
    with server.Server(users=100, workers=2, limits=server.patience(600)) as up:
        up.figures()
        held = [wire.Client(up.pop3).log_on(user) for user in range(50)]
        up.limit_descriptors(up.descriptors() + 20)
        flood = flooded(up, 2000)
        time.sleep(0.5)
        before, began = up.cpu_ns(), time.monotonic()
        time.sleep(OVER)
        share = (up.cpu_ns() - before) / 1e9 / (time.monotonic() - began)
        alive = sum(client.ask("NOOP").startswith(b"+OK") for client in held)
        for sock in flood:
            wire.reset(sock)
        for client in held[:25]:
            client.sock.close()
        began = time.monotonic()
        wire.whole_session(up.pop3, 99)
        took = time.monotonic() - began
        for client in held:
            client.sock.close()
        # Both workers' listeners are still there: the kernel spreads these over them.
        served = sum(wire.whole_session(up.pop3, user) < 5 for user in range(40))
    report.check(share < 0.05, f"EMFILE with 2,000 connections waiting: {100 * share:.2f} % CPU over {OVER:.0f} s (bound 5 %)")
    report.check(took <= 1 and alive == 50 and served == 40, f"sessions logged on before answered {alive} of 50; a new one served "
                 f"{took:.2f} s after descriptors were free (bound 1 s), then {served} of 40")


def alive(client):
    try:
        return client.ask("NOOP")[:1] in (b"+", b"-")
    except (OSError, wire.Broken):
        return False


def seats(report):
    with server.Server(workers=1, users=100, limits=("connections=50", "bad-commands-before-logon=1000")) as up:
        logged_on = [wire.Client(up.pop3).log_on(user) for user in range(40)]
        waiting = [wire.Client(up.pop3) for _ in range(10)]
        newer = [wire.Client(up.pop3) for _ in range(5)]
        gone = [not alive(client) for client in waiting]
        kept = sum(alive(client) for client in logged_on)
        still = sum(alive(client) for client in newer)
        displaced = up.figures()["poplar_displaced_total"]
        good = gone == [True] * 5 + [False] * 5 and kept == 40 and still == 5 and displaced == 5
        report.check(good, f"50 seats full: the 5 oldest without a logon of 10 made room {gone[:5] == [True] * 5}, the others stay "
                     f"{not any(gone[5:])}, logged on {kept} of 40, displaced {displaced:.0f}")
        for user, client in enumerate([*waiting[5:], *newer], start=40):
            client.log_on(user)
        everyone = [*logged_on, *waiting[5:], *newer]
        texts = []
        for _ in range(20):
            sock = wire.connect(up.pop3)
            texts.append(wire.rest(sock, 3))
            sock.close()
        refused = sum(text.startswith(b"-ERR [SYS/TEMP] Too many connections") and end != "silent" for text, end in texts)
        kept = sum(alive(client) for client in everyone)
        report.check(refused == 20 and kept == 50, f"50 seats, all logged on: 20 more get {texts[0][0].strip().decode()!r} {refused} times, "
                     f"logged on {kept} of 50")
        everyone[0].sock.close()
        report.check(wire.eventually(lambda: greeted(up), 2), "a seat that was given up is taken again")


def greeted(up):
    sock = wire.connect(up.pop3)
    try:
        return wire.line(sock).startswith(b"+OK")
    except wire.Broken:
        return False
    finally:
        sock.close()


def run(report):
    descriptors(report)
    seats(report)
