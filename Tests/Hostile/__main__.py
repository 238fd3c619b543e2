"""Hostile servers against the generator: python3 Tests/Hostile [--poplar FILE] [quick|all|NAME...]

Each row of `scripts.ALL` is a server that lies, stalls, floods or breaks off; `poplar run` works against it with a short profile.
However it goes, each session has exactly one outcome of the right class, the run ends by its own limits, and its memory is
bounded. `quick` leaves out the rows that take minutes; any other word chooses the rows whose names hold it. Exits 1 when a
check fails, 64 for a wrong command line.
"""

import argparse
import concurrent.futures
import pathlib
import resource
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

import returns
import runs
import scripts

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RETURNS = "the server dies and returns"


def certificate(folder, name):
    """A self-signed certificate of the host `name`.example, and its key, in one file."""
    path = folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
               "-subj", f"/CN={name}.example", "-addext", f"subjectAltName=DNS:{name}.example", "-keyout", str(path), "-out",
               str(path) + ".crt"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + pathlib.Path(str(path) + ".crt").read_bytes())
    return str(path)


def play(name, binary, certificates, folder):
    """In a process of its own: the row's run, or what went wrong with it."""
    try:
        if name == RETURNS:
            return returns.run(binary, folder)
        script = next(script for script in scripts.ALL if script.name == name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates["OWN"])
        return runs.run(script, binary, context, certificates, folder)
    except (OSError, RuntimeError, subprocess.SubprocessError, KeyError):
        outcome = runs.Outcome(name)
        outcome.findings.append(traceback.format_exc())
        return outcome


def chosen(words):
    names = [RETURNS] + [script.name for script in scripts.ALL]
    if not words or "all" in words:
        return names
    if "quick" in words:
        return [RETURNS] + [script.name for script in scripts.ALL if not script.long]
    return [name for name in names if any(word in name for word in words)]


def main():
    parser = argparse.ArgumentParser(prog="Tests/Hostile", description="Hostile servers against the generator.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="quick, all (the default), or part of a row's name")
    parser.add_argument("--poplar", default=str(ROOT / ".build" / "release" / "poplar"), help="the executable under attack")
    parser.add_argument("--jobs", type=int, default=10, help="rows at the same time")
    parser.add_argument("--verbose", action="store_true", help="a line for each row")
    options = parser.parse_args()
    names = chosen(options.rows)
    assert len(set(script.name for script in scripts.ALL)) == len(scripts.ALL), "two rows share a name"
    if not names:
        print(f"Tests/Hostile: no row has {options.rows} in its name", file=sys.stderr)
        return 64
    if not pathlib.Path(options.poplar).is_file():
        print(f"Tests/Hostile: {options.poplar} is not built (make build)", file=sys.stderr)
        return 64
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="poplar-hostile-") as folder:
        certificates = {word: certificate(pathlib.Path(folder), word.lower()) for word in ("OWN", "STRANGER")}
        arguments = (options.poplar, certificates, folder)
        polite = play("polite", *arguments)
        with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
            # Those that wait long begin first.
            work = {pool.submit(play, name, *arguments): name for name in names}
            outcomes = [future.result() for future in concurrent.futures.as_completed(work)]
    failed = 0
    for outcome in outcomes:
        if outcome.peak > polite.peak + runs.ROOM:
            outcome.findings.append(f"peak memory {outcome.peak >> 10} KiB, of a polite server {polite.peak >> 10} KiB")
        failed += bool(outcome.findings)
        if outcome.findings or options.verbose:
            print(f"{'FAIL' if outcome.findings else 'PASS'} hostile: {outcome.name}: {outcome.classes}, "
                  f"{outcome.peak >> 20} MiB, {outcome.seconds:.1f} s", flush=True)
        for finding in outcome.findings:
            print(f"     {finding}", flush=True)
    most = max(outcomes, key=lambda outcome: outcome.peak)
    print(f"{'FAIL' if failed else 'PASS'} hostile: {len(outcomes) - failed} of {len(outcomes)} servers; peak memory at most "
          f"{(most.peak - polite.peak) / 1048576:+.1f} MiB of a polite server's {polite.peak / 1048576:.1f} MiB ({most.name}); "
          f"{time.monotonic() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
