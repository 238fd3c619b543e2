// Channel bindings (MS-NLMP 2.2.2.1 MsvAvChannelBindings; RFC 5929 section 4): the MD5 of a gss_channel_bindings_struct that
// holds "tls-server-end-point:" and the certificate's hash. A client that was lured to another server binds to that one's
// certificate, and so its response is of no use here.

public import Digest

public enum ChannelBindings {
    /// The value for a certificate's hash (made with the hash of its signature, SHA-256 in place of MD5 and SHA-1).
    public static func serverEndPoint(certificateHash hash: Span<UInt8>) -> Digest16 {
        let prefix: StaticString = "tls-server-end-point:"
        let length = UInt32(truncatingIfNeeded: prefix.utf8CodeUnitCount &+ hash.count)
        var md5 = MD5()
        // Initiator and acceptor: address type and length each, all zero; then the application data.
        withUnsafeBytes(of: (UInt64(0), UInt64(0))) { md5.update($0) }
        withUnsafeBytes(of: length.littleEndian) { md5.update($0) }
        md5.update(prefix)
        md5.update(hash)
        return md5.finalize()
    }
}

/// What a server asks of channel bindings: Exchange's ExtendedProtectionPolicy.
public enum ChannelBindingPolicy: UInt8, Sendable, CaseIterable {
    /// Not looked at.
    case none
    /// Wrong ones are refused; a client that sends none, or zeros, is let in.
    case allow
    /// Only right ones, and so only NTLMv2 over TLS.
    case require
}
