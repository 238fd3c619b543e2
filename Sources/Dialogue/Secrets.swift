// The second net under the redactor: a server that repeats a password (in an error's text, in a challenge) must not bring it
// into a transcript. Each secret is looked for as it is, in UTF-16 of both byte orders, in hexadecimal and in base64 at each of
// its three alignments, and so is its NT hash. What was found is replaced by `***`. What the client made of a password for one
// challenge comes on top while a dialogue is read (SentSecrets).

private import Digest
private import NTLM
private import PoplarCore

public struct Secrets: Sendable {
    private struct Needle: Sendable {
        let octets: [UInt8]
        /// Only where it stands between separators: too short to be looked for inside of words.
        let isWord: Bool
    }

    private var needles: [Needle] = []
    private var sent = SentSecrets()
    private static let shortest = 4
    static let mask = Array("***".utf8)

    /// `passwords` in UTF-8; empty ones are left out.
    public init(_ passwords: [[UInt8]] = []) {
        for password in passwords { add(password) }
        sort()
    }

    private mutating func add(_ password: [UInt8]) {
        guard !password.isEmpty else { return }
        var forms: [[UInt8]] = [
            password, Self.utf16(password, isLittleEndian: true), Self.utf16(password, isLittleEndian: false),
        ]
        if let hash = NTHash(passwordUTF8: password.span) { forms.append(hash.digest.withSpan { span in Self.copy(span) }) }
        for form in forms { for spelling in Self.spellings(form) { insert(spelling) } }
    }

    /// What the client has sent: for what the server says from now on.
    mutating func add(_ words: SecretWords) {
        for password in words.passwords {
            add(password)
            // A piece of a short one may be a word of any refusal.
            if password.count >= 2 * SentSecrets.window { sent.add(password) }
        }
        for form in [words.argument] + words.parts.flatMap({ Self.spellings($0) }) where !form.isEmpty {
            if form.count < SentSecrets.window { insert(form) } else { sent.add(form) }
        }
        sort()
    }

    /// The longest first: the password's own base64 before a piece of it.
    private mutating func sort() { needles.sort { $0.octets.count > $1.octets.count } }

    private static func spellings(_ form: [UInt8]) -> [[UInt8]] {
        [form, hex(form, digits: "0123456789abcdef"), hex(form, digits: "0123456789ABCDEF")]
            + (0..<3).map { base64(form, lead: $0) }
    }

    private mutating func insert(_ octets: [UInt8]) {
        guard !octets.isEmpty, !needles.contains(where: { $0.octets == octets }) else { return }
        needles.append(Needle(octets: octets, isWord: octets.count < Self.shortest))
    }

    /// `octets` with every secret masked, and, where they are cut off, the beginning of one at their end.
    func masking(_ octets: [UInt8], isCut: Bool = false) -> [UInt8] {
        var text = sent.masking(octets)
        for needle in needles where needle.octets.count <= text.count { text = Self.replace(needle, in: text) }
        guard isCut else { return text }
        let begun = max(sent.begun(at: text), needles.map { Self.begun($0.octets, at: text) }.max() ?? 0)
        if begun > 0 { text.replaceSubrange((text.count - begun)..., with: Self.mask) }
        return text
    }

    /// Octets at the end of `text` that a secret begins with. Its first one alone tells nothing.
    static func begun(_ secret: [UInt8], at text: [UInt8]) -> Int {
        let longest = min(secret.count - 1, text.count)
        guard longest >= 2 else { return 0 }
        return (2...longest).reversed().first { secret.prefix($0).elementsEqual(text.suffix($0)) } ?? 0
    }

    private static func replace(_ needle: Needle, in text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var at = 0
        while at < text.count {
            let end = at + needle.octets.count
            if end <= text.count, text[at] == needle.octets[0], text[at..<end].elementsEqual(needle.octets),
                !needle.isWord || (isEdge(text, at - 1) && isEdge(text, end))
            {
                result += mask
                at = end
            } else {
                result.append(text[at])
                at += 1
            }
        }
        return result
    }

    private static func isEdge(_ text: [UInt8], _ index: Int) -> Bool {
        guard text.indices.contains(index) else { return true }
        switch text[index] {
        case 48...57, 65...90, 97...122, 128...: return false
        default: return true
        }
    }

    // MARK: Forms

    private static func utf16(_ password: [UInt8], isLittleEndian: Bool) -> [UInt8] {
        String(decoding: password, as: UTF8.self).utf16.flatMap { unit -> [UInt8] in
            let (low, high) = (UInt8(truncatingIfNeeded: unit), UInt8(truncatingIfNeeded: unit >> 8))
            return isLittleEndian ? [low, high] : [high, low]
        }
    }

    private static func hex(_ octets: [UInt8], digits: StaticString) -> [UInt8] {
        octets.flatMap { [digits.utf8Start[Int($0 >> 4)], digits.utf8Start[Int($0 & 15)]] }
    }

    /// The letters that depend on `octets` alone, when `lead` octets stand in front of them.
    private static func base64(_ octets: [UInt8], lead: Int) -> [UInt8] {
        let whole = [UInt8](repeating: 0, count: lead) + octets
        let letters = [UInt8](unsafeUninitializedCapacity: Base64.encodedCount(whole.count)) { memory, count in
            var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
            whole.withUnsafeBytes { Base64.encode($0, into: &writer) }
            count = writer.count
        }
        let start = (lead * 8 + 5) / 6
        let end = whole.count * 8 / 6
        return start < end ? Array(letters[start..<end]) : []
    }

    private static func copy(_ span: Span<UInt8>) -> [UInt8] { span.withUnsafeBufferPointer { Array($0) } }
}
