// The blocks of a PEM file (RFC 7468), line by line. OpenSSL's reader passes over what it does not know, so that a
// damaged BEGIN line hides a certificate; here such a file is an error with its line. Text between the blocks is
// allowed, as `openssl x509 -text` writes it, and so are CR LF and a byte order mark.
// Invariant: no error quotes the file, which may be a private key.

struct PEMText {
    struct Block {
        let label: String
        /// Of its BEGIN line, from 1.
        let line: Int
        /// From BEGIN to END, each line ended by LF.
        var octets: [UInt8]

        var isCertificate: Bool { label == "CERTIFICATE" || label == "X509 CERTIFICATE" }
        var isPrivateKey: Bool { label.hasSuffix("PRIVATE KEY") }
    }

    private(set) var blocks: [Block] = []
    /// Whether it is the DER form of a PKCS#12 file (RFC 7292): a SEQUENCE that begins with version 3.
    private(set) var isPKCS12 = false

    private static let begin = Array("-----BEGIN ".utf8)
    private static let end = Array("-----END ".utf8)
    private static let dashes = Array("-----".utf8)
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    /// Letters of base64 without a gap that are no word of a comment: a line of a block has 64.
    private static let encodedLine = 60

    /// Throws the first thing that is wrong: `line N: ...`.
    init(_ bytes: [UInt8], path: String) throws(CertificateError) {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw CertificateError(description: "\(path): is UTF-16 text; `iconv -f utf-16 -t ascii` writes it as PEM is read")
        }
        let text = bytes.starts(with: Self.byteOrderMark) ? bytes.dropFirst(Self.byteOrderMark.count) : bytes[...]
        // Without a block it is some other kind of file, of which its lines tell nothing.
        guard text.firstRange(of: Self.begin) != nil else {
            isPKCS12 = Self.beginsAsPKCS12(bytes)
            return
        }
        var open: Block?
        var number = 0
        for line in Self.lines(text) {
            number += 1
            func fault(_ words: String) -> CertificateError { CertificateError(description: "\(path): line \(number): \(words)") }
            if let label = Self.label(line, Self.begin) {
                if let open {
                    throw fault(
                        "a block begins inside the one of line \(open.line), whose END line is missing; write the file anew")
                }
                open = Block(label: label, line: number, octets: line + [10])
            } else if let label = Self.label(line, Self.end) {
                guard var block = open else { throw fault("END without a BEGIN line in front; write the file anew") }
                guard label == block.label else {
                    throw fault("END of another kind than BEGIN in line \(block.line); write the file anew")
                }
                block.octets += line + [10]
                blocks.append(block)
                open = nil
            } else if let problem = Self.problem(line, isInside: open != nil) {
                throw fault(problem)
            } else {
                open?.octets += line + [10]
            }
        }
        guard let open else { return }
        throw CertificateError(
            description: "\(path): the \(open.label) of line \(open.line) is cut: its END line is missing; write the file anew")
    }

    private static func beginsAsPKCS12(_ bytes: [UInt8]) -> Bool {
        let sequence: UInt8 = 0x30
        let longLength: UInt8 = 0x80
        let versionThree: [UInt8] = [2, 1, 3]
        guard bytes.count > 2, bytes[0] == sequence else { return false }
        // A length in more octets than one says first how many: none where the end is marked.
        let header = bytes[1] < longLength ? 2 : 2 + Int(bytes[1] - longLength)
        return bytes.dropFirst(header).starts(with: versionThree)
    }

    /// What is said of a file without what was looked for.
    func missing(_ noun: String, path: String, otherwise: String) -> CertificateError {
        let remedy =
            isPKCS12
            ? "it is a PKCS#12 file, of which `openssl pkcs12 -in \(path) -nodes -out FILE` writes certificates and key"
            : otherwise
        return CertificateError(description: "\(path): holds no \(noun) in PEM form; \(remedy)")
    }

    /// Without their ends and the blanks in front of those.
    private static func lines(_ text: ArraySlice<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = [[]]
        var last: UInt8 = 0
        for byte in text {
            if byte == 10 && last == 13 {
                // The second half of a CR LF.
            } else if byte == 10 || byte == 13 {
                lines.append([])
            } else {
                lines[lines.count - 1].append(byte)
            }
            last = byte
        }
        return lines.map { line in
            let end = line.lastIndex { $0 != 32 && $0 != 9 } ?? -1
            return Array(line[...end])
        }
    }

    /// The label of a whole line `-----BEGIN LABEL-----`.
    private static func label(_ line: [UInt8], _ prefix: [UInt8]) -> String? {
        guard line.starts(with: prefix), line.count > prefix.count + dashes.count, line.suffix(dashes.count).elementsEqual(dashes)
        else { return nil }
        let label = line[prefix.count..<(line.count - dashes.count)]
        return label.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "-") }
            ? String(decoding: label, as: UTF8.self) : nil
    }

    private static func problem(_ line: [UInt8], isInside: Bool) -> String? {
        if line.contains(where: { $0 < 32 && $0 != 9 || $0 == 127 }) {
            return "holds octets that are no text; write the file anew"
        }
        let first = line.firstIndex { $0 != 32 && $0 != 9 } ?? line.count
        let rest = line[first...]
        if rest.starts(with: dashes), rest.contains(where: { $0 != UInt8(ascii: "-") }) {
            return "is no whole BEGIN or END line at the start of a line; write the file anew"
        }
        if !isInside, line.count >= encodedLine, line.allSatisfy(isEncoded) {
            return "looks like a part of a block whose BEGIN line is missing; write the file anew"
        }
        return nil
    }

    private static func isEncoded(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
