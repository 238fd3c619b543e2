// The HTTP request parser and what a request leads to, as tables; then every cut and every octet changed.

import Exposition
import Testing

private func parse(_ text: String) -> RequestStep { Array(text.utf8).withUnsafeBufferPointer { RequestParser.parse($0.span) } }

/// The status that a whole request is answered with; 0 when more is awaited.
private func status(_ text: String) -> Int {
    Array(text.utf8).withUnsafeBufferPointer { octets in
        switch RequestParser.parse(octets.span) {
        case .needsMore: return 0
        case .refused(let status): return status.rawValue
        case .complete(let head):
            if case .refusal(let status) = Route(head, in: octets.span) { return status.rawValue }
            return 200
        }
    }
}

private let scrape = "GET /metrics HTTP/1.1\r\nHost: localhost:9110\r\nAccept: text/plain\r\n\r\n"

@Suite("HTTP requests")
struct RequestTests {
    @Test("a request is whole with its empty line, and nothing behind that changes it")
    func whole() {
        for count in 0..<scrape.utf8.count {
            #expect(parse(String(decoding: Array(scrape.utf8.prefix(count)), as: UTF8.self)) == .needsMore)
        }
        guard case .complete(let head) = parse(scrape) else { return #expect(Bool(false)) }
        #expect(head.method == .get && head.minorVersion == 1 && head.path == 4..<12 && head.count == scrape.utf8.count)
        #expect(parse(scrape + "GET / HTTP/1.1\r\n\r\n") == .complete(head))
    }

    @Test(
        "each request has its answer",
        arguments: [
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
            ("HEAD /metrics HTTP/1.1\r\nhost:127.0.0.1:9110 \r\n\r\n", 200),
            ("GET /healthz HTTP/1.1\r\nHost: [::1]:9110\r\n\r\n", 200),
            ("GET /metrics?x=/y HTTP/1.1\r\nHost: 127.8.9.10\r\n\r\n", 200),
            ("GET /metrics HTTP/1.0\r\n\r\n", 200),
            ("GET http://127.0.0.1:9110/metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200),
            ("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
            ("GET /metrics HTTP/1.0\r\nHost: evil.example\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: localhost.evil.example:80\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: 128.0.0.1\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: 127.0.1\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: 127.0.0.256\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost: localhost:123456\r\n\r\n", 403),
            ("GET /metrics HTTP/1.1\r\nHost:\r\n\r\n", 403),
            ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
            ("GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
            ("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
            ("get /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
            ("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody", 413),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 200),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
            ("GET  /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /metrics HTTP/2.0\r\nHost: localhost\r\n\r\n", 400),
            ("GET /metrics http/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /metrics\r\nHost: localhost\r\n\r\n", 400),
            ("GET metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /met\trics HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\r\nHost: local\nhost\r\n\r\n", 400),
            ("GET /metrics HTTP/1.1\nHost: localhost\n\n", 0),
            ("\r\n\r\n", 400),
            ("USER user00001\r\nPASS secret\r\n\r\n", 400),
        ])
    func answers(request: String, expected: Int) { #expect(status(request) == expected) }

    @Test("a head of 4,096 octets is read, one more is refused")
    func size() {
        let rest = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: \r\n\r\n".utf8.count
        func request(_ size: Int) -> String {
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: size - rest))\r\n\r\n"
        }
        #expect(status(request(4095)) == 200)
        #expect(status(request(4096)) == 200)
        #expect(status(request(4097)) == 431)
        #expect(status(String(repeating: "x", count: 4095)) == 0)
        #expect(status(String(repeating: "x", count: 4096)) == 431)
    }

    @Test("a reply states its length and ends the connection; HEAD gets the head alone")
    func replies() {
        let reply = String(decoding: Response.octets(.ok, body: "abc\n"), as: UTF8.self)
        #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n") && reply.hasSuffix("\r\n\r\nabc\n"))
        #expect(reply.contains("\r\nContent-Length: 4\r\n") && reply.contains("\r\nConnection: close\r\n"))
        let head = String(decoding: Response.octets(.ok, body: "abc\n", withBody: false), as: UTF8.self)
        #expect(head + "abc\n" == reply)
        #expect(String(decoding: Response.octets(.methodNotAllowed), as: UTF8.self).contains("\r\nAllow: GET, HEAD\r\n"))
    }
}

@Suite("Texts")
struct TextTests {
    @Test("a family has HELP and TYPE before its samples, labels are escaped")
    func family() {
        var format = TextFormat()
        format.family("poplar_x_total", .counter, "A \\ and\na line.")
        format.sample(3, ["a": "q\"\\\n", "b": "é"])
        format.single("poplar_y", .gauge, "Y.", 7)
        #expect(
            format.text == """
                # HELP poplar_x_total A \\\\ and\\na line.
                # TYPE poplar_x_total counter
                poplar_x_total{a="q\\"\\\\\\n",b="é"} 3
                # HELP poplar_y Y.
                # TYPE poplar_y gauge
                poplar_y 7

                """)
    }

    @Test("what a client sent cannot leave its quotes or its line")
    func quoting() {
        var line = Logfmt()
        line.field("event", "logon_refused")
        line.quoted("user", "a\" b\\\r\nlevel=error \u{1B}[31m é \u{202E}")
        let escaped = "\"a\\\" b\\\\\\u000d\\u000alevel=error \\u001b[31m \\u00e9 \\u202e\""
        #expect(line.text == "event=logon_refused user=" + escaped)
    }

    @Test(
        "times are UTC, to the microsecond",
        arguments: [
            (UInt64(0), "1970-01-01T00:00:00.000000Z"), (951_782_400_000_001_999, "2000-02-29T00:00:00.000001Z"),
            (1_767_225_599_999_999_999, "2025-12-31T23:59:59.999999Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000Z"),
        ])
    func time(nanoseconds: UInt64, text: String) { #expect(Logfmt.time(nanoseconds) == text) }
}
