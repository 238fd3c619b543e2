"""What the rows share: running Poplar, reading its run folder, and how a row is told."""

import contextlib
import csv
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.append(str(HERE.parent / "race"))

PROFILE = """name: {name}
seed: {seed}
{load}
phases:
  - {{name: warm-up, duration: {warm_up}, measure: off}}
  - {{name: measured, duration: {seconds}s}}
clients: [{{persona: basic}}]
mailbox_work: [{{name: check{work}}}]
population: {{users: {users}, messages: 10, bytes: 2KiB}}
limits: {{in_flight: 20000, connect_timeout: 20s, step_timeout: 30s, session_timeout: 60s, drain_timeout: 20s}}
"""


def profile(folder, name, load, seconds, *, seed=1, users=40000, warm_up="500ms", work=""):
    path = pathlib.Path(folder) / f"{name}.yaml"
    path.write_text(PROFILE.format(name=name, load=load, seconds=seconds, seed=seed, users=users, warm_up=warm_up, work=work))
    return path


@contextlib.contextmanager
def server(command, cpu=None):
    """A process that has said `ready`; (process, {listener: address})."""
    pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
    process = subprocess.Popen([*pinned, *map(str, command)], stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        yield process, dict(re.findall(r"(\w+)=([0-9.]+:\d+)", line))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        process.wait()


def poplar_server(options, users=40000, *extra):
    return [options.poplar, "serve", "--pop3", "127.0.0.1:0", "--workers", "1", "--population",
            f"users={users},messages=10,bytes=2048", *extra]


class Run:
    """One `poplar run`, ended, with what it left and the CPU time that it used."""

    def __init__(self, options, words, *, cpu=None, wrap=(), during=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=options.work))
        pinned = ["taskset", "-c", str(cpu)] if cpu is not None else []
        command = [*pinned, *wrap, options.poplar, "run", *map(str, words), "--out", str(self.folder / "run")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if during:
            during(process)
        self.out, self.err = process.communicate()
        self.status = process.returncode
        path = self.folder / "run/summary.json"
        self.summary = json.loads(path.read_text()) if path.exists() else None
        if self.summary is None:
            sys.exit(f"proof: {' '.join(command)}\n{self.out}{self.err}")

    def series(self):
        with open(self.folder / "run/series.csv") as file:
            return list(csv.DictReader(file))

    def histogram(self, tag):
        """The whole run's histogram of `tag`, in nanoseconds (hdrhistogram's)."""
        from hdrh.log import HistogramLogReader
        from hdrh.histogram import HdrHistogram
        total = HdrHistogram(1, 3_600_000_000_000, 3)
        reader = HistogramLogReader(str(self.folder / "run/steps.hlog"), HdrHistogram(1, 3_600_000_000_000, 3))
        while (one := reader.get_next_interval_histogram()) is not None:
            if one.get_tag() == tag:
                total.add(one)
        reader.close()
        return total


def told(row, ok, text, **figures):
    print(f"{row}: {text}: {'reached' if ok else 'MISSED'}", flush=True)
    return {"row": row, "ok": ok, "text": text, **figures}


def clock():
    import time
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def environment(**more):
    return {**os.environ, **more}
