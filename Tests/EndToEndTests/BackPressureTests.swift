// A client that asks for much and reads late: the replies come whole and in order, on both ports, and the server serves
// others meanwhile. Deadlines of the server, seen from outside.

import Foundation
import Testing

@Suite("A reader that lags", .enabled(if: Program.exists("python3"), "SKIPPED: python3 is not installed"))
struct BackPressureTests {
    private static let script = """
        import socket, ssl, sys, time
        port, encrypted, count, size = int(sys.argv[1]), sys.argv[2] == 'tls', int(sys.argv[3]), int(sys.argv[4])
        stream = socket.create_connection(('127.0.0.1', port), timeout=60)
        if encrypted:
            stream = ssl._create_unverified_context().wrap_socket(stream)
        stream.sendall(b'USER user00001\\r\\nPASS secret\\r\\n' + b''.join(b'RETR %d\\r\\n' % (n % 3 + 1) for n in range(count)) + b'LIST\\r\\nQUIT\\r\\n')
        time.sleep(0.5)
        other = socket.create_connection(('127.0.0.1', port), timeout=60)
        if encrypted:
            other = ssl._create_unverified_context().wrap_socket(other)
        assert other.recv(100).startswith(b'+OK Poplar')
        octets = b''.join(iter(lambda: stream.recv(65536), b''))
        head = b'+OK %d octets\\r\\n' % size
        parts = octets.split(head)
        assert len(parts) == count + 1, len(parts)
        subjects = [part.split(b'\\r\\n', 1)[0] for part in parts[1:]]
        assert subjects == [b'Subject: %d' % (n % 3 + 1) for n in range(count)], subjects[:5]
        assert len({part for part in parts[1:-1]}) == 3
        assert octets.endswith(b'.\\r\\n+OK Poplar POP3 server signing off\\r\\n'), octets[-60:]
        print('whole')
        """

    @Test("pipelined retrievals, far more than socket buffers hold", arguments: [(300, 20_000), (9, 3_000_000)], [false, true])
    func pipelined(load: (count: Int, size: Int), isEncrypted: Bool) throws {
        let server = try ServedPoplar("--population", "users=4,messages=3,bytes=\(load.size)")
        let python = try #require(Program.path("python3"))
        let port = isEncrypted ? server.pop3s : server.pop3
        let outcome = try Program.run(
            python, ["-c", Self.script, String(port), isEncrypted ? "tls" : "clear", String(load.count), String(load.size)])
        #expect(outcome.output == "whole\n", "\(outcome.errors)")
        #expect(server.stop() == 0)
    }

    @Test("who does not log on, does not finish a handshake, or says nothing after the logon, is let go")
    func deadlines() throws {
        let server = try ServedPoplar("--limit", "logon-ms=300", "--limit", "handshake-ms=300", "--limit", "idle-ms=300")
        let python = try #require(Program.path("python3"))
        let outcome = try Program.run(
            python,
            [
                "-c",
                """
                import socket, sys
                silent = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=30)
                shaking = socket.create_connection(('127.0.0.1', int(sys.argv[2])), timeout=30)
                idle = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=30)
                idle.sendall(b'USER user00001\\r\\nPASS secret\\r\\n')
                for stream in (silent, shaking, idle):
                    while stream.recv(4096):
                        pass
                print('let go')
                """, String(server.pop3), String(server.pop3s),
            ])
        #expect(outcome.output == "let go\n", "\(outcome.errors)")
    }
}
