"""Server processes: the competitors' command lines, starting them pinned, and the CPU time that they used.

The time is the scheduler's (nanoseconds, first field of schedstat), of all threads of all processes below the one that
was started, so that a server of many processes pays for each of them.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "Benchmarks" / "floor" / "bin"
READY = re.compile(r"(\w+)=([0-9.]+:\d+)")
# What `serve` must not do in the middle of a row: end connections that idle on purpose.
PATIENCE = ("logon-ms=3600000", "idle-ms=3600000")


def fail(text):
    sys.exit(f"race: {text}")


def floor(messages=10, size=2048):
    return [str(BIN / "floor-server"), "--bytes", str(size), "--messages", str(messages)]


def tls_floor(certificate):
    return [str(BIN / "tls-server"), "--cert", certificate[0], "--key", certificate[1], "--tls13-only", "1"]


def poplar(binary, certificate=None, users=1000, messages=10, size=2048):
    population = f"users={users},messages={messages},bytes={size},deleted=restore"
    command = [binary, "serve", "--pop3", "127.0.0.1:0", "--population", population, "--workers", "1"]
    if certificate:
        command += ["--pop3s", "127.0.0.1:0", "--cert", certificate[0], "--key", certificate[1]]
    for limit in PATIENCE:
        command += ["--limit", limit]
    return command


def make_certificate(folder):
    """ECDSA P-256, self-signed: the same for every server of a race. (certificate, key) as paths."""
    certificate, key = f"{folder}/certificate.pem", f"{folder}/key.pem"
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"openssl made no certificate: {done.stderr.strip()}")
    return certificate, key


def family(pid):
    """The process and everything below it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name in parentheses may hold anything; the parent is the second field behind it.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    members = {pid}
    while grown := {child for child, parent in parents.items() if parent in members} - members:
        members |= grown
    return members


class Server:
    """A server process, pinned, that has said `ready`. A context manager; ends it with SIGTERM."""

    def __init__(self, command, cpu, wrap=()):
        self.log = tempfile.TemporaryFile()
        self.wrapped = bool(wrap)
        self.process = subprocess.Popen(
            ["taskset", "-c", str(cpu), *wrap, *command], stdout=subprocess.PIPE, stderr=self.log, text=True,
            start_new_session=True)
        self.addresses = {}
        self.members = {self.process.pid}

    def __enter__(self):
        for line in self.process.stdout:
            if line.startswith("ready "):
                self.addresses = dict(READY.findall(line))
                return self
        self.process.wait()
        self.log.seek(0)
        fail(f"no ready line from {self.process.args}: {self.log.read().decode(errors='replace').strip()}")

    def __exit__(self, *_):
        below = family(self.process.pid) - {self.process.pid} if self.wrapped else set()
        for pid in below or {self.process.pid}:
            os.kill(pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            print(f"race: {self.process.args} did not end on SIGTERM", file=sys.stderr)
        if self.process.stdout:
            self.process.stdout.close()
        self.log.close()

    def run_ns(self):
        """Nanoseconds on a CPU so far, all threads of all members."""
        total = 0
        for pid in self.members:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total

    def settled_ns(self):
        """The same once the server is idle: the count moves at switches only, so wait until it stands still."""
        previous = -1
        for _ in range(50):
            current = self.run_ns()
            if current == previous:
                return current
            previous = current
            time.sleep(0.004)
        return previous

    def memory(self):
        """KiB of its memory: what it alone holds and has written (user space), and all that is resident."""
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        fields = dict(re.findall(r"^(\w+):\s+(\d+) kB", rollup, re.M))
        return {"private_dirty": int(fields["Private_Dirty"]), "anonymous": int(fields["Anonymous"]), "rss": int(fields["Rss"])}
