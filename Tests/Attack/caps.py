"""Caps and deadlines on real sockets, with limits made small. Times are compared loosely: not before, and not much later."""

import threading
import time

import server
import wire

# Beyond a deadline: the wheel looks at a connection in time, but a busy machine may not.
LATE = 3.0


def seconds_open(sock):
    """How long until the server closes; nothing is sent meanwhile."""
    began = time.monotonic()
    data, end = wire.rest(sock, 20)
    return time.monotonic() - began, data, end


def per_source(report):
    with server.Server(workers=2, limits=("connections-per-source=5", "failure-delay-ms=0")) as up:
        held = [wire.Client(up.pop3, "127.0.0.9") for _ in range(5)]
        sixth = wire.connect(up.pop3, "127.0.0.9")
        text, end = wire.rest(sixth, 3)
        other = wire.whole_session(up.pop3, 50, "127.0.0.10") < LATE
        held[0].log_on(1)
        # Whoever has logged on is no longer counted.
        again = wire.eventually(lambda: greeted(up, "127.0.0.9"))
        for client in held:
            client.sock.close()
        freed = wire.eventually(lambda: greeted(up, "127.0.0.9"))
        good = text.startswith(b"-ERR") and end != "silent" and other and again and freed
        report.check(good, f"connections-per-source=5: the sixth gets {text.strip().decode()!r}, another source is served {other}, "
                     f"room after a logon {again}, after closing {freed}")


def greeted(up, source):
    sock = wire.connect(up.pop3, source)
    try:
        return wire.line(sock).startswith(b"+OK")
    except wire.Broken:
        return False
    finally:
        sock.close()


def failure_delay(report):
    """The wrong password waits, twice as long the second time, and nobody else of the same worker does."""
    with server.Server(workers=1, limits=("failure-delay-ms=1000",)) as up:
        longest = []
        stop = threading.Event()

        def neighbour():
            while not stop.is_set():
                longest.append(wire.whole_session(up.pop3, 2))

        other = threading.Thread(target=neighbour)
        other.start()
        delays = []
        with wire.Client(up.pop3) as client:
            for _ in range(2):
                client.ask("USER user00001")
                began = time.monotonic()
                refused = client.ask("PASS wrong").startswith(b"-ERR")
                delays.append(time.monotonic() - began)
            fine = client.log_on(1)
        stop.set()
        other.join()
        good = refused and bool(fine) and 1.0 <= delays[0] < 1.0 + LATE and 2.0 <= delays[1] < 2.0 + LATE and max(longest) < 0.9
        report.check(good, f"failure-delay-ms=1000: answered after {delays[0]:.2f} s, then {delays[1]:.2f} s; meanwhile {len(longest)} "
                     f"sessions on the same worker, the longest {max(longest) * 1e3:.0f} ms")


def bad_commands(report):
    with server.Server() as up:
        counts = {}
        for name, logged_on in (("before", False), ("after", True)):
            with wire.Client(up.pop3) as client:
                if logged_on:
                    client.log_on()
                count = 0
                answer = b""
                while b"Too many" not in answer and count < 100:
                    answer = client.ask("BOGUS")
                    count += 1
                counts[name] = (count, wire.rest(client.sock, 3)[1])
        good = counts == {"before": (3, "eof"), "after": (20, "eof")}
        report.check(good, f"bad commands: closed at number {counts['before'][0]} before the logon, {counts['after'][0]} after it")


def deadlines(report):
    limits = ("logon-ms=1500", "handshake-ms=1000", "idle-ms=1200")
    with server.Server(limits=limits) as up:
        found = {}
        with wire.Client(up.pop3) as client:
            found["logon 1.5"] = seconds_open(client.sock)[0]
        with wire.Client(up.pop3) as client:
            began = time.monotonic()
            try:
                for octet in b"USER user00000 and so on and so on and so on":
                    client.sock.sendall(bytes([octet]))
                    time.sleep(0.1)
            except OSError:
                pass
            found["logon 1.5, an octet at a time"] = time.monotonic() - began
        sock = wire.connect(up.pop3s)
        found["handshake 1.0"] = seconds_open(sock)[0]
        with wire.Client(up.pop3) as client:
            client.ask("STLS")
            client.sock.sendall(wire.client_hello()[:50])
            found["handshake 1.0 after STLS"] = seconds_open(client.sock)[0]
        with wire.Client(up.pop3) as client:
            client.log_on()
            found["idle 1.2"] = seconds_open(client.sock)[0]
        with wire.Client(up.pop3) as client:
            client.log_on()
            lasted = all(not time.sleep(0.4) and client.ask("NOOP").startswith(b"+OK") for _ in range(8))
    early = {name: took for name, took in found.items() if not float(name.split()[1].rstrip(",")) - 0.1 <= took
             <= float(name.split()[1].rstrip(",")) + LATE}
    told = ", ".join(f"{name} s: {took:.2f} s" for name, took in found.items())
    report.check(not early and lasted, f"deadlines: {told}; a NOOP each 0.4 s keeps an idle-ms of 1.2 s open: {lasted}")


def reader(up, user, octets_per_s, seconds):
    """Asks for 4 MB and reads so many octets a second, for so long or to the end of the stream."""
    with wire.Client(up.pop3, receive_buffer=4096) as client:
        client.log_on(user)
        client.sock.sendall(b"RETR 1\r\n" * 2000)
        began = time.monotonic()
        taken = 0
        while (now := time.monotonic() - began) < seconds:
            due = int(now * octets_per_s) - taken
            if due > 0:
                try:
                    got = len(client.sock.recv(min(due, 65536)))
                except ConnectionResetError:
                    return
                if not got:
                    return
                taken += got
            time.sleep(0.05)


def slow_readers(report):
    """The rate of a reader is judged over stall-ms: too slow ends the connection, and twice the rate does not."""
    limits = (*server.patience(600)[:3], "stall-ms=2500", "reader-bytes-per-s=4000")
    with server.Server(users=10, limits=limits) as up:
        ended = []
        for rates in ((1, 1000), (8000, 30_000)):
            before = up.figures()['poplar_timeouts_total{phase="stall"}']
            readers = [threading.Thread(target=reader, args=(up, index, rate, 8)) for index, rate in enumerate(rates)]
            for thread in readers:
                thread.start()
            for thread in readers:
                thread.join()
            # What the kernel holds for a reader must be read before its connection's end is seen: the server's count tells.
            ended.append(up.figures()['poplar_timeouts_total{phase="stall"}'] - before)
    report.check(ended == [2, 0], f"stall-ms=2500 reader-bytes-per-s=4000: at 1 and 1,000 octets/s readers ended {ended[0]:.0f} of 2, "
                 f"at 8,000 and 30,000 octets/s {ended[1]:.0f} of 2")


def run(report):
    for part in (per_source, failure_delay, bad_commands):
        part(report)
    # These two wait more than they work.
    failures = []

    def read_slowly():
        try:
            slow_readers(report)
        except (OSError, RuntimeError, wire.Broken) as error:
            failures.append(error)

    beside = threading.Thread(target=read_slowly)
    beside.start()
    deadlines(report)
    beside.join()
    for error in failures:
        raise error
