"""The rows that need Poplar alone: plans, stalls, waits known by other means, arrivals, cost, ceiling, honesty."""

import json
import math
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import time

import common
from common import HERE, ROOT, Run, profile, poplar_server, server, told

SERVER_CPU, CLIENT_CPU = 0, 1


def reproducibility(options):
    """The same seed twice gives the same plan, another seed another one: the hash covers every session of the plan."""
    def plan(*words):
        done = subprocess.run([options.poplar, "run", "exchange-mixed", "--dry-run", *words], capture_output=True, text=True, cwd=ROOT)
        return re.search(r"\b[0-9a-f]{16}\b", done.stdout).group()
    first, again, other = plan("--seed", "7"), plan("--seed", "7"), plan("--seed", "8")
    return told("reproducibility", first == again != other, f"seed 7 twice: {first}, {again}; seed 8: {other}", hashes=[first, again, other])


def omission(options):
    """The server stopped for 2 s under 200 sessions/s at equal gaps. Two loads: one that begins every session when it is due, as
    Poplar does, and one with four places, as a tool with four connections would: there the stall keeps sessions from
    beginning, service times hardly show it, and the corrected ones still must."""
    rate, stall = 200, 2.0
    figures = {}
    for name, places in (("free", 20000), ("four", 4)):
        text = profile(options.work, f"omission-{name}", f"rate: {rate}\narrivals: uniform", 8).read_text()
        path = pathlib.Path(options.work) / f"omission-{name}.yaml"
        path.write_text(text.replace("in_flight: 20000", f"in_flight: {places}"))
        times = {}
        with server(poplar_server(options), SERVER_CPU) as (process, address):
            def during(_):
                time.sleep(3.5)
                times["stopped"] = common.clock()
                process.send_signal(signal.SIGSTOP)
                time.sleep(stall)
                process.send_signal(signal.SIGCONT)
                times["went_on"] = common.clock()
            run = Run(options, [path, "--pop3", address["pop3"], "--threads", "1"], cpu=CLIENT_CPU, during=during)
        held = (times["went_on"] - times["stopped"]) / 1e9
        corrected, service = run.histogram("session.corrected"), run.histogram("session.service")
        def above(histogram, seconds):
            return histogram.get_total_count() - histogram.get_count_at_or_below(int(seconds * 1e9)) if hasattr(
                histogram, "get_count_at_or_below") else sum(
                item.count_added_in_this_iter_step for item in histogram.get_recorded_iterator() if item.value_iterated_to >= seconds * 1e9)
        # The server takes its backlog in the order of its coming: who was planned last before it went on waited for the drain alone.
        planned = int(held * rate)
        drain = corrected.get_value_at_percentile(100 * (1 - planned / corrected.get_total_count())) / 1e9
        # Planned in the first part of the stall, as long as it lasted beyond a second, each met at least the rest of it.
        least, most = int((held - 1) * rate) - 1, int((held - 1 + drain) * rate) + 2
        figures[name] = {
            "held_s": round(held, 4), "drain_s": round(drain, 4), "corrected_over_1s": above(corrected, 1), "service_over_1s": above(service, 1),
            "corrected_max_s": corrected.get_max_value() / 1e9, "service_max_s": service.get_max_value() / 1e9, "least": least, "most": most,
            "corrected_over": {part: above(corrected, held * part) for part in (0.25, 0.5, 0.75)}}
    # Every session planned in the stall: those planned before a part of it was over met at least what was left.
    ok = all(f["least"] <= f["corrected_over_1s"] <= f["most"] for f in figures.values())
    ok &= all(f["corrected_over"][part] >= int(f["held_s"] * (1 - part) * rate) - 1 for f in figures.values() for part in (0.25, 0.5, 0.75))
    ok &= figures["four"]["service_over_1s"] <= 4
    free, four = figures["free"], figures["four"]
    return told(
        "omission", ok, f"stalled {four['held_s']:.2f} s at {rate}/s. Four places: {four['corrected_over_1s']} corrected above 1 s "
        f"(between {four['least']} and {four['most']} were to be), service shows {four['service_over_1s']}. As many places as it takes: "
        f"{free['corrected_over_1s']} corrected (between {free['least']} and {free['most']}), service {free['service_over_1s']}, since then every "
        "session really began on time", **figures)


def lindley(log):
    """Sojourn of each session by Lindley's recursion over arrivals and service times alone, seconds."""
    entries = [tuple(map(int, line.split())) for line in pathlib.Path(log).read_text().splitlines()]
    waits, wait, before = [], 0.0, None
    for at, begun, ended, free in entries:
        if before is not None:
            wait = max(0.0, wait + before[1] - (at - before[0]))
        waits.append((wait + ended - begun) / 1e9)
        before = (at, free - begun)
    return entries, waits


def known(options):
    """Waits at a server of one till, by its own log, against what Poplar measured: mean within 2 %, p99 within 5 %. The log begins when
    the till's door has seen the client and ends with the last reply sent; what the machine takes to wake either side is the
    client's experience too, and no part of it. On two virtual CPUs that is 0.4 to 0.5 ms a session, whatever the service takes (it is
    printed), so that services of 20 ms show the measurement and not the machine."""
    binary = pathlib.Path(options.work) / "stub"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-pthread", "-o", binary, HERE / "stub.c", "-lm"], check=True)
    mean_s, seconds = 0.020, options.seconds or 60
    results, ok = [], True
    for kind in ("exponential", "constant"):
        for load in (0.5, 0.8):
            rate = load / mean_s
            log = pathlib.Path(options.work) / f"stub-{kind}-{load}.log"
            path = profile(options.work, f"known-{kind}-{int(load * 10)}", f"rate: {rate}", seconds, warm_up="1ms", work=", stat: off")
            with server([binary, kind, int(mean_s * 1e6), 7, log], SERVER_CPU) as (_, address):
                run = Run(options, [path, "--pop3", address["pop3"], "--threads", "1"], cpu=CLIENT_CPU)
            entries, order = lindley(log)
            sojourns = sorted(order)
            truth = {"mean": statistics.fmean(sojourns), "p99": sojourns[math.ceil(0.99 * len(sojourns)) - 1]}
            said = run.summary["latency_us"]["session_corrected"]
            ours = {"mean": said["mean"] / 1e6, "p99": run.histogram("session.corrected").get_value_at_percentile(99) / 1e9}
            gap = {key: ours[key] / truth[key] - 1 for key in truth}
            service = statistics.fmean((free - begun) / 1e9 for _, begun, _, free in entries)
            rho = rate * service
            # M/M/1 and M/D/1 mean sojourn; the interval is by batch means of the log, since waits follow each other.
            formula = service / (1 - rho) if kind == "exponential" else service * (1 + rho / (2 * (1 - rho)))
            size = max(1, len(order) // 20)
            batches = [statistics.fmean(order[i:i + size]) for i in range(0, size * 20, size)]
            spread = 2.09 * statistics.stdev(batches) / math.sqrt(len(batches))
            good = abs(gap["mean"]) <= 0.02 and abs(gap["p99"]) <= 0.05
            ok &= good
            results.append({"service": kind, "rho": load, "sessions": len(entries), "truth": truth, "measured": ours, "gap": gap,
                            "outside_the_log_s": ours["mean"] - truth["mean"], "formula_mean_s": formula, "batch_interval_s": spread, "verdict": run.summary["verdict"]})
            print(f"  {kind:11} rho {load}: mean {ours['mean'] * 1e3:.3f} ms, by the log {truth['mean'] * 1e3:.3f} ({gap['mean']:+.2%}, {(ours['mean'] - truth['mean']) * 1e3:.3f} ms); p99 "
                  f"{ours['p99'] * 1e3:.2f} ms, {truth['p99'] * 1e3:.2f} ({gap['p99']:+.2%}); formula {formula * 1e3:.3f} ms, log's interval "
                  f"+-{spread * 1e3:.3f}; start lag {run.summary['latency_us']['start_lag']['mean'] / 1e3:.3f} ms; {len(entries)} sessions; {run.summary['verdict']}", flush=True)
    worst = max(results, key=lambda one: abs(one["gap"]["mean"]))
    return told("known answers", ok, f"largest gap of the mean {worst['gap']['mean']:+.2%}, of p99 "
                f"{max((one['gap']['p99'] for one in results), key=abs):+.2%}", cases=results)


def arrivals(options):
    """Anderson-Darling of the real starts, as the validity check computes it, over many seeds: accepted at 5 % in 90 of 100."""
    seeds, seconds, statistic = options.seeds, options.seconds or 3, []
    with server(poplar_server(options), SERVER_CPU) as (_, address):
        for seed in range(1, seeds + 1):
            path = profile(options.work, f"arrivals-{seed}", "rate: 300", seconds, seed=seed)
            run = Run(options, [path, "--pop3", address["pop3"], "--threads", "1"], cpu=CLIENT_CPU)
            found = re.search(r"arrivals A squared ([0-9.]+)", run.out)
            statistic.append(float(found.group(1)))
    accepted = sum(one < 2.492 for one in statistic)
    return told("arrivals", accepted >= 0.9 * seeds, f"{accepted} of {seeds} seeds accepted at 5 % (A squared below 2.492; largest "
                f"{max(statistic):.2f})", statistics=statistic)


def used_s(process):
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ceiling(options):
    """Generator CPU a session against a C client that only writes and reads, same server, interleaved pairs."""
    seconds, pairs, ratios, ours, theirs = options.seconds or 2, options.pairs, [], [], []
    path = profile(options.work, "ceiling", "model: closed\nusers: 32", seconds, users=2000)
    client = ROOT / "Benchmarks/floor/bin/floor-client"
    with server(poplar_server(options, 2000), SERVER_CPU) as (_, address):
        for turn in range(pairs):
            def poplar():
                before = os.times()
                run = Run(options, [path, "--pop3", address["pop3"], "--threads", "1"], cpu=CLIENT_CPU)
                after = os.times()
                cpu = after.children_user + after.children_system - before.children_user - before.children_system
                return cpu / run.summary["all_phases"]["planned"] * 1e6
            def floor():
                before = os.times()
                done = subprocess.run(["taskset", "-c", str(CLIENT_CPU), client, "--pop3", address["pop3"], "--users", "1000", "--messages", "10",
                                       "--in-flight", "32", "--retrievals", "0", "--auth", "basic", "--seconds", str(seconds + 0.5)],
                                      capture_output=True, text=True)
                after = os.times()
                cpu = after.children_user + after.children_system - before.children_user - before.children_system
                return cpu / json.loads(done.stdout)["sessions"] * 1e6
            pair = (poplar(), floor()) if turn % 2 else tuple(reversed((floor(), poplar())))
            ours.append(pair[0])
            theirs.append(pair[1])
            ratios.append(pair[1] / pair[0])
    median = statistics.median(ratios)
    return told("ceiling", median >= 0.85, f"C client / generator {median:.3f} [{min(ratios):.3f}-{max(ratios):.3f}] over {pairs} pairs; "
                f"{statistics.median(theirs):.1f} us against {statistics.median(ours):.1f} us a session (start and end of the process included)",
                ratios=ratios, ours_us=ours, theirs_us=theirs)


def cost(options):
    """System calls, user instructions and allocations of a session in the steady state: the difference of two lengths."""
    with server(poplar_server(options, 2000), SERVER_CPU) as (_, address):
        def run(seconds, wrap):
            path = profile(options.work, f"cost-{seconds}", "model: closed\nusers: 16", seconds, users=2000)
            return Run(options, [path, "--pop3", address["pop3"], "--threads", "1"], wrap=wrap)
        out = pathlib.Path(options.work) / "strace"
        calls, names = [], {}
        for seconds in (1, 4):
            one = run(seconds, ["strace", "-f", "-c", "-o", str(out)])
            total = re.search(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)(?:\s+\d+)?\s+total", out.read_text(), re.M)
            calls.append((int(total.group(1)), one.summary["all_phases"]["planned"]))
            names = {line.split()[-1]: int(line.split()[3]) for line in out.read_text().splitlines()[2:-2] if len(line.split()) >= 5}
        per_session = (calls[1][0] - calls[0][0]) / max(1, calls[1][1] - calls[0][1])
        # By jemalloc's own count for the generator's threads, after their fifth second; the population is of 10 messages.
        one = run(12, [])
        growth = int(re.search(r"(\d+) bytes allocated after 5 s", one.out).group(1))
        more = one.summary["sessions"]["succeeded"]
    top = ", ".join(f"{name} {count / calls[1][1]:.2f}" for name, count in sorted(names.items(), key=lambda kv: -kv[1])[:6])
    return told("cost", growth <= 0, f"{per_session:.2f} system calls a session ({top}); {growth} bytes allocated after 5 s, in a run of {more} sessions",
                system_calls=per_session, allocated_growth=growth)


def pacing(options):
    """Half of what one generator thread can do on one CPU, as an open load: how late sessions begin, against what the machine did to
    a thread that only sleeps: within 200 us of it. The sleeping thread shares the generator's CPU, there is no other."""
    seconds = options.seconds or 20
    with server(poplar_server(options), SERVER_CPU) as (_, address):
        def run(name, load, length):
            path = profile(options.work, name, load, length, work=", stat: off")
            return Run(options, [path, "--pop3", address["pop3"], "--threads", "1"], cpu=CLIENT_CPU).summary
        most = run("pacing-most", "model: closed\nusers: 64", 4)["throughput"]["sessions_per_s"]
        quiet = run("pacing-quiet", "rate: 20", 10)
        loaded = run("pacing-half", f"rate: {most / 2:.0f}", seconds)
    def hiccup(summary):
        return next(row["value"] for row in summary["validity"] if row["check"] == "hiccup_p99_us")
    lag, calm, busy = loaded["latency_us"]["start_lag"]["p99"], hiccup(quiet), hiccup(loaded)
    return told("pacing", lag <= busy + 200, f"{loaded['throughput']['sessions_per_s']:.0f} sessions/s, half of {most:.0f}: start lag p99 {lag:.0f} us; hiccup "
                f"p99 {busy:.0f} us meanwhile, {calm:.0f} us at 20 sessions/s; the run: {loaded['verdict']}",
                start_lag_p99_us=lag, hiccup_p99_us=busy, hiccup_p99_at_rest_us=calm, most_per_s=most)


def honesty(options):
    """One CPU for both sides and a rate beyond any: told within 5 s, with its cause, exit 4."""
    path = profile(options.work, "honesty", "rate: 60000", 8, users=100000, warm_up="100ms")
    path.write_text(path.read_text().replace("in_flight: 20000", "in_flight: 2000"))
    seen = {}
    def during(process):
        begun = time.monotonic()
        for line in process.stderr:
            if "not valid" in line and "text" not in seen:
                seen.update(text=line.strip(), after=time.monotonic() - begun)
    with server(poplar_server(options, 200000), CLIENT_CPU) as (_, address):
        run = Run(options, [path, "--pop3", address["pop3"], "--threads", "1"], cpu=CLIENT_CPU, during=during)
    ok = run.status == 4 and seen.get("after", 99) <= 5.5
    return told("honesty", ok, f"exit {run.status}; after {seen.get('after', 0):.1f} s: {seen.get('text')}", reasons=run.summary["reasons"])


def valid(options):
    """exchange-mixed as it is shipped, over and over: how many runs are valid."""
    wanted, good, reasons = options.runs, 0, []
    for _ in range(wanted):
        run = Run(options, ["exchange-mixed"])
        good += run.summary["verdict"] == "pass"
        reasons += run.summary["reasons"]
    return told("valid", good == wanted, f"{good} of {wanted} runs of exchange-mixed are valid and pass", reasons=reasons)


def ports(options):
    """5,000 sessions/s for 60 s from one source address: 300,000 sessions through 28,000 ports, none of them held back by a
    port. Where this machine does not reach the rate, as many sessions at the rate that it reaches: closed, 32 at once."""
    rate, seconds, wanted = 5000, options.seconds or 60, 5000 * (options.seconds or 60)
    text = profile(options.work, "ports", f"rate: {rate}\narrivals: uniform", seconds)
    def told_of(run):
        sessions, errors = run.summary["sessions"], run.summary["errors"]
        return {"planned": sessions["planned"], "succeeded": sessions["succeeded"], "errors": errors, "own_ports": errors.get("own_ports", 0),
                "per_s": run.summary["throughput"]["sessions_per_s"], "verdict": run.summary["verdict"], "reasons": run.summary["reasons"]}
    def says(one):
        return (f"{one['succeeded']} of {one['planned']} sessions succeeded at {one['per_s']:.0f}/s, own_ports {one['own_ports']}, errors "
                f"{one['errors'] or 'none'}, verdict {one['verdict']}")
    def clean(one):
        return one["succeeded"] >= wanted and not one["errors"]
    with server(poplar_server(options), SERVER_CPU) as (_, address):
        where = ["--pop3", address["pop3"], "--threads", "1"]
        runs = [told_of(Run(options, [text, *where], cpu=CLIENT_CPU))]
        ok, said = clean(runs[0]), f"{rate}/s for {seconds:g} s: {says(runs[0])}"
        if not ok and runs[0]["own_ports"] == 0:
            pace = profile(options.work, "ports-trial", "model: closed\nusers: 32", 5)
            per_s = told_of(Run(options, [pace, *where], cpu=CLIENT_CPU))["per_s"]
            longer = profile(options.work, "ports-closed", "model: closed\nusers: 32", math.ceil(wanted / max(per_s, 1) * 1.15))
            runs.append(told_of(Run(options, [longer, *where], cpu=CLIENT_CPU)))
            ok, said = clean(runs[1]), f"{said}; the rate was not kept, so 32 sessions at once instead: {says(runs[1])}"
    return told("ports", ok, said, runs=runs)
