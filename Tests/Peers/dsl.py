"""What a script is made of. The scripts themselves are in scripts_commands.py and scripts_logon.py.

Every script has a mailbox of its own with the same messages, so that they can run side by side and in any order. A step
sends octets and says what kinds of replies it expects, a letter each:
    s status   g greeting   t two numbers   u number and unique id   c challenge
and, where the status is +OK, lines up to a lone dot:
    L numbers   U unique ids   r a message   a capabilities   m mechanisms or languages
"""

import base64
import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Step:
    label: str
    octets: typing.Any = b""
    kinds: str = "s"
    on: str = "1"
    one_by_one: bool = False
    action: str = "send"


@dataclasses.dataclass(frozen=True)
class Script:
    name: str
    steps: tuple


SCRIPTS = []
MESSAGES = 4
OCTETS = 700

KINDS = {"STAT": "t", "CAPA": "a", "RETR": "r", "TOP": "r"}


def kind_of(command):
    word, _, argument = command.strip().partition(" ")
    word = word.upper()
    if word in ("LIST", "UIDL"):
        single = {"LIST": "t", "UIDL": "u"}[word]
        return single if argument.strip() else word[0]
    if word == "AUTH":
        return "s" if argument.strip() else "m"
    if word == "LANG":
        return "s" if argument.strip() else "m"
    return KINDS.get(word, "s")


def c(command, kinds=None, on="1", label=None):
    """A command as text, with its CRLF."""
    return Step(label or command, command.encode("latin-1") + b"\r\n", kinds or kind_of(command), on)


def raw(label, octets, kinds="s", on="1", one_by_one=False):
    return Step(label, octets, kinds, on, one_by_one)


def connect(on="1"):
    return Step(f"connect {on}", b"", "g", on, action="connect")


def drop(on="1"):
    return Step(f"drop {on}", b"", "", on, action="drop")


TLS = Step("handshake", action="tls")
QUIT = c("QUIT")


def login(on="1", password="{password}"):
    return (c("USER {user}", on=on), c(f"PASS {password}", on=on, label="PASS"))


def script(name, *steps, greet=True):
    flat = [connect()] if greet else []
    for step in steps:
        flat.extend(step if isinstance(step, tuple) else [step])
    assert all(name != other.name for other in SCRIPTS), name
    SCRIPTS.append(Script(name, tuple(flat)))


def each(prefix, before, commands, after=(QUIT,)):
    """One script for each command."""
    for command in commands:
        script(f"{prefix}: {command!r}"[:90], before, c(command), after)


def sent(text, prefix=b""):
    """Base64 of `text`, with this run's user in it, behind `prefix`."""
    return lambda run, _: prefix + base64.b64encode(run.fill(text)) + b"\r\n"


def answer(text):
    """The same, but only if the server asked."""

    def octets(run, connection):
        challenge, connection.challenge = connection.challenge, None
        return None if challenge is None else base64.b64encode(run.fill(text)) + b"\r\n"

    return octets


def ask(label, octets, kinds="s"):
    return Step(label, octets, kinds)
