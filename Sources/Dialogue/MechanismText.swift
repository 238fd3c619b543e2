// What the lines of an AUTH exchange say that may be shown (RFC 5034; RFC 4616, RFC 2195, RFC 5802, MS-NLMP): the names and the
// parameters, never a password, a digest, a proof or a response. An unknown mechanism's lines are counts of octets.

private import NTLM
private import PoplarCore

struct MechanismText {
    private enum Mechanism { case plain, login, ntlm, cramMD5, scram, other }
    typealias Shown = ([UInt8]) -> String

    private let mechanism: Mechanism
    /// Responses of the client so far.
    private var responses = 0
    private var hasBegun = false

    init(name: some Collection<UInt8>) {
        switch String(decoding: name.map(Bytes.uppercased), as: UTF8.self) {
        case "PLAIN": mechanism = .plain
        case "LOGIN": mechanism = .login
        case "NTLM", "MSN": mechanism = .ntlm
        case "CRAM-MD5": mechanism = .cramMD5
        case "SCRAM-SHA-256", "SCRAM-SHA-1": mechanism = .scram
        default: mechanism = .other
        }
    }

    /// Whether a `+OK` now means "go on" and not "logged on" (MS-POP3 2.2.1).
    var takesOKForGo: Bool { mechanism == .ntlm && responses == 0 && !hasBegun }
    mutating func begin() { hasBegun = true }

    static func decode(_ line: [UInt8]) -> [UInt8]? {
        if line == [61] { return [] }
        var isValid = false
        let octets = [UInt8](unsafeUninitializedCapacity: line.count) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            isValid = Base64.decode(line.span, into: &writer)
            count = writer.count
        }
        return isValid ? octets : nil
    }

    // MARK: The client's lines

    mutating func response(_ line: [UInt8], _ shown: Shown) -> String {
        responses += 1
        guard let octets = Self.decode(line) else { return "<\(line.count) octets that are not base64>" }
        switch mechanism {
        case .plain: return plain(octets, shown)
        case .login: return responses == 1 ? "<LOGIN: name \(shown(octets))>" : "<LOGIN: password ***>"
        case .ntlm: return NTLMText.text(octets, shown) ?? "<NTLM: \(octets.count) octets that are no NTLM message>"
        case .cramMD5: return cram(octets, shown)
        case .scram: return scramResponse(octets, shown)
        case .other: return "<\(octets.count) octets, not shown>"
        }
    }

    private func plain(_ octets: [UInt8], _ shown: Shown) -> String {
        let parts = octets.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return "<PLAIN: \(octets.count) octets without three parts>" }
        let authorization = parts[0].isEmpty ? "" : "act for \(shown(Array(parts[0]))), "
        return "<PLAIN: \(authorization)user \(shown(Array(parts[1]))), password ***>"
    }

    private func cram(_ octets: [UInt8], _ shown: Shown) -> String {
        guard let space = octets.lastIndex(of: Bytes.space) else { return "<CRAM-MD5: \(octets.count) octets without a digest>" }
        return "<CRAM-MD5: user \(shown(Array(octets[..<space]))), digest ***>"
    }

    private func scramResponse(_ octets: [UInt8], _ shown: Shown) -> String {
        let parts = octets.split(separator: 44, omittingEmptySubsequences: false)
        if let proof = parts.first(where: { $0.starts(with: [112, 61]) }) {
            return "<SCRAM: client-final, proof *** of \(proof.count - 2) letters>"
        }
        guard let user = parts.first(where: { $0.starts(with: [110, 61]) }) else { return "<SCRAM: \(octets.count) octets>" }
        return "<SCRAM: client-first, user \(shown(Array(user.dropFirst(2))))>"
    }

    // MARK: What must not be shown

    /// What the client's next line, not yet told by `response`, holds that a server must not bring back; nil where that is
    /// nothing.
    func secret(_ line: [UInt8]) -> SecretWords? {
        guard let octets = Self.decode(line) else { return SecretWords(argument: line, parts: [line]) }
        guard !octets.isEmpty else { return nil }
        switch mechanism {
        case .plain:
            let password = octets.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false).last ?? octets[...]
            return SecretWords(argument: line, passwords: [Array(password)])
        case .login: return responses == 0 ? nil : SecretWords(argument: line, passwords: [octets])
        case .ntlm:
            guard let parts = NTLMText.secretParts(octets) else { return SecretWords(argument: line, parts: [octets]) }
            return parts.isEmpty ? nil : SecretWords(argument: line, parts: parts)
        case .cramMD5:
            let digest = octets.split(separator: Bytes.space).last ?? octets[...]
            return SecretWords(argument: line, parts: Self.digest(digest))
        case .scram: return scramSecret(line, octets, [112, 61])
        case .other: return SecretWords(argument: line, parts: [octets])
        }
    }

    /// The same of a line of the server: SCRAM's signature.
    func signature(_ line: [UInt8]) -> SecretWords? {
        guard mechanism == .scram, let octets = Self.decode(line) else { return nil }
        return scramSecret(line, octets, [118, 61])
    }

    private func scramSecret(_ line: [UInt8], _ octets: [UInt8], _ name: [UInt8]) -> SecretWords? {
        let values = octets.split(separator: 44).filter { $0.starts(with: name) }.map { Array($0.dropFirst(2)) }
        return values.isEmpty ? nil : SecretWords(argument: line, parts: values + values.compactMap { Self.decode($0) })
    }

    /// A digest in hexadecimal, as it stands and as the octets that it spells.
    static func digest(_ letters: ArraySlice<UInt8>) -> [[UInt8]] {
        let digits = letters.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == letters.count else { return [Array(letters)] }
        let octets = stride(from: 1, to: digits.count, by: 2).map { UInt8(digits[$0 - 1] << 4 | digits[$0]) }
        return [Array(letters), octets]
    }

    // MARK: The server's lines

    mutating func challenge(_ line: [UInt8], _ shown: Shown) -> String {
        hasBegun = true
        guard let octets = Self.decode(line) else { return shown(line) }
        switch mechanism {
        case .ntlm: return NTLMText.text(octets, shown) ?? "<NTLM: \(octets.count) octets that are no NTLM message>"
        case .login: return "<LOGIN: asks \(shown(octets))>"
        case .cramMD5: return "<CRAM-MD5: challenge \(shown(octets))>"
        case .scram: return scramChallenge(octets, shown)
        case .plain, .other: return "<\(octets.count) octets>"
        }
    }

    private func scramChallenge(_ octets: [UInt8], _ shown: Shown) -> String {
        let parts = octets.split(separator: 44, omittingEmptySubsequences: false)
        if let error = parts.first(where: { $0.starts(with: [101, 61]) }) {
            return "<SCRAM: server-final, error \(shown(Array(error.dropFirst(2))))>"
        }
        if parts.contains(where: { $0.starts(with: [118, 61]) }) { return "<SCRAM: server-final, signature ***>" }
        let salt = parts.first { $0.starts(with: [115, 61]) }.flatMap { Self.decode(Array($0.dropFirst(2))) }
        let iterations = parts.first { $0.starts(with: [105, 61]) }.map { shown(Array($0.dropFirst(2))) } ?? "no"
        return "<SCRAM: server-first, salt of \(salt?.count ?? 0) octets, \(iterations) iterations>"
    }
}
