// The server's certificate chain and private key as files, for the start and for every reload. All that can be wrong with
// them is found here, before a context is made, so that a bad file leaves the old one in force: each error names the file,
// what is wrong with it, and what to do.

import COpenSSL
import Glibc

public enum CertificateFiles {
    private static let maximumBytes = 1 << 20

    /// Reads and checks a PEM chain (own certificate first) and its PEM private key. Both may be the same file. The key's
    /// file must be closed to everyone but its owner, who is the server's user or root.
    public static func load(certificate: String, key: String) throws(CertificateError) -> CertifiedKey {
        let chain = try read(certificate, isSecret: false)
        let secret = try read(key, isSecret: true)
        let own = try firstCertificate(chain, certificate)
        defer { X509_free(own) }
        try checkDates(own, certificate)
        let pair = try privateKey(secret, key)
        defer { EVP_PKEY_free(pair) }
        guard X509_check_private_key(own, pair) == 1 else {
            ERR_clear_error()
            throw CertificateError(
                description: "\(key): this private key does not belong to the certificate in \(certificate); "
                    + "`openssl x509 -noout -pubkey -in \(certificate)` and `openssl pkey -pubout -in \(key)` must print "
                    + "the same, and the server's own certificate must stand first in its file")
        }
        return CertifiedKey(certificatePEM: chain, keyPEM: secret, fingerprint: SelfSigned.fingerprint(own))
    }

    private static func read(_ path: String, isSecret: Bool) throws(CertificateError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let reason = errno
            let remedy = reason == EACCES ? "; let the server's user read it" : ""
            throw CertificateError(description: "\(path): cannot be opened: \(String(cString: strerror(reason)))\(remedy)")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw CertificateError(description: "\(path): is no regular file")
        }
        guard status.st_size <= maximumBytes else {
            throw CertificateError(description: "\(path): is larger than 1 MiB, so no certificate or key")
        }
        if isSecret { try checkPrivacy(status, path) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress.map { $0 + filled }, $0.count - filled)
            }
            guard count > 0 else { break }
            filled += count
        }
        return Array(bytes.prefix(filled))
    }

    private static func checkPrivacy(_ status: stat, _ path: String) throws(CertificateError) {
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw CertificateError(
                description: "\(path): others than its owner may use this private key (mode \(mode)); chmod 600 \(path)")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw CertificateError(
                description: "\(path): this private key belongs to user \(status.st_uid), neither the server's nor root; "
                    + "chown \(geteuid()) \(path)")
        }
    }

    private static func firstCertificate(_ chain: [UInt8], _ path: String) throws(CertificateError) -> OpaquePointer {
        let bio = copenssl_bio_copy(chain, chain.count)
        defer {
            BIO_free(bio)
            ERR_clear_error()
        }
        guard let own = PEM_read_bio_X509(bio, nil, nil, nil) else {
            throw CertificateError(
                description: "\(path): holds no certificate in PEM form; `openssl x509 -inform der -in \(path) -out FILE` "
                    + "converts one in DER form")
        }
        return own
    }

    private static func checkDates(_ certificate: OpaquePointer, _ path: String) throws(CertificateError) {
        if X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 {
            throw CertificateError(
                description: "\(path): this certificate is not valid before \(date(X509_get0_notBefore(certificate))); "
                    + "check the machine's clock, or wait")
        }
        if X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0 {
            throw CertificateError(
                description: "\(path): this certificate expired on \(date(X509_get0_notAfter(certificate))); renew it")
        }
    }

    private static func date(_ time: UnsafePointer<ASN1_TIME>?) -> String {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        ASN1_TIME_print(bio, time)
        var data: UnsafeMutablePointer<CChar>?
        let count = copenssl_bio_data(bio, &data)
        return String(decoding: UnsafeRawBufferPointer(start: data, count: count), as: UTF8.self)
    }

    private static func privateKey(_ pem: [UInt8], _ path: String) throws(CertificateError) -> OpaquePointer {
        let bio = copenssl_bio_copy(pem, pem.count)
        defer {
            BIO_free(bio)
            ERR_clear_error()
        }
        // OpenSSL would ask for a pass phrase on the terminal; the server notes that it wants one, and gives none.
        var wantsPhrase = false
        let key = PEM_read_bio_PrivateKey(
            bio, nil,
            { _, _, _, wants in
                wants?.storeBytes(of: true, as: Bool.self)
                return -1
            }, &wantsPhrase)
        if let key { return key }
        if wantsPhrase {
            throw CertificateError(
                description: "\(path): this private key is behind a pass phrase, and a server starts without anyone to ask; "
                    + "`openssl pkey -in \(path) -out FILE` writes it without one")
        }
        throw CertificateError(
            description: "\(path): holds no private key in PEM form; `openssl pkey -in \(path) -out FILE` writes one")
    }
}
