// Whom a client asks for and must find at the other end: a name, sent by SNI (RFC 6066, section 3) and looked for in
// the certificate, or an address, which is never sent and is looked for as an address (RFC 9525, section 6). Made once
// at set-up: a session reads it without making anything.

import COpenSSL

public struct TLSPeer: Sendable, Equatable {
    /// A name in lower case with a zero behind it, or the 4 or 16 octets of an address.
    let octets: [UInt8]
    let isAddress: Bool

    /// For a rehearsal: whoever has the certificate.
    static let anyone = TLSPeer(octets: [], isAddress: true)

    /// RFC 1035, section 2.3.4, without the trailing dot.
    private static let nameLimit = 253
    private static let labelLimit = 63

    /// A DNS name in ASCII. A dot at its end, which says that it is whole, is no part of it; case does not matter.
    /// Throws for what can be in no certificate.
    public init(name: String) throws(TLSError) {
        var octets = name.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        if octets.last == UInt8(ascii: ".") { octets.removeLast() }
        let labels = octets.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard octets.count <= Self.nameLimit, labels.allSatisfy({ (1...Self.labelLimit).contains($0.count) }),
            octets.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            ERR_clear_error()
            throw TLSError("'\(name)' is no DNS name that a certificate can be for; a name beyond ASCII is given as xn--...")
        }
        self.octets = octets + [0]
        isAddress = false
    }

    private init(octets: [UInt8], isAddress: Bool) {
        self.octets = octets
        self.isAddress = isAddress
    }

    /// An IP address: 4 or 16 octets in order of reading, without port or zone. Nil for another count.
    public init?(address: [UInt8]) {
        guard address.count == 4 || address.count == 16 else { return nil }
        octets = address
        isAddress = true
    }

    /// Has `ssl`, a client's session, ask for this peer, and look for it where `verifies`. False: OpenSSL did not take
    /// it.
    func apply(to ssl: OpaquePointer, verifies: Bool) -> Bool {
        if octets.isEmpty { return true }
        return octets.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            if isAddress {
                return !verifies || X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), base, buffer.count) == 1
            }
            return base.withMemoryRebound(to: CChar.self, capacity: buffer.count) { name in
                guard copenssl_set_host_name(ssl, name) == 1 else { return false }
                guard verifies, let parameters = SSL_get0_param(ssl) else { return !verifies }
                X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
                return X509_VERIFY_PARAM_set1_host(parameters, name, buffer.count - 1) == 1
            }
        }
    }
}
