"""SASL in all its forms, APOP, STLS, UTF8 and LANG (RFC 5034, RFC 4616, RFC 2195, RFC 5802, RFC 2595, RFC 6856)."""

import base64

from dsl import QUIT, TLS, Step, answer, ask, c, connect, login, raw, script, sent
from wire import apop, cram, if_challenged, scram_final, scram_first

# SASL (RFC 5034). PLAIN is RFC 4616.
GOOD = b"\0{user}\0{password}"
for name, text in [
    ("right", GOOD),
    ("wrong password", b"\0{user}\0wrong"),
    ("unknown user", b"\0nobody\0{password}"),
    ("no password", b"\0{user}\0"),
    ("no user", b"\0\0{password}"),
    ("empty fields", b"\0\0"),
    ("as oneself", b"{user}\0{user}\0{password}"),
    ("as another", b"user00000\0{user}\0{password}"),
    ("one NUL", b"{user}\0{password}"),
    ("no NUL", b"{user}"),
    ("four fields", b"\0{user}\0{password}\0x"),
    ("invalid UTF-8", b"\0\xff\xfe\0\xc0\x80"),
    ("TAB in the password", b"\0{user}\0x\ty"),
]:
    script(f"PLAIN: {name}, initial response", ask("AUTH PLAIN token", sent(text, b"AUTH PLAIN ")), c("STAT"), QUIT)
    if name in ("right", "wrong password", "unknown user", "empty fields"):
        script(f"PLAIN: {name}, asked for", c("AUTH PLAIN"), ask("token", answer(text)), c("STAT"), QUIT)
script("PLAIN: mechanism in lower case", ask("auth plain token", sent(GOOD, b"auth plain ")), c("STAT"), QUIT)
script("PLAIN: empty initial response", c("AUTH PLAIN ="), QUIT)
script(
    "PLAIN: two arguments",
    ask("AUTH PLAIN token x", lambda run, _: b"AUTH PLAIN " + base64.b64encode(run.fill(GOOD)) + b" x\r\n"),
    QUIT,
)
script(
    "PLAIN: initial response with a blank behind",
    ask("AUTH PLAIN token blank", lambda run, _: b"AUTH PLAIN " + base64.b64encode(run.fill(GOOD)) + b" \r\n"),
    QUIT,
)
script("PLAIN: malformed initial response", c("AUTH PLAIN !!!!"), *login(), c("STAT"), QUIT)
script("PLAIN: initial response cut short", c("AUTH PLAIN AHVzZ"), QUIT)
script("PLAIN: malformed answer", c("AUTH PLAIN"), ask("!!!!", if_challenged(b"!!!!\r\n")), *login(), c("STAT"), QUIT)
script("PLAIN: empty answer", c("AUTH PLAIN"), ask("empty", if_challenged(b"\r\n")), QUIT)
script("PLAIN: = as answer", c("AUTH PLAIN"), ask("=", if_challenged(b"=\r\n")), QUIT)
script("PLAIN: blank before the answer", c("AUTH PLAIN"), ask("blank, token", if_challenged(b" AHUAcA==\r\n")), QUIT)
script("PLAIN: cancelled", c("AUTH PLAIN"), ask("*", if_challenged(b"*\r\n")), c("CAPA"), *login(), c("STAT"), QUIT)
script(
    "PLAIN: cancelled, USER in one segment",
    c("AUTH PLAIN"),
    ask("*, USER", if_challenged(b"*\r\nUSER {user}\r\n"), "ss"),
    c("PASS {password}"),
    c("STAT"),
    QUIT,
)
script("PLAIN: a command is taken for the answer", c("AUTH PLAIN"), ask("CAPA", if_challenged(b"CAPA\r\n")), c("CAPA"), QUIT)
script(
    "PLAIN: wrong, then right",
    ask("wrong", sent(b"\0{user}\0wrong", b"AUTH PLAIN ")),
    ask("right", sent(GOOD, b"AUTH PLAIN ")),
    c("STAT"),
    QUIT,
)
script("PLAIN: wrong, then USER and PASS", ask("wrong", sent(b"\0{user}\0wrong", b"AUTH PLAIN ")), *login(), c("STAT"), QUIT)
script(
    "PLAIN: one octet at a time",
    raw("AUTH PLAIN", b"AUTH PLAIN\r\n", one_by_one=True),
    Step("token", answer(GOOD), "s", one_by_one=True),
    c("STAT"),
    QUIT,
)
script("PLAIN: after USER", c("USER nobody"), ask("AUTH PLAIN token", sent(GOOD, b"AUTH PLAIN ")), c("STAT"), QUIT)
script("PLAIN: answer of 600 octets", c("AUTH PLAIN"), ask("600 octets", answer(b"\0{user}\0" + b"x" * 420)), QUIT)
script("PLAIN: answer of 6,000 octets", c("AUTH PLAIN"), ask("6,000 octets", answer(b"\0{user}\0" + b"x" * 4400)), QUIT)
script("PLAIN: after logon", login(), ask("AUTH PLAIN token", sent(GOOD, b"AUTH PLAIN ")), c("STAT"), QUIT)

script("LOGIN: right", c("AUTH LOGIN"), ask("name", answer(b"{user}")), ask("password", answer(b"{password}")), c("STAT"), QUIT)
script(
    "LOGIN: wrong password", c("AUTH LOGIN"), ask("name", answer(b"{user}")), ask("password", answer(b"wrong")), c("STAT"), QUIT
)
script("LOGIN: unknown user", c("AUTH LOGIN"), ask("name", answer(b"nobody")), ask("password", answer(b"{password}")), QUIT)
script(
    "LOGIN: name as initial response",
    ask("AUTH LOGIN name", sent(b"{user}", b"AUTH LOGIN ")),
    ask("password", answer(b"{password}")),
    c("STAT"),
    QUIT,
)
script("LOGIN: cancelled at the name", c("AUTH LOGIN"), ask("*", if_challenged(b"*\r\n")), *login(), QUIT)
script(
    "LOGIN: cancelled at the password",
    c("AUTH LOGIN"),
    ask("name", answer(b"{user}")),
    ask("*", if_challenged(b"*\r\n")),
    *login(),
    QUIT,
)
script("LOGIN: malformed name", c("AUTH LOGIN"), ask("????", if_challenged(b"????\r\n")), QUIT)
script("LOGIN: empty name", c("AUTH LOGIN"), ask("empty", if_challenged(b"\r\n")), ask("password", answer(b"{password}")), QUIT)

SAME = lambda digest: digest  # noqa: E731
script("CRAM-MD5: right", c("AUTH CRAM-MD5"), ask("digest", cram(SAME)), c("STAT"), QUIT)
script("CRAM-MD5: lower case", c("auth cram-md5"), ask("digest", cram(SAME)), c("STAT"), QUIT)
script("CRAM-MD5: digest in upper case", c("AUTH CRAM-MD5"), ask("DIGEST", cram(str.upper)), QUIT)
script("CRAM-MD5: wrong password", c("AUTH CRAM-MD5"), ask("digest", cram(SAME, password="wrong")), *login(), c("STAT"), QUIT)
script("CRAM-MD5: unknown user", c("AUTH CRAM-MD5"), ask("digest", cram(SAME, user="nobody")), QUIT)
script("CRAM-MD5: digest cut short", c("AUTH CRAM-MD5"), ask("digest", cram(lambda d: d[:-1])), QUIT)
script("CRAM-MD5: digest too long", c("AUTH CRAM-MD5"), ask("digest", cram(lambda d: d + "0")), QUIT)
script("CRAM-MD5: no blank", c("AUTH CRAM-MD5"), ask("text", answer(b"{user}")), QUIT)
script("CRAM-MD5: empty answer", c("AUTH CRAM-MD5"), ask("empty", if_challenged(b"\r\n")), QUIT)
script("CRAM-MD5: malformed answer", c("AUTH CRAM-MD5"), ask("!!!!", if_challenged(b"!!!!\r\n")), QUIT)
script("CRAM-MD5: cancelled", c("AUTH CRAM-MD5"), ask("*", if_challenged(b"*\r\n")), *login(), QUIT)
script("CRAM-MD5: with an initial response", ask("AUTH CRAM-MD5 token", sent(b"{user} 0", b"AUTH CRAM-MD5 ")), QUIT)
script(
    "CRAM-MD5: twice, the second right",
    c("AUTH CRAM-MD5"),
    ask("wrong", cram(lambda d: "0" * 32)),
    c("AUTH CRAM-MD5"),
    ask("right", cram(SAME)),
    c("STAT"),
    QUIT,
)

script(
    "SCRAM: right",
    c("AUTH SCRAM-SHA-256"),
    ask("first", scram_first()),
    ask("final", scram_final()),
    ask("empty", if_challenged(b"\r\n")),
    c("STAT"),
    QUIT,
)
script(
    "SCRAM: right, initial response",
    ask(
        "AUTH with first",
        lambda run, _: b"AUTH SCRAM-SHA-256 " + base64.b64encode(f"n,,n={run.user},r={run.nonce}".encode()) + b"\r\n",
    ),
    ask("final", scram_final()),
    ask("empty", if_challenged(b"\r\n")),
    c("STAT"),
    QUIT,
)
script(
    "SCRAM: wrong password",
    c("AUTH SCRAM-SHA-256"),
    ask("first", scram_first()),
    ask("final", scram_final(password="wrong")),
    *login(),
    QUIT,
)
script(
    "SCRAM: proof cut short",
    c("AUTH SCRAM-SHA-256"),
    ask("first", scram_first()),
    ask("final", scram_final(change=lambda p: p[:-1])),
    QUIT,
)
script(
    "SCRAM: client could bind",
    c("AUTH SCRAM-SHA-256"),
    ask("first", scram_first("y,,")),
    ask("final", scram_final(header=b"y,,")),
    ask("empty", if_challenged(b"\r\n")),
    c("STAT"),
    QUIT,
)
script(
    "SCRAM: binding is another than said",
    c("AUTH SCRAM-SHA-256"),
    ask("first", scram_first()),
    ask("final", scram_final(header=b"y,,")),
    QUIT,
)
script("SCRAM: binding without a channel", c("AUTH SCRAM-SHA-256"), ask("first", scram_first("p=tls-unique,,")), QUIT)
script("SCRAM: no first message", c("AUTH SCRAM-SHA-256"), ask("text", answer(b"hello")), QUIT)
script("SCRAM: empty first message", c("AUTH SCRAM-SHA-256"), ask("empty", if_challenged(b"\r\n")), QUIT)
script(
    "SCRAM: cancelled at the proof",
    c("AUTH SCRAM-SHA-256"),
    ask("first", scram_first()),
    ask("*", if_challenged(b"*\r\n")),
    *login(),
    QUIT,
)
script(
    "SCRAM: cancelled at the end",
    c("AUTH SCRAM-SHA-256"),
    ask("first", scram_first()),
    ask("final", scram_final()),
    ask("*", if_challenged(b"*\r\n")),
    c("STAT"),
    QUIT,
)

script("APOP: right", ask("APOP", apop(SAME)), c("STAT"), QUIT)
script("APOP: lower case", ask("apop", lambda run, conn: apop(SAME)(run, conn).replace(b"APOP", b"apop")), c("STAT"), QUIT)
script("APOP: wrong digest", ask("APOP", apop(lambda d: "0" * 32)), *login(), c("STAT"), QUIT)
script("APOP: digest in upper case", ask("APOP", apop(str.upper)), QUIT)
script("APOP: digest cut short", ask("APOP", apop(lambda d: d[:-1])), QUIT)
script("APOP: unknown user", ask("APOP", apop(SAME, user="nobody")), QUIT)
script("APOP: three arguments", ask("APOP", apop(lambda d: d + " x")), QUIT)

# STLS (RFC 2595, section 4).
script("STLS: a session", c("STLS"), TLS, c("CAPA"), *login(), c("STAT"), c("RETR 1"), QUIT)
script("STLS: in lower case", c("stls"), TLS, c("CAPA"), QUIT)
script("STLS: CAPA before and after", c("CAPA"), c("STLS"), TLS, c("CAPA"), *login(), c("CAPA"), QUIT)
script("STLS: PLAIN inside", c("STLS"), TLS, ask("AUTH PLAIN token", sent(GOOD, b"AUTH PLAIN ")), c("STAT"), QUIT)
script("STLS: CRAM-MD5 inside", c("STLS"), TLS, c("AUTH CRAM-MD5"), ask("digest", cram(SAME)), c("STAT"), QUIT)
script("STLS: a name given before is forgotten", c("USER {user}"), c("STLS"), TLS, c("PASS {password}"), QUIT)
script("STLS: twice", c("STLS"), TLS, c("STLS"), QUIT)
script("STLS: after a refused logon", *login(password="wrong"), c("STLS"), TLS, *login(), c("STAT"), QUIT)
script(
    "STLS: a command behind it in one segment",
    raw("STLS, CAPA", b"STLS\r\nCAPA\r\n"),
    TLS,
    raw("nothing more", b"NOOP\r\n"),
    c("STAT"),
)
script("STLS: deletes as any session", c("STLS"), TLS, *login(), c("DELE 1"), QUIT, connect(), login(), c("STAT"), QUIT)

# UTF8 and LANG (RFC 6856).
script("UTF8: then a logon", c("UTF8"), *login(), c("STAT"), c("RETR 1"), QUIT)
script("UTF8: lower case", c("utf8"), *login(), QUIT)
script("UTF8: twice", c("UTF8"), c("UTF8"), *login(), QUIT)
script("LANG: default again", c("LANG *"), c("LANG"), QUIT)
script("LANG: in lower case", c("lang en"), QUIT)
