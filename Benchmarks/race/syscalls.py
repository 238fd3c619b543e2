"""System calls per session by kind, under strace: those of a server's whole life, less those of one that met no client."""

import tempfile

import load
import servers

# The system calls of USER PASS STAT RETR QUIT that no server on epoll can do without, and why.
NECESSARY = {
    "accept": (1, "the connection"),
    "epoll_ctl": (1, "to hear from it"),
    "write": (6, "the greeting and five replies, each awaited by the client before it goes on"),
    "read": (5, "five commands, each sent after the reply before it"),
    "close": (1, "its end"),
}
KINDS = {
    "accept": ("accept", "accept4"),
    "epoll_ctl": ("epoll_ctl",),
    "epoll_wait": ("epoll_wait", "epoll_pwait", "epoll_pwait2"),
    "write": ("write", "writev", "send", "sendto", "sendmsg", "sendfile"),
    "read": ("read", "readv", "recv", "recvfrom", "recvmsg"),
    "close": ("close",),
}
TOTAL = sum(count for count, _ in NECESSARY.values())


def lifetime(command, options, sessions):
    with tempfile.NamedTemporaryFile("r") as output:
        with servers.Server(command, options.server_cpu, wrap=["strace", "-c", "-f", "-o", output.name]) as server:
            if sessions:
                load.offer(server, load.Load(retrievals=1), options, sessions=sessions)
        table = {}
        for line in output.read().splitlines():
            fields = line.split()
            if len(fields) >= 5 and fields[0].replace(".", "").isdigit() and fields[-1] != "total":
                table[fields[-1]] = int(fields[3])
    return table


def per_session(command, options):
    idle, busy = lifetime(command, options, 0), lifetime(command, options, options.sessions)
    return {name: (count - idle.get(name, 0)) / options.sessions for name, count in busy.items()}


def count(options):
    table = {"floor": per_session(servers.floor(), options), "poplar": per_session(servers.poplar(options.poplar), options)}
    print(f"system calls per session over {options.sessions} sessions of USER PASS STAT RETR QUIT, 32 in flight\n")
    print(f"{'':<14}{'necessary':>10}" + "".join(f"{name:>10}" for name in table) + "   why it cannot be spared")

    def used(name, kind):
        return sum(table[name].get(call, 0) for call in KINDS[kind])

    for kind in KINDS:
        least, why = NECESSARY.get(kind, (0, "shared: one brings what all connections have"))
        print(f"{kind:<14}{least or 'shared':>10}" + "".join(f"{used(name, kind):>10.2f}" for name in table) + f"   {why}")
    known = {call for calls in KINDS.values() for call in calls}
    others = [sum(value for call, value in calls.items() if call not in known) for calls in table.values()]
    print(f"{'other':<14}{0:>10}" + "".join(f"{value:>10.2f}" for value in others))
    print(f"{'total':<14}{TOTAL:>10}" + "".join(f"{sum(calls.values()):>10.2f}" for calls in table.values()))
    for name, calls in table.items():
        spared = [kind for kind, (least, _) in NECESSARY.items() if used(name, kind) > least * 1.1]
        print(f"{name}: " + (f"more than necessary: {', '.join(spared)}" if spared else "nothing to spare"))
        detail = sorted(((value, call) for call, value in calls.items() if value >= 0.005), reverse=True)
        print("  " + "  ".join(f"{call} {value:.2f}" for value, call in detail))
    print()
    return {"script": "USER PASS STAT RETR QUIT", "sessions": options.sessions, **table}
