// Session tickets under keys of our own: which rotations they outlive, and which contexts they open.

import COpenSSL
import Certificates
import Testing

@testable import TLS

@Suite("Session tickets")
struct TicketTests {
    static let versions: [TLSVersion] = [.tls12, .tls13]

    /// How a session went, with the ticket that it left the client.
    private final class Outcome {
        let resumed: Bool
        let ticket: TLSResumption?

        init(_ link: borrowing Link) {
            resumed = link.server.isResumed
            ticket = link.client.resumption()
        }

        var hasTicket: Bool {
            switch ticket {
            case .some: true
            case .none: false
            }
        }
    }

    /// A session with `server` that asks to resume `earlier`, where there is one.
    private func connect(_ client: TLSContext, _ server: TLSContext, with earlier: Outcome? = nil) throws -> Outcome {
        guard var link = Link(client, server, piece: 65_536) else { throw TestFailure() }
        if let earlier {
            switch earlier.ticket {
            case .some(let ticket): link.client.resume(ticket)
            case .none: Issue.record("no ticket to resume with")
            }
        }
        let progress = link.handshake()
        #expect(progress == (.done, .done))
        _ = link.carry([1, 2, 3])
        return Outcome(link)
    }

    private struct TestFailure: Error {}

    @Test("a ticket outlives two rotations of the keys and not three", arguments: versions, [0, 1, 2, 3, 4])
    func rotations(version: TLSVersion, count: Int) throws {
        let keys = try TicketKeys()
        let (client, server) = (try TLSContext.client(), try testServer(version, tickets: keys))
        let first = try connect(client, server)
        for _ in 0..<count { try keys.rotate() }
        let second = try connect(client, server, with: first)
        #expect(second.resumed == (count <= 2))
    }

    @Test("a session under an old key is given a ticket under the newest", arguments: versions)
    func renewal(version: TLSVersion) throws {
        let keys = try TicketKeys()
        let (client, server) = (try TLSContext.client(), try testServer(version, tickets: keys))
        let first = try connect(client, server)
        try keys.rotate()
        let second = try connect(client, server, with: first)
        #expect(second.resumed)
        for _ in 0..<2 { try keys.rotate() }
        let withNew = try connect(client, server, with: second)
        #expect(withNew.resumed)
        let withOld = try connect(client, server, with: first)
        #expect(!withOld.resumed)
    }

    @Test("a reload of the same certificate resumes what the context before it sealed", arguments: versions)
    func reload(version: TLSVersion) throws {
        let keys = try TicketKeys()
        let client = try TLSContext.client()
        let first = try connect(client, try testServer(version, tickets: keys))
        let second = try connect(client, try testServer(version, tickets: keys), with: first)
        #expect(second.resumed)
    }

    @Test(
        "CVE-2014-3616, CVE-2025-23419: with shared ticket keys, a session of another service or certificate starts anew",
        arguments: versions)
    func foreignContext(version: TLSVersion) throws {
        let keys = try TicketKeys()
        let client = try TLSContext.client()
        let first = try connect(client, try testServer(version, tickets: keys))
        let otherService = try connect(client, try testServer(version, tickets: keys, service: "other"), with: first)
        #expect(!otherService.resumed)
        let otherKey = try SelfSigned.make(commonName: "localhost", alternativeNames: [], days: 1)
        let otherCertificate = try connect(client, try testServer(version, key: otherKey, tickets: keys), with: first)
        #expect(!otherCertificate.resumed)
    }

    @Test("a ticket of another process's keys, or of nobody's, starts anew", arguments: versions)
    func foreignKeys(version: TLSVersion) throws {
        let client = try TLSContext.client()
        let first = try connect(client, try testServer(version, tickets: try TicketKeys()))
        let others = try connect(client, try testServer(version, tickets: try TicketKeys()), with: first)
        #expect(!others.resumed)
        let builtIn = try connect(client, try testServer(version), with: first)
        #expect(!builtIn.resumed)
    }

    @Test("CVE-2024-2511: no session is kept in a cache of the server's")
    func noCache() throws {
        let (client, server) = (try TLSContext.client(), try testServer(tickets: try TicketKeys()))
        let first = try connect(client, server)
        _ = try connect(client, server, with: first)
        let cached = SSL_CTX_ctrl(server.pointer, SSL_CTRL_SESS_NUMBER, 0, nil)
        #expect(cached == 0)
    }

    @Test("a session goes on after its context and the keys have been let go, and then frees both")
    func lifetime() throws {
        let witness = Witness()
        do {
            guard var link = try makeLink(witness) else { throw TestFailure() }
            #expect(witness.keys != nil)
            let progress = link.handshake()
            #expect(progress == (.done, .done))
            _ = link.carry([1])
            let hasTicket = Outcome(link).hasTicket
            #expect(hasTicket)
        }
        #expect(witness.keys == nil)
    }

    private final class Witness {
        weak var keys: TicketKeys?
    }

    private func makeLink(_ witness: Witness) throws -> Link? {
        let keys = try TicketKeys()
        witness.keys = keys
        return Link(try TLSContext.client(), try testServer(tickets: keys), piece: 65_536)
    }

    @Test("a key that is read while the ring turns is whole or refused")
    func concurrentRotation() async {
        let ring = TicketRing()
        ring.push([UInt64](repeating: 1, count: TicketRing.keyWords))
        let box = Shared(ring: ring)
        let mixed = await withTaskGroup(of: Int.self) { group in
            group.addTask {
                for value in 2...20_000 { box.ring.push([UInt64](repeating: UInt64(value), count: TicketRing.keyWords)) }
                return 0
            }
            for _ in 0..<2 {
                group.addTask {
                    var key = [UInt64](repeating: 0, count: TicketRing.keyWords)
                    var mixed = 0
                    for _ in 0..<20_000 {
                        let generation = box.ring.generation
                        let whole = key.withUnsafeMutableBytes { bytes in
                            bytes.baseAddress.map { box.ring.copy(generation, to: $0) } ?? false
                        }
                        if whole, key.contains(where: { $0 != generation }) { mixed += 1 }
                    }
                    return mixed
                }
            }
            return await group.reduce(0, +)
        }
        ring.deallocate()
        #expect(mixed == 0)
    }

    private struct Shared: @unchecked Sendable { let ring: TicketRing }
}
