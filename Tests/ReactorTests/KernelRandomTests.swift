// Words from the kernel, a page at a time.

import Testing

@testable import Reactor

@Suite("Secrets from the kernel")
struct KernelRandomTests {
    @Test("words are given out once each, beyond the page that was fetched first, and differ from one source to the next")
    func words() {
        var first = KernelRandom()
        var second = KernelRandom()
        var seen: Set<UInt64> = []
        let count = KernelRandom.capacity * 3 + 1
        for _ in 0..<count {
            seen.insert(first.next())
            seen.insert(second.next())
        }
        // Of 64 bits none comes twice among a few thousand.
        #expect(seen.count == 2 * count)
    }
}

@Suite("Addresses as people write them")
struct AddressSpellingTests {
    @Test(
        "a host is an address where the resolver takes it for one",
        arguments: [
            ("127.0.0.1", true), ("127.1", true), ("0x7f.1", true), ("2130706433", true), ("0177.0.0.1", true), ("::1", true),
            ("::1%1", true), ("fe80::1%lo", true), ("::ffff:127.0.0.1", true), ("localhost", false), ("localhost.", false),
            ("1.2.3.4.5", false),
            ("mail_1.example", false), ("", false),
        ])
    func numeric(host: String, isNumeric: Bool) { #expect(SocketAddress.isNumeric(host) == isNumeric) }

    @Test("octets of an address: without port and zone, and an IPv4 address mapped into IPv6 is the IPv4 address")
    func octets() throws {
        #expect(try SocketAddress(parsing: "0x7f.1:110").hostOctets == [127, 0, 0, 1])
        #expect(try SocketAddress(parsing: "[::ffff:192.0.2.7]:110").hostOctets == [192, 0, 2, 7])
        #expect(try SocketAddress(parsing: "[::1%1]:110").hostOctets == [UInt8](repeating: 0, count: 15) + [1])
    }

    @Test("localhost with a dot at its end is localhost")
    func dot() throws {
        #expect(try SocketAddress(parsing: "LocalHost.:110").isLoopback)
    }
}
