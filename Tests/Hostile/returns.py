"""The server dies and returns, five times in one run: the real server on one port, killed with SIGKILL under load. The run ends
on time, every session is accounted for, the gaps stand in the series, and between them sessions succeed again."""

import csv
import json
import pathlib
import signal
import subprocess
import threading
import time

import runs

TIMES = 5
UP, DOWN = 1.0, 0.6

PROFILE = """name: returns
rate: 100
phases: [{{name: load, duration: {seconds}s}}]
clients: [{{persona: basic}}, {{persona: basic, transport: stls}}, {{persona: internet-mail-3}}]
mailbox_work: [{{name: work, uidl: on, retrieve: 2, delete: on, idle: 200ms}}]
population: {{users: 2000, messages: 2, bytes: 2KiB}}
limits: {{connect_timeout: 1s, step_timeout: 1s, session_timeout: 2s, drain_timeout: 3s}}
"""


class Victim:
    """`poplar serve` that comes back to the port it had."""

    def __init__(self, binary):
        self.binary, self.port, self.process = binary, 0, None

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "serve", "--pop3", f"127.0.0.1:{self.port}", "--pop3s", "127.0.0.1:0", "--population",
             "users=2000,messages=2,bytes=2048"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        if not ready.startswith("ready pop3="):
            raise RuntimeError(f"no ready line: {self.process.stderr.read()}")
        self.port = int(ready.split()[1].split(":")[-1])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


def run(binary, folder):
    outcome = runs.Outcome("the real server killed and started again five times")
    folder = pathlib.Path(folder) / "returns"
    folder.mkdir()
    seconds = int(TIMES * (UP + DOWN) + 3)
    (folder / "returns.yaml").write_text(PROFILE.format(seconds=seconds))
    victim = Victim(binary)
    victim.start()
    stop, deaths, troubles = threading.Event(), [], []

    def torment():
        try:
            for _ in range(TIMES):
                if stop.wait(UP):
                    return
                victim.kill()
                time.sleep(DOWN)
                victim.start()
                deaths.append(time.monotonic())
        except (RuntimeError, OSError) as error:
            troubles.append(str(error))

    thread = threading.Thread(target=torment)
    thread.start()
    try:
        runs.execute([binary, "run", str(folder / "returns.yaml"), "--pop3", f"127.0.0.1:{victim.port}", "--out",
                      str(folder / "out"), "--threads", "1"], seconds + 3 + runs.SLACK, outcome)
    finally:
        stop.set()
        thread.join()
        if victim.process.poll() is None:
            victim.kill()
    outcome.findings += troubles
    if len(deaths) != TIMES:
        outcome.findings.append(f"the server died {len(deaths)} times")
    summary = folder / "out" / "summary.json"
    if not summary.is_file():
        outcome.findings.append("no summary.json")
        return outcome
    judge(json.loads(summary.read_text()), folder / "out" / "series.csv", outcome)
    return outcome


def judge(summary, series, outcome):
    outcome.findings += runs.conserved(summary)
    outcome.classes = {"succeeded": summary["sessions"]["succeeded"], **summary["errors"]}
    if strange := set(summary["errors"]) - {"refused", "reset", "early_close", "timeout", "connect_timeout"}:
        outcome.findings.append(f"classes of another kind: {strange}")
    if summary["sessions"]["in_flight"]:
        outcome.findings.append(f"in flight at the end: {summary['sessions']}")
    # Some find nobody there; others are in the middle of it.
    if "refused" not in summary["errors"] or not {"reset", "early_close"} & set(summary["errors"]):
        outcome.findings.append(f"nobody was refused, or none cut off: {summary['errors']}")
    with open(series, newline="") as file:
        rows = list(csv.DictReader(file))
    with_gap = [int(row["second"]) if "second" in row else index for index, row in enumerate(rows) if int(row["failed"]) > 0]
    if not 3 <= len(with_gap) <= len(rows):
        outcome.findings.append(f"seconds with failures in the series: {with_gap} of {len(rows)}")
    if sum(int(row["failed"]) for row in rows) != summary["all_phases"]["failed"]:
        outcome.findings.append("the series' failures are not the summary's")
    if int(rows[-1]["planned"]) and not any(int(row["succeeded"]) for row in rows[-3:]):
        outcome.findings.append("nobody succeeds after the last return")
