// The full form of `serve` and its reload, from outside: a client that works through 200 reloads never notices one, a new
// certificate reaches new connections alone, and a bad file changes nothing. A Python script plays clients and administrator.

import Certificates
import Foundation
import Testing

@Suite("A reload", .enabled(if: Program.exists("python3"), "SKIPPED: python3 is not installed"))
struct ReloadTests {
    /// A server of the settings file, what it says on standard error, and SIGHUP with the answer to it.
    private static let prelude = """
        import ctypes, hashlib, poplib, queue, signal, socket, ssl, subprocess, sys, threading, os
        poplar, folder = sys.argv[1], sys.argv[2]
        os.umask(0o077)
        settings = os.path.join(folder, 'server.yaml')
        libc = ctypes.CDLL(None)
        def die_with_parent():
            libc.prctl(1, signal.SIGKILL)
        class Server:
            def __init__(self, arguments):
                self.process = subprocess.Popen([poplar, 'serve'] + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                    preexec_fn=die_with_parent)
                ready = self.process.stdout.readline().split()
                self.pop3, self.pop3s = [int(token.rsplit(':', 1)[1]) for token in ready[1:3]]
                self.said = queue.Queue()
                self.reader = threading.Thread(target=lambda: [self.said.put(line) for line in self.process.stderr], daemon=True)
                self.reader.start()
            def reload(self):
                self.process.send_signal(signal.SIGHUP)
                lines = []
                while not lines or not lines[-1].startswith(('poplar: reloaded', 'poplar: not reloaded')):
                    lines.append(self.said.get(timeout=30))
                return ''.join(lines)
            def stop(self):
                self.process.send_signal(signal.SIGTERM)
                assert self.process.wait(timeout=30) == 0
                self.reader.join()
                lines = []
                while not self.said.empty(): lines.append(self.said.get())
                return ''.join(lines)
        def tls(server):
            return poplib.POP3_SSL('127.0.0.1', server.pop3s, context=ssl._create_unverified_context(), timeout=30)
        def plain(server):
            return poplib.POP3('127.0.0.1', server.pop3, timeout=30)
        def logon(client, user):
            client.user('user%05d' % user)
            client.pass_('secret')
            return client
        def fingerprint(client):
            return hashlib.sha256(client.sock.getpeercert(binary_form=True)).hexdigest()
        def change(old, new):
            text = open(settings).read()
            assert old in text
            open(settings, 'w').write(text.replace(old, new))
        def install(name):
            for kind in ('crt', 'key'):
                open(os.path.join(folder, 'server.' + kind), 'w').write(open(os.path.join(folder, name + '.' + kind)).read())

        """

    private static let settings = """
        listen:
          pop3: [127.0.0.1:0]
          pop3s: [127.0.0.1:0]
        methods: [basic, basic-ssl, ntlm]
        tls:
          certificate: server.crt
          key: server.key
        population: {users: 100, messages: 2, bytes: 512}
        limits:
          idle-ms: 10m
          connections: 500
          connections-per-source: 0
        workers: 2
        log: {file: server.log}

        """

    /// Runs `script` behind the prelude in a folder with the settings, two certificates and the first one installed.
    private func run(_ script: String) throws -> String {
        let folder = try ScratchFolder()
        for name in ["old", "new"] {
            let made = try SelfSigned.make(commonName: name, alternativeNames: ["IP:127.0.0.1"], days: 2)
            _ = try folder.write("\(name).crt", String(decoding: made.certificatePEM, as: UTF8.self))
            _ = try folder.write("\(name).key", String(decoding: made.keyPEM, as: UTF8.self))
        }
        _ = try folder.write("server.yaml", Self.settings)
        let python = try #require(Program.path("python3"))
        let outcome = try Program.run(
            python, ["-c", Self.prelude + "install('old')\n" + script, Program.poplar, folder.url.path])
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }

    @Test("200 of them under 20 clients on both ports: no session and no handshake fails")
    func underLoad() throws {
        let output = try run(
            """
            server = Server(['--config', settings, '--counters'])
            done = threading.Event()
            sessions, failures = [0] * 20, []
            def work(number):
                while not done.is_set():
                    try:
                        client = logon((tls if number % 2 else plain)(server), number)
                        assert client.stat() == (2, 1024)
                        assert client.retr(2)[2] == 512
                        client.quit()
                        sessions[number] += 1
                    except Exception as error:
                        failures.append(repr(error))
                        return
            clients = [threading.Thread(target=work, args=(number,)) for number in range(20)]
            for client in clients: client.start()
            for number in range(200):
                install('new' if number % 2 == 0 else 'old')
                change('idle-ms: 10m' if number % 2 == 0 else 'idle-ms: 11m', 'idle-ms: 11m' if number % 2 == 0 else 'idle-ms: 10m')
                answer = server.reload()
                assert answer == 'poplar: reloaded\\n', answer
            done.set()
            for client in clients: client.join()
            assert not failures, failures
            assert min(sessions) > 0, sessions
            counters = server.stop().splitlines()
            assert len(counters) == 2 and all(' tls_failed=0 ' in line and ' timeouts_logon=0 ' in line for line in counters), counters
            print('served')
            """)
        #expect(output == "served\n")
    }

    @Test("a new certificate is seen by the next connection; a session under the old one goes on")
    func certificate() throws {
        let output = try run(
            """
            server = Server(['--config', settings])
            before = logon(tls(server), 1)
            unfinished = tls(server)
            install('new')
            server.reload()
            after = logon(tls(server), 2)
            assert fingerprint(before) == fingerprint(unfinished) != fingerprint(after)
            assert before.retr(1)[2] == 512
            assert logon(unfinished, 3).stat() == (2, 1024)
            old, new = fingerprint(before), fingerprint(after)
            for client in (before, unfinished, after): client.quit()
            server.stop()
            quick = Server(['--pop3', '127.0.0.1:0', '--pop3s', '127.0.0.1:0', '--cert', folder + '/server.crt', '--key', folder + '/server.key'])
            assert fingerprint(tls(quick)) == new
            install('old')
            quick.reload()
            assert fingerprint(tls(quick)) == old
            quick.stop()
            print('seen')
            """)
        #expect(output == "seen\n")
    }

    @Test("a chain that is cut, and a certificate that no client can use, change nothing: at a reload, a check and a start")
    func unusable() throws {
        let output = try run(
            """
            server = Server(['--config', settings])
            first = fingerprint(tls(server))
            whole = open(folder + '/new.crt').read()
            def curve(name):
                subprocess.run(['openssl', 'req', '-x509', '-nodes', '-days', '3', '-subj', '/CN=localhost', '-newkey', 'ec',
                    '-pkeyopt', 'ec_paramgen_curve:' + name, '-keyout', folder + '/server.key', '-out', folder + '/server.crt'],
                    check=True, capture_output=True)
            said = ''
            for bad in whole + whole[:300], None:
                install('new')
                if bad: open(folder + '/server.crt', 'w').write(bad)
                else: curve('secp256k1')
                said += server.reload()
                assert fingerprint(tls(server)) == first
                for words in ['--check'], []:
                    ended = subprocess.run([sys.argv[1], 'serve', '--config', settings] + words, capture_output=True, timeout=20)
                    print(ended.returncode, b'ready' in ended.stdout)
            install('new')
            said += server.reload()
            assert fingerprint(tls(server)) != first
            print((said + server.stop()).replace(folder, ''), end='')
            """)
        #expect(output.hasPrefix(String(repeating: "64 False\n", count: 4)), "\(output)")
        #expect(output.contains("/server.crt: the CERTIFICATE of line ") && output.contains("is cut: its END line is missing"))
        #expect(output.contains("/server.crt: this certificate is for a key on the curve secp256k1"))
    }

    @Test("a bad file keeps what was in force, and the message has the place")
    func badFile() throws {
        let output = try run(
            """
            server = Server(['--config', settings])
            first = fingerprint(tls(server))
            install('new')
            change('idle-ms: 10m', 'idle-sm: 10m')
            print(server.reload().replace(folder, ''), end='')
            assert fingerprint(tls(server)) == first
            change('idle-sm: 10m', 'idle-ms: 10m')
            open(folder + '/server.key', 'w').write(open(folder + '/old.key').read())
            print(server.reload().replace(folder, ''), end='')
            os.remove(folder + '/server.crt')
            print(server.reload().replace(folder, ''), end='')
            os.remove(settings)
            print(server.reload().replace(folder, ''), end='')
            assert fingerprint(tls(server)) == first
            logon(plain(server), 1).quit()
            print(server.stop().replace(folder, ''), end='')
            """)
        // The remedy behind the semicolon is told by the tests of the certificates.
        let lines = output.split(separator: "\n").map { $0.replacing(/;.*/, with: "") }
        #expect(
            lines == [
                "poplar: not reloaded, what was in force stays:", "/server.yaml:10:3: error: unknown key 'idle-sm' in limits",
                "      idle-sm: 10m", "      ^", "    did you mean 'idle-ms'?",
                "poplar: not reloaded, what was in force stays:",
                "/server.yaml:7:8: error: /server.key: this private key does not belong to the certificate in /server.crt",
                "      key: server.key", "           ^", "poplar: not reloaded, what was in force stays:",
                "/server.yaml:6:16: error: /server.crt: cannot be opened: No such file or directory",
                "      certificate: server.crt", "                   ^", "poplar: not reloaded, what was in force stays:",
                "cannot read the settings file /server.yaml: No such file or directory",
            ])
    }

    @Test("a method that is switched off is refused from the next logon on, on an open connection too")
    func method() throws {
        let output = try run(
            """
            server = Server(['--config', settings])
            logged_on = logon(plain(server), 1)
            waiting = plain(server)
            waiting.user('user00002')
            change('methods: [basic, basic-ssl, ntlm]', 'methods: [basic-ssl, ntlm]')
            server.reload()
            def refused(act):
                try: act()
                except poplib.error_proto: return True
            assert refused(lambda: waiting.pass_('secret'))
            assert refused(lambda: logon(plain(server), 3))
            assert logged_on.stat() == (2, 1024)
            logon(tls(server), 3).quit()
            change('methods: [basic-ssl, ntlm]', 'methods: [basic]')
            server.reload()
            assert refused(lambda: logon(tls(server), 4))
            logon(waiting, 2).quit()
            logged_on.quit()
            server.stop()
            print('switched')
            """)
        #expect(output == "switched\n")
    }

    @Test("what cannot change is named in one line, and the rest is applied")
    func fixed() throws {
        let output = try run(
            """
            server = Server(['--config', settings])
            change('workers: 2', 'workers: 1')
            change('users: 100', 'users: 1000')
            change('pop3: [127.0.0.1:0]', 'pop3: [127.0.0.1:1]')
            change('connections: 500', 'connections: 400')
            change('methods: [basic, basic-ssl, ntlm]', 'methods: [basic-ssl]')
            print(server.reload(), end='')
            logon(tls(server), 3).quit()
            try: logon(plain(server), 3)
            except poplib.error_proto: print('applied')
            server.stop()
            """)
        #expect(
            output == """
                poplar: listen.pop3, population.users, limits.connections, workers cannot change while the server runs: restart \
                it for that; the rest is applied
                poplar: reloaded
                applied

                """)
    }

    @Test("a lower idle limit holds for the connections that are open")
    func idle() throws {
        let output = try run(
            """
            server = Server(['--config', settings])
            client = logon(plain(server), 1)
            change('idle-ms: 10m', 'idle-ms: 100ms')
            server.reload()
            assert client.sock.recv(100) == b''
            server.stop()
            print('let go')
            """)
        #expect(output == "let go\n")
    }
}

@Suite("The full form of poplar serve")
struct FullFormTests {
    private func serve(_ arguments: [String], settings: String) throws -> Outcome {
        let folder = try ScratchFolder()
        let file = try folder.write("server.yaml", settings)
        let outcome = try Program.run(Program.poplar, ["serve", "--config", file] + arguments)
        return Outcome(
            status: outcome.status, output: outcome.output,
            errors: outcome.errors.replacingOccurrences(of: folder.url.path + "/", with: ""))
    }

    @Test("docs/server.yaml loads and is what the defaults are; what --check prints loads to the same")
    func example() throws {
        let docs = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/server.yaml")
        let whole = try Program.run(Program.poplar, ["serve", "--check", "--config", docs.path])
        let least = try serve(["--check"], settings: "listen: {pop3: [127.0.0.1:1110], pop3s: [127.0.0.1:1995]}")
        #expect(whole.status == 0, "\(whole.errors)")
        #expect(whole.output == least.output)
        #expect(try serve(["--check"], settings: whole.output).output == whole.output)
    }

    @Test("every error of a bad file is printed with its place: exit 64, with --check and without")
    func bad() throws {
        let settings = "listen: {pop3: [127.0.0.1:0]}\nmethod: [basic]\nlimits:\n  idle-ms: 1s 5\n"
        for arguments in [[], ["--check"]] {
            let outcome = try serve(arguments, settings: settings)
            #expect(outcome.status == 64)
            #expect(outcome.output.isEmpty)
            #expect(
                outcome.errors == """
                    server.yaml:2:1: error: unknown key 'method' in the settings
                        method: [basic]
                        ^
                        did you mean 'methods'?
                    server.yaml:4:12: error: 'idle-ms' must be 10 to 86400000 ms, not '1s 5'
                          idle-ms: 1s 5
                                   ^
                        write a number of milliseconds, or a duration, for example 30s

                    """)
        }
    }

    @Test(
        "what only its use can tell is said at its place: exit 64",
        arguments: [
            (
                "listen: {pop3s: [127.0.0.1:0]}\ntls: {certificate: a.crt, key: a.key}",
                "server.yaml:2:20: error: a.crt: cannot be opened"
            ),
            ("listen: {pop3: [no-such-host.invalid:0]}", "server.yaml:1:17: error: cannot resolve 'no-such-host.invalid'"),
            (
                "listen: {pop3: [127.0.0.1:0]}\ntls: {certificate: server.yaml, key: server.yaml}",
                "server.yaml:2:20: error: server.yaml: holds no certificate in PEM form"
            ),
        ])
    func use(settings: String, message: String) throws {
        let outcome = try serve(["--check"], settings: settings)
        #expect(outcome.status == 64)
        #expect(outcome.errors.hasPrefix(message), "\(outcome.errors)")
    }

    @Test(
        "options whose place is the file are refused beside it",
        arguments: [
            ["--population", "users=1"], ["--methods", "basic"], ["--ntlm-level", "3"], ["--cert", "a", "--key", "b"],
            ["--limit", "idle-ms=1000"], ["--compat", "modern"], ["--ntlm-reply", "ok"],
        ])
    func overlap(arguments: [String]) throws {
        let outcome = try serve(arguments, settings: "listen: {pop3: [127.0.0.1:0]}")
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains(arguments[0]) && outcome.errors.contains("set in the settings file"), "\(outcome.errors)")
    }

    @Test("listeners and workers of the command line replace those of the file")
    func overrides() throws {
        let outcome = try serve(
            ["--check", "--pop3", "127.0.0.1:7", "--workers", "3"], settings: "listen: {pop3s: [127.0.0.1:0]}\nworkers: 1")
        #expect(outcome.output.contains("listen:\n  pop3: ['127.0.0.1:7']\nmethods"))
        #expect(outcome.output.contains("workers: 3\n"))
        #expect(try serve(["--check", "--pop3s", "127.0.0.1:7"], settings: "workers: 1").status == 0)
    }

    @Test(
        "a settings file that is not there, is a folder, or is no text is a configuration error",
        arguments: ["nowhere", ".", "bin"])
    func unreadable(name: String) throws {
        let folder = try ScratchFolder()
        try Data([0x61, 0xFF]).write(to: folder.url.appendingPathComponent("bin"))
        let outcome = try Program.run(
            Program.poplar, ["serve", "--config", folder.url.appendingPathComponent(name).path])
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains(folder.url.path), "\(outcome.errors)")
    }
}
