// Why a TLS session failed, as far as this side knows: what verifying the certificate came to, the alert that ended it,
// the versions, and OpenSSL's own reason. A plain value, taken at the failure and made text of elsewhere.

import COpenSSL

public struct TLSFailure: Sendable, Equatable {
    /// What is at the bottom of it, for who is to say what to do.
    public enum Cause: String, Sendable, Encodable, CaseIterable {
        case expired
        case notYetValid = "not_yet_valid"
        /// The certificate is for others than the host that was asked for.
        case wrongName = "wrong_name"
        /// It is signed by nobody who is trusted.
        case unknownAuthority = "unknown_authority"
        /// Something else is wrong with the certificate.
        case certificate
        /// Both sides have no version of TLS in common.
        case version
        /// The server asks for a certificate of the client, which has none.
        case clientCertificate = "client_certificate"
        /// What came was no TLS at all.
        case clearText = "clear_text"
        /// The other side sent some other alert.
        case alert
        /// The connection ended before the handshake did.
        case closed
        case other
    }

    /// X509_V_OK, or why the peer's certificate was not accepted (X509_V_ERR_...).
    let verification: Int32
    /// OpenSSL's packed error code; 0 when there is none.
    let code: UInt64
    /// The alert that ended the session (RFC 8446, section 6); -1: none.
    let alert: Int16
    let wasReceived: Bool
    /// The version agreed on; nil while there was none.
    let agreed: TLSVersion?
    let minimum: TLSVersion
    let maximum: TLSVersion
    let isClosed: Bool

    /// After a call for `ssl` has failed, before the next one: the thread's error queue still has its reason.
    /// `verifies`: whether a certificate was to be verified. Where it was not, OpenSSL's result for it says nothing.
    init(_ ssl: OpaquePointer, verifies: Bool, sentAlert: Int16) {
        code = UInt64(ERR_peek_error())
        verification = verifies ? Int32(truncatingIfNeeded: SSL_get_verify_result(ssl)) : X509_V_OK
        let reason = ERR_GET_REASON(UInt(code))
        // A received alert is an error of its own, numbered from here on.
        let received = reason - Int32(SSL_AD_REASON_OFFSET)
        wasReceived = ERR_GET_LIB(UInt(code)) == ERR_LIB_SSL && (0...255).contains(received)
        alert = wasReceived ? Int16(truncatingIfNeeded: received) : sentAlert
        (agreed, minimum, maximum) = Self.versions(ssl)
        isClosed = false
    }

    /// The other side closed the connection, or broke it, during the handshake of `ssl`.
    init(closed ssl: OpaquePointer) {
        (code, verification, alert, wasReceived) = (0, X509_V_OK, -1, false)
        (agreed, minimum, maximum) = Self.versions(ssl)
        isClosed = true
    }

    private static func versions(_ ssl: OpaquePointer) -> (agreed: TLSVersion?, minimum: TLSVersion, maximum: TLSVersion) {
        // The server has chosen once there is a cipher.
        let isAgreed = SSL_get_pending_cipher(ssl) != nil || SSL_get_current_cipher(ssl) != nil
        return (
            isAgreed ? TLSVersion(number: SSL_version(ssl)) : nil,
            TLSVersion(number: Int32(truncatingIfNeeded: copenssl_min_version(ssl))),
            TLSVersion(number: Int32(truncatingIfNeeded: copenssl_max_version(ssl)))
        )
    }

    public var cause: Cause {
        if isClosed { return .closed }
        switch verification {
        case X509_V_OK: break
        case X509_V_ERR_CERT_HAS_EXPIRED: return .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: return .notYetValid
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: return .wrongName
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return .unknownAuthority
        default: return .certificate
        }
        switch Int32(alert) {
        case SSL_AD_PROTOCOL_VERSION: return .version
        case SSL_AD_CERTIFICATE_REQUIRED where wasReceived: return .clientCertificate
        default: break
        }
        if ERR_GET_LIB(UInt(code)) == ERR_LIB_SSL {
            switch ERR_GET_REASON(UInt(code)) {
            case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
                return agreed == nil ? .clearText : .other
            case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_SSL_VERSION, SSL_R_NO_PROTOCOLS_AVAILABLE: return .version
            default: break
            }
        }
        return wasReceived ? .alert : .other
    }

    /// What is wrong with the peer's certificate, in OpenSSL's words; nil where it was accepted, or not looked at.
    public var verificationText: String? {
        verification == X509_V_OK ? nil : String(cString: X509_verify_cert_error_string(Int(verification)))
    }

    /// E.g. `certificate has expired, alert 45 (certificate expired) sent, TLS 1.3`.
    public var description: String {
        var parts: [String] = []
        if isClosed { parts.append("the server closed the connection during the TLS handshake") }
        if let verificationText { parts.append(verificationText) }
        if cause == .clearText {
            parts.append("what came is no TLS")
        } else if parts.isEmpty, !wasReceived, code != 0, let reason = ERR_reason_error_string(UInt(code)) {
            parts.append(String(cString: reason))
        }
        if alert >= 0, let words = SSL_alert_desc_string_long(Int32(alert)) {
            parts.append("alert \(alert) (\(String(cString: words))) \(wasReceived ? "received" : "sent")")
        }
        if parts.isEmpty { parts.append("the TLS layer broke") }
        parts.append(agreed?.text ?? (minimum == maximum ? maximum.text : "\(minimum.text) and \(maximum.text)") + " offered")
        return parts.joined(separator: ", ")
    }
}
