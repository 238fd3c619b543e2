"""Dovecot 2.3 of Debian, configured for speed in a folder of its own, beside whatever the machine runs.

One login process, one pop3 process and the auth process serve every session (service_count=0), the auth cache is on, index
updates and fsync are off, and the Maildirs lie on tmpfs. Its size per message is that of the others' populations.
"""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

import servers

PROGRAM = "/usr/sbin/dovecot"

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
info_log_path = /dev/null
protocols = pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_cache_size = 16 M
auth_cache_ttl = 1 hour
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
mail_max_userip_connections = 0
maildir_very_dirty_syncs = yes
maildir_stat_dirs = no
pop3_no_flag_updates = yes
pop3_fast_size_lookups = yes
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service pop3-login {{
  service_count = 0
  process_min_avail = 1
  process_limit = 1
  client_limit = 4096
  vsz_limit = 0
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service pop3 {{
  service_count = 0
  process_min_avail = 1
  process_limit = 1
  client_limit = 4096
  vsz_limit = 0
}}
service auth {{
  client_limit = 8192
  vsz_limit = 0
}}
service anvil {{
  client_limit = 8192
}}
"""


def message(octets):
    """A message of so many octets on the wire, line ends as CRLF, stored with LF as Maildir does."""
    text = "From: sender@example.invalid\nSubject: benchmark\n\n"
    left = octets - len(text) - text.count("\n")
    while left > 0:
        line = 80 if left >= 160 else left // 2 if left > 80 else left
        text += "x" * (line - 2) + "\n"
        left -= line
    return text


def fill(folder, users, messages, octets, uid, gid):
    text = message(octets).encode()
    for user in range(users):
        maildir = folder / "mail" / f"user{user:05}"
        for part in ("cur", "new", "tmp"):
            (maildir / part).mkdir(parents=True)
            os.chown(maildir / part, uid, gid)
        os.chown(maildir, uid, gid)
        for number in range(messages):
            path = maildir / "cur" / f"{1000000000 + number}.M{number}P1.bench,S={len(text)},W={octets}:2,S"
            path.write_bytes(text)
            os.chown(path, uid, gid)
    (folder / "passwd").write_text("".join(f"user{user:05}:{{PLAIN}}secret\n" for user in range(users)))


def obstacle():
    """Why it cannot run here; empty where it can."""
    if not os.access(PROGRAM, os.X_OK):
        return "it is not installed (scripts/setup.sh bench)"
    return "" if os.getuid() == 0 else "it needs root, to start its processes under other users"


class Dovecot(servers.Server):
    """As servers.Server. None of its own say `ready`; it is when the greeting comes."""

    def __init__(self, cpu, users=1000, messages=10, octets=2048):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="poplar-dovecot-", dir="/dev/shm"))
        self.folder.chmod(0o755)
        nobody = pwd.getpwnam("nobody")
        fill(self.folder, users, messages, octets, nobody.pw_uid, nobody.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        configuration = self.folder / "dovecot.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=self.folder, port=port, uid=nobody.pw_uid, gid=nobody.pw_gid))
        self.address = ("127.0.0.1", port)
        self.addresses = {"pop3": f"127.0.0.1:{port}"}
        self.log = tempfile.TemporaryFile()
        self.wrapped = False
        self.process = subprocess.Popen(
            ["taskset", "-c", str(cpu), PROGRAM, "-F", "-c", str(configuration)], stdout=subprocess.DEVNULL,
            stderr=self.log, start_new_session=True)

    def __enter__(self):
        for _ in range(100):
            if self.process.poll() is not None:
                break
            try:
                with socket.create_connection(self.address, timeout=2) as probe:
                    if probe.recv(512).startswith(b"+OK"):
                        return self
            except OSError:
                time.sleep(0.1)
        servers.fail(f"dovecot did not start: {self.words()}")

    def words(self):
        self.log.seek(0)
        log = self.folder / "log"
        return (self.log.read().decode(errors="replace") + (log.read_text() if log.exists() else "")).strip()[-2000:]

    def __exit__(self, *details):
        super().__exit__(*details)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_ns(self):
        self.members = family = servers.family(self.process.pid)
        try:
            return super().run_ns()
        except OSError:  # one of them ended in between
            self.members = family & servers.family(self.process.pid)
            return super().run_ns()
