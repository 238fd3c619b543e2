// Chains as they come from people and programs: what is taken, and what each refusal says.

import Certificates
import Foundation
import Testing

@Suite("Certificate chains")
struct CertificateChainTests {
    private let authority: Authority
    private var folder: Folder { authority.folder }

    init() throws { authority = try Authority() }

    /// `taken`, or the refusal without the name of the file.
    private func result(_ chain: [UInt8], key: String = "leaf") -> String {
        let file = folder.write("chain.crt", chain)
        do throws(CertificateError) {
            _ = try CertificateFiles.load(certificate: file, key: "\(folder.path)/\(key).key")
            return "taken"
        } catch { return error.description.replacingOccurrences(of: "\(file): ", with: "") }
    }

    private func result(_ chain: String, key: String = "leaf") -> String { result(Array(chain.utf8), key: key) }

    @Test("the own certificate alone, with who signed it, and with the root, are taken")
    func whole() {
        #expect(result(authority.chain("leaf")) == "taken")
        #expect(result(authority.chain("leaf", "int")) == "taken")
        #expect(result(authority.chain("leaf", "int", "root")) == "taken")
    }

    @Test("text around the certificates, CR LF, CR alone, a byte order mark and blanks at line ends are taken")
    func looks() throws {
        let chain = authority.chain("leaf", "int")
        #expect(result(chain.replacingOccurrences(of: "\n", with: "\r\n")) == "taken")
        #expect(result(chain.replacingOccurrences(of: "\n", with: "\r")) == "taken")
        #expect(result([0xEF, 0xBB, 0xBF] + chain.utf8) == "taken")
        #expect(result(chain.replacingOccurrences(of: "\n", with: " \t\n")) == "taken")
        #expect(
            result("# M\u{FC}ller's\n\n" + authority.chain("leaf") + "\n---\n s:CN = int\n" + authority.chain("int")) == "taken")
        try folder.shell("openssl x509 -in leaf.crt -text > text.crt; openssl x509 -in int.crt -text >> text.crt")
        #expect(result(folder.read("text.crt")) == "taken")
    }

    @Test("what is taken is given on without what stood around it")
    func clean() throws {
        let file = folder.write("chain.crt", [0xEF, 0xBB, 0xBF] + Array("text\r\n".utf8) + authority.chain("leaf", "int").utf8)
        let loaded = try CertificateFiles.load(certificate: file, key: "\(folder.path)/leaf.key")
        #expect(loaded.certificatePEM == Array(authority.chain("leaf", "int").utf8))
    }

    @Test("a file that ends early is refused wherever it is cut, and the place is named")
    func cut() {
        let (leaf, whole) = (authority.chain("leaf"), Array(authority.chain("leaf", "int").utf8))
        let line = leaf.split(separator: "\n").count + 1
        for end in stride(from: leaf.utf8.count + 6, to: whole.count - 1, by: 7) {
            let text = result(Array(whole[..<end]))
            #expect(text.contains("line \(line)") || text.hasPrefix("line "), "cut at \(end): \(text)")
        }
        let inside = result(Array(whole[..<(leaf.utf8.count + 300)]))
        #expect(inside == "the CERTIFICATE of line \(line) is cut: its END line is missing; write the file anew")
    }

    @Test("rubbish behind or between the certificates is refused")
    func rubbish() {
        let leaf = authority.chain("leaf")
        let lines = authority.chain("int").split(separator: "\n")
        let noBegin = lines.dropFirst().joined(separator: "\n")
        #expect(result(Array(leaf.utf8) + [0, 1, 2]).contains("holds octets that are no text"))
        #expect(result(leaf + noBegin).contains("BEGIN line is missing"))
        #expect(result(leaf + lines.suffix(2).joined(separator: "\n")).contains("END without a BEGIN line"))
        #expect(result(leaf + " " + authority.chain("int")).contains("no whole BEGIN or END line"))
        #expect(result(leaf + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").contains("certificate 2"))
        #expect(result(leaf + "-----BEGIN CERTIFICATE-----\n" + leaf).contains("begins inside the one of line"))
        let broken = lines[0] + "\n" + lines[1].dropLast(4) + "*!*!\n" + lines.dropFirst(2).joined(separator: "\n") + "\n"
        #expect(result(leaf + broken).contains("certificate 2"))
    }

    @Test("other forms are refused with what converts them")
    func forms() throws {
        try folder.shell("openssl x509 -in leaf.crt -trustout -addtrust serverAuth -out trusted.crt")
        #expect(result(folder.read("trusted.crt")).contains("writes a plain one"))
        let utf16 = authority.chain("leaf").utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
        #expect(result([0xFF, 0xFE] + utf16).hasPrefix("is UTF-16 text"))
        try folder.shell(
            """
            openssl x509 -in leaf.crt -outform der -out leaf.der
            openssl pkcs12 -export -in leaf.crt -inkey leaf.key -passout pass: -out leaf.p12
            """)
        func refusal(certificate: String, key: String) -> String {
            let (certificate, key) = ("\(folder.path)/\(certificate)", "\(folder.path)/\(key)")
            do throws(CertificateError) {
                _ = try CertificateFiles.load(certificate: certificate, key: key)
                return "taken"
            } catch { return error.description }
        }
        #expect(refusal(certificate: "leaf.der", key: "leaf.key").contains("`openssl x509 -inform der -in "))
        let remedy = "it is a PKCS#12 file, of which `openssl pkcs12 -in \(folder.path)/leaf.p12 -nodes -out FILE` writes"
        #expect(refusal(certificate: "leaf.p12", key: "leaf.key").contains("holds no certificate in PEM form; \(remedy)"))
        #expect(refusal(certificate: "leaf.crt", key: "leaf.p12").contains("holds no private key in PEM form; \(remedy)"))
    }

    @Test("a wrong order, a certificate of others and the same one twice are refused by number")
    func order() throws {
        #expect(result(authority.chain("int", "leaf")).hasPrefix("the server's own certificate must stand first"))
        #expect(result(authority.chain("leaf", "root")).contains("certificate 2 (line "))
        #expect(result(authority.chain("leaf", "root", "int")).contains("did not sign the one in front of it"))
        #expect(result(authority.chain("leaf", "int", "int")).contains("is certificate 2 once more; leave it out"))
        #expect(result(authority.chain("leaf", "leaf", "int")).contains("is certificate 1 once more; leave it out"))
        // The same name with another key.
        try folder.shell("cp int.crt old.crt")
        try authority.issue("int", by: "root", extensions: "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign")
        #expect(result(authority.chain("leaf", "int")).contains("did not sign the one in front of it"))
        #expect(result(authority.chain("leaf", "old")) == "taken")
    }

    @Test("an authority that has expired, or is none, is refused by number")
    func issuers() throws {
        try folder.shell("cp int.key keep.key")
        try folder.shell(
            "openssl x509 -req -in int.csr -CA root.crt -CAkey root.key -CAcreateserial -days -1 -extfile int.ext -out expired.crt"
        )
        #expect(result(authority.chain("leaf", "expired")).contains("certificate 2 (line "))
        #expect(result(authority.chain("leaf", "expired")).contains(" expired on "))
        try authority.issue("noca", by: "root", extensions: "basicConstraints=CA:FALSE")
        try authority.issue("under", by: "noca")
        let text = result(authority.chain("under", "noca"), key: "under")
        #expect(text.contains("certificate 2") && (text.contains("no authority's") || text.contains("did not sign")))
    }

    @Test(
        "kinds of keys that clients or our own groups do not take are refused, with what to use",
        arguments: [
            ("rsa:1024", "has an RSA key of 1024 bits"), ("ec -pkeyopt ec_paramgen_curve:secp256k1", "on the curve secp256k1"),
            ("ec -pkeyopt ec_paramgen_curve:brainpoolP256r1", "on the curve brainpoolP256r1"),
            ("ec -pkeyopt ec_paramgen_curve:secp521r1", "on the curve secp521r1"),
        ])
    func weak(kind: String, words: String) throws {
        try authority.issue("odd", by: "int", kind: kind)
        let text = result(authority.chain("odd", "int"), key: "odd")
        #expect(text.contains(words) && text.contains("have it made for an ECDSA key on P-256"), "\(text)")
    }

    @Test("a certificate signed with SHA-1 is refused by its digest; a root that signed itself may be")
    func digest() throws {
        try folder.shell(
            """
            openssl x509 -req -sha1 -in leaf.csr -CA int.crt -CAkey int.key -CAcreateserial -days 9 \
            -extfile leaf.ext -out weak.crt
            openssl x509 -req -sha1 -in int.csr -CA root.crt -CAkey root.key -CAcreateserial -days 9 \
            -extfile int.ext -out old.crt
            openssl req -x509 -sha1 -key root.key -out self.crt -days 9 -subj /CN=root
            """)
        let words = "is signed with SHA-1, "
        let remedy = "which clients take no longer; have it signed anew, with SHA-256"
        #expect(result(authority.chain("weak")) == "this certificate \(words)\(remedy)")
        #expect(result(authority.chain("weak", "int")).hasPrefix("certificate 1 (line 1) \(words)"))
        #expect(result(authority.chain("leaf", "old")).hasPrefix("certificate 2 (line "))
        #expect(result(authority.chain("leaf", "old")).contains(words))
        #expect(result(authority.chain("leaf", "int", "self")) == "taken")
    }

    @Test(
        "kinds of keys that are taken",
        arguments: ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:prime256v1", "ec -pkeyopt ec_paramgen_curve:secp384r1", "ed25519"])
    func good(kind: String) throws {
        try authority.issue("odd", by: "int", kind: kind)
        #expect(result(authority.chain("odd", "int"), key: "odd") == "taken")
    }

    @Test(
        "a certificate that may not sign, or is for no server, is refused",
        arguments: [
            ("keyUsage=keyEncipherment", "lacks digitalSignature"), ("extendedKeyUsage=clientAuth", "lacks serverAuth"),
            ("keyUsage=digitalSignature", "taken"), ("extendedKeyUsage=anyExtendedKeyUsage", "taken"),
            ("keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth", "taken"),
        ])
    func usage(extensions: String, words: String) throws {
        try authority.issue("odd", by: "int", extensions: extensions)
        #expect(result(authority.chain("odd", "int"), key: "odd").contains(words))
    }

    @Test("a private key behind a byte order mark or CR LF is read; one that is cut is refused by its line and not quoted")
    func keys() {
        let key = folder.read("leaf.key")
        _ = folder.write("bom.key", [0xEF, 0xBB, 0xBF] + Array(key.replacingOccurrences(of: "\n", with: "\r\n").utf8))
        #expect(result(authority.chain("leaf"), key: "bom") == "taken")
        _ = folder.write("cut.key", Array(key.utf8.dropLast(40)))
        let text = result(authority.chain("leaf"), key: "cut")
        #expect(text.contains("is cut: its END line is missing"))
        for line in key.split(separator: "\n").dropFirst().dropLast() { #expect(!text.contains(line)) }
    }

    @Test("authorities: all are read, and one that is cut is an error with its place")
    func authorities() throws {
        let both = Array(authority.chain("root", "int").utf8)
        #expect(try CertificateFiles.authorities(both, path: "ca.pem") == both)
        for octets in [Array(both.dropLast(100)), both + [0]] {
            #expect { try CertificateFiles.authorities(octets, path: "ca.pem") } throws: { "\($0)".hasPrefix("ca.pem: ") }
        }
        #expect(throws: CertificateError.self) { try CertificateFiles.authorities([], path: "ca.pem") }
    }
}
