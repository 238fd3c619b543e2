// Memory and fixed parties for the bodies. Every body allocates its own blocks, of exactly the size it lends, so that the
// address sanitizer sees each octet written or read beyond them.

import Digest
import NTLM
import PoplarCore

/// Lends `size` octets for the duration of `body`.
func withMemory<Result>(_ size: Int, _ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0xEE)
    return body(memory)
}

/// What `body` writes.
func written(_ capacity: Int = 16384, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
    withMemory(capacity) { memory in
        var writer = ByteWriter(memory)
        body(&writer)
        return Array(writer.written)
    }
}

enum Party {
    static let now: UInt64 = 133_000_000_000_000_000
    static let challenge: UInt64 = 0xEFCD_AB89_6745_2301
    static var domain: [UInt8] { Array("Domain".utf8) }
    static var user: [UInt8] { Array("User".utf8) }
    static var workstation: [UInt8] { Array("COMPUTER".utf8) }

    static func hash(_ password: StaticString = "Password") -> NTHash? {
        let text = UnsafeBufferPointer(start: password.utf8Start, count: password.utf8CodeUnitCount)
        return NTHash(passwordUTF8: text.span)
    }

    /// A verifier of `hash()`'s password, and one that no password has.
    static let verifier = SCRAMVerifier(
        password: Array("Password".utf8).span, salt: Digest16(low: 1, high: 2), iterations: SCRAMVerifier.leastIterations)
    static let decoy = SCRAMVerifier(
        salt: Digest16(low: 1, high: 2), iterations: SCRAMVerifier.leastIterations,
        storedKey: SHA256.hash(Array("nobody".utf8).span), serverKey: SHA256.hash(Array("nobody".utf8).span))

    static func settings(_ level: CompatibilityLevel = .level5) -> ServerSettings? {
        try? ServerSettings(
            names: ServerNames(netBIOSComputer: "Server", netBIOSDomain: "Domain", dnsComputer: "server.domain.example"),
            level: level,
            timestampWindowSeconds: nil)
    }
}
