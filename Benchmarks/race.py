#!/usr/bin/env python3
"""Races Poplar's server against the C floor: pairs in turn, pinned, and prints the ratio floor / ours.

Each half of a pair starts one server on one core and one load client on another, warms up, then measures the
server's CPU time (scheduler run time in nanoseconds, all its threads) over a fixed time of load, from idle to idle.
CPU per session comes from sessions without RETR, CPU per message from the slope between 0 and 10 RETRs.
A ratio above 1 means that ours is better. The floor-against-floor row shows what the noise of the machine is.
Time on a shared machine drifts, so only the two halves of one pair are ever compared.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "Benchmarks" / "floor" / "bin"
READY = re.compile(r"^ready .*?pop3=(\S+)")
USERS = 1000
MESSAGES = 10
BYTES = 2048
# The system calls of USER PASS STAT RETR QUIT that no server on epoll can do without, and why.
NECESSARY = [
    ("accept", 1, "the connection"),
    ("epoll_ctl", 1, "to hear from it"),
    ("write", 6, "the greeting and five replies, each awaited by the client before it goes on"),
    ("read", 5, "five commands, each sent after the reply before it"),
    ("close", 1, "its end"),
]
KINDS = {
    "accept": ("accept", "accept4"),
    "epoll_ctl": ("epoll_ctl",),
    "epoll_wait": ("epoll_wait", "epoll_pwait", "epoll_pwait2"),
    "write": ("write", "writev", "send", "sendto", "sendmsg", "sendfile"),
    "read": ("read", "readv", "recv", "recvfrom", "recvmsg"),
    "close": ("close",),
}


def fail(text):
    sys.exit(f"race: {text}")


def commands(options):
    """The two competitors' command lines."""
    floor = [str(BIN / "floor-server"), "--bytes", str(BYTES), "--messages", str(MESSAGES)]
    population = f"users={USERS},messages={MESSAGES},bytes={BYTES},deleted=restore"
    ours = [options.poplar, "serve", "--pop3", "127.0.0.1:0", "--population", population, "--workers", "1"]
    return {"floor": floor, "poplar": ours}


class Server:
    """A server process, pinned, that has said `ready`. Use as a context manager; ends it with SIGTERM."""

    def __init__(self, command, cpu, wrap=()):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["taskset", "-c", str(cpu), *wrap, *command], stdout=subprocess.PIPE, stderr=self.log, text=True,
            start_new_session=True)
        self.address = None

    def __enter__(self):
        for line in self.process.stdout:
            if match := READY.match(line):
                self.address = match.group(1)
                return self
        self.process.wait()
        self.log.seek(0)
        fail(f"no ready line from {self.process.args}: {self.log.read().decode(errors='replace').strip()}")

    def __exit__(self, *_):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [int(pid) for pid in children.read_text().split()] if self.wrapped() and children.exists() else []
        for pid in pids or [self.process.pid]:
            os.kill(pid, signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            print(f"race: {self.process.args} did not end on SIGTERM", file=sys.stderr)
        self.process.stdout.close()
        self.log.close()

    def wrapped(self):
        return "strace" in self.process.args

    def run_ns(self):
        """Nanoseconds on a CPU so far, all threads (first field of schedstat)."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total

    def settled_ns(self):
        """The same once the process is idle: the count moves at switches only, so wait until it stands still."""
        previous = -1
        for _ in range(50):
            current = self.run_ns()
            if current == previous:
                return current
            previous = current
            time.sleep(0.004)
        return previous


def load(address, cpu, options, *, seconds=None, sessions=None, retrievals=0):
    command = ["taskset", "-c", str(cpu), str(BIN / "floor-client"), "--pop3", address, "--users", str(USERS),
               "--messages", str(MESSAGES), "--in-flight", str(options.in_flight), "--retrievals", str(retrievals)]
    command += ["--seconds", str(seconds)] if sessions is None else ["--sessions", str(sessions)]
    if options.pipeline:
        command.append("--pipeline")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"the load failed: {done.stdout.strip()} {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(command, options, retrievals):
    """One half of a pair: microseconds of server CPU per session, sessions/s, and both sides' CPU share."""
    with Server(command, options.server_cpu) as server:
        load(server.address, options.client_cpu, options, seconds=options.warm_up, retrievals=retrievals)
        before = server.settled_ns()
        result = load(server.address, options.client_cpu, options, seconds=options.seconds, retrievals=retrievals)
        used = server.settled_ns() - before
    return {
        "cpu_us": used / 1e3 / result["sessions"],
        "rate": result["sessions"] / result["seconds"],
        "server_share": used / 1e9 / result["seconds"],
        "client_share": (result["cpu_user_s"] + result["cpu_sys_s"]) / result["seconds"],
        "sessions": result["sessions"],
    }


def pair(left, right, options, swap):
    """Both halves for 0 and 10 RETRs, the four runs interleaved; `swap` lets the right one start."""
    runs = {}
    for retrievals in (0, 10):
        order = [("b", right), ("a", left)] if swap else [("a", left), ("b", right)]
        for name, command in order:
            runs[name, retrievals] = measure(command, options, retrievals)
    sides = []
    for name in ("a", "b"):
        none, ten = runs[name, 0], runs[name, 10]
        sides.append({
            "session_us": none["cpu_us"], "message_us": (ten["cpu_us"] - none["cpu_us"]) / 10,
            "session_rate": none["rate"], "message_rate": ten["rate"] * 10, "runs": [none, ten]})
    return sides


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(pairs):
    """Floor / ours for costs, ours / floor for rates: above 1, ours (the second of each pair) is better."""
    return {
        "cpu_per_session": spread([a["session_us"] / b["session_us"] for a, b in pairs]),
        "cpu_per_message": spread([a["message_us"] / b["message_us"] for a, b in pairs]),
        "sessions_per_s": spread([b["session_rate"] / a["session_rate"] for a, b in pairs]),
        "messages_per_s": spread([b["message_rate"] / a["message_rate"] for a, b in pairs]),
    }


def side(pairs, index):
    """Medians of one side's own figures."""
    def median(take):
        return statistics.median(take(sides[index]) for sides in pairs)
    return {
        "cpu_us_per_session": median(lambda s: s["session_us"]),
        "cpu_us_per_message": median(lambda s: s["message_us"]),
        "sessions_per_s": median(lambda s: s["session_rate"]),
        "messages_per_s": median(lambda s: s["message_rate"]),
        "server_share": [median(lambda s, k=k: s["runs"][k]["server_share"]) for k in (0, 1)],
        "client_share": [median(lambda s, k=k: s["runs"][k]["client_share"]) for k in (0, 1)],
    }


def conditions(options):
    git = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True)
    version = []
    if options.poplar:
        version = subprocess.run([options.poplar, "--version"], capture_output=True, text=True).stdout.splitlines()
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "kernel": platform.release(), "cores": os.cpu_count(), "cpu": model.group(1) if model else platform.machine(),
        "commit": git.stdout.strip() or "unknown", "poplar": version, "server_cpu": options.server_cpu,
        "client_cpu": options.client_cpu, "in_flight": options.in_flight, "seconds": options.seconds,
        "users": USERS, "messages": MESSAGES, "bytes": BYTES, "pipeline": options.pipeline,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def race(options):
    competitors = commands(options)
    floor, ours = competitors["floor"], competitors["poplar"] if options.poplar else competitors["floor"]
    name = "poplar" if options.poplar else "floor"
    pairs, control = [], []
    for index in range(options.pairs):
        pairs.append(pair(floor, ours, options, swap=index % 2 == 1))
        # The control pairs stand among the others, so that both rows see the same hour of the machine.
        if index * options.control // options.pairs < (index + 1) * options.control // options.pairs:
            control.append(pair(floor, floor, options, swap=index % 2 == 1))
        show_progress(index + 1, options.pairs)
    report = {"conditions": conditions(options), "pairs": len(pairs), "control_pairs": len(control),
              "floor": side(pairs, 0), name if name != "floor" else "floor_b": side(pairs, 1),
              "ratio": ratios(pairs), "control_ratio": ratios(control) if control else None, "raw": pairs}
    print_race(report, name if name != "floor" else "floor_b", options)
    return report


def show_progress(done, total):
    if sys.stderr.isatty():
        print(f"\rpair {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def print_race(report, name, options):
    facts = report["conditions"]
    print(f"kernel {facts['kernel']}, {facts['cores']} cores ({facts['cpu']}), commit {facts['commit']}")
    for line in facts["poplar"]:
        print(f"  {line}")
    print(f"server on cpu {options.server_cpu}, client on cpu {options.client_cpu}, {options.in_flight} in flight, "
          f"{report['pairs']} pairs of {options.seconds:g} s\n")
    print(f"{'':<10}{'CPU us/session':>16}{'CPU us/message':>16}{'sessions/s':>12}{'messages/s':>12}"
          f"{'server CPU':>14}{'client CPU':>14}")
    for key in ("floor", name):
        row = report[key]
        shares = ["/".join(f"{share:.0%}" for share in row[which]) for which in ("server_share", "client_share")]
        print(f"{key:<10}{row['cpu_us_per_session']:>16.2f}{row['cpu_us_per_message']:>16.2f}"
              f"{row['sessions_per_s']:>12.0f}{row['messages_per_s']:>12.0f}{shares[0]:>14}{shares[1]:>14}")
    print(f"\n{'ratio (above 1: ours is better)':<34}{'floor / ' + name:>26}{'floor / floor':>26}")
    for metric in report["ratio"]:
        cells = [f"{r[metric]['median']:.3f} [{r[metric]['min']:.3f}-{r[metric]['max']:.3f}]" if r else "-"
                 for r in (report["ratio"], report["control_ratio"])]
        print(f"{metric:<34}{cells[0]:>26}{cells[1]:>26}")


def count_syscalls(command, options, sessions):
    """System calls per session, by kind: those of a server's whole life, less those of one that met no client."""
    totals = []
    for number in (0, sessions):
        with tempfile.NamedTemporaryFile("r") as output:
            with Server(command, options.server_cpu, wrap=["strace", "-c", "-f", "-o", output.name]) as server:
                if number:
                    load(server.address, options.client_cpu, options, sessions=number, retrievals=1)
            table = {}
            for line in output.read().splitlines():
                fields = line.split()
                if len(fields) >= 5 and fields[0].replace(".", "").isdigit() and fields[-1] != "total":
                    table[fields[-1]] = int(fields[3])
            totals.append(table)
    idle, busy = totals
    return {name: (busy[name] - idle.get(name, 0)) / sessions for name in busy}


def syscalls(options):
    report = {"conditions": conditions(options), "sessions": options.sessions, "script": "USER PASS STAT RETR QUIT"}
    names = ["floor", "poplar"] if options.poplar else ["floor"]
    for name in names:
        report[name] = count_syscalls(commands(options)[name], options, options.sessions)
    known = {call for calls in KINDS.values() for call in calls}
    print(f"system calls per session over {options.sessions} sessions of {report['script']}, {options.in_flight} in flight\n")
    print(f"{'':<14}{'necessary':>10}" + "".join(f"{name:>10}" for name in names) + "   why it cannot be spared")
    needed = {kind: (count, why) for kind, count, why in NECESSARY}
    for kind, calls in KINDS.items():
        count, why = needed.get(kind, (0, "shared: one brings what all connections have"))
        cells = "".join(f"{sum(report[name].get(call, 0) for call in calls):>10.2f}" for name in names)
        print(f"{kind:<14}{count or 'shared':>10}{cells}   {why}")
    others = {name: sum(value for call, value in report[name].items() if call not in known) for name in names}
    print(f"{'other':<14}{0:>10}" + "".join(f"{others[name]:>10.2f}" for name in names))
    print(f"{'total':<14}{14:>10}" + "".join(f"{sum(report[name].values()):>10.2f}" for name in names))
    for name in names:
        spared = [kind for kind, count, _ in NECESSARY
                  if sum(report[name].get(call, 0) for call in KINDS[kind]) > count * 1.1]
        print(f"{name}: " + (f"more than necessary: {', '.join(spared)}" if spared else "nothing to spare"))
        detail = sorted(((value, call) for call, value in report[name].items() if value >= 0.005), reverse=True)
        print("  " + "  ".join(f"{call} {value:.2f}" for value, call in detail))
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--poplar", help="our executable (default: .build/release/poplar, when built)")
    parser.add_argument("--floor-only", action="store_true", help="race the floor against itself alone")
    parser.add_argument("--syscalls", action="store_true", help="count system calls under strace instead of racing")
    parser.add_argument("--sessions", type=int, default=1000, help="sessions for --syscalls")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--control", type=int, default=5, help="floor-against-floor pairs")
    parser.add_argument("--seconds", type=float, default=2, help="measured time of each run")
    parser.add_argument("--warm-up", type=float, default=0.3)
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--pipeline", action="store_true", help="all commands of a session in one write")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, help="also write the figures as JSON, e.g. results/bench/NAME.json")
    options = parser.parse_args()
    if options.pairs < 1 or options.seconds <= 0 or not 0 <= options.control <= options.pairs:
        parser.error("--pairs and --seconds must be positive, --control between 0 and --pairs")
    if not (BIN / "floor-server").exists():
        fail("the floor is not built: run `make floor`")
    if options.floor_only:
        options.poplar = None
    elif options.poplar is None:
        options.poplar = str(ROOT / ".build" / "release" / "poplar")
        if not os.access(options.poplar, os.X_OK):
            fail("no release build: run `make build`, or give --floor-only")
    if max(options.server_cpu, options.client_cpu) >= (os.cpu_count() or 1):
        print("SKIPPED race: it needs a core for the server and one for the client")
        return
    report = syscalls(options) if options.syscalls else race(options)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        partial = options.out.with_suffix(".partial")
        partial.write_text(json.dumps(report, indent=1) + "\n")
        partial.rename(options.out)


if __name__ == "__main__":
    main()
