// Memory that held a password is wiped before it is lent again, however the logon went and wherever the line was cut.

import PoplarCore
import Testing

@testable import Server

@Suite("Passwords do not stay in memory")
struct SecretTests {
    private static let secret = "correct-horse-battery"
    /// `\0user\0correct-horse-battery`.
    private static let plain = "AHVzZXIAY29ycmVjdC1ob3JzZS1iYXR0ZXJ5"

    /// Whether chunks that the next connections would be lent hold a piece of the password, in clear or as base64.
    private func holdsSecret(_ bench: Bench) -> Bool {
        holdsSecret(&bench.resources.inputPool) || holdsSecret(&bench.resources.exchangePool)
    }

    private func holdsSecret(_ pool: inout BufferPool) -> Bool {
        // A new chunk would show what the allocator has left there.
        guard pool.idle > 0, let chunk = pool.borrow() else { return false }
        defer { pool.giveBack(chunk) }
        let octets = Array(UnsafeRawBufferPointer(start: chunk, count: pool.chunkSize))
        return ["horse", "aG9yc2", "1ob3JzZS1i"].contains { piece in
            let wanted = Array(piece.utf8)
            return (0...octets.count - wanted.count).contains { start in
                octets[start] == wanted[0] && octets[start..<start + wanted.count].elementsEqual(wanted)
            }
        }
    }

    @Test(
        "after a logon that was refused, broken off, malformed or cut short",
        arguments: [
            "USER user00001\r\nPASS \(secret)\r\n", "USER user00001\r\nPASS \(secret)", "PASS \(secret)\r\n",
            "AUTH PLAIN \(plain)\r\n", "AUTH PLAIN\r\n\(plain)\r\n", "AUTH PLAIN\r\n\(plain)", "AUTH PLAIN\r\n\(plain)!\r\n",
            "AUTH LOGIN\r\ndXNlcg==\r\nY29ycmVjdC1ob3JzZS1iYXR0ZXJ5\r\n",
            "PASS \(secret)" + String(repeating: "x", count: 600) + "\r\n",
            String(repeating: "NOOP\r\n", count: 2) + "USER user00001\r\nPASS \(secret)\r\nQUIT\r\n",
        ])
    func refused(text: String) throws {
        for isSlow in [false, true] {
            let bench = try Bench()
            do {
                let client = bench.connect()
                client.isSlow = isSlow
                client.send(text)
            }
            #expect(!holdsSecret(bench), "\(isSlow ? "octet by octet" : "at once")")
        }
    }

    @Test("in TLS too")
    func encrypted() throws {
        let bench = try Bench(tls: try TestTLS.context())
        do {
            let client = try SecureConversation(bench, encrypted: true)
            try #require(client.handshake())
            client.say(["USER user00001", "PASS \(Self.secret)"])
        }
        #expect(!holdsSecret(bench))
    }
}
