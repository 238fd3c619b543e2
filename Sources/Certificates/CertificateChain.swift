// The certificates of a file, the server's own first, as OpenSSL has read them, and what must hold of them before
// clients see them: kinds and sizes of keys, dates, usage, each signed by the next. The root may be left out, and
// nobody is asked whether it is trusted. Invariant: owns what it holds.

import COpenSSL

struct CertificateChain: ~Copyable {
    private let path: String
    private var certificates: [OpaquePointer] = []
    private var lines: [Int] = []

    /// RSA keys below this are taken by no client of today (NIST SP 800-131A).
    private static let leastRSABits: Int32 = 2048
    /// Bits of security of a signature's digest: what OpenSSL asks for at its first level. SHA-1 has 63, MD5 has 39.
    private static let leastDigestBits: Int32 = 80
    /// The curves that the server offers, by OpenSSL's names.
    private static let curves = ["prime256v1", "secp384r1"]

    /// All certificates of the text, of which there is one at least.
    init(_ text: PEMText, path: String) throws(CertificateError) {
        self.path = path
        for block in text.blocks {
            if block.label == "TRUSTED CERTIFICATE" {
                throw CertificateError(
                    description: "\(path): line \(block.line): a TRUSTED CERTIFICATE is OpenSSL's own form; "
                        + "`openssl x509 -in FILE -out FILE` writes a plain one")
            }
            guard block.isCertificate else { continue }
            guard let certificate = Self.read(block.octets) else {
                throw CertificateError(
                    description:
                        "\(path): certificate \(certificates.count + 1) (line \(block.line)) is damaged; write the file anew")
            }
            certificates.append(certificate)
            lines.append(block.line)
        }
        guard certificates.isEmpty else { return }
        throw text.missing(
            "certificate", path: path, otherwise: "`openssl x509 -inform der -in \(path) -out FILE` converts one in DER form")
    }

    deinit { for certificate in certificates { X509_free(certificate) } }

    /// The one certificate in a block; nil when it is damaged, or when something follows it there.
    private static func read(_ block: [UInt8]) -> OpaquePointer? {
        defer { ERR_clear_error() }
        guard let bio = copenssl_bio_copy(block, block.count) else { return nil }
        defer { BIO_free(bio) }
        var (name, header, data): (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<UInt8>?)
        var count = 0
        guard PEM_read_bio(bio, &name, &header, &data, &count) == 1 else { return nil }
        defer {
            copenssl_free(name)
            copenssl_free(header)
            copenssl_free(data)
        }
        var cursor = UnsafePointer(data)
        guard let certificate = d2i_X509(nil, &cursor, count) else { return nil }
        guard let cursor, let data, cursor - UnsafePointer(data) == count else {
            X509_free(certificate)
            return nil
        }
        return certificate
    }

    // MARK: What is asked of it

    /// Whether `pair` is the key of the first one; where it is another's, that one is named.
    func checkKey(_ pair: OpaquePointer, keyPath: String) throws(CertificateError) {
        defer { ERR_clear_error() }
        guard X509_check_private_key(certificates[0], pair) != 1 else { return }
        if let place = certificates.firstIndex(where: { X509_check_private_key($0, pair) == 1 }) {
            throw CertificateError(
                description: "\(path): the server's own certificate must stand first, and that of \(keyPath) is certificate "
                    + "\(place + 1) (line \(lines[place])); put it in front")
        }
        throw CertificateError(
            description: "\(keyPath): this private key does not belong to the certificate in \(path); "
                + "`openssl x509 -noout -pubkey -in \(path)` and `openssl pkey -pubout -in \(keyPath)` must print "
                + "the same, and the server's own certificate must stand first in its file")
    }

    /// Everything else that can be told without a handshake.
    func check() throws(CertificateError) {
        defer { ERR_clear_error() }
        for place in certificates.indices {
            try checkDates(place)
            try checkKeyKind(place)
            try checkDigest(place)
        }
        try checkUsage()
        try checkOrder()
    }

    var fingerprint: String? { SelfSigned.fingerprint(certificates[0]) }

    /// `certificate 2 (line 31)`; alone in its file, `this certificate`.
    private func name(_ place: Int) -> String {
        certificates.count == 1 ? "this certificate" : "certificate \(place + 1) (line \(lines[place]))"
    }

    private func fault(_ place: Int, _ words: String) -> CertificateError {
        CertificateError(description: "\(path): \(name(place)) \(words)")
    }

    private func checkDates(_ place: Int) throws(CertificateError) {
        let certificate = certificates[place]
        let (start, end) = (X509_get0_notBefore(certificate), X509_get0_notAfter(certificate))
        // 0 is what OpenSSL says of a date that it cannot read.
        let (begins, ends) = (X509_cmp_current_time(start), X509_cmp_current_time(end))
        guard begins != 0, ends != 0 else { throw fault(place, "has a date that cannot be read; have it made anew") }
        if begins > 0 {
            throw fault(place, "is not valid before \(Self.text(start)); check the machine's clock, or wait")
        }
        if ends < 0 { throw fault(place, "expired on \(Self.text(end)); renew it") }
    }

    private static func text(_ time: UnsafePointer<ASN1_TIME>?) -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { return "an unknown day" }
        defer { BIO_free(bio) }
        guard ASN1_TIME_print(bio, time) == 1 else { return "an unknown day" }
        var data: UnsafeMutablePointer<CChar>?
        let count = copenssl_bio_data(bio, &data)
        return String(decoding: UnsafeRawBufferPointer(start: data, count: max(0, count)), as: UTF8.self)
    }

    private func checkKeyKind(_ place: Int) throws(CertificateError) {
        let remedy = "have it made for an ECDSA key on P-256, or an RSA key of 2048 bits"
        guard let key = X509_get0_pubkey(certificates[place]) else {
            throw fault(place, "has a public key that OpenSSL cannot read; \(remedy)")
        }
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS:
            let bits = EVP_PKEY_get_bits(key)
            guard bits < Self.leastRSABits else { return }
            throw fault(place, "has an RSA key of \(bits) bits, and clients take none below \(Self.leastRSABits); \(remedy)")
        case EVP_PKEY_EC:
            let curve = Self.curve(key)
            // How an authority signs is between it and its clients.
            guard place == 0, !Self.curves.contains(curve) else { return }
            throw fault(place, "is for a key on the curve \(curve), of which TLS here has P-256 and P-384; \(remedy)")
        case EVP_PKEY_ED25519, EVP_PKEY_ED448: return
        default:
            guard place == 0 else { return }
            throw fault(place, "is for a kind of key that TLS does not sign with; \(remedy)")
        }
    }

    /// OpenSSL refuses a chain for a weak signature with "md too weak" alone; it passes over self-signed ones, as this does.
    private func checkDigest(_ place: Int) throws(CertificateError) {
        let certificate = certificates[place]
        var digest: Int32 = 0
        var bits: Int32 = 0
        guard X509_get_extension_flags(certificate) & UInt32(EXFLAG_SS) == 0,
            X509_get_signature_info(certificate, &digest, nil, &bits, nil) == 1, bits < Self.leastDigestBits
        else { return }
        let name =
            switch digest {
            case NID_sha1: "SHA-1"
            case NID_md5: "MD5"
            default: OBJ_nid2sn(digest).map { String(cString: $0) } ?? "a weak digest"
            }
        throw fault(place, "is signed with \(name), which clients take no longer; have it signed anew, with SHA-256")
    }

    private static func curve(_ key: OpaquePointer) -> String {
        var name = [CChar](repeating: 0, count: 80)
        var count = 0
        guard EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, &name, name.count, &count) == 1 else {
            return "of no name"
        }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The own certificate signs handshakes, and is a server's.
    private func checkUsage() throws(CertificateError) {
        let own = certificates[0]
        guard X509_get_extension_flags(own) & UInt32(EXFLAG_INVALID) == 0 else {
            throw fault(0, "has an extension that cannot be read; have it made anew")
        }
        // All bits are set where the extension is missing, which allows everything.
        guard X509_get_key_usage(own) & UInt32(KU_DIGITAL_SIGNATURE) != 0 else {
            throw fault(
                0, "may not sign (its key usage lacks digitalSignature), which each handshake asks of it; have it made anew")
        }
        guard X509_get_extended_key_usage(own) & UInt32(XKU_SSL_SERVER | XKU_ANYEKU) != 0 else {
            throw fault(0, "is for no server (its extended key usage lacks serverAuth); have it made anew")
        }
    }

    private func checkOrder() throws(CertificateError) {
        for place in certificates.indices.dropFirst() {
            if let same = certificates[..<place].firstIndex(where: { X509_cmp($0, certificates[place]) == 0 }) {
                throw fault(place, "is certificate \(same + 1) once more; leave it out")
            }
        }
        for place in certificates.indices.dropLast() {
            let issuer = certificates[place + 1]
            guard X509_check_issued(issuer, certificates[place]) == X509_V_OK, let key = X509_get0_pubkey(issuer),
                X509_verify(certificates[place], key) == 1
            else {
                throw fault(
                    place + 1,
                    "did not sign the one in front of it; the order is: the server's own, who signed it, who signed that, the "
                        + "root last or not at all")
            }
            guard X509_check_ca(issuer) > 0 else {
                throw fault(place + 1, "is no authority's (basicConstraints does not say CA), so clients refuse what it signed")
            }
        }
    }
}
