"""Can the generator be trusted? Each row shows one answer with its figure; docs/benchmarks.md says what they mean.

  python3 Benchmarks/proof [ROW...] [--out FILE]      all rows without `valid` and `field`, peers for 60 s each
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import common  # noqa: E402
import rows  # noqa: E402
import report  # noqa: E402  (Benchmarks/race)

QUICK = ["reproducibility", "omission", "known", "arrivals", "pacing", "ceiling", "cost", "honesty", "ports"]
ALL = QUICK + ["peers", "field", "valid"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ALL))
    parser.add_argument("--poplar", default=str(common.ROOT / ".build/release/poplar"))
    parser.add_argument("--seconds", type=float, help="length of a run, where a row has one")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", help="write the rows as JSON")
    options = parser.parse_args()
    options.server_cpu, options.client_cpu, options.warm_up = rows.SERVER_CPU, rows.CLIENT_CPU, 0
    unknown = set(options.rows) - set(ALL)
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}; there are: {', '.join(ALL)}")
    if os.environ.get("POPLAR_PYTHON") is None and "hdrh" not in sys.modules:
        oracles = common.ROOT / ".build/oracles/lib"
        sys.path += [str(path) for path in oracles.glob("python3*/site-packages")]
    done = []
    with tempfile.TemporaryDirectory() as folder:
        options.work = pathlib.Path(folder)
        for name in options.rows or QUICK + ["peers"]:
            if name in ("peers", "field"):
                done.append(__import__(name).run(options))
            else:
                done.append(getattr(rows, name)(options))
    if options.out:
        pathlib.Path(options.out).write_text(json.dumps({**report.conditions(options), "rows": done}, indent=1) + "\n")
    missed = [one["row"] for one in done if not one["ok"]]
    print("every row reached its bound" if not missed else f"missed: {', '.join(missed)}")
    return 1 if missed else 0


sys.exit(main())
