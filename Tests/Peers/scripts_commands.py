"""Each command in each state, with good and bad arguments; deletions; segments; what is no line; caps; the lock.

RFC 1939, RFC 2449, RFC 6856.
"""

from dsl import MESSAGES, QUIT, c, connect, drop, each, login, raw, script

# AUTHORIZATION state, nothing given (RFC 1939, section 4; RFC 2449; RFC 5034; RFC 6856).
each(
    "before logon",
    (),
    [
        "CAPA",
        "capa",
        "CaPa",
        "CAPA ",
        "CAPA x",
        "NOOP",
        "STAT",
        "LIST",
        "LIST 1",
        "UIDL",
        "UIDL 1",
        "RETR 1",
        "RETR",
        "TOP 1 0",
        "DELE 1",
        "RSET",
        "LAST",
        "USER",
        "USER ",
        "USER nobody",
        "PASS",
        "PASS {password}",
        "APOP",
        "APOP {user}",
        "AUTH",
        "AUTH ",
        "AUTH UNKNOWN",
        "AUTH *",
        "AUTH =",
        "STLS x",
        "UTF8",
        "UTF8 x",
        "LANG",
        "LANG en",
        "LANG *",
        "LANG xx",
        "HELP",
        "XTND XMIT",
        "STARTTLS",
        "",
        " ",
        " CAPA",
        "CAPAX",
        "CAP",
        "USERX a",
        "GET / HTTP/1.0",
        "EHLO localhost",
        "a" * 39,
    ],
)
script("before logon: quit in lower case", c("quit"))
script("before logon: Quit in both cases", c("QuIt"))
script("before logon: QUIT with a blank", c("QUIT "))
script("before logon: QUIT with an argument", c("QUIT now"), QUIT)
script("before logon: nothing is sent")

# After USER.
each(
    "after USER",
    (c("USER {user}"),),
    [
        "CAPA",
        "NOOP",
        "STAT",
        "RETR 1",
        "QUIT x",
        "USER {user}",
        "USER",
        "PASS",
        "PASS ",
        "PASS wrong",
        "PASS SECRET",
        "PASS  {password}",
        "PASS {password} ",
        "PASS {password} x",
        "PASS\t{password}",
        "pass {password}",
        "Pass {password}",
        "AUTH",
        "AUTH UNKNOWN",
        "UNKNOWN",
    ],
)
script("after USER: QUIT", c("USER {user}"), QUIT)
script("after USER: lower case user", c("user {user}"), c("PASS {password}"), c("STAT"), QUIT)
script("after USER: another USER wins", c("USER nobody"), *login(), c("STAT"), QUIT)
script("after USER: the first user is forgotten", c("USER {user}"), c("USER nobody"), c("PASS {password}"), QUIT)
script("after USER: a command between", c("USER {user}"), c("CAPA"), c("PASS {password}"), c("STAT"), QUIT)
script("after USER: an unknown command between", c("USER {user}"), c("XYZZY"), c("PASS {password}"), c("STAT"), QUIT)
script(
    "after USER: upper case name",
    raw("USER in upper case", lambda run, _: b"USER " + run.user.upper().encode() + b"\r\n"),
    c("PASS {password}"),
    c("STAT"),
    QUIT,
)
script("after USER: two blanks before the name", c("USER  {user}"), c("PASS {password}"), QUIT)
script("after USER: a blank behind the name", c("USER {user} "), c("PASS {password}"), QUIT)

# Refused logons.
script("logon: wrong, then right", *login(password="wrong"), *login(), c("STAT"), QUIT)
script("logon: wrong, PASS again without USER", *login(password="wrong"), c("PASS {password}"), QUIT)
script("logon: unknown user", c("USER nobody"), c("PASS {password}"), QUIT)
script("logon: three wrong passwords", *login(password="wrong") * 3, c("CAPA"), QUIT)
script("logon: three wrong passwords, then right", *login(password="wrong") * 3, *login(), c("STAT"), QUIT)
script("logon: as often as one likes", *login(), QUIT, connect(), *login(), QUIT, connect(), *login(), c("STAT"), QUIT)

# TRANSACTION state: commands without arguments, and those that belong elsewhere.
each(
    "after logon",
    login(),
    [
        "STAT",
        "stat",
        "STAT ",
        "STAT 1",
        "NOOP",
        "noop",
        "NOOP x",
        "NOOP ",
        "RSET",
        "rset",
        "RSET 1",
        "CAPA",
        "CAPA x",
        "USER {user}",
        "PASS {password}",
        "AUTH",
        "AUTH PLAIN",
        "APOP {user} 00000000000000000000000000000000",
        "STLS",
        "UTF8",
        "LANG",
        "LANG en",
        "LANG *",
        "LANG xx",
        "LAST",
        "HELP",
        "",
        " ",
        " STAT",
        "STATX",
        "RETRX 1",
        "LIS",
        "XTND XLST",
        "TOPS 1 1",
    ],
)
script("after logon: quit in lower case", login(), c("quit"))
script("after logon: QUIT with an argument", login(), c("QUIT 1"), QUIT)
script("after logon: all in lower case", login(), c("list"), c("uidl"), c("retr 1"), c("top 1 1"), c("dele 1"), c("rset"), QUIT)
script("after logon: all in mixed case", login(), c("LiSt"), c("uIdL"), c("ReTr 1"), c("tOp 1 1"), c("DeLe 1"), c("RsEt"), QUIT)

# Message numbers.
NUMBERS = [
    "",
    "1",
    str(MESSAGES),
    str(MESSAGES + 1),
    "0",
    "-1",
    "+1",
    "01",
    "1x",
    "x",
    "1 2",
    " 1",
    "1 ",
    "1.0",
    "0x1",
    "4294967296",
    "4294967297",
    "18446744073709551617",
    "99999999999999999999999",
]
for word in ("LIST", "UIDL", "RETR", "DELE"):
    each("number", login(), [f"{word} {number}" for number in NUMBERS])
each(
    "top",
    login(),
    [
        "TOP",
        "TOP 1",
        "TOP 1 0",
        "TOP 1 1",
        "TOP 1 3",
        "TOP 1 8",
        "TOP 1 9",
        "TOP 1 10",
        "TOP 1 1000",
        "TOP 2 4",
        f"TOP {MESSAGES} 2",
        f"TOP {MESSAGES + 1} 0",
        "TOP 0 0",
        "TOP -1 0",
        "TOP +1 0",
        "TOP 1 -1",
        "TOP 1 +1",
        "TOP 1 x",
        "TOP x 1",
        "TOP 1 1 1",
        "TOP 1 01",
        "TOP  1 1",
        "TOP 1  1",
        "TOP 1 1 ",
        "TOP 1 2147483648",
        "TOP 1 4294967296",
        "TOP 1 18446744073709551616",
        "TOP 4294967297 0",
    ],
)
script("messages: every one, whole", login(), *(c(f"RETR {n}") for n in range(1, MESSAGES + 1)), QUIT)
script("messages: the same twice", login(), c("RETR 2"), c("RETR 2"), QUIT)
script("messages: sizes add up", login(), c("STAT"), c("LIST"), *(c(f"LIST {n}") for n in range(1, MESSAGES + 1)), QUIT)
script("messages: unique ids agree", login(), c("UIDL"), *(c(f"UIDL {n}") for n in range(1, MESSAGES + 1)), QUIT)
script("messages: unique ids stay", login(), c("UIDL"), QUIT, connect(), login(), c("UIDL"), c("UIDL 3"), QUIT)
script("messages: reading deletes nothing", login(), c("RETR 1"), QUIT, connect(), login(), c("STAT"), QUIT)

# DELE, RSET and the UPDATE state (RFC 1939, sections 5 and 6).
for command in ("STAT", "LIST", "UIDL", "LIST 1", "UIDL 1", "RETR 1", "TOP 1 0", "DELE 1", "LIST 2", "RETR 2", "NOOP"):
    script(f"deleted: {command}", login(), c("DELE 1"), c(command), c("RSET"), QUIT)
script("deleted: RSET brings it back", login(), c("DELE 1"), c("DELE 2"), c("RSET"), c("STAT"), c("LIST"), c("RETR 1"), QUIT)
script(
    "deleted: gone after QUIT",
    login(),
    c("UIDL"),
    c("DELE 1"),
    QUIT,
    connect(),
    login(),
    c("STAT"),
    c("LIST"),
    c("UIDL"),
    c("RETR 1"),
    QUIT,
)
script(
    "deleted: numbers are given anew",
    login(),
    c("UIDL"),
    c("DELE 2"),
    c("DELE 3"),
    QUIT,
    connect(),
    login(),
    c("UIDL"),
    c("LIST 3"),
    c("RETR 2"),
    QUIT,
)
script("deleted: kept without QUIT", login(), c("DELE 1"), c("STAT"), drop(), connect(), login(), c("STAT"), c("LIST"), QUIT)
script("deleted: kept after RSET and QUIT", login(), c("DELE 1"), c("RSET"), QUIT, connect(), login(), c("STAT"), QUIT)
script("deleted: some after RSET", login(), c("DELE 1"), c("RSET"), c("DELE 4"), QUIT, connect(), login(), c("LIST"), QUIT)
script(
    "deleted: all of them",
    login(),
    *(c(f"DELE {n}") for n in range(1, MESSAGES + 1)),
    c("STAT"),
    c("LIST"),
    c("UIDL"),
    QUIT,
    connect(),
    login(),
    c("STAT"),
    c("LIST"),
    c("UIDL"),
    c("RETR 1"),
    c("LIST 1"),
    c("DELE 1"),
    c("TOP 1 0"),
    QUIT,
)
script(
    "deleted: the last message", login(), c(f"DELE {MESSAGES}"), c("STAT"), c("LIST"), QUIT, connect(), login(), c("LIST"), QUIT
)
script("deleted: read after RSET", login(), c("DELE 3"), c("RETR 3"), c("RSET"), c("RETR 3"), QUIT)
script(
    "deleted: a refused QUIT deletes nothing", login(), c("DELE 1"), c("QUIT x"), drop(), connect(), login(), c("STAT"), QUIT
)

# Segments (RFC 2449, section 6.6: a client may send ahead; RFC 1939, section 3: a line ends in CRLF).
LOGON = b"USER {user}\r\nPASS {password}\r\n"
script("segments: USER and PASS in one", raw("USER, PASS", LOGON, "ss"), c("STAT"), QUIT)
script("segments: the whole session in one", raw("session", LOGON + b"STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nQUIT\r\n", "sstLUrs"))
script("segments: four RETR in one", login(), raw("RETR x 4", b"RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\n", "rrrr"), QUIT)
script(
    "segments: DELE and QUIT in one",
    login(),
    raw("DELE, QUIT", b"DELE 1\r\nDELE 2\r\nQUIT\r\n", "sss"),
    connect(),
    login(),
    c("STAT"),
    QUIT,
)
script("segments: three lines, one bad", login(), raw("STAT, bad, STAT", b"STAT\r\nXYZZY\r\nSTAT\r\n", "tst"), QUIT)
script(
    "segments: a refused one does not stop the rest",
    login(),
    raw("RETR 9, RETR 1", b"RETR 9\r\nRETR 1\r\nDELE 9\r\nLIST 1\r\n", "rrst"),
    QUIT,
)
script("segments: fifty NOOP in one", login(), raw("NOOP x 50", b"NOOP\r\n" * 50, "s" * 50), QUIT)
script(
    "segments: DELE, RSET, STAT in one", login(), raw("DELE, RSET, STAT", b"DELE 1\r\nSTAT\r\nRSET\r\nSTAT\r\n", "stst"), QUIT
)
script("segments: behind QUIT before logon", raw("QUIT, CAPA", b"QUIT\r\nCAPA\r\n"))
script(
    "segments: behind QUIT after logon",
    login(),
    raw("QUIT, DELE, STAT", b"QUIT\r\nDELE 1\r\nSTAT\r\n"),
    connect(),
    login(),
    c("STAT"),
    QUIT,
)
for name, text, kinds in [("USER and PASS", LOGON, "ss"), ("CAPA", b"CAPA\r\n", "a"), ("AUTH", b"AUTH\r\n", "m")]:
    script(f"octets: {name}, one at a time", raw(name, text, kinds, one_by_one=True), QUIT)
for name, text, kinds in [
    ("LIST and UIDL", b"LIST\r\nUIDL\r\n", "LU"),
    ("RETR and TOP", b"RETR 1\r\nTOP 2 2\r\n", "rr"),
    ("DELE and RSET", b"DELE 1\r\nRSET\r\n", "ss"),
    ("QUIT", b"QUIT\r\n", "s"),
]:
    script(
        f"octets: {name}, one at a time", login(), raw(name, text, kinds, one_by_one=True), *([] if name == "QUIT" else [QUIT])
    )
script("octets: cut between CR and LF", raw("CAPA CR", b"CAPA\r", ""), raw("LF", b"\n", "a"), QUIT)
script("octets: cut within a word", raw("CA", b"CA", ""), raw("PA", b"PA\r\n", "a"), QUIT)

# What is no line of POP3 (RFC 1939, section 3; RFC 2449, section 4).
script("line: bare LF", raw("CAPA LF", b"CAPA\n", "a"), QUIT)
script("line: bare LF after logon", login(), raw("STAT LF", b"STAT\n", "t"), QUIT)
script("line: bare LF hides a command", login(), raw("NOOP LF DELE", b"NOOP\nDELE 1\r\n", "s"), c("STAT"), c("RSET"), QUIT)
script("line: bare CR within", login(), raw("NOOP CR x", b"NOOP\rx\r\n", "s"), QUIT)
script("line: two CR", login(), raw("STAT CR CR LF", b"STAT\r\r\n", "t"), QUIT)
script("line: LF CR", login(), raw("LF CR", b"NOOP\n\r\n", "s"), QUIT)
script("line: NUL before logon", raw("CAPA NUL", b"CAPA\0\r\n", "a"), QUIT)
script("line: NUL after logon", login(), raw("STAT NUL", b"STAT\0\r\n", "t"), QUIT)
script("line: NUL in a password", c("USER {user}"), raw("PASS NUL", b"PASS {password}\0x\r\n"), QUIT)
script("line: NUL in a name", raw("USER NUL", b"USER {user}\0x\r\n"), c("PASS {password}"), QUIT)
script("line: eight bits in a word", login(), raw("ST\\xc4T", b"ST\xc4T\r\n"), QUIT)
script("line: eight bits in a name", raw("USER \\xff", b"USER \xff\xfe\r\n"), c("PASS {password}"), QUIT)
script("line: eight bits in a password", c("USER {user}"), raw("PASS \\xff", b"PASS \xff\xc0\x80\r\n"), QUIT)
script("line: TAB after a word", login(), c("LIST\t1", "t"), QUIT)
script("line: TAB after a number", login(), c("LIST 1\t", "t"), QUIT)
script("line: format signs", c("USER %s%n%x"), c("PASS %s%n%x"), QUIT)
script("line: TAB in a password", c("USER {user}"), c("PASS x\tskip_password_check=1"), QUIT)
for size in (255, 256, 512, 513, 1024, 4096, 16384):
    text = b"NOOP " + b"x" * (size - 7) + b"\r\n"
    script(f"line: {size} octets after logon", login(), raw(f"NOOP of {size}", text), c("STAT"), QUIT)
for size in (128, 255, 513, 1024, 4096):
    script(f"line: name of {size} octets", raw(f"USER of {size}", b"USER " + b"x" * size + b"\r\n"), QUIT)
for size in (128, 240, 513, 1024, 4096):
    script(f"line: password of {size} octets", c("USER {user}"), raw(f"PASS of {size}", b"PASS " + b"x" * size + b"\r\n"), QUIT)
script("line: digits without end", login(), raw("RETR 1000 digits", b"RETR " + b"1" * 1000 + b"\r\n", "r"), c("STAT"), QUIT)

# Caps on what is not understood.
script("caps: two before logon, then right", c("XYZZY"), c("XYZZY"), *login(), c("STAT"), QUIT)
script("caps: three before logon", c("XYZZY"), c("XYZZY"), c("XYZZY"))
script("caps: six before logon", *[c("XYZZY")] * 6)
script("caps: ten after logon", login(), *[c("XYZZY")] * 10, c("STAT"), QUIT)
script("caps: thirty after logon", login(), *[c("XYZZY")] * 30)

# The maildrop's lock (RFC 1939, section 4; RFC 2449, section 8.1.1).
script("lock: a second session", login(), connect("2"), login("2"), c("STAT"), QUIT)
script("lock: let go by QUIT", login(), QUIT, connect("2"), login("2"), c("STAT", on="2"), c("QUIT", on="2"))
script("lock: let go by a lost connection", login(), drop(), connect("2"), login("2"), c("STAT", on="2"), c("QUIT", on="2"))
