// The third net under the redactor: what the client sent that is as good as a password to who hears it, such as the answer to
// a challenge. A server may say it back, in whole or in part, as it came or in another spelling. So eight octets in a row of
// it are looked for, whatever their case, and the whole word around them is masked.

private import PoplarCore

/// What a line of the client holds that must not be shown.
struct SecretWords {
    /// As it went over the wire; empty where it was no more than `parts` and `passwords` and what is harmless.
    var argument: [UInt8] = []
    /// Digests, proofs, responses.
    var parts: [[UInt8]] = []
    var passwords: [[UInt8]] = []
}

struct SentSecrets: Sendable {
    /// Octets in a row that are too many to be shown.
    static let window = 8

    private var windows: Set<UInt64> = []
    /// What the forms begin with, for texts that are cut.
    private var heads: Set<[UInt8]> = []

    /// `form` as it may stand in a text.
    mutating func add(_ form: [UInt8]) {
        let folded = form.map(Bytes.uppercased)
        heads.insert(Array(folded.prefix(Self.window)))
        Self.forEachWindow(folded) { end, window in
            // Padding and zeros, of which every message has some, tell nothing.
            if folded[(end - Self.window)..<end].contains(where: { $0 != folded[end - 1] }) { windows.insert(window) }
        }
    }

    func masking(_ text: [UInt8]) -> [UInt8] {
        guard !windows.isEmpty, text.count >= Self.window else { return text }
        var isSecret = [Bool](repeating: false, count: text.count)
        Self.forEachWindow(text.map(Bytes.uppercased)) { end, window in
            guard windows.contains(window) else { return }
            for index in (end - Self.window)..<end { isSecret[index] = true }
        }
        guard isSecret.contains(true) else { return text }
        // The word around it: its ends are in no window of their own where they were spelled otherwise.
        for index in text.indices.dropFirst() where isSecret[index - 1] && EncodedRun.holds(text[index]) {
            isSecret[index] = true
        }
        for index in text.indices.dropLast().reversed() where isSecret[index + 1] && EncodedRun.holds(text[index]) {
            isSecret[index] = true
        }
        var result: [UInt8] = []
        for index in text.indices {
            if !isSecret[index] {
                result.append(text[index])
            } else if index == 0 || !isSecret[index - 1] {
                result += Secrets.mask
            }
        }
        return result
    }

    /// Octets at the end of `text` that something secret begins with.
    func begun(at text: [UInt8]) -> Int {
        let end = text.suffix(Self.window - 1).map(Bytes.uppercased)
        return heads.map { Secrets.begun($0, at: end) }.max() ?? 0
    }

    /// Each eight octets as a number, with the index behind them.
    private static func forEachWindow(_ octets: [UInt8], _ body: (Int, UInt64) -> Void) {
        var window: UInt64 = 0
        for (index, octet) in octets.enumerated() {
            window = window << 8 | UInt64(octet)
            if index >= Self.window - 1 { body(index + 1, window) }
        }
    }
}

/// Letters of base64 or hexadecimal without a gap: what nobody knows the client's lines for is judged by its looks.
enum EncodedRun {
    private static let longest = 23
    /// From here on a word that looks made by a machine is one.
    private static let doubtful = 16
    /// The same at the end of a text that is cut.
    private static let doubtfulStart = 8

    static func holds(_ octet: UInt8) -> Bool {
        switch octet {
        case 48...57, 65...90, 97...122, 43, 47, 61: true
        default: false
        }
    }

    /// `text` without runs of 24 letters and more, and shorter ones that no language has.
    static func masking(_ text: [UInt8], isCut: Bool) -> [UInt8] {
        var result: [UInt8] = []
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex { holds($0) != holds(text[start]) } ?? text.count
            let run = text[start..<end]
            let isHidden = holds(text[start]) && isSuspect(run, isCut: isCut && end == text.count)
            result += isHidden ? Secrets.mask : Array(run)
            start = end
        }
        return result
    }

    private static func isSuspect(_ run: ArraySlice<UInt8>, isCut: Bool) -> Bool {
        if run.count > longest { return true }
        guard run.count >= (isCut ? doubtfulStart : doubtful) else { return false }
        let hasDigit = run.contains { (48...57).contains($0) }
        let isMixed = zip(run, run.dropFirst()).contains { (97...122).contains($0) && (65...90).contains($1) }
        return hasDigit || isMixed
    }
}
