"""Nothing said before TLS counts after it (RFC 2595; CVE-2011-0411 and its kin): commands behind STLS, at every split and with
gaps, are not carried out and end the connection; a clean client is served, even one that sends its handshake by octets."""

import time

import server
import wire

INJECTED = b"USER user00000\r\nPASS secret\r\nSTAT\r\n"
# What an injected command would be answered with.
ANSWERS = (b"Password required", b"logged on", b"+OK 5 ")


def injection(up, split, gap_s, hello=b""):
    """The answer to STLS and injected commands in two segments, and how the connection ended."""
    whole = b"STLS\r\n" + INJECTED + hello
    with wire.Client(up.pop3) as client:
        try:
            client.sock.sendall(whole[:split])
            if gap_s:
                time.sleep(gap_s)
            client.sock.sendall(whole[split:])
        except OSError:
            pass
        return wire.rest(client.sock, 3)


def by_octets(up):
    """One octet at a time, one segment each."""
    with wire.Client(up.pop3) as client:
        try:
            for octet in b"STLS\r\n" + INJECTED:
                client.sock.sendall(bytes([octet]))
        except OSError:
            pass
        return wire.rest(client.sock, 3)


def injections(up, report):
    executed = open_still = count = 0
    tries = [(split, gap, hello) for gap in (0, 0.001, 0.05) for hello in (b"", wire.client_hello())
             for split in range(1, len(b"STLS\r\n" + INJECTED)) if gap < 0.05 or not hello]
    for split, gap, hello in tries:
        data, end = injection(up, split, gap, hello)
        executed += any(answer in data for answer in ANSWERS)
        open_still += end == "silent"
        count += 1
    for _ in range(20):
        data, end = by_octets(up)
        executed += any(answer in data for answer in ANSWERS)
        open_still += end == "silent"
        count += 1
    report.check(executed == 0 and open_still == 0,
                 f"{count} injections behind STLS (every split, gaps of 0, 1 and 50 ms): executed {executed}, left open {open_still}; "
                 f"refused as buffered {up.figures()['poplar_stls_buffered_total']:.0f}")


def talk(ask):
    """A session within TLS; whether all of it was answered."""
    return (ask("USER user00001").startswith(b"+OK") and ask("PASS secret").startswith(b"+OK")
            and ask("STAT").startswith(b"+OK 5 ") and ask("QUIT").startswith(b"+OK"))


def clean(up, report):
    good = 0
    for _ in range(20):
        with wire.Client(up.pop3) as client:
            # A user named before STLS is forgotten by it.
            client.ask("USER user00001")
            client.ask("STLS")
            with wire.context().wrap_socket(client.sock) as secure:
                secure.sendall(b"PASS secret\r\n")
                forgotten = wire.line(secure).startswith(b"-ERR")

                def ask(text):
                    secure.sendall(text.encode() + b"\r\n")
                    return wire.line(secure)

                good += forgotten and talk(ask)
    report.check(good == 20, f"clean sessions after STLS: {good} of 20, each forgetting the USER before it")
    good = 0
    for encrypted in (False, True):
        sock = wire.connect(up.pop3s if encrypted else up.pop3)
        if not encrypted:
            wire.line(sock)
            sock.sendall(b"STLS\r\n")
            wire.line(sock)
        tls = wire.OctetTLS(sock)
        if encrypted:
            tls.line()
        good += talk(tls.ask)
        sock.close()
    report.check(good == 2, f"handshake and session sent octet by octet: {good} of 2 (STLS, and the TLS port)")


def run(report):
    with server.Server(limits=server.patience(30)) as up:
        wire.whole_session(up.pop3)
        up.figures()
        baseline = up.descriptors()
        injections(up, report)
        clean(up, report)
        left = up.settled(baseline)
        report.check(left == baseline, f"descriptors {baseline} -> {left}")
