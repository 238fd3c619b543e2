"""Idle connections: what each costs in memory, what a crowd of them costs a busy client, what a burst leaves behind."""

import statistics
import subprocess
import time

import contest
import load
import servers

LEVELS = (2000, 4000, 6000, 8000, 10000)
CROWD = 15000
BURST = 10000


class Holder:
    """A process that holds idle connections to `server`, pinned to the client's core."""

    def __init__(self, server, state, options):
        address = server.addresses["pop3s" if state == "encrypted" else "pop3"]
        self.process = subprocess.Popen(
            ["taskset", "-c", str(options.client_cpu), str(servers.BIN / "holder"), address, state], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def hold(self, count):
        self.process.stdin.write(f"open {count}\n" if count else "close\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().split() != ["held", str(count)]:
            servers.fail(f"the holder could not hold {count} connections: {self.process.stderr.read().strip()}")


def slope(points):
    """KiB per connection by least squares over (connections, KiB)."""
    middle = statistics.mean(count for count, _ in points), statistics.mean(size for _, size in points)
    return (sum((count - middle[0]) * (size - middle[1]) for count, size in points)
            / sum((count - middle[0]) ** 2 for count, _ in points))


def weigh(command, state, options):
    """Opens connections level by level to a server just started: KiB of private dirty memory for each."""
    points = []
    with servers.Server(command, options.server_cpu) as server, Holder(server, state, options) as holder:
        for level in LEVELS:
            holder.hold(level)
            server.settled_ns()
            points.append((level, server.memory()))
    return {"kib": slope([(level, size["private_dirty"]) for level, size in points]),
            "anonymous_kib": slope([(level, size["anonymous"]) for level, size in points]), "points": points}


def memory(options):
    """Rows of memory per idle connection; each weighed on servers of its own."""
    certificate = options.certificate
    mine = servers.poplar(options.poplar, certificate, users=max(LEVELS))
    states = (("greeted", "greeted, before login", 1.0, None), ("named", "USER given, before login", 1.0, None),
              ("logged-on", "logged on", 2.0, None),
              ("encrypted", "TLS 1.3, after CAPA", 18.0, servers.tls_floor(certificate)))
    rows, raw = [], {}
    for state, text, target, other in states:
        times = min(options.pairs, 3)
        raw[state] = {"ours": [weigh(mine, state, options) for _ in range(times)],
                      "floor": [weigh(other, state, options) for _ in range(times)] if other else []}
        ours = contest.spread([entry["kib"] for entry in raw[state]["ours"]])
        theirs = contest.spread([entry["kib"] for entry in raw[state]["floor"]]) if other else None
        contest.progress(f"memory: {text}: {ours['median']:.2f} KiB" + (f", floor {theirs['median']:.2f}" if theirs else ""))
        rows.append({"row": "memory " + state, "kind": "memory", "work": text, "against": "C + OpenSSL floor" if other else "-",
                     "target": target, "ours": ours, "theirs": theirs,
                     "verdict": contest.verdict(ours["median"], target, lower=True)})
    return rows, raw


def crowd(options):
    """A busy client alone, beside the crowd, and alone again, on one server; the crowd's turn comes first or second."""
    rounds = []
    work = load.Load()
    for index in range(options.pairs):
        # Users of the busy client are the first thousand; the crowd only listens, greeted, and logs nobody on.
        command = servers.poplar(options.poplar)
        runs = {}
        with servers.Server(command, options.server_cpu) as server:
            for name in contest.order(["without", "with", "again"], index):
                if name == "with":
                    with Holder(server, "greeted", options) as holder:
                        holder.hold(CROWD)
                        runs[name] = load.measure(server, work, options)
                        holder.hold(0)
                else:
                    runs[name] = load.measure(server, work, options)
        rounds.append(runs)
        contest.progress(f"idle: round {index + 1} of {options.pairs}: "
                         f"{runs['with']['sessions_per_s'] / runs['without']['sessions_per_s']:.3f}")

    def rate(name):
        return [runs[name]["sessions_per_s"] for runs in rounds]

    def ratio(above, below, key):
        return contest.spread([runs[above][key] / runs[below][key] for runs in rounds])

    def alone(name):
        return {"cpu_us": contest.spread([runs[name]["cpu_us"] for runs in rounds]), "per_s": contest.spread(rate(name)),
                "server_share": statistics.median(runs[name]["server_share"] for runs in rounds),
                "client_share": statistics.median(runs[name]["client_share"] for runs in rounds)}

    rates = ratio("with", "without", "sessions_per_s")
    row = {"row": "idle", "kind": "rate", "work": f"the session, {CROWD:,} idle connections beside it",
           "against": "ours, without them", "per": "session", "target": 0.95, "ratio": ratio("without", "with", "cpu_us"),
           "noise": ratio("without", "again", "cpu_us"), "rate_ratio": rates,
           "rate_noise": ratio("again", "without", "sessions_per_s"),
           "verdict": contest.verdict(rates["median"], 0.95), "theirs": alone("without"), "ours": alone("with"), "suite": "",
           "note": "judged by sessions/s: the busy client is what must not suffer", "same_processes": True,
           "foreign_share": contest.foreign(rounds)}
    return [row], rounds


def burst(options):
    """What remains resident when a burst of TLS connections has gone, for each variant of our server."""
    rows = []
    for name, binary in options.variants.items():
        with servers.Server(servers.poplar(binary, options.certificate), options.server_cpu) as server:
            sizes = [server.memory()]
            with Holder(server, "encrypted", options) as holder:
                holder.hold(BURST)
                sizes.append(server.memory())
                holder.hold(0)
            server.settled_ns()
            # An allocator gives pages back by and by: once at the end, once after some seconds with a little to do.
            sizes.append(server.memory())
            for _ in range(11):
                load.offer(server, load.Load(tls="full"), options, sessions=64)
                time.sleep(1)
            sizes.append(server.memory())
        rows.append({"variant": name, "sizes_kib": dict(zip(("start", "held", "closed", "after 11 s"), sizes))})
        contest.progress(f"burst: {name}: " + ", ".join(
            f"{key} {size['rss'] / 1024:.0f} MiB" for key, size in rows[-1]["sizes_kib"].items()))
    return rows
