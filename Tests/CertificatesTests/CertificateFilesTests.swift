// The files of the server's certificate: what is taken, and what each refusal says.

import Certificates
import Foundation
import Testing

@Suite("Certificate files")
struct CertificateFilesTests {
    private let folder: Folder
    private let good: CertifiedKey

    init() throws {
        folder = try Folder()
        good = try SelfSigned.make(commonName: "localhost", alternativeNames: ["DNS:localhost"], days: 1)
    }

    private func refusal(_ certificate: String, _ key: String) -> String {
        do throws(CertificateError) {
            _ = try CertificateFiles.load(certificate: certificate, key: key)
            return "taken"
        } catch { return error.description }
    }

    @Test("a chain and its key are read as they are")
    func pair() throws {
        let loaded = try CertificateFiles.load(
            certificate: folder.write("c", good.certificatePEM, mode: 0o644), key: folder.write("k", good.keyPEM))
        #expect(loaded.certificatePEM == good.certificatePEM)
        #expect(loaded.keyPEM == good.keyPEM)
        #expect(loaded.fingerprint == good.fingerprint)
    }

    @Test("one file may hold both")
    func both() {
        let file = folder.write("both", good.keyPEM + good.certificatePEM)
        #expect(refusal(file, file) == "taken")
    }

    @Test("a key that others may use is refused, and the chmod is named", arguments: [0o640, 0o604, 0o644, 0o620, 0o601])
    func openKey(mode: Int) {
        let key = folder.write("k", good.keyPEM, mode: mode)
        let text = refusal(folder.write("c", good.certificatePEM), key)
        #expect(text.contains("mode \(String(mode, radix: 8))"))
        #expect(text.hasSuffix("chmod 600 \(key)"))
    }

    @Test("a key for its owner alone is taken", arguments: [0o600, 0o400, 0o700])
    func closedKey(mode: Int) {
        #expect(refusal(folder.write("c", good.certificatePEM), folder.write("k", good.keyPEM, mode: mode)) == "taken")
    }

    @Test("a missing file, a folder and a file without PEM are refused by name")
    func noFile() {
        let (certificate, key) = (folder.write("c", good.certificatePEM), folder.write("k", good.keyPEM))
        #expect(refusal("\(folder.path)/none", key).hasPrefix("\(folder.path)/none: cannot be opened: No such file"))
        #expect(refusal(certificate, "\(folder.path)/none").hasPrefix("\(folder.path)/none: cannot be opened"))
        #expect(refusal(folder.path, key) == "\(folder.path): is no regular file")
        let junk = folder.write("junk", [0x30, 0x82, 1, 2])
        #expect(refusal(junk, key).hasPrefix("\(junk): holds no certificate in PEM form"))
        #expect(refusal(certificate, junk).hasPrefix("\(junk): holds no private key in PEM form"))
        let empty = folder.write("empty", [])
        #expect(refusal(empty, key).hasPrefix("\(empty): holds no certificate"))
    }

    @Test("a key of another certificate is refused")
    func mismatch() throws {
        let other = try SelfSigned.make(commonName: "other", alternativeNames: [], days: 1)
        let (certificate, key) = (folder.write("c", good.certificatePEM), folder.write("k", other.keyPEM))
        #expect(
            refusal(certificate, key).hasPrefix("\(key): this private key does not belong to the certificate in \(certificate)"))
    }

    @Test("a certificate that has expired is refused")
    func expired() throws {
        let old = try SelfSigned.make(commonName: "localhost", alternativeNames: [], days: -1)
        let certificate = folder.write("c", old.certificatePEM)
        #expect(refusal(certificate, folder.write("k", old.keyPEM)).hasPrefix("\(certificate): this certificate expired on "))
    }

    @Test("a key behind a pass phrase is refused, and what to do is said")
    func passPhrase() throws {
        let plain = folder.write("plain", good.keyPEM)
        let sealed = folder.write("sealed", [])
        let openssl = Process()
        openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        openssl.arguments = ["pkey", "-in", plain, "-aes128", "-passout", "pass:phrase", "-out", sealed]
        try openssl.run()
        openssl.waitUntilExit()
        let text = refusal(folder.write("c", good.certificatePEM), sealed)
        #expect(text.hasPrefix("\(sealed): this private key is behind a pass phrase"))
    }
}
