// ALPN (RFC 7301) on the server's side: a client that names protocols must name ours. One that was led here from another
// service, with a certificate that fits both, is turned away before it has said a word (ALPACA, 2021).

import COpenSSL
import Glibc

enum ApplicationProtocol {
    /// As IANA registers it for POP3, with its length in front.
    static let pop3: StaticString = "\u{4}pop3"

    /// Chooses `pop3` among those offered. Without an offer OpenSSL does not ask, and the client is welcome.
    static func require(on context: OpaquePointer) {
        SSL_CTX_set_alpn_select_cb(
            context,
            { _, chosen, chosenLength, offered, offeredCount, _ in
                var index = 0
                let (count, name) = (Int(offeredCount), ApplicationProtocol.pop3)
                guard let offered, name.utf8CodeUnitCount > 1 else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                while index < count {
                    let length = Int(offered[index])
                    guard length > 0, index &+ 1 &+ length <= count else { break }
                    if length &+ 1 == name.utf8CodeUnitCount, memcmp(offered + index, name.utf8Start, length &+ 1) == 0 {
                        chosen?.pointee = offered + (index &+ 1)
                        chosenLength?.pointee = offered[index]
                        return SSL_TLSEXT_ERR_OK
                    }
                    index &+= length &+ 1
                }
                return SSL_TLSEXT_ERR_ALERT_FATAL
            }, nil)
    }
}
