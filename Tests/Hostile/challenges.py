"""NTLM challenges (MS-NLMP 2.2.1.2) and SASL messages as a hostile server forges them, the good one first. Lengths and
offsets are what the attacks of the years were made of: CVE-2018-16890, CVE-2019-3822, CVE-2012-3482, CVE-2023-25563."""

import base64
import struct

from dialogue import encoded

UNICODE, OEM, TARGET, NTLM, DOMAIN, EXTENDED, TARGET_INFO = 1, 2, 4, 0x200, 0x10000, 0x80000, 0x800000
FLAGS = UNICODE | TARGET | NTLM | DOMAIN | EXTENDED | TARGET_INFO
NAME = "HOSTILE".encode("utf-16-le")


def pair(kind, value, length=None):
    return struct.pack("<HH", kind, len(value) if length is None else length) + value


INFO = pair(2, NAME) + pair(1, NAME) + pair(7, struct.pack("<Q", 133_000_000_000_000_000)) + pair(0, b"")


def challenge(kind=2, flags=FLAGS, name=NAME, info=INFO, name_field=None, info_field=None, signature=b"NTLMSSP\0"):
    """A type 2; `*_field` is (length, allocated, offset) in place of the true one."""
    name_field = name_field or (len(name), len(name), 56)
    info_field = info_field or (len(info) & 0xFFFF, len(info) & 0xFFFF, 56 + len(name))
    head = signature + struct.pack("<IHHII", kind, *name_field, flags) + b"\1\2\3\4\5\6\7\x08" + bytes(8)
    return head + struct.pack("<HHI", *info_field) + b"\x06\1\0\0\0\0\0\x0f" + name + info


GOOD = challenge()

# Name: (challenge as the reply to the type 1, the session's class). Each of these is one that no client can answer.
FORGED = {
    "empty": b"+ \r\n",
    "bad base64": b"+ TlRMTVNT!!!!\r\n",
    "base64 without padding": b"+ TlRMTVNTUA\r\n",
    "header alone": encoded(GOOD[:8]),
    "cut within the flags": encoded(GOOD[:22]),
    "cut within the challenge": encoded(GOOD[:31]),
    "CVE-2012-3482 shorter than its header": encoded(GOOD[:32] + b"\0"),
    "wrong signature": encoded(challenge(signature=b"NTLMSSQ\0")),
    "type 1 come back": encoded(challenge(kind=1)),
    "type 3": encoded(challenge(kind=3)),
    "type 2^32 - 1": encoded(challenge(kind=0xFFFFFFFF)),
    "CVE-2018-16890 information beyond the end": encoded(challenge(info_field=(0xFFFF, 0xFFFF, 0xFFFF))),
    "information's offset + length wraps at 2^32": encoded(challenge(info_field=(64, 64, 0xFFFFFFF0))),
    "information's length of 65,535": encoded(challenge(info_field=(0xFFFF, 0xFFFF, 56))),
    "information within the header": encoded(challenge(info_field=(16, 16, 0))),
    "pair longer than the list": encoded(challenge(info=pair(2, NAME, length=0xFFFF))),
    "list without an end": encoded(challenge(info=pair(2, NAME) * 3)),
    "longer than a line": encoded(challenge(info=pair(2, b"a" * 9000) + pair(0, b""))),
}


def scram(iterations=b"4096", nonce=None, salt=b"c2FsdA==", extra=b""):
    """SCRAM's first message of the server, on the client's nonce; `nonce` replaces it whole."""
    def act(wire):
        first = base64.b64decode(wire.memory["initial"])
        client = first.rpartition(b"r=")[2]
        wire.say(encoded(b"r=" + (nonce or client + b"SERVER") + b",s=" + salt + b",i=" + iterations + extra))

    return act
