// OpenSSL contexts: made at set-up from PEM text, shared by all workers, never changed afterwards (a reload makes a
// new one). TLS 1.2 and up, forward secrecy and AEAD only, no compression, no renegotiation, no session cache: nothing
// that grows (CVE-2024-2511). OpenSSL's return codes end in this module.

import COpenSSL
import Glibc

/// Why a context could not be made, or a handshake failed: OpenSSL's own words behind ours.
public struct TLSError: Error, CustomStringConvertible, Sendable {
    public let description: String

    init(_ text: String) {
        var details: [String] = []
        while details.count < 4 {
            let code = ERR_get_error()
            if code == 0 { break }
            var buffer = [CChar](repeating: 0, count: 256)
            ERR_error_string_n(code, &buffer, buffer.count)
            details.append(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        description = details.isEmpty ? text : "\(text): \(details.joined(separator: "; "))"
    }
}

public enum TLSVersion: Sendable, Equatable {
    case tls12
    case tls13

    var number: Int32 { self == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION }

    init(number: Int32) { self = number == TLS1_2_VERSION ? .tls12 : .tls13 }

    /// As people write it.
    public var text: String { self == .tls12 ? "TLS 1.2" : "TLS 1.3" }
}

/// An SSL_CTX. Reference counted by OpenSSL and safe to share between threads once made.
public final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    public let isServer: Bool
    /// Client: whether a peer must show who it is.
    public let verifies: Bool
    /// Server: the tls-server-end-point hash of the own certificate (RFC 5929, section 4.1). Client: empty.
    public let endPointHash: [UInt8]

    /// A server's context from a PEM chain (own certificate first) and its PEM private key. `tickets`: the keys of the
    /// process, which outlive a reload; nil, and the context seals with a key of its own for all its life. `service` keeps
    /// contexts apart that share tickets and certificate: a session resumes where both are the same, and nowhere else
    /// (CVE-2014-3616, CVE-2025-23419).
    public static func server(
        certificatePEM: [UInt8], keyPEM: [UInt8], maximum: TLSVersion = .tls13, tickets: TicketKeys? = nil,
        service: StaticString = "poplar"
    ) throws(TLSError) -> TLSContext {
        let context = try base(TLS_server_method(), what: "server", maximum: maximum)
        do throws(TLSError) {
            let hash = try install(certificatePEM, keyPEM, on: context)
            try harden(context, service)
            try tickets?.attach(to: context)
            return TLSContext(pointer: context, isServer: true, verifies: false, endPointHash: hash)
        } catch {
            SSL_CTX_free(context)
            throw error
        }
    }

    /// TLS 1.2: ephemeral keys and AEAD only. The 128-bit suites stand first in both versions: SHA-256 has instructions of
    /// its own on the processors in use, SHA-384 has none, and a handshake is a score of short hashes.
    private static let ciphers = """
        ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
        ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
        """
    private static let suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

    private static func harden(_ context: OpaquePointer, _ service: StaticString) throws(TLSError) {
        guard SSL_CTX_set_cipher_list(context, ciphers) == 1, SSL_CTX_set_ciphersuites(context, suites) == 1,
            copenssl_ctx_set_groups(context, "X25519:P-256:P-384") == 1
        else { throw TLSError("OpenSSL has none of the wanted ciphers or groups") }
        let options =
            copenssl_op_no_renegotiation | copenssl_op_no_compression | copenssl_op_cipher_server_preference
        // Tickets alone: nothing to look up, nothing to lock. One ticket a handshake serves one later session.
        _ = copenssl_ctx_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        guard SSL_CTX_set_options(context, options) & options == options, SSL_CTX_set_num_tickets(context, 1) == 1 else {
            throw TLSError("OpenSSL does not take the server's options")
        }
        let name = sessionContext(context, service)
        guard !name.isEmpty, SSL_CTX_set_session_id_context(context, name, UInt32(name.count)) == 1 else {
            throw TLSError("cannot name the session-id context")
        }
        ApplicationProtocol.require(on: context)
    }

    /// SHA-256 of the service's name and the certificate: what a session must have in common to be resumed.
    private static func sessionContext(_ context: OpaquePointer, _ service: StaticString) -> [UInt8] {
        var text = Array(UnsafeBufferPointer(start: service.utf8Start, count: service.utf8CodeUnitCount))
        text.append(0)
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard let own = SSL_CTX_get0_certificate(context), X509_digest(own, EVP_sha256(), &digest, &count) == 1 else { return [] }
        text += digest.prefix(Int(count))
        guard EVP_Digest(text, text.count, &digest, &count, EVP_sha256(), nil) == 1 else { return [] }
        return Array(digest.prefix(Int(count)))
    }

    /// A client's context. With `authorityPEM` the peer must present a chain that ends there; nil verifies nothing.
    /// `systemAuthorities` verifies against the machine's own store instead.
    public static func client(
        authorityPEM: [UInt8]? = nil, systemAuthorities: Bool = false, minimum: TLSVersion = .tls12, maximum: TLSVersion = .tls13
    ) throws(TLSError) -> TLSContext {
        let context = try base(TLS_client_method(), what: "client", minimum: minimum, maximum: maximum)
        do throws(TLSError) {
            if let authorityPEM {
                try trust(authorityPEM, on: context)
            } else if systemAuthorities {
                guard SSL_CTX_set_default_verify_paths(context) == 1 else {
                    throw TLSError("the machine's own authorities cannot be read; give them with --ca FILE")
                }
            }
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        // Nothing to return: the mode is a field of the context.
        let verifies = authorityPEM != nil || systemAuthorities
        SSL_CTX_set_verify(context, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        _ = copenssl_ctx_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_info_callback(context, notesSentAlerts)
        return TLSContext(pointer: context, isServer: false, verifies: verifies, endPointHash: [])
    }

    /// A client's context for one version that trusts the last certificate of a chain, whether or not it is a root.
    static func client(trustingLastOf chainPEM: [UInt8], version: TLSVersion) throws(TLSError) -> TLSContext {
        let context = try base(TLS_client_method(), what: "client", minimum: version, maximum: version)
        do throws(TLSError) {
            let chain = try readCertificates(chainPEM, what: "certificate")
            defer { for certificate in chain { X509_free(certificate) } }
            guard let store = SSL_CTX_get_cert_store(context), let last = chain.last, X509_STORE_add_cert(store, last) == 1,
                let parameters = SSL_CTX_get0_param(context),
                X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN)) == 1
            else { throw TLSError("the chain cannot be verified against its last certificate") }
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        SSL_CTX_set_info_callback(context, notesSentAlerts)
        return TLSContext(pointer: context, isServer: false, verifies: true, endPointHash: [])
    }

    private static func trust(_ authorityPEM: [UInt8], on context: OpaquePointer) throws(TLSError) {
        let certificates = try readCertificates(authorityPEM, what: "authority")
        defer { for certificate in certificates { X509_free(certificate) } }
        guard let store = SSL_CTX_get_cert_store(context) else { throw TLSError("the context has no store of authorities") }
        for (index, certificate) in certificates.enumerated() where X509_STORE_add_cert(store, certificate) != 1 {
            throw TLSError("certificate \(index + 1) of the authority file cannot be used")
        }
    }

    private init(pointer: OpaquePointer, isServer: Bool, verifies: Bool, endPointHash: [UInt8]) {
        self.pointer = pointer
        self.isServer = isServer
        self.verifies = verifies
        self.endPointHash = endPointHash
    }

    deinit { SSL_CTX_free(pointer) }

    private static func base(
        _ method: OpaquePointer?, what: String, minimum: TLSVersion = .tls12, maximum: TLSVersion
    ) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let context = SSL_CTX_new(method) else { throw TLSError("cannot make a TLS \(what) context") }
        // Buffers go back while a connection idles (13.9 instead of 46.5 KiB each), and a write may be repeated from
        // another address, since the parts of a reply are gathered anew each turn.
        let modes = Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS)
        guard copenssl_ctx_set_min_version(context, minimum.number) == 1,
            copenssl_ctx_set_max_version(context, maximum.number) == 1, copenssl_ctx_set_mode(context, modes) & modes == modes
        else {
            SSL_CTX_free(context)
            throw TLSError("OpenSSL offers no \(minimum.text) to \(maximum.text)")
        }
        return context
    }

    private static func install(_ chain: [UInt8], _ key: [UInt8], on context: OpaquePointer) throws(TLSError) -> [UInt8] {
        let certificates = try readCertificates(chain, what: "certificate")
        defer { for certificate in certificates { X509_free(certificate) } }
        guard let own = certificates.first else { throw TLSError("the certificate file holds no certificate in PEM form") }
        guard SSL_CTX_use_certificate(context, own) == 1 else { throw TLSError("the certificate cannot be used") }
        for (index, issuer) in certificates.enumerated().dropFirst() where !addToChain(issuer, context) {
            throw TLSError("certificate \(index + 1) of the file cannot be used")
        }
        guard let bio = copenssl_bio_copy(key, key.count) else { throw TLSError("no memory to read the key") }
        defer { BIO_free(bio) }
        // A key behind a pass phrase is refused: without this OpenSSL would ask for the phrase on the terminal.
        let privateKey = PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
        guard let privateKey else { throw TLSError("the key file holds no readable private key in PEM form") }
        defer { EVP_PKEY_free(privateKey) }
        guard SSL_CTX_use_PrivateKey(context, privateKey) == 1, SSL_CTX_check_private_key(context) == 1 else {
            throw TLSError("the private key does not belong to the certificate")
        }
        let hash = endPointHash(of: own)
        guard !hash.isEmpty else { throw TLSError("the certificate's hash, for channel bindings, cannot be made") }
        return hash
    }

    private static func addToChain(_ certificate: OpaquePointer, _ context: OpaquePointer) -> Bool {
        // SSL_CTX_add1_chain_cert is a macro over this call; it takes a reference of its own.
        SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, 1, UnsafeMutableRawPointer(certificate)) == 1
    }

    /// All certificates of the text, of which there is one at least. One that is broken or cut is an error.
    private static func readCertificates(_ pem: [UInt8], what: String) throws(TLSError) -> [OpaquePointer] {
        ERR_clear_error()
        guard let bio = copenssl_bio_copy(pem, pem.count) else { throw TLSError("no memory to read the \(what) file") }
        defer { BIO_free(bio) }
        var list: [OpaquePointer] = []
        while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) { list.append(certificate) }
        guard copenssl_ended_between_blocks() == 1, !list.isEmpty else {
            for certificate in list { X509_free(certificate) }
            let isCut = copenssl_ended_between_blocks() != 1
            throw TLSError(
                isCut
                    ? "certificate \(list.count + 1) of the \(what) file is broken or cut"
                    : "the \(what) file holds no certificate in PEM form")
        }
        ERR_clear_error()
        return list
    }

    /// The certificate's hash under its own signature's digest; SHA-256 where that is MD5 or SHA-1 (RFC 5929, 4.1).
    static func endPointHash(of certificate: OpaquePointer) -> [UInt8] {
        var digestNID: Int32 = 0
        OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &digestNID, nil)
        let weak = digestNID == 0 || digestNID == NID_md5 || digestNID == NID_sha1
        let digest = weak ? EVP_sha256() : (EVP_get_digestbyname(OBJ_nid2sn(digestNID)) ?? EVP_sha256())
        var hash = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard X509_digest(certificate, digest, &hash, &length) == 1 else { return [] }
        return Array(hash.prefix(Int(length)))
    }
}
