"""The server under attack: starting it, looking at it from outside (descriptors, memory, CPU, its own figures), ending it.

Everything is read from /proc or the server's metrics page, so that the server need not be believed about itself.
"""

import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

import wire

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENT = ROOT / "Benchmarks" / "floor" / "bin" / "abort-client"
binary = str(ROOT / ".build" / "release" / "poplar")


class Server:
    """`poplar serve` on ports of the kernel's choice. A context manager; a server that died or that does not end on
    SIGTERM fails the case."""

    def __init__(self, *words, users=100, messages=5, octets=2048, workers=2, limits=(), wrap=()):
        command = [*wrap, binary, "serve", "--pop3", "127.0.0.1:0", "--pop3s", "127.0.0.1:0", "--metrics", "127.0.0.1:0",
                   "--workers", str(workers), "--population", f"users={users},messages={messages},bytes={octets}", *words]
        for limit in limits:
            command += ["--limit", limit]
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        ready = self.process.stdout.readline()
        if not ready.startswith("ready "):
            self.process.wait()
            raise RuntimeError(f"no ready line: {self.log()}")
        self.ports = {name: int(port) for name, port in re.findall(r"(\w+)=[0-9.]+:(\d+)", ready)}
        self.pop3 = ("127.0.0.1", self.ports["pop3"])
        self.pop3s = ("127.0.0.1", self.ports["pop3s"])
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.process.poll()
        if status is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                status = self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                status = "none within 30 s of SIGTERM"
        self.process.stdout.close()
        text = self.log() if status != 0 else ""
        self.errors.close()
        if status != 0 and kind is None:
            raise RuntimeError(f"the server ended with {status}: {text}")

    def log(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")[-2000:]

    def descriptors(self):
        # Each worker thread has a table of its own, which begins as a copy of the process's.
        return sum(len(os.listdir(f"/proc/{self.pid}/task/{task}/fd")) for task in os.listdir(f"/proc/{self.pid}/task"))

    def settled(self, wanted, seconds=10):
        """Descriptors, as soon as they are down to `wanted`, or what they are after so many seconds."""
        return wire.eventually(lambda: self.descriptors() <= wanted, seconds) and wanted or self.descriptors()

    def private_dirty(self):
        """Octets of its memory that it alone holds and has written."""
        rollup = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return 1024 * int(re.search(r"^Private_Dirty:\s+(\d+)", rollup, re.M)[1])

    def resident(self):
        return 1024 * int(re.search(r"^VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.pid}/status").read_text(), re.M)[1])

    def cpu_ns(self):
        """Nanoseconds on a CPU so far, of all threads."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def figures(self):
        """The metrics page: {name with labels: value}."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['metrics']}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}

    def allocated(self):
        return int(self.figures()['poplar_allocator_bytes{state="allocated"}'])

    def limit_descriptors(self, count):
        """From now on, and below what it holds already: accept then fails with EMFILE."""
        _, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (count, hard))

    def load(self, *words):
        """The command line of the C load client against this server."""
        return [str(CLIENT), "--pop3", f"127.0.0.1:{self.ports['pop3']}", *map(str, words)]


def kibibytes(octets):
    return f"{octets / 1024:.0f} KiB"


def patience(seconds):
    """Limits under which nothing ends by itself for so long."""
    return tuple(f"{name}={seconds * 1000}" for name in ("logon-ms", "idle-ms", "handshake-ms", "stall-ms"))


def wait_quiet(server, seconds=2.0):
    """Until the server has used next to no CPU for a moment: what was to be done is done."""
    stop = time.monotonic() + seconds
    before = server.cpu_ns()
    while time.monotonic() < stop:
        time.sleep(0.1)
        now = server.cpu_ns()
        if now - before < 1_000_000:
            return
        before = now


def build_client():
    """The C load client, where its source is newer than what was built. False: there is no compiler."""
    source = ROOT / "Benchmarks" / "floor" / "abort-client.c"
    if CLIENT.is_file() and CLIENT.stat().st_mtime >= source.stat().st_mtime:
        return True
    if not shutil.which("gcc"):
        return False
    CLIENT.parent.mkdir(exist_ok=True)
    subprocess.run(["gcc", "-std=c11", "-O2", "-Wall", "-Wextra", "-o", str(CLIENT), str(source)], check=True)
    return True
