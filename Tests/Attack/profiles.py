"""What large and wrong profiles cost: CPU time of `poplar profile check` for files of 1 MiB, beside that for an eighth of it.

A cost that grows with the square of the file would be 64 times the eighth's; the bound is 16 times.
"""

import os
import resource
import subprocess
import tempfile

SIZE = 1_000_000
# Below this the time of the start hides the rest.
LEAST_S = 0.05

GOOD = """name: large
rate: 5
phases: [{name: a, duration: 1s}]
clients: [{persona: basic}]
mailbox_work: [{name: w}]
"""


def keys(make):
    return lambda size: GOOD + "".join(make(number) for number in range(size // len(make(10_000))))


def lines(before, line):
    return lambda size: before + line * (size // len(line))


KINDS = {
    "unknown keys": keys(lambda n: f"unknown{n}: 1\n"), "equal keys": keys(lambda n: "key: 1\n"),
    "pairs of keys": keys(lambda n: f"key{n // 2}: 1\n"), "aliases": keys(lambda n: f"a{n}: *x\n"),
    "anchors": keys(lambda n: f"a{n}: &x 1\n"), "tags": keys(lambda n: f"a{n}: !!python/none 1\n"),
    "comments": keys(lambda n: f"# [ {n}\n"), "empty lines": lines("", "\n"), "behind a good profile": lines(GOOD, "\n"),
    "carriage returns": lines("", "\r"), "hashes": lines("", "#\n"), "bars": lines("", "  |\n"), "items": lines("", "- x\n"),
    "folded": lines("a: >\n", "  x\n"), "tag lines": lines("", "%TAG !a! b\n"), "addresses": lines("a: ", "[::1]:1 "),
    "nested": lines("a: ", "["),
}


def cpu_seconds(poplar, text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False, newline="") as file:
        file.write(text)
    try:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([poplar, "profile", "check", file.name], capture_output=True, timeout=120)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    finally:
        os.unlink(file.name)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(report):
    for name, make in KINDS.items():
        small, large = (cpu_seconds(report.options.poplar, make(size)) for size in (SIZE // 8, SIZE))
        report.check(large <= 16 * max(small, LEAST_S), f"{name}: {large:.2f} s of CPU for 1 MB, {small:.2f} s for an eighth")
