"""Races Poplar's server: interleaved rounds, one worker pinned to one core, the client on another.

The judged figure is server CPU time per unit of work, theirs / ours, so that a slow client cannot flatter it; above 1
ours is the better. docs/benchmarks.md explains the rows. Exit code 0 unless something breaks: a row that falls short
prints BELOW (or ABOVE, for memory).
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import contest
import dovecot
import idle
import report
import rows
import servers
import syscalls


def parse():
    names = [entry.name for entry in rows.CONTESTS] + ["memory", "idle"]
    parser = argparse.ArgumentParser(prog="race", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--poplar", help="our executable (default: .build/release/poplar)")
    parser.add_argument("--rows", default=",".join(names), help="some of the contests, in order (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=15, help="rounds of each contest")
    parser.add_argument("--seconds", type=float, default=2, help="measured time of each run")
    parser.add_argument("--warm-up", type=float, default=0.3)
    parser.add_argument("--syscalls", action="store_true", help="count system calls under strace first")
    parser.add_argument("--sessions", type=int, default=1000, help="sessions for --syscalls")
    parser.add_argument("--variant", action="append", default=[], metavar="NAME=FILE",
                        help="race builds of Poplar against the first of them instead, and weigh them after a burst")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, help="also keep the figures as JSON, e.g. results/bench/NAME.json")
    options = parser.parse_args()
    options.rows = [name for name in options.rows.split(",") if name]
    options.variants = dict(entry.split("=", 1) for entry in options.variant if "=" in entry)
    if options.pairs < 1 or options.seconds <= 0 or options.warm_up <= 0:
        parser.error("--pairs, --seconds and --warm-up must be positive")
    if unknown := set(options.rows) - set(names):
        parser.error(f"no such row: {', '.join(sorted(unknown))} (there are {', '.join(names)})")
    if len(options.variants) != len(options.variant) or len(options.variants) == 1:
        parser.error("--variant takes NAME=FILE, and at least two of them")
    return options


def check(options):
    for name in ("floor-server", "floor-client", "tls-server", "holder"):
        if not (servers.BIN / name).exists():
            servers.fail("the floor is not built: run `make floor`")
    default = next(iter(options.variants.values()), str(servers.ROOT / ".build" / "release" / "poplar"))
    options.poplar = options.poplar or default
    for binary in [options.poplar, *options.variants.values()]:
        if not os.access(binary, os.X_OK):
            servers.fail(f"{binary} cannot be run: run `make build`, or give --poplar")


def race(options):
    facts = report.conditions(options)
    report.print_conditions(facts)
    outcome = {"conditions": facts, "rows": [], "raw": {}}
    begin = time.monotonic()

    def done(name, made, raw):
        outcome["rows"] += made
        outcome["raw"][name] = raw
        outcome["took_s"] = round(time.monotonic() - begin)
        if options.out:
            report.keep(outcome, options.out)
        report.print_rows(made)

    if options.syscalls:
        outcome["syscalls"] = syscalls.count(options)
    contests = [rows.variants(list(options.variants))] if options.variants else rows.CONTESTS
    for entry in contests:
        if entry.name == "dovecot" and entry.name in options.rows and dovecot.obstacle():
            print(f"SKIPPED dovecot: {dovecot.obstacle()}")
        elif options.variants or entry.name in options.rows:
            rounds = contest.play(entry, options)
            done(entry.name, contest.sum_up(entry, rounds), rounds)
    if options.variants:
        outcome["burst"] = idle.burst(options)
        report.print_burst(outcome["burst"])
    else:
        for name, play in (("memory", idle.memory), ("idle", idle.crowd)):
            if name in options.rows:
                done(name, *play(options))
    outcome["took_s"] = round(time.monotonic() - begin)
    if options.out:
        report.keep(outcome, options.out)
    print(f"\n== all rows, {outcome['took_s']} s")
    report.print_rows(outcome["rows"])
    missed = [row["row"] for row in outcome["rows"] if row["verdict"] in ("BELOW", "ABOVE")]
    print("every target reached" if not missed else "targets missed: " + ", ".join(missed))


def main():
    options = parse()
    if max(options.server_cpu, options.client_cpu) >= (os.cpu_count() or 1):
        print("SKIPPED race: it needs a core for the server and one for the client")
        return
    check(options)
    with tempfile.TemporaryDirectory(prefix="poplar-race-") as folder:
        options.certificate = servers.make_certificate(folder)
        race(options)


if __name__ == "__main__":
    sys.exit(main())
