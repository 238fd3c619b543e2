"""Runs the scripts at Poplar, Dovecot and Courier, and compares: python3 Tests/Peers [--script TEXT] [--verbose].

One line a peer: scripts run, steps compared, differences explained, unexplained. A peer that this machine cannot run is
SKIPPED with its reason. Exits 1 if a difference is unexplained, if an explanation explains nothing, or if one says that
Poplar is wrong.
"""

import argparse
import concurrent.futures
import pathlib
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import scripts_commands  # noqa: E402, F401
import scripts_logon  # noqa: E402, F401
import servers  # noqa: E402
import wire  # noqa: E402
from compare import judge, read_explanations  # noqa: E402
from dsl import MESSAGES, OCTETS, SCRIPTS  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Most of a script's time is waiting: for Courier's 5 s after a refused logon, and for what does not come.
SIDE_BY_SIDE = 64


def run_all(port, selected):
    """Outcomes by script name. Each script has the mailbox of its own place in SCRIPTS."""

    def one(index_and_script):
        index, script = index_and_script
        try:
            return script.name, wire.Run(port, servers.user_name(index + 1), servers.PASSWORD).script(script)
        except OSError as error:
            return script.name, [("connection", f"failed: {error}")]

    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return dict(pool.map(one, selected))


def serve_all(peer, selected):
    with peer:
        return run_all(peer.port, selected)


def messages_of(port):
    """What Poplar serves, as RETR gives it: the other two are to serve the same."""
    connection = wire.Connection(port)
    deadline = time.monotonic() + wire.REPLY_SECONDS
    connection.line(deadline)
    for command in (f"USER {servers.user_name(0)}", f"PASS {servers.PASSWORD}"):
        connection.send(command.encode() + b"\r\n")
        if not connection.line(deadline).startswith(b"+OK"):
            raise SystemExit("Poplar refuses the first user")
    texts = []
    for number in range(1, MESSAGES + 1):
        connection.send(f"RETR {number}\r\n".encode())
        connection.line(deadline)
        lines = []
        while (line := connection.line(deadline)) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        texts.append(b"".join(line + b"\r\n" for line in lines))
    connection.send(b"QUIT\r\n")
    connection.close()
    return texts


def main():
    parser = argparse.ArgumentParser(description="the same scripts at Poplar, Dovecot and Courier")
    parser.add_argument("--poplar", default=ROOT / ".build/release/poplar", type=pathlib.Path, help="the binary")
    parser.add_argument("--unpacked", default=ROOT / ".build/peers", type=pathlib.Path, help="the peers' packages, unpacked")
    parser.add_argument("--script", default="", help="only scripts with this in their name")
    parser.add_argument("--verbose", action="store_true", help="print each explanation and how often it was needed")
    options = parser.parse_args()
    selected = [(index, script) for index, script in enumerate(SCRIPTS) if options.script in script.name]
    names = [script.name for _, script in selected]
    table = read_explanations(pathlib.Path(__file__).with_name("explanations.txt"))
    began = time.monotonic()
    failed = False
    ran = set()
    with tempfile.TemporaryDirectory(prefix="poplar-peers-") as folder:
        pathlib.Path(folder).chmod(0o755)
        users = len(SCRIPTS) + 1
        with servers.Poplar(folder, users, options.poplar, MESSAGES, OCTETS) as poplar:
            messages = messages_of(poplar.port)
            others = [kind(folder, users, messages, options.unpacked) for kind in (servers.Dovecot, servers.Courier)]
            # They wait more than they work: all three at once.
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                ours = pool.submit(run_all, poplar.port, selected)
                pending = [(peer, pool.submit(serve_all, peer, selected)) for peer in others]
                outcomes = ours.result()
    for peer, future in pending:
        try:
            theirs = future.result()
        except servers.Unavailable as reason:
            print(f"SKIPPED peers, {peer.name}: {reason}")
            continue
        ran.add(peer.name)
        verdict = judge(peer.name, names, outcomes, theirs, table)
        failed |= report(peer.name, names, verdict)
    if options.verbose:
        for row in table:
            print(f"{row.why} ({', '.join(f'{peer} {used}' for peer, used in row.used.items())})")
    if not options.script:
        failed |= report_stale(ran, table)
    print(f"peers: {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def report(peer, names, verdict):
    for difference in verdict.unexplained:
        print(f"UNEXPLAINED {difference}")
    for difference, row in verdict.bugs:
        print(f"POPLAR IS WRONG: {difference}: {row.why}")
    print(
        f"{peer}: {len(names)} scripts, {verdict.steps} steps compared, {verdict.explained} differences explained, "
        f"{len(verdict.bugs)} where Poplar is wrong, {len(verdict.unexplained)} unexplained"
    )
    return bool(verdict.unexplained or verdict.bugs)


def report_stale(ran, table):
    """Rows that matched nothing, although their peer was there."""
    stale = [(row, peer) for row in table for peer, used in row.used.items() if peer in ran and not used]
    for row, peer in stale:
        print(f"EXPLAINS NOTHING at {peer}: {row.row}")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
