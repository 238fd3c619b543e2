"""The row `field`: client CPU time per session, Poplar's generator against what else can load a POP3 server.

Contenders are rabid (Debian's postal), JMeter's Mail Reader sampler (Debian's jmeter-mail) and a pool of Python's poplib. The
server is `poplar serve` with one worker on one CPU, the client has another; 32 sessions run at once. Each contender meets
`poplar run` with a closed profile of as many commands, of the same kinds as far as can be; the rounds alternate. CPU time
is the kernel's user + system time of the client's whole process tree between two looks, sessions are those that the server
counted between the same looks, so that start, JIT warm-up and end cost nobody anything. Bound: the best of them >= 8 times ours.
The kernel's part is printed too, and what the C client of Benchmarks/floor needs for poplib's dialogue, which only writes and
reads: they say how much of the ratio any client could win.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "race"))

import common  # noqa: E402
import servers  # noqa: E402  (Benchmarks/race)

BOUND = 8.0
SERVER_CPU, CLIENT_CPU = 0, 1
AT_ONCE = 32
USERS = 2000
ROUNDS = 3
JMETER = pathlib.Path("/usr/share/jmeter")

# Ours sends LIST or UIDL or STAT where a contender sends CAPA: as many commands, no cheaper ones.
WORK = {
    "rabid": "{name: work, stat: on, list: on, retrieve: 1, delete: on}",
    "jmeter": "{name: work, stat: on, list: on, uidl: on, top: {messages: 1, lines: 0}, retrieve: 1}",
    "poplib": "{name: work, stat: on, retrieve: 1}",
}
DIALOGUE = {
    "rabid": "CAPA USER PASS LIST RETR DELE QUIT",
    "jmeter": "CAPA USER PASS STAT TOP LIST RETR QUIT",
    "poplib": "USER PASS STAT RETR QUIT",
}
OURS = {
    "rabid": "USER PASS STAT LIST RETR DELE QUIT",
    "jmeter": "USER PASS STAT LIST UIDL TOP RETR QUIT",
    "poplib": "USER PASS STAT RETR QUIT",
}
PROFILE = """name: field-{name}
description: As many commands as {name} sends.
seed: 1
model: closed
users: {at_once}
phases:
  - {{name: steady, duration: 10s}}
clients:
  - {{persona: basic}}
mailbox_work:
  - {work}
population: {{users: {users}, messages: 10, bytes: 2KiB}}
checks: on
"""


class Server(servers.Server):
    """Poplar, and how many sessions and commands it has served."""

    def __init__(self, binary):
        population = f"users={USERS},messages=10,bytes=2048,deleted=restore"
        super().__init__([binary, "serve", "--pop3", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--population", population,
                          "--workers", "1"], SERVER_CPU)

    @property
    def port(self):
        return self.addresses["pop3"].rpartition(":")[2]

    def counted(self):
        with urllib.request.urlopen(f"http://{self.addresses['metrics']}/metrics", timeout=5) as reply:
            text = reply.read().decode()
        return [int(float(re.search(rf"^{name} (\S+)$", text, re.M).group(1)))
                for name in ("poplar_sessions_total", "poplar_commands_total")]


def used_s(pid):
    """User and system time of a process and all below it, ended threads and reaped children included."""
    user = system = 0
    for member in servers.family(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            user += int(fields[11]) + int(fields[13])
            system += int(fields[12]) + int(fields[14])
    return [ticks / os.sysconf("SC_CLK_TCK") for ticks in (user, system)]


def commands(folder):
    """Each contender's command, or why there is none."""
    found, absent = {"poplib": lambda port: [sys.executable, HERE / "pool.py", port, str(AT_ONCE)]}, {}
    if rabid := shutil.which("rabid") or shutil.which("/usr/sbin/rabid"):
        table = folder / "rabid.users"
        table.write_text("".join(f"user{index:05d}@field secret\n" for index in range(USERS)))
        found["rabid"] = lambda port: [rabid, "-r", "0", "-u", "-p", str(AT_ONCE), "-c", "1", f"[127.0.0.1]{port}", table]
    else:
        absent["rabid"] = "Debian's package postal is not installed (scripts/setup.sh proof)"
    java = shutil.which("java")
    jars = [JMETER / "bin/ApacheJMeter.jar", JMETER / "lib/ext/ApacheJMeter_mail.jar", pathlib.Path("/usr/share/java/bsh.jar"),
            pathlib.Path("/usr/share/java/javax.mail.jar")]
    if java and all(jar.exists() for jar in jars):
        path = f"{':'.join(map(str, jars))}:{JMETER}/lib/*:{JMETER}/lib/ext/*:/usr/share/java/logkit.jar"
        engine = [java, f"-Djmeter.home={JMETER}", "-cp", path, "bsh.Interpreter", HERE / "jmeter.bsh"]
        found["jmeter"] = lambda port: [*engine, port, str(AT_ONCE)]
    else:
        missing = ", ".join([] if java else ["java"]) or ", ".join(str(jar) for jar in jars if not jar.exists())
        absent["jmeter"] = f"Debian's jmeter and jmeter-mail are not installed: no {missing} (scripts/setup.sh proof)"
    return found, absent


@contextlib.contextmanager
def client(command, folder, name):
    """A client on its CPU. Whoever it is, it ends with the block, its children too."""
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(["taskset", "-c", str(CLIENT_CPU), *map(str, command)], stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, cwd=folder)
    try:
        yield process
    finally:
        members = servers.family(process.pid)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for member in members - {process.pid}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, 9)


def look(server, process, warm_up, seconds, text):
    """CPU time per session and commands per session between two looks."""
    time.sleep(warm_up)
    used, counted = used_s(process.pid), server.counted()
    time.sleep(seconds)
    if process.poll() is not None:
        raise RuntimeError(f"it ended by itself: {text()[-300:]!r}")
    user, system = (now - then for now, then in zip(used_s(process.pid), used))
    sessions, sent = (now - then for now, then in zip(server.counted(), counted))
    if not sessions:
        raise RuntimeError(f"the server counted no session: {text()[-300:]!r}")
    return {"cpu_us": (user + system) * 1e6 / sessions, "kernel_us": system * 1e6 / sessions, "commands": sent / sessions,
            "sessions_per_s": sessions / seconds, "share": (user + system) / seconds}


def ours(server, name, folder, seconds, options):
    profile, out = folder / f"field-{name}.yaml", folder / "run"
    profile.write_text(PROFILE.format(name=name, work=WORK[name], users=USERS, at_once=AT_ONCE))
    shutil.rmtree(out, ignore_errors=True)
    command = [options.poplar, "run", profile, "--pop3", f"127.0.0.1:{server.port}", "--threads", "1",
               "--duration", f"{seconds + 4:g}", "--out", out]
    with client(command, folder, "ours") as process:
        figures = look(server, process, 2, seconds, (folder / "ours.log").read_text)
        process.wait(60)
    summary = json.loads((out / "summary.json").read_text())
    if summary["sessions"]["failed"]:
        raise RuntimeError(f"{summary['sessions']['failed']} sessions of ours failed: {summary['errors']}")
    return figures


def duel(name, command, server, folder, options):
    """Rounds of one contender and ours, in turn: the medians."""
    seconds = options.seconds or 5
    pairs = []
    for number in range(ROUNDS):
        def theirs():
            with client(command(server.port), folder, name) as process:
                return look(server, process, 10 if name == "jmeter" else 2, seconds, (folder / f"{name}.log").read_text)
        turns = [theirs, lambda: ours(server, name, folder, seconds, options)]
        first = turns[number % 2]()
        second = turns[1 - number % 2]()
        pairs.append((first, second) if number % 2 == 0 else (second, first))
    ratios = [their["cpu_us"] / our["cpu_us"] for their, our in pairs]
    figures = {side: {key: statistics.median(pair[place][key] for pair in pairs) for key in pairs[0][0]}
               for place, side in enumerate(("theirs", "ours"))}
    return {**figures, "ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}


def line(name, figures):
    their, our = figures["theirs"], figures["ours"]
    return (f"{name} {told(their)}; ours {told(our)}; {figures['ratio']:.1f}x [{figures['least']:.1f}-{figures['most']:.1f}]")


def told(figures):
    return (f"{figures['cpu_us']:.1f} us a session, {figures['kernel_us']:.1f} of them the kernel's "
            f"({figures['commands']:.1f} commands, {figures['sessions_per_s']:.0f}/s)")


def floor(server, folder, options):
    """The C client with poplib's dialogue, or None where it is not built."""
    if not (servers.BIN / "floor-client").exists():
        return None
    seconds = options.seconds or 5
    command = [servers.BIN / "floor-client", "--pop3", server.addresses["pop3"], "--users", USERS, "--messages", 10,
               "--in-flight", AT_ONCE, "--retrievals", 1, "--auth", "basic", "--seconds", seconds + 3]
    with client(command, folder, "floor") as process:
        return look(server, process, 1, seconds, (folder / "floor.log").read_text)


def run(options):
    folder = pathlib.Path(options.work)
    if (os.cpu_count() or 1) < 2:
        return {"row": "field", "ok": False, "text": "it needs a CPU for the server and one for the client"}
    found, absent = commands(folder)
    duels, reference = {}, None
    for name in ("rabid", "jmeter", "poplib"):
        if name in found:
            print(f"field: {name}: {DIALOGUE[name]}; ours: {OURS[name]}; {AT_ONCE} at once", flush=True)
            try:
                with Server(options.poplar) as server:
                    duels[name] = duel(name, found[name], server, folder, options)
                    reference = floor(server, folder, options) if name == "poplib" else None
                print(f"field: {line(name, duels[name])}", flush=True)
            except RuntimeError as error:
                absent[name] = str(error)
        if name in absent:
            print(f"field: {name}: NOT MEASURED: {absent[name]}", flush=True)
    if reference:
        print(f"field: the floor in C, USER PASS STAT RETR QUIT: {told(reference)}", flush=True)
    best = min(duels, key=lambda name: duels[name]["ratio"], default=None)
    ratios = ", ".join(f"{name} {figures['ratio']:.1f}x" for name, figures in duels.items())
    ok = best is not None and not absent and duels[best]["ratio"] >= BOUND
    text = f"client CPU per session, theirs / ours: {ratios or 'nothing measured'} (bound: the best >= {BOUND:g}x)"
    text += "".join(f"; {name} not measured" for name in absent)
    return common.told("field", ok, text, bound=BOUND, duels=duels, floor=reference, absent=absent)
