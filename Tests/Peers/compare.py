"""Finds the differences between Poplar's outcomes and a peer's, and the explanation of each.

An explanation is a row of explanations.txt: which peer, which scripts and steps, what Poplar said, what the peer said, why,
and the section of an RFC that allows it or decides it. Patterns know `*` and nothing else. A difference that no row
matches is unexplained; a row that matches nothing is stale, and an error just the same.
"""

import dataclasses
import re

from wire import flat


@dataclasses.dataclass(frozen=True)
class Difference:
    peer: str
    script: str
    step: str
    poplar: str
    theirs: str

    def __str__(self):
        return f"{self.peer}: {self.script} / {self.step}: poplar {self.poplar} - {self.peer} {self.theirs}"


def pattern(text):
    """A matcher for `text`, in which `*` is anything and ` or ` parts alternatives."""
    whole = "|".join(".*".join(map(re.escape, part.split("*"))) for part in text.split(" or "))
    return re.compile(f"(?:{whole})", re.DOTALL).fullmatch


class Explanation:
    """`rest`: what follows in the same script differs for the same reason. `bug`: Poplar is the one that is wrong."""

    def __init__(self, row, why):
        peers, *columns = row.split(" | ")
        if len(columns) != 4 or not re.search(r"\. RFC \d+ section ", why):
            raise SystemExit(f"explanations.txt: not of the form that its head says: {row!r}, {why!r}")
        self.row, self.why, self.peers = row, why, peers.split()
        self.rest, self.bug = "; hence the rest" in why, "; POPLAR IS WRONG" in why
        self.matchers = [pattern(column) for column in columns]
        self.used = dict.fromkeys(self.peers, 0)

    def matches(self, difference):
        parts = (difference.script, difference.step, difference.poplar, difference.theirs)
        return difference.peer in self.peers and all(match(part) for match, part in zip(self.matchers, parts))


def read_explanations(path):
    """A row, which goes on behind ` or` in the next line; indented lines below it for the reason; `#` begins a remark."""
    rows = []
    for line in path.read_text().splitlines():
        if line.startswith(" "):
            rows[-1][1].append(line.strip())
        elif rows and rows[-1][0].endswith(" or"):
            rows[-1] = (f"{rows[-1][0]} {line}", [])
        elif line and not line.startswith("#"):
            rows.append((line, []))
    return [Explanation(row, " ".join(why)) for row, why in rows]


def differences(peer, script, ours, theirs):
    """In the order of the steps; a set of lines gives one for each line that only one of the two has."""
    for (step, mine), (other_step, other) in zip(ours, theirs, strict=False):
        assert step == other_step, (script, step, other_step)
        if mine == other:
            continue
        if isinstance(mine, frozenset) and isinstance(other, frozenset):
            for line in sorted(mine ^ other):
                yield Difference(peer, script, step, *((line, "-") if line in mine else ("-", line)))
        else:
            yield Difference(peer, script, step, flat(mine), flat(other))
    if len(ours) != len(theirs):
        yield Difference(peer, script, "connections", str(len(ours)), str(len(theirs)))


@dataclasses.dataclass
class Verdict:
    steps: int = 0
    explained: int = 0
    unexplained: list = dataclasses.field(default_factory=list)
    bugs: list = dataclasses.field(default_factory=list)


def judge(peer, names, ours, theirs, explanations):
    """`ours` and `theirs`: outcomes by script name."""
    verdict = Verdict()
    for name in names:
        verdict.steps += len(ours[name])
        parted = None
        for difference in differences(peer, name, ours[name], theirs[name]):
            row = next((row for row in explanations if row.matches(difference)), parted)
            if row is None:
                verdict.unexplained.append(difference)
                continue
            row.used[peer] += 1
            if row.bug:
                verdict.bugs.append((difference, row))
            verdict.explained += not row.bug
            if row.rest:
                parted = parted or row
    return verdict
