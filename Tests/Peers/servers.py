"""The three servers that get the same scripts: Poplar, and Debian's Dovecot and Courier.

Each is a context manager that writes its configuration into a folder of its own, listens on a free port of 127.0.0.1,
and leaves no process behind. Nothing of the system is changed: Debian allows one POP3 server at a time and would start
it, so scripts/setup.sh unpacks the packages of both below .build/peers, and they run in mount and process namespaces of
their own, where their files appear at the places that are compiled in.
"""

import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import time

PASSWORD = "secret"
NOBODY = 65534


class Unavailable(Exception):
    """This machine cannot run the peer; the text says why."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def await_greeting(port, process, seconds=10):
    """Waits until a connection is greeted. The process ends sooner: its configuration is wrong."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(f"it ended with status {process.returncode} at its start")
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
                if probe.recv(1) == b"+":
                    return
        time.sleep(0.05)
    raise Unavailable("no greeting")


def user_name(index):
    return f"user{index:05d}"


def certificate(folder):
    """A self-signed certificate and its key, as two files and as one with both."""
    cert, key, both = (folder / name for name in ("cert.pem", "key.pem", "both.pem"))
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    both.chmod(0o600)
    return cert, key, both


def write_maildirs(folder, users, messages):
    """A Maildir for each user, holding `messages` (as RETR gives them) with the line ends of Unix, oldest first."""
    texts = [message.replace(b"\r\n", b"\n") for message in messages]
    for index in range(users):
        home = folder / user_name(index)
        for part in ("", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
            (home / part).mkdir(parents=True, exist_ok=True)
            os.chown(home / part, NOBODY, NOBODY)
        for number, text in enumerate(texts, 1):
            file = home / "Maildir/cur" / f"{1000000000 + number}.M{number}P1.peers:2,S"
            file.write_bytes(text)
            os.chown(file, NOBODY, NOBODY)


class Server:
    """What the three have in common: a folder, a port, a process, its end."""

    name = "?"

    def __init__(self, folder, users):
        self.folder = pathlib.Path(folder) / self.name
        self.users = users
        self.port = 0
        self.process = None

    def __enter__(self):
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        raise NotImplementedError

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def spawn(self, command):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()


class Poplar(Server):
    name = "poplar"

    def __init__(self, folder, users, binary, messages, octets):
        super().__init__(folder, users)
        self.binary, self.messages, self.octets = binary, messages, octets

    def start(self):
        cert, key, _ = certificate(self.folder)
        population = f"users={self.users},messages={self.messages},bytes={self.octets},deleted=gone"
        command = [self.binary, "serve", "--pop3", "127.0.0.1:0", "--population", population]
        command += ["--cert", cert, "--key", key]
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        log.close()
        line = self.process.stdout.readline().decode()
        if not line.startswith("ready pop3=127.0.0.1:"):
            raise Unavailable(f"Poplar did not start: {line!r}, {(self.folder / 'log').read_text()[-500:]!r}")
        self.port = int(line.split("pop3=127.0.0.1:")[1].split()[0])

    def stop(self):
        pipe = self.process.stdout if self.process else None
        super().stop()
        if pipe:
            pipe.close()


class Unpacked(Server):
    """A Debian server that runs from unpacked packages. The namespaces' first process is `script`, run by sh as root."""

    # What must be there, below the folder of the unpacked packages.
    binary = "?"
    # Accounts that its packages would have made.
    accounts = ()

    def __init__(self, folder, users, messages, unpacked):
        super().__init__(folder, users)
        self.messages, self.unpacked = messages, pathlib.Path(unpacked) / self.name

    def configure(self, certificate_files):
        """Writes the configuration, below self.folder / "etc" what is to appear in /etc."""
        raise NotImplementedError

    def script(self):
        raise NotImplementedError

    def start(self):
        if os.geteuid() != 0:
            raise Unavailable("it needs root, for a mount namespace of its own")
        if not (self.unpacked / self.binary).exists():
            raise Unavailable("its packages are not unpacked below .build/peers (scripts/setup.sh peers)")
        overlay = f"mount -t overlay overlay -o lowerdir={shlex.quote(str(self.unpacked / 'usr'))}:/usr /usr"
        probe = subprocess.run(["unshare", "--mount", "sh", "-c", overlay], capture_output=True, text=True)
        if probe.returncode != 0:
            raise Unavailable(f"no mount namespace with an overlay here: {probe.stderr.strip()}")
        self.port = free_port()
        etc = self.folder / "etc"
        etc.mkdir()
        self.configure(certificate(self.folder))
        for name, entry in (("passwd", "{0}:x:{1}:{1}::/:/bin/false\n"), ("group", "{0}:x:{1}:\n")):
            lines = pathlib.Path("/etc", name).read_text().splitlines(True)
            lines = [line for line in lines if line.split(":")[0] not in self.accounts]
            lines += [entry.format(account, 65500 + number) for number, account in enumerate(self.accounts)]
            (etc / name).write_text("".join(lines))
        write_maildirs(self.folder / "mail", self.users, self.messages)
        over_etc = f"mount -t overlay overlay -o lowerdir={shlex.quote(str(etc))}:/etc /etc"
        (self.folder / "start").write_text(f"set -e\n{overlay}\n{over_etc}\nmount -t tmpfs tmpfs /run\n{self.script()}")
        self.spawn(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", self.folder / "start"])
        try:
            await_greeting(self.port, self.process)
        except Unavailable as reason:
            raise Unavailable(f"{reason}: {(self.folder / 'log').read_text()[-300:]!r}") from None

    def stop(self):
        """Kills the namespace's first process, which takes all others along, and lets unshare reap it."""
        if self.process is not None and self.process.poll() is None:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        super().stop()


class Dovecot(Unpacked):
    name = "dovecot"
    binary = "usr/lib/dovecot/pop3-login"
    accounts = ("dovecot", "dovenull")

    def configure(self, certificate_files):
        cert, key, _ = certificate_files
        lines = (f"{user_name(index)}:{{PLAIN}}{PASSWORD}\n" for index in range(self.users))
        (self.folder / "users").write_text("".join(lines))
        (self.folder / "dovecot.conf").write_text(self.configuration(cert, key))

    def script(self):
        return f"exec dovecot -F -c {shlex.quote(str(self.folder / 'dovecot.conf'))}\n"

    def configuration(self, cert, key):
        """No delays after failures and no caps on connections, since every script comes from one address."""
        return f"""
protocols = pop3
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
instance_name = peers
listen = 127.0.0.1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-256 apop
auth_failure_delay = 0
auth_worker_max_count = 1
auth_cache_size = 0
mail_location = maildir:{self.folder}/mail/%n/Maildir
mail_max_userip_connections = 1000
first_valid_uid = 1
pop3_lock_session = yes
pop3_no_flag_updates = yes
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {self.folder}/users
}}
userdb {{
  driver = static
  args = uid={NOBODY} gid={NOBODY} home={self.folder}/mail/%n
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {self.port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service pop3 {{
  process_limit = 400
}}
service stats {{
  client_limit = 1000
}}
"""


class Courier(Unpacked):
    name = "courier"
    binary = "usr/lib/courier/courier/courierpop3login"
    accounts = ("courier",)

    def configure(self, certificate_files):
        etc = self.folder / "etc/courier"
        shutil.copytree(self.unpacked / "etc/courier", etc)
        shutil.copy(certificate_files[2], etc / "pop3d.pem")
        for name, settings in [
            ("authdaemonrc", 'authmodulelist="authuserdb"\n'),
            ("pop3d", 'POP3AUTH="PLAIN LOGIN CRAM-MD5"\nPOP3AUTH_TLS="PLAIN LOGIN CRAM-MD5"\n'),
            ("pop3d-ssl", "TLS_CACHEFILE=\nTLS_DHPARAMS=\nTLS_TRUSTCERTS=\n"),
        ]:
            with open(etc / name, "a") as file:
                file.write("\n" + settings)
        with open(etc / "userdb", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as database:
            for name in map(user_name, range(self.users)):
                home = self.folder / "mail" / name
                place = f"uid={NOBODY}|gid={NOBODY}|home={home}|mail={home}/Maildir"
                database.write(f"{name}\t{place}|systempw=@CRYPTED@|hmac-md5pw=@HMAC@\n")

    def script(self):
        """Makes the user database and starts the two daemons."""
        return f"""
mount --bind {shlex.quote(str(self.folder / "etc/courier"))} /etc/courier
mkdir -p /run/courier/authdaemon
chown courier:courier /run/courier/authdaemon /etc/courier/pop3d.pem
hmac=$(printf '%s\\n' {PASSWORD} | userdbpw -hmac-md5)
crypted=$(openssl passwd -1 {PASSWORD})
sed -i "s|@HMAC@|$hmac|; s|@CRYPTED@|$crypted|" /etc/courier/userdb
makeuserdb
(set -a; . /etc/courier/authdaemonrc; exec /usr/lib/courier/courier-authlib/authdaemond) &
set -a
. /etc/courier/pop3d
. /etc/courier/pop3d-ssl
exec couriertcpd -address=127.0.0.1 -maxprocs=600 -maxperip=600 -nodnslookup -noidentlookup \\
  {self.port} /usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir
"""
