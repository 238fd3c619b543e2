"""Attacks on a real server over loopback: python3 Tests/Attack [--poplar FILE] [--sessions N] [CASE...]

A case prints a line with its figures and PASS or FAIL for each of its checks. Without a case all of them run, `quick` is
those that `make test` runs. Exits 1 when a check fails, 64 for a wrong command line.
"""

import argparse
import pathlib
import subprocess
import sys
import time
import traceback

import burst
import caps
import disconnect
import everybyte
import exhaustion
import expensive
import flood
import garbage
import leak
import profiles
import server
import slow
import stls
import wire

CASES = {
    "everybyte": everybyte.run, "garbage": garbage.run, "stls": stls.run, "caps": caps.run, "emfile": exhaustion.run,
    "disconnect": disconnect.run, "flood": flood.run, "slow": slow.run, "burst": burst.run, "leak": leak.run,
    "expensive": expensive.run, "profiles": profiles.run,
}
QUICK = ["everybyte", "garbage", "stls", "caps", "emfile", "disconnect", "flood", "expensive"]


class Report:
    """Prints the checks of one case and remembers whether any failed."""

    def __init__(self, name, options):
        self.name = name
        self.options = options
        self.failed = 0

    def check(self, good, text):
        self.failed += not good
        print(f"{'PASS' if good else 'FAIL'} {self.name}: {text}", flush=True)

    def note(self, text):
        print(f"     {self.name}: {text}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="Tests/Attack", description="Attacks on a real server over loopback.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(["quick", *CASES]))
    parser.add_argument("--poplar", default=server.binary, help="the executable under attack")
    parser.add_argument("--sessions", type=int, default=1_000_000, help="of the case `leak`")
    parser.add_argument("--seed", type=int, default=1, help="of what is random")
    options = parser.parse_args()
    names = options.cases or list(CASES)
    names = [name for given in names for name in (QUICK if given == "quick" else [given])]
    if wrong := [name for name in names if name not in CASES]:
        parser.print_usage(sys.stderr)
        print(f"Tests/Attack: no case is called {', '.join(wrong)}", file=sys.stderr)
        return 64
    if not pathlib.Path(options.poplar).is_file():
        print(f"Tests/Attack: {options.poplar} is not built (make build)", file=sys.stderr)
        return 64
    server.binary = options.poplar
    if not server.build_client():
        print("SKIPPED attack: no gcc on this machine for the load client")
        return 0
    wire.raise_descriptors()
    failed = 0
    for name in names:
        report = Report(name, options)
        began = time.monotonic()
        try:
            CASES[name](report)
        except (OSError, RuntimeError, wire.Broken, subprocess.SubprocessError) as error:
            traceback.print_exc()
            report.check(False, f"{type(error).__name__}: {error}")
        report.note(f"{time.monotonic() - began:.1f} s")
        failed += report.failed
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
