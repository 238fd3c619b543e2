"""The pool that people write themselves: processes of Python's poplib, each doing USER PASS STAT RETR QUIT over and over.

Arguments: port, processes. One user for each process; SIGTERM ends them all.
"""

import os
import poplib
import signal
import sys


def work(port, user):
    while True:
        box = poplib.POP3("127.0.0.1", port, timeout=10)
        box.user(user)
        box.pass_("secret")
        box.stat()
        box.retr(1)
        box.quit()


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    children = []
    for index in range(count):
        child = os.fork()
        if child == 0:
            work(port, f"user{index:05d}")
        children.append(child)

    def stop(*_):
        for child in children:
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, stop)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
