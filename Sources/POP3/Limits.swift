// Bounds of the protocol, each with its unit and its source. The server's `Limits` may lower or raise the
// configurable ones; the constants of the RFCs stand here.

public enum ProtocolLimits {
    /// Octets of a command line with its CRLF that must be accepted (RFC 2449, section 4).
    public static let commandLineBytes = 255
    /// Octets of a reply's first line with its CRLF (RFC 2449, section 4).
    public static let replyLineBytes = 512
    /// Octets of a line inside an AUTH exchange, base64 and CRLF together. RFC 5034, section 4 exempts these from the
    /// command line's limit; 12 KiB carry a type 3 message of 9 KiB.
    public static let saslLineBytes = 12_288
}
