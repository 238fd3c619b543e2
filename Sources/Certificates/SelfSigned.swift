// A self-signed ECDSA P-256 certificate, made at start when `serve` is given none, so that TLS on 995 works at once.
// It is announced as what it is; a real one comes through --cert and --key, or the key manager.

import COpenSSL
import Glibc

public struct CertificateError: Error, CustomStringConvertible, Sendable {
    public let description: String
}

/// A certificate and its private key, both as PEM text.
public struct CertifiedKey: Sendable {
    public let certificatePEM: [UInt8]
    public let keyPEM: [UInt8]
    /// SHA-256 of the certificate's DER form, in colon-separated hexadecimal.
    public let fingerprint: String
}

public enum SelfSigned {
    /// Makes a key and a certificate for `commonName`, valid also for `alternativeNames` (`DNS:x`, `IP:1.2.3.4`) and
    /// for `days` from now; SHA-256 signature, random 64-bit serial number (RFC 5280).
    public static func make(commonName: String, alternativeNames: [String], days: Int) throws(CertificateError) -> CertifiedKey {
        guard let key = copenssl_generate_ec_p256(), let certificate = X509_new() else {
            throw CertificateError(description: "OpenSSL could not make a P-256 key")
        }
        defer {
            EVP_PKEY_free(key)
            X509_free(certificate)
        }
        try fill(certificate, commonName: commonName, days: days, key: key)
        try extend(certificate, alternativeNames)
        guard X509_sign(certificate, key, EVP_sha256()) > 0 else {
            throw CertificateError(description: "OpenSSL could not sign the certificate")
        }
        guard let fingerprint = fingerprint(certificate) else {
            throw CertificateError(description: "OpenSSL could not hash the certificate")
        }
        return CertifiedKey(
            certificatePEM: try text { PEM_write_bio_X509($0, certificate) },
            keyPEM: try text { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) },
            fingerprint: fingerprint)
    }

    private static func fill(
        _ certificate: OpaquePointer, commonName: String, days: Int, key: OpaquePointer
    ) throws(CertificateError) {
        var serial: UInt64 = 0
        let isRandom = withUnsafeMutableBytes(of: &serial) {
            RAND_bytes($0.baseAddress?.assumingMemoryBound(to: UInt8.self), 8) == 1
        }
        let name = X509_get_subject_name(certificate)
        guard isRandom, X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1,
            X509_gmtime_adj(X509_getm_notBefore(certificate), -300) != nil,
            X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86_400) != nil,
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, commonName, Int32(clamping: commonName.utf8.count), -1, 0) == 1,
            X509_set_issuer_name(certificate, name) == 1, X509_set_pubkey(certificate, key) == 1
        else { throw CertificateError(description: "OpenSSL could not make a certificate for '\(commonName)'") }
    }

    private static func extend(_ certificate: OpaquePointer, _ alternativeNames: [String]) throws(CertificateError) {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, certificate, certificate, nil, nil, 0)
        let extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
            (NID_subject_alt_name, alternativeNames.joined(separator: ",")),
            (NID_ext_key_usage, "serverAuth"),
        ]
        for (identifier, value) in extensions where !value.isEmpty {
            guard let entry = X509V3_EXT_conf_nid(nil, &context, identifier, value) else {
                throw CertificateError(description: "'\(value)' is no valid certificate extension")
            }
            defer { X509_EXTENSION_free(entry) }
            guard X509_add_ext(certificate, entry, -1) == 1 else {
                throw CertificateError(description: "OpenSSL could not add '\(value)' to the certificate")
            }
        }
    }

    private static func text(_ write: (OpaquePointer?) -> Int32) throws(CertificateError) -> [UInt8] {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        var data: UnsafeMutablePointer<CChar>?
        guard write(bio) == 1 else { throw CertificateError(description: "OpenSSL could not write PEM") }
        let length = copenssl_bio_data(bio, &data)
        guard length > 0 else { throw CertificateError(description: "OpenSSL could not write PEM") }
        return Array(UnsafeRawBufferPointer(start: data, count: length))
    }

    /// Nil when it cannot be hashed.
    static func fingerprint(_ certificate: OpaquePointer) -> String? {
        var hash = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard X509_digest(certificate, EVP_sha256(), &hash, &length) == 1 else { return nil }
        let digits = Array("0123456789ABCDEF")
        return hash.prefix(Int(length)).map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined(separator: ":")
    }
}
