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
        let text = try PEMText(try read(certificate, isSecret: false), path: certificate)
        let keyText = try PEMText(try read(key, isSecret: true), path: key)
        let secret = keyText.blocks.filter(\.isPrivateKey).flatMap(\.octets)
        let chain = try CertificateChain(text, path: certificate)
        let pair = try privateKey(secret, keyText, key)
        defer { EVP_PKEY_free(pair) }
        try chain.checkKey(pair, keyPath: key)
        try chain.check()
        guard let fingerprint = chain.fingerprint else {
            throw CertificateError(description: "\(certificate): OpenSSL cannot hash this certificate")
        }
        return CertifiedKey(certificatePEM: certificates(text), keyPEM: secret, fingerprint: fingerprint)
    }

    /// The certificates of authorities in `pem`, which came from the file `path`: all of them, or an error that says
    /// which one cannot be read.
    public static func authorities(_ pem: [UInt8], path: String) throws(CertificateError) -> [UInt8] {
        let text = try PEMText(pem, path: path)
        _ = try CertificateChain(text, path: path)
        return certificates(text)
    }

    private static func certificates(_ text: PEMText) -> [UInt8] { text.blocks.filter(\.isCertificate).flatMap(\.octets) }

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
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw CertificateError(description: "\(path): cannot be read: \(String(cString: strerror(errno)))")
            }
            guard count > 0 else { break }
            filled += count
        }
        // A file that is being written: half a certificate may look like a whole one.
        guard filled == bytes.count else {
            throw CertificateError(description: "\(path): became shorter while it was read; try again once it is written")
        }
        return bytes
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

    private static func privateKey(_ pem: [UInt8], _ text: PEMText, _ path: String) throws(CertificateError) -> OpaquePointer {
        guard let bio = copenssl_bio_copy(pem, pem.count) else {
            throw CertificateError(description: "\(path): no memory to read this key")
        }
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
        throw text.missing("private key", path: path, otherwise: "`openssl pkey -in \(path) -out FILE` writes one")
    }
}
