// A server's context shakes hands with itself before it is put in force.

import Certificates
import Testing

@testable import TLS

@Suite("A handshake of a server with itself")
struct RehearsalTests {
    @Test("a certificate that can be used comes through in every version")
    func good() throws {
        let key = try #require(testKey)
        try testServer().rehearse(certificatePEM: key.certificatePEM)
    }

    @Test("a certificate that has expired fails, with OpenSSL's reason and the version")
    func expired() throws {
        let key = try SelfSigned.make(commonName: "localhost", alternativeNames: [], days: -1)
        let context = try testServer(key: key)
        #expect { try context.rehearse(certificatePEM: key.certificatePEM) } throws: {
            "\($0)".hasPrefix("a handshake in TLS 1.3 with this certificate fails: certificate has expired")
        }
    }

    @Test("a chain that does not lead to its last certificate fails")
    func stranger() throws {
        let (key, other) = (try #require(testKey), try SelfSigned.make(commonName: "other", alternativeNames: [], days: 1))
        #expect(throws: TLSError.self) {
            try testServer().rehearse(certificatePEM: key.certificatePEM + other.certificatePEM)
        }
    }

    @Test("a server of TLS 1.2 alone cannot do the handshake in 1.3")
    func oldServer() throws {
        let key = try #require(testKey)
        #expect { try testServer(.tls12).rehearse(certificatePEM: key.certificatePEM) } throws: {
            "\($0)".hasPrefix("a handshake in TLS 1.3")
        }
    }
}
