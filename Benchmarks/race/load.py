"""What the load client does in a run, and one measured run: a server's CPU time from idle to idle under that load."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess

import servers


@dataclasses.dataclass(frozen=True)
class Load:
    """A session's script is a logon, STAT, `retrievals` RETRs and QUIT; `in_flight` sessions run at once."""
    retrievals: int = 0
    in_flight: int = 32
    messages: int = 10
    users: int = 1000
    pipelined: bool = False   # the RETRs in one write
    tls: str = ""             # full or resumed
    auth: str = "basic"

    def arguments(self):
        words = ["--users", str(self.users), "--messages", str(self.messages), "--in-flight", str(self.in_flight),
                 "--retrievals", str(self.retrievals), "--auth", self.auth]
        if self.tls:
            words += ["--tls", self.tls]
        if self.pipelined:
            words.append("--pipeline-messages")
        return words


def offer(server, load, options, *, seconds=None, sessions=None):
    """Runs the client, pinned; its figures. Anything that went wrong in it ends the benchmark."""
    address = server.addresses["pop3s" if load.tls else "pop3"]
    command = ["taskset", "-c", str(options.client_cpu), str(servers.BIN / "floor-client"), "--pop3", address, *load.arguments()]
    command += ["--seconds", str(seconds)] if sessions is None else ["--sessions", str(sessions)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        servers.fail(f"the load failed: {' '.join(command)}\n{done.stdout.strip()} {done.stderr.strip()}")
    result = json.loads(done.stdout)
    if not result["sessions"]:
        servers.fail(f"no session ended: {' '.join(command)}")
    expected = max(0, result["sessions"] - load.in_flight) if load.tls == "resumed" else 0
    if load.tls and (result["resumed"] < expected or (load.tls == "full" and result["resumed"])):
        servers.fail(f"{result['resumed']} of {result['sessions']} handshakes were resumed, in a run of {load.tls} ones")
    return result


def busy_s(options):
    """Seconds that the two cores spent on anything so far, time stolen by a hypervisor included."""
    total = 0
    for cpu, text in re.findall(r"^cpu(\d+) (.*)", pathlib.Path("/proc/stat").read_text(), re.M):
        if int(cpu) in (options.server_cpu, options.client_cpu):
            user, nice, system, _, _, interrupt, soft, steal = map(int, text.split()[:8])
            total += user + nice + system + interrupt + soft + steal
    return total / os.sysconf("SC_CLK_TCK")


def measure(server, load, options):
    """One run on a server that is up: microseconds of server CPU per session, rates, both sides' CPU share."""
    offer(server, load, options, seconds=options.warm_up)
    before = server.settled_ns()
    members = set(server.members)
    busy = busy_s(options)
    result = offer(server, load, options, seconds=options.seconds)
    busy = busy_s(options) - busy
    used = server.settled_ns() - before
    client = result["cpu_user_s"] + result["cpu_sys_s"]
    return {
        "cpu_us": used / 1e3 / result["sessions"],
        "sessions": result["sessions"],
        "messages": result["messages"],
        "sessions_per_s": result["sessions"] / result["seconds"],
        "messages_per_s": result["messages"] / result["seconds"],
        "server_share": used / 1e9 / result["seconds"],
        "client_share": client / result["seconds"],
        "foreign_share": max(0.0, busy - client - used / 1e9) / result["seconds"],
        "suite": result["suite"],
        "same_processes": members == set(server.members),
    }
