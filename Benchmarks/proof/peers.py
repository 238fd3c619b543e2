"""The row `peers`: the generator against servers that Poplar did not write, Debian's Dovecot and Courier.

Tests/Peers' servers.py unpacks and starts them, in namespaces of their own, with Maildirs of messages whose size is known;
here they also listen for pop3s. Bound: no error in any session, replies checked, and the octets that summary.json reports are
exactly RETRs x a message's size + TOPs x its head's size, counted here and not by the generator.
"""

import importlib.util
import json
import pathlib
import subprocess
import time

import common

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROFILE = ROOT / "Benchmarks/proof/peers.yaml"
USERS = 600
MESSAGES = 20
TOP_LINES = 10


def load_peers():
    """Tests/Peers/servers.py under a name of its own: Benchmarks/race has a module `servers` too."""
    spec = importlib.util.spec_from_file_location("peer_servers", ROOT / "Tests/Peers/servers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


peers = load_peers()

HEAD = [b"From: a@example.invalid", b"To: b@example.invalid", b"Subject: of a known size", b""]
BODY = [(b"." if number % 8 == 0 else b"line ") + b"%03d" % number + b" of the body" for number in range(60)]


def octets(lines):
    """As a client counts them: CRLF at each end, without the dots that stuffing adds."""
    return sum(len(text) + 2 for text in lines)


MESSAGE = b"".join(text + b"\r\n" for text in HEAD + BODY)


class Dovecot(peers.Dovecot):
    """Dovecot also listens for pop3s."""
    more = "  - {persona: apop, weight: 5, transport: {pop3: 1, stls: 1}}\n  - {persona: scram-sha-256, weight: 5}\n"

    def configuration(self, cert, key):
        self.tls_port = peers.free_port()
        listener = f"inet_listener pop3s {{\n    address = 127.0.0.1\n    port = {self.tls_port}\n    ssl = yes\n"
        text = super().configuration(cert, key)
        assert "inet_listener pop3s {\n    port = 0\n" in text
        return text.replace("inet_listener pop3s {\n    port = 0\n", listener)


class Courier(peers.Courier):
    """Courier's daemon for pop3s is a second one, with TLS in front of the logon."""
    more = ""

    def script(self):
        self.tls_port = peers.free_port()
        clear = super().script()
        before, daemon = clear.split("exec couriertcpd", 1)
        assert f"  {self.port} /usr" in daemon
        second = daemon.replace(f"  {self.port} /usr", f"  {self.tls_port} /usr/bin/couriertls -server -tcpd /usr")
        return f"{before}(exec couriertcpd{second.rstrip()}) &\nexec couriertcpd{daemon}"


def users_file(folder):
    """Only the cells of a POP3 account: no method of NT is there for anyone."""
    path = folder / "users.csv"
    rows = [f"{peers.user_name(index)},{peers.PASSWORD},,,,,\n" for index in range(USERS)]
    path.write_text("account,password,nt_domain,nt_user,nt_password,membership_user,membership_password\n" + "".join(rows))
    return path


def await_tls(server):
    """The second listener is there as soon as it takes a connection."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            peers.socket.create_connection(("127.0.0.1", server.tls_port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise peers.Unavailable("it does not listen for pop3s")


def attempt(kind, folder, options):
    """One run against one server: what its summary says, and what this file expects of it."""
    with kind(folder, USERS, [MESSAGE] * MESSAGES, ROOT / ".build/peers") as server:
        await_tls(server)
        profile, out = folder / f"{server.name}.yaml", folder / f"{server.name}-run"
        profile.write_text(PROFILE.read_text().replace("clients:\n", f"clients:\n{server.more}"))
        command = [options.poplar, "run", profile, "--pop3", f"127.0.0.1:{server.port}",
                   "--pop3s", f"127.0.0.1:{server.tls_port}", "--users", users_file(folder), "--out", out,
                   "--duration", f"{options.seconds or 60:g}"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=folder)
        if not (out / "summary.json").exists():
            raise RuntimeError(f"exit {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}")
    return judge(server.name, json.loads((out / "summary.json").read_text()), done.returncode)


def judge(name, summary, code):
    counts = {}
    for entry in summary["steps"]:
        counts[entry["step"]] = counts.get(entry["step"], 0) + entry["count"]
    transports = sorted({entry["transport"] for entry in summary["steps"] if entry["count"]})
    methods = sorted({entry["auth"] for entry in summary["steps"] if entry["step"] == "auth" and entry["count"]})
    expected = counts.get("retr", 0) * len(MESSAGE) + counts.get("top", 0) * octets(HEAD + BODY[:TOP_LINES])
    observed = summary["throughput"]["bytes_per_s"] * summary["duration_s"]
    sessions = summary["sessions"]
    clean = sessions["failed"] == 0 and not any(summary["errors"].values())
    ok = (code == 0 and clean and sessions["succeeded"] == sessions["planned"] > 0
          and counts.get("retr", 0) > 0 and abs(observed - expected) < 1)
    latency = summary["latency_us"]["session_service"]
    print(f"peers: {name}: {sessions['succeeded']} of {sessions['planned']} sessions, errors {sum(summary['errors'].values())}, "
          f"verdict {summary['verdict']}, exit {code}; p50 {latency['p50']} us, max {latency['max']} us")
    print(f"peers: {name}: octets {observed:.0f}, expected {expected}; " +
          ", ".join(f"{step} {counts[step]}" for step in ("uidl", "list", "top", "retr", "dele", "stls") if step in counts))
    print(f"peers: {name}: {', '.join(transports)}; {', '.join(methods)}", flush=True)
    for reason in summary["reasons"] + [f"{kind}: {count}" for kind, count in summary["errors"].items() if count]:
        print(f"peers: {name}: {reason}", flush=True)
    return {"ok": ok, "sessions": sessions, "errors": summary["errors"], "verdict": summary["verdict"], "exit": code,
            "counts": counts, "octets": round(observed), "octets_expected": expected,
            "transports": transports, "methods": methods}


def run(options):
    folder = pathlib.Path(options.work)
    folder.chmod(0o755)  # the servers' own accounts pass through it
    results, absent = {}, {}
    for kind in (Dovecot, Courier):
        try:
            results[kind.name] = attempt(kind, folder, options)
        except (peers.Unavailable, RuntimeError) as reason:
            absent[kind.name] = str(reason)
            print(f"peers: {kind.name}: NOT MEASURED: {reason}", flush=True)
    text = "; ".join(f"{name}: {figures['sessions']['succeeded']} of {figures['sessions']['planned']} sessions, "
                     f"errors {sum(figures['errors'].values())}, octets {figures['octets']} of {figures['octets_expected']}"
                     for name, figures in results.items())
    text += "".join(f"; {name} not measured" for name in absent)
    ok = not absent and all(figures["ok"] for figures in results.values())
    return common.told("peers", ok, text.removeprefix("; "), servers=results, absent=absent)
