// The source addresses of a thread take turns, and each thread begins at another one.

import Reactor
import Testing
import Workload

@testable import LoadGenerator

@Suite("Source addresses in turn")
struct SourceRingTests {
    private func turns(_ count: Int, thread: Int, _ calls: Int) -> [String] {
        let all = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].compactMap { SourceAddress($0) }.map { SocketAddress($0) }
        var ring = SourceRing(Array(all.prefix(count)), thread: thread)
        return (0..<calls).map { _ in ring[ring.take()]?.text ?? "the kernel's" }
    }

    @Test("round robin, thread i from the i-th on")
    func roundRobin() {
        #expect(turns(3, thread: 0, 4) == ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0", "127.0.0.1:0"])
        #expect(turns(3, thread: 2, 2) == ["127.0.0.3:0", "127.0.0.1:0"])
        #expect(turns(3, thread: 4, 1) == ["127.0.0.2:0"])
        #expect(turns(1, thread: 7, 2) == ["127.0.0.1:0", "127.0.0.1:0"])
        #expect(turns(0, thread: 3, 2) == ["the kernel's", "the kernel's"])
    }

    @Test("both families, as they are read", arguments: ["127.0.0.1", "192.0.2.255", "::1", "2001:db8::ff:1"])
    func forms(text: String) throws {
        let address = SocketAddress(try #require(SourceAddress(text)))
        #expect(address.host == text && address.port == 0)
    }
}
