"""A million sessions, three in ten of them given up within the logon or the TLS handshake: memory stays where it is."""

import json
import subprocess

import server
import wire

STEPS = 10
# Of the steps, before the slope is taken: the heap finds its size.
WARM = 2


def slope(points):
    """Least squares over (sessions, octets)."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def run(report):
    with server.Server(users=1000, limits=server.patience(600)) as up:
        step = report.options.sessions // STEPS
        words = ("--sessions", step, "--in-flight", 64, "--abort", 30, "--pop3s", f"127.0.0.1:{up.ports['pop3s']}", "--hello",
                 wire.client_hello().hex())
        dirty, allocated, aborted, failed = [], [], 0, 0
        baseline = up.descriptors()
        for number in range(STEPS + 1):
            done = json.loads(subprocess.run(up.load(*words), capture_output=True, text=True).stdout)
            aborted += done["aborted"]
            failed += done["failed"]
            up.settled(baseline)
            server.wait_quiet(up)
            dirty.append((number * step, up.private_dirty()))
            allocated.append((number * step, up.allocated()))
        for name, points in (("private dirty", dirty), ("allocated", allocated)):
            report.note(f"{name}, KiB after each {step} sessions: {' '.join(str(y // 1024) for _, y in points)}")
        per, per_allocated = slope(dirty[WARM:]), slope(allocated[WARM:])
        total = (STEPS + 1) * step
        report.check(failed == 0, f"{total} sessions, {aborted} given up, failed {failed}")
        report.check(per <= 1, f"slope of private dirty memory {per:+.3f} octets a session (bound 1), of allocated {per_allocated:+.3f}")
