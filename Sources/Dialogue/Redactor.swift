// Turns a transcript into lines that may be shown. It follows the dialogue (RFC 1939, RFC 5034, MS-POP3), so it knows which
// of the client's lines are commands and which are answers to a mechanism. Invariant: it shows what it knows to be harmless;
// a client's line that it cannot place becomes a count of octets, and messages are counted, never shown.

private import PoplarCore

public struct Redactor {
    /// Rows of a listing that are shown.
    private static let capabilityRows = 40
    private static let listingRows = 3

    private enum Listing: Equatable { case none, capabilities, rows, message }

    private var secrets: Secrets
    private var lines: [DialogueLine] = []
    /// What the replies to commands on their way will bring, in order.
    private var pending: [Listing] = []
    private var exchange: MechanismText?
    private var reading = Listing.none
    private var rows = 0
    private var hiddenOctets = 0
    private var client: [UInt8] = []
    private var server: [UInt8] = []
    /// Part of a read was not kept: until the next command, what comes cannot be placed.
    private var isLost = false
    private var nowUs = 0.0

    private init(_ secrets: Secrets) { self.secrets = secrets }

    /// The whole transcript as lines.
    public static func lines(_ transcript: Transcript, secrets: Secrets) -> [DialogueLine] {
        read(transcript, secrets: secrets).lines
    }

    /// The same, and with it what else must not be shown now: what the client sent, for texts of the same session.
    public static func read(_ transcript: Transcript, secrets: Secrets) -> (lines: [DialogueLine], secrets: Secrets) {
        var redactor = Redactor(secrets)
        for entry in transcript.entries { redactor.take(entry) }
        redactor.finishServer()
        if transcript.dropped > 0 { redactor.say(.event, "\(transcript.dropped) more reads and writes were not kept") }
        return (redactor.lines, redactor.secrets)
    }

    /// One text of the other side, masked and printable. `isCut`: it went on, perhaps in the middle of a secret.
    /// `hidesRuns`: what the client sent is not known, and the text may repeat it, so that long words of base64 or hexadecimal
    /// are masked as well.
    public static func text(_ octets: [UInt8], secrets: Secrets, isCut: Bool = false, hidesRuns: Bool = false) -> String {
        let masked = secrets.masking(octets, isCut: isCut)
        return Printable.text(hidesRuns ? EncodedRun.masking(masked, isCut: isCut) : masked)
    }

    private mutating func say(_ side: DialogueLine.Side, _ text: String) {
        lines.append(DialogueLine(atUs: nowUs, side: side, text: text))
    }

    private func shown(_ octets: some Collection<UInt8>) -> String { Printable.text(secrets.masking(Array(octets))) }

    /// The same as a value, which does not hold on to the redactor.
    private var showing: MechanismText.Shown {
        let secrets = secrets
        return { Printable.text(secrets.masking($0)) }
    }

    private mutating func take(_ entry: Transcript.Entry) {
        nowUs = Double(entry.atNs) / 1e3
        switch entry.kind {
        case .connected: say(.event, "connected")
        case .encrypted:
            finishServer()
            (client, server, isLost) = ([], [], false)
            say(.event, "TLS handshake done" + (entry.octets.isEmpty ? "" : ", " + shown(entry.octets)))
        case .sent: takeSent(entry)
        case .received: takeReceived(entry)
        case .closed:
            finishServer()
            say(.event, entry.octets.isEmpty ? "the server closed the connection" : shown(entry.octets))
        case .remark: say(.event, shown(entry.octets))
        }
    }

    // MARK: The client's side

    private mutating func takeSent(_ entry: Transcript.Entry) {
        isLost = false
        client += entry.octets
        while let end = client.firstIndex(of: Bytes.lineFeed) {
            var line = Array(client[..<end])
            client = Array(client[(end + 1)...])
            if line.last == Bytes.carriageReturn { line.removeLast() }
            say(.client, clientLine(line))
        }
        if entry.count > entry.octets.count {
            secrets.add(SecretWords(argument: client))
            say(.client, "<\(entry.count - entry.octets.count + client.count) octets that were not kept>")
            client = []
        }
    }

    private mutating func clientLine(_ line: [UInt8]) -> String {
        if exchange != nil {
            if line == [42] { return "*" }
            return answer(line)
        }
        let words = line.split(separator: Bytes.space, omittingEmptySubsequences: false)
        let verb = String(decoding: words[0].map(Bytes.uppercased), as: UTF8.self)
        switch verb {
        case "PASS":
            pending.append(.none)
            secrets.add(SecretWords(passwords: [Array(line.dropFirst(5))]))
            return "PASS ***"
        case "APOP":
            pending.append(.none)
            secrets.add(SecretWords(parts: MechanismText.digest(words.dropFirst(2).last ?? [])))
            return "APOP \(words.count > 1 ? shown(words[1]) : "") ***"
        case "AUTH": return auth(words)
        case "CAPA": return command(line, .capabilities)
        case "LIST", "UIDL": return command(line, words.count > 1 ? .none : .rows)
        case "RETR", "TOP": return command(line, .message)
        case "USER", "STAT", "DELE", "NOOP", "RSET", "QUIT", "STLS", "UTF8", "LANG": return command(line, .none)
        default:
            pending.append(.none)
            secrets.add(SecretWords(argument: line))
            return hidden(line)
        }
    }

    /// A line of the client to a mechanism.
    private mutating func answer(_ line: [UInt8]) -> String {
        if let words = exchange?.secret(line) { secrets.add(words) }
        let showing = showing
        return exchange?.response(line, showing) ?? hidden(line)
    }

    private mutating func command(_ line: [UInt8], _ listing: Listing) -> String {
        pending.append(listing)
        return shown(line)
    }

    private mutating func auth(_ words: [ArraySlice<UInt8>]) -> String {
        guard words.count > 1, !words[1].isEmpty else {
            pending.append(.capabilities)
            return "AUTH"
        }
        pending.append(.none)
        exchange = MechanismText(name: words[1])
        return "AUTH " + shown(words[1]) + (words.count > 2 ? " " + answer(Array(words[2])) : "")
    }

    private func hidden(_ line: [UInt8]) -> String { "<\(line.count) octets, not shown>" }

    // MARK: The server's side

    private mutating func takeReceived(_ entry: Transcript.Entry) {
        if isLost {
            hiddenOctets += entry.count
            return
        }
        server += entry.octets
        while let end = server.firstIndex(of: Bytes.lineFeed) {
            var line = Array(server[..<end])
            server = Array(server[(end + 1)...])
            if line.last == Bytes.carriageReturn { line.removeLast() }
            serverLine(line)
        }
        if entry.count > entry.octets.count {
            hiddenOctets += server.count + entry.count - entry.octets.count
            server = []
            isLost = true
        }
    }

    private mutating func serverLine(_ line: [UInt8]) {
        switch reading {
        case .message:
            if line == [46] { return endListing() }
            rows += 1
            hiddenOctets += line.count + 2
        case .capabilities, .rows:
            if line == [46] { return endListing() }
            rows += 1
            if rows <= (reading == .rows ? Self.listingRows : Self.capabilityRows) { say(.server, shown(line)) }
        case .none: say(.server, reply(line))
        }
    }

    private mutating func endListing() {
        switch reading {
        case .message: say(.server, "<a message of \(rows) lines, \(hiddenOctets) octets>")
        case .rows where rows > Self.listingRows: say(.server, "<\(rows - Self.listingRows) more rows>")
        case .capabilities where rows > Self.capabilityRows: say(.server, "<\(rows - Self.capabilityRows) more rows>")
        case .none, .rows, .capabilities: break
        }
        say(.server, ".")
        (reading, rows, hiddenOctets) = (.none, 0, 0)
    }

    private mutating func reply(_ line: [UInt8]) -> String {
        let isOK = line.starts(with: Array("+OK".utf8))
        if !isOK, line.first == 43 {
            guard exchange != nil, line.count > 2 else { return shown(line) }
            let data = Array(line.dropFirst(2))
            if let words = exchange?.signature(data) { secrets.add(words) }
            let showing = showing
            return "+ " + (exchange?.challenge(data, showing) ?? shown(data))
        }
        // Windows' own service says `+OK` where `+ ` is meant, once, at the beginning of an NTLM exchange.
        if isOK, exchange?.takesOKForGo == true {
            exchange?.begin()
            return shown(line)
        }
        exchange = nil
        let next = pending.isEmpty ? .none : pending.removeFirst()
        if isOK, next != .none { (reading, rows, hiddenOctets) = (next, 0, 0) }
        return shown(line)
    }

    /// What is left of the server's octets: a line without its end, or what could not be placed.
    private mutating func finishServer() {
        if reading == .message { hiddenOctets += server.count } else if !server.isEmpty { say(.server, shown(server)) }
        server = []
        if hiddenOctets > 0 { say(.server, "<\(hiddenOctets) octets that are not shown>") }
        hiddenOctets = 0
    }
}
