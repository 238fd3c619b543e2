// The metrics listener over real sockets, and the page that it serves, read by a small parser of the text format.

import Foundation
import Reactor
import Synchronization
import Testing

@testable import Server

/// One connection of a client: sends, then reads to the end; nil when it cannot connect.
private func exchange(_ address: SocketAddress, _ request: String, pieces: Int = 1) -> String? {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    guard address.withSockaddr({ connect(descriptor, $0, $1) }) == 0 else { return nil }
    let octets = Array(request.utf8)
    let size = max(1, octets.count / pieces)
    var start = 0
    while start < octets.count {
        let piece = Array(octets[start..<min(start + size, octets.count)])
        guard send(descriptor, piece, piece.count, Int32(MSG_NOSIGNAL)) == piece.count else { break }
        start += piece.count
    }
    var reply: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return String(decoding: reply, as: UTF8.self) }
        reply += buffer.prefix(count)
    }
}

private let scrape = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"

/// The samples of a page by name with labels; nil when the page breaks a rule of the format.
func samples(_ page: String) -> [String: Double]? {
    var result: [String: Double] = [:]
    var family = ""
    var finished: Set<String> = []
    guard page.hasSuffix("\n") else { return nil }
    for line in page.split(separator: "\n") {
        let words = line.split(separator: " ", maxSplits: 3)
        if line.hasPrefix("# HELP ") {
            guard words.count == 4, finished.insert(String(words[2])).inserted else { return nil }
            family = ""
        } else if line.hasPrefix("# TYPE ") {
            guard words.count == 4, finished.contains(String(words[2])), ["counter", "gauge"].contains(words[3]) else {
                return nil
            }
            family = String(words[2])
            guard words[3] != "counter" || family.hasSuffix("_total") else { return nil }
        } else {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else { return nil }
            let name = String(line[..<space])
            guard name.wholeMatch(of: /[a-z_][a-z0-9_]*(\{([a-z_]+="[^"\\]*",?)+\})?/) != nil else { return nil }
            guard name.prefix(while: { $0 != "{" }) == family, result.updateValue(value, forKey: name) == nil else { return nil }
        }
    }
    return result
}

@Suite("The metrics listener", .serialized)
struct MetricsEndpointTests {
    private func endpoint(_ bounds: MetricsEndpoint.Bounds = .init(), page: String = "page\n") throws -> MetricsEndpoint {
        try MetricsEndpoint(on: SocketAddress(parsing: "127.0.0.1:0"), bounds: bounds) { page }
    }

    @Test("GET has the page and its length, HEAD the length alone, and the connection ends")
    func methods() throws {
        let endpoint = try endpoint()
        defer { endpoint.stop() }
        let reply = try #require(exchange(endpoint.address, scrape))
        #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n") && reply.hasSuffix("\r\n\r\npage\n"))
        #expect(reply.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        let head = try #require(exchange(endpoint.address, scrape.replacingOccurrences(of: "GET", with: "HEAD")))
        #expect(head + "page\n" == reply)
        let health = exchange(endpoint.address, "GET /healthz HTTP/1.0\r\n\r\n", pieces: 25)
        #expect(health?.hasSuffix("\r\n\r\nok\n") == true)
    }

    @Test("a large page comes whole to a client that sent more than it was asked for")
    func large() throws {
        let page = String(repeating: "x", count: 3_000_000)
        let endpoint = try endpoint(page: page)
        defer { endpoint.stop() }
        let reply = try #require(exchange(endpoint.address, scrape + String(repeating: "y", count: 20_000)))
        #expect(reply.utf8.count > page.utf8.count && reply.hasSuffix("xxx"))
    }

    @Test("a name that is not the loopback's is refused, as is a method, and a head past 4 KiB")
    func refusals() throws {
        let endpoint = try endpoint()
        defer { endpoint.stop() }
        func status(_ request: String) -> Substring? { exchange(endpoint.address, request)?.dropFirst(9).prefix(3) }
        #expect(status("GET /metrics HTTP/1.1\r\nHost: rebound.example\r\n\r\n") == "403")
        #expect(status("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") == "405")
        #expect(status("GET /metrics HTTP/1.1\r\nX: " + String(repeating: "x", count: 8000)) == "431")
    }

    @Test("silent clients are cut at the deadline")
    func silence() throws {
        let endpoint = try endpoint(.init(connections: 8, requestMs: 300))
        defer { endpoint.stop() }
        var silent: [Int32] = []
        defer { for descriptor in silent { close(descriptor) } }
        for _ in 0..<8 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            silent.append(descriptor)
            #expect(endpoint.address.withSockaddr { connect(descriptor, $0, $1) } == 0)
        }
        for descriptor in silent {
            var octet: UInt8 = 0
            #expect(recv(descriptor, &octet, 1, 0) <= 0)
        }
    }

    @Test("where every place is taken by silent clients, the oldest makes room and a scrape is answered")
    func displacement() throws {
        let endpoint = try endpoint(.init(connections: 8, requestMs: 60_000))
        defer { endpoint.stop() }
        var silent: [Int32] = []
        defer { for descriptor in silent { close(descriptor) } }
        for _ in 0..<8 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            silent.append(descriptor)
            #expect(endpoint.address.withSockaddr { connect(descriptor, $0, $1) } == 0)
        }
        #expect(exchange(endpoint.address, scrape)?.hasSuffix("page\n") == true)
        var octet: UInt8 = 0
        #expect(recv(silent[0], &octet, 1, 0) <= 0)
    }

    @Test("no address but the loopback's is bound, and none that is taken")
    func binding() throws {
        for text in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
            let error = #expect(throws: SystemError.self) {
                try MetricsEndpoint(on: SocketAddress(parsing: text)) { "" }
            }
            #expect(error?.description.contains("loopback") == true)
        }
        let endpoint = try endpoint()
        defer { endpoint.stop() }
        #expect(throws: SystemError.self) { try MetricsEndpoint(on: endpoint.address) { "" } }
    }
}

@Suite("The figures of the workers")
struct FigureTests {
    private static let build = BuildLabels(version: "1", commit: "c", allocator: "a")

    @Test("a worker answers each question once, and only when asked")
    func questions() {
        let exchange = FigureExchange()
        var figures = WorkerFigures()
        func answer(_ accepted: UInt64) {
            figures.counters.accepted = accepted
            exchange.answer(figures)
        }
        answer(1)
        let first = exchange.ask()
        #expect(exchange.answer(to: first) == nil)
        let second = exchange.ask()
        answer(2)
        answer(3)
        #expect(exchange.answer(to: second)?.counters.accepted == 2)
        figures.counters.accepted = 4
        exchange.finish(figures)
        #expect(exchange.answer(to: exchange.ask())?.counters.accepted == 4)
    }

    @Test("a worker that does not answer in time is shown as it was, and counted")
    func stale() throws {
        let control = try WorkerControl()
        let collector = FigureCollector([control])
        let (figures, missing) = collector.collect(timeoutMs: 1)
        let page = MetricFamilies.text(
            figures, stale: missing, log: nil, process: ProcessFigures.read(), build: Self.build)
        let values = try #require(samples(page))
        #expect(values["poplar_stale_answers_total"] == 1)
        #expect(control.take().contains(.publish))
    }

    @Test("every method and outcome has a sample of its own, and the workers are added up")
    func sums() throws {
        var figures = [WorkerFigures(), WorkerFigures()]
        for (index, method) in LogonMethod.allCases.enumerated() {
            for (place, outcome) in LogonOutcome.allCases.enumerated() {
                for worker in 0...1 {
                    for _ in 0..<index * 10 + place { figures[worker].counters.logons.count(method, outcome) }
                }
            }
        }
        let page = MetricFamilies.text(figures, stale: 0, log: nil, process: ProcessFigures.read(), build: Self.build)
        let values = try #require(samples(page))
        for (index, method) in LogonMethod.allCases.enumerated() {
            for (place, outcome) in LogonOutcome.allCases.enumerated() {
                let name = "poplar_auth_total{method=\"\(method.name)\",outcome=\"\(outcome.name)\"}"
                #expect(values[name] == Double(2 * (index * 10 + place)))
            }
        }
        #expect(try #require(values["process_open_fds"]) > 2)
        #expect(try #require(values["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(values["poplar_allocator_bytes{state=\"allocated\"}"]) > 0)
        #expect(values["poplar_build_info{version=\"1\",commit=\"c\",allocator=\"a\"}"] == 1)
    }
}
