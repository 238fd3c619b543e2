"""One run of the real generator against one script, and what must hold afterwards whatever the server did."""

import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time

import dialogue

# What a run may take beyond its plan and its limits on a machine that does more than this.
SLACK = 20.0
# Octets of memory that a hostile server may cost beyond a polite one, all sessions together.
ROOM = 24 << 20


class Outcome:
    """Findings against a run, its classes, peak of resident memory, seconds."""

    def __init__(self, name):
        self.name, self.findings = name, []
        self.classes, self.peak, self.seconds = {}, 0, 0.0


def limits(script):
    step, session = script.patience or ((1, 2) if "timeout" in script.classes else (15, 25))
    return step, session


def profile(script):
    step, session = limits(script)
    port = "pop3s" if script.transport == "pop3s" else "pop3"
    client = f"persona: {script.persona}, transport: {script.transport}" + (f", {script.client}" if script.client else "")
    if script.persona == "basic-ssl":
        client = f"persona: {script.persona}"
    return port, f"""name: hostile
model: open
rate: {script.sessions / script.seconds}
arrivals: uniform
phases: [{{name: load, duration: {int(script.seconds * 1000)}ms}}]
clients: [{{{client}}}]
mailbox_work: [{{name: work, {script.work}}}]
population: {{users: 1000, messages: 2, bytes: {dialogue.SIZE}}}
limits: {{connect_timeout: {step}s, step_timeout: {step}s, session_timeout: {session}s, drain_timeout: {session + 1}s}}
{script.profile}
"""


def run(script, binary, context, certificates, folder):
    outcome = Outcome(script.name)
    server = dialogue.Dialogue(
        script.changes, encrypted=script.transport == "pop3s", context=context, budget=script.budget, how=script.how,
        pace=script.pace)
    folder = pathlib.Path(folder) / f"row-{server.port}"
    folder.mkdir()
    port, text = profile(script)
    (folder / "hostile.yaml").write_text(text)
    options = [certificates.get(word, word) for word in script.options]
    command = [binary, "run", str(folder / "hostile.yaml"), f"--{port}", f"127.0.0.1:{server.port}", "--out", str(folder / "out"),
               "--threads", "1", *options]
    _, session = limits(script)
    most = script.seconds + session + 1 + SLACK
    try:
        execute(command, most, outcome)
    finally:
        server.close()
    summary = folder / "out" / "summary.json"
    if not summary.is_file():
        outcome.findings.append("no summary.json")
        return outcome
    judge(script, json.loads(summary.read_text()), outcome)
    return outcome


def execute(command, most, outcome):
    with tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        alarm = threading.Timer(most, process.kill)
        alarm.start()
        _, status, usage = os.wait4(process.pid, 0)
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        outcome.seconds = time.monotonic() - began
        outcome.peak = usage.ru_maxrss * 1024
        errors.seek(0)
        said = errors.read().decode(errors="replace")[-600:]
    if process.returncode == -9 and outcome.seconds >= most:
        outcome.findings.append(f"did not end within {most:.0f} s")
    elif process.returncode not in (0, 2, 3, 4):
        outcome.findings.append(f"ended with {process.returncode}: {said}")


def conserved(summary):
    """Findings of conservation: planned is the sum of its parts, failed that of the classes."""
    sessions, errors = summary["sessions"], summary["errors"]
    findings = []
    if sessions["planned"] != sum(sessions[part] for part in ("succeeded", "failed", "cancelled", "in_flight")):
        findings.append(f"not conserved: {sessions}")
    if sessions["failed"] != sum(errors.values()):
        findings.append(f"{sessions['failed']} failed, classes {errors}")
    findings += [f"conservation_faults: {check['value']}" for check in summary["validity"]
                 if check["check"] == "conservation_faults" and not check["ok"]]
    return findings


def judge(script, summary, outcome):
    sessions = summary["sessions"]
    outcome.findings += conserved(summary)
    outcome.classes = dict(summary["errors"])
    if sessions["succeeded"]:
        outcome.classes["succeeded"] = sessions["succeeded"]
    if abs(sessions["planned"] - script.sessions) > 1:
        outcome.findings.append(f"{sessions['planned']} planned, not {script.sessions}")
    if sessions["in_flight"] or sessions["cancelled"]:
        outcome.findings.append(f"without an end of their own: {sessions}")
    if strange := set(outcome.classes) - set(script.classes):
        outcome.findings.append(f"classes {outcome.classes}, expected {', '.join(script.classes)}: {', '.join(strange)}")
    elif script.classes[0] not in outcome.classes:
        outcome.findings.append(f"classes {outcome.classes}, expected {script.classes[0]}")
    longest = (summary["latency_us"]["session_failed"] or {}).get("max")
    _, session = limits(script)
    # A time-out is recorded at its limit, however late the loop came to see it.
    if script.classes == ("timeout",) and longest and longest > session * 1.001e6:
        outcome.findings.append(f"a session lasted {longest / 1e6:.3f} s, its limit is {session} s")
