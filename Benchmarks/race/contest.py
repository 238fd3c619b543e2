"""Runs a contest round by round, and sums its rows up.

Time on a shared machine drifts, so only what one round measured is ever compared; a row's figure is the median over the
rounds. Every round begins with another run of the list, and every second one goes through it backwards.
"""

import contextlib
import statistics
import sys

import dovecot
import load
import servers


def progress(text):
    print(f"race: {text}", file=sys.stderr, flush=True)


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def start(name, options):
    """The server of that name in rows.py, not yet entered."""
    certificate = options.certificate
    if name == "dovecot":
        return dovecot.Dovecot(options.server_cpu)
    commands = {
        "floor": lambda: servers.floor(),
        "floor of MiB": lambda: servers.floor(size=1 << 20),
        "TLS floor": lambda: servers.tls_floor(certificate),
        "ours": lambda: servers.poplar(options.poplar),
        "ours of MiB": lambda: servers.poplar(options.poplar, size=1 << 20),
        "ours with TLS": lambda: servers.poplar(options.poplar, certificate),
    }
    if name.startswith("variant "):
        return servers.Server(servers.poplar(options.variants[name.partition(" ")[2]], certificate), options.server_cpu)
    return servers.Server(commands[name](), options.server_cpu)


def order(names, index):
    turned = names[index % len(names):] + names[:index % len(names)]
    return turned[::-1] if index % 2 else turned


def play_round(contest, index, options, up):
    runs = {}
    for name in order(list(contest.runs), index):
        server_name, work = contest.runs[name]
        if contest.stays:
            runs[name] = load.measure(up[server_name], work, options)
        else:
            with start(server_name, options) as server:
                runs[name] = load.measure(server, work, options)
    suites = {run["suite"] for run in runs.values()} - {""}
    if len(suites) > 1:
        servers.fail(f"{contest.name}: the servers chose different cryptography: {sorted(suites)}")
    return runs


def play(contest, options):
    """All rounds of a contest, raw."""
    rounds = []
    with contextlib.ExitStack() as stack:
        up = {}
        if contest.stays:
            for name, work in dict(contest.runs.values()).items():
                up[name] = stack.enter_context(start(name, options))
                # Caches and indexes that are built at first sight of a mailbox are not what is measured.
                load.offer(up[name], work, options, sessions=2 * work.users)
        for index in range(options.pairs):
            rounds.append(play_round(contest, index, options, up))
            progress(f"{contest.name}: round {index + 1} of {options.pairs}: "
                     + ", ".join(f"{row.name} {row.theirs.of(rounds[-1]) / row.ours.of(rounds[-1]):.3f}" for row in contest.rows))
    return rounds


def side(cost, rounds):
    return {
        "cpu_us": spread([cost.of(runs) for runs in rounds]),
        "per_s": spread([cost.rate(runs) for runs in rounds]),
        "server_share": statistics.median(runs[cost.run]["server_share"] for runs in rounds),
        "client_share": statistics.median(runs[cost.run]["client_share"] for runs in rounds),
    }


def verdict(value, target, lower=False):
    if target is None:
        return "printed"
    return "reached" if (value <= target if lower else value >= target) else "BELOW" if not lower else "ABOVE"


def foreign(rounds):
    """What others took of the two cores meanwhile, in cores: the median over all runs."""
    return statistics.median(run["foreign_share"] for runs in rounds for run in runs.values())


def sum_up(contest, rounds):
    """The rows of a contest as plain data: above 1, ours is the better."""
    rows = []
    for row in contest.rows:
        ratio = spread([row.theirs.of(runs) / row.ours.of(runs) for runs in rounds])
        rate = spread([row.ours.rate(runs) / row.theirs.rate(runs) for runs in rounds])
        noise = spread([row.theirs.of(runs) / row.again.of(runs) for runs in rounds]) if row.again else None
        noise_rate = spread([row.again.rate(runs) / row.theirs.rate(runs) for runs in rounds]) if row.again else None
        rows.append({
            "row": row.name, "kind": "cpu", "work": row.work, "against": row.against, "per": row.ours.per,
            "target": row.target,
            "ratio": ratio, "noise": noise, "rate_ratio": rate, "rate_noise": noise_rate,
            "verdict": verdict(ratio["median"], row.target), "theirs": side(row.theirs, rounds), "ours": side(row.ours, rounds),
            "suite": rounds[0][row.ours.run]["suite"], "note": row.note,
            "foreign_share": foreign(rounds),
            "same_processes": all(run["same_processes"] for runs in rounds for run in runs.values())})
    return rows
