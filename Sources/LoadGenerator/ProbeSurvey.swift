// What a server offers before anybody logs on: its greeting, CAPA (RFC 2449), bare AUTH (MS-POP3 2.2.1), and both again
// behind STLS (RFC 2595). Some servers and proxies end the connection at bare AUTH, such as stunnel in its STLS mode:
// then all is asked once more without it. A port that speaks something else is told by its first octets. Nothing secret
// is sent.

public import Dialogue
import Glibc
import POP3
import PoplarCore
public import Reactor
public import TLS
import Telemetry

/// Where a probe goes, and how it goes there.
public struct ProbeEndpoint: Sendable {
    public var address: SocketAddress
    /// TLS from the first octet.
    public var isTLS: Bool
    public var context: TLSContext
    /// Whom to ask for, and to verify where the context verifies.
    public var peer: TLSPeer?
    /// For each step.
    public var timeoutNs: UInt64
    /// Whether the question that only old servers answer is put.
    var asksBareAuth = true

    public init(
        address: SocketAddress, isTLS: Bool, context: TLSContext, peer: TLSPeer?, timeoutNs: UInt64
    ) {
        self.address = address
        self.isTLS = isTLS
        self.context = context
        self.peer = peer
        self.timeoutNs = timeoutNs
    }

    var deadlineNs: UInt64 { MonotonicClock.now() &+ timeoutNs }
}

public enum ProbeSurvey {
    private static let rowLimit = 200

    /// The endpoint's channel, and the one behind STLS where it is offered.
    public static func run(_ endpoint: ProbeEndpoint) -> [ProbeChannel] {
        let channels = survey(endpoint)
        guard channels.contains(where: \.endsAtBareAuth) else { return channels }
        var modest = endpoint
        modest.asksBareAuth = false
        var again = survey(modest)
        for index in again.indices { again[index].endsAtBareAuth = true }
        let remark = DialogueLine(atUs: 0, side: .event, text: "once more over a new connection, without bare AUTH")
        if let first = channels.first, !again.isEmpty { again[0].dialogue = first.dialogue + [remark] + again[0].dialogue }
        return again
    }

    private static func survey(_ endpoint: ProbeEndpoint) -> [ProbeChannel] {
        var first = ProbeChannel(endpoint.isTLS ? .pop3s : .pop3, address: endpoint.address.text)
        let start = MonotonicClock.now()
        var connection: ProbeConnection
        do throws(ProbeConnection.Fault) {
            connection = try ProbeConnection(
                to: endpoint.address, startNs: start, deadlineNs: endpoint.deadlineNs, transcript: Transcript())
        } catch {
            first.problem = "cannot connect: \(ProbeText.words(error))"
            return [first]
        }
        var second: ProbeChannel?
        do throws(ProbeConnection.Fault) {
            if endpoint.isTLS { try encrypt(&connection, endpoint, &first) }
            try greet(&connection, endpoint, &first)
            if first.problem == nil { try list(&connection, endpoint, &first) }
            if !endpoint.isTLS, first.offersSTLS, first.problem == nil {
                var channel = ProbeChannel(.stls, address: endpoint.address.text)
                channel.isOptional = true
                channel.hasTimestamp = first.hasTimestamp
                switchToTLS(&connection, endpoint, &channel)
                second = channel
            }
            if first.problem == nil, second?.problem == nil { try ask(.quit, &connection, endpoint) }
        } catch {
            connection.note(.closed, ProbeText.words(error))
            if first.greeting == nil { first.problem = first.problem ?? problem(error, &connection, endpoint) }
        }
        first.dialogue = Redactor.lines(connection.transcript, secrets: Secrets())
        return [first] + (second.map { [$0] } ?? [])
    }

    private static func switchToTLS(_ connection: inout ProbeConnection, _ endpoint: ProbeEndpoint, _ channel: inout ProbeChannel)
    {
        do throws(ProbeConnection.Fault) {
            try ask(.stls, &connection, endpoint)
            let reply = try line(&connection, endpoint.deadlineNs)
            guard reply.starts(with: Array("+OK".utf8)) else {
                channel.problem = "STLS is listed but refused: \(Redactor.text(reply, secrets: Secrets()))"
                return
            }
            try encrypt(&connection, endpoint, &channel)
            try list(&connection, endpoint, &channel)
        } catch {
            channel.problem = channel.problem ?? "STLS is offered, but \(ProbeText.words(error))"
        }
    }

    private static func encrypt(
        _ connection: inout ProbeConnection, _ endpoint: ProbeEndpoint, _ channel: inout ProbeChannel
    ) throws(ProbeConnection.Fault) {
        do throws(ProbeConnection.Fault) {
            try connection.encrypt(endpoint.context, peer: endpoint.peer, deadlineNs: endpoint.deadlineNs)
            channel.tls = connection.tlsVersion()
            channel.certificate = connection.isVerified() ? "verified" : "not verified"
        } catch {
            channel.problem = tlsProblem(error, &connection, &channel)
            throw error
        }
    }

    private static func tlsProblem(
        _ fault: ProbeConnection.Fault, _ connection: inout ProbeConnection, _ channel: inout ProbeChannel
    ) -> String {
        guard let failure = connection.tlsFailure() else { return "the TLS handshake failed: \(ProbeText.words(fault))" }
        let remedy = Diagnosis.remedy(failure.cause, .probe)
        if let reason = failure.verificationText {
            channel.certificate = reason
            return "the certificate is not accepted: \(failure.description); \(remedy)"
        }
        if channel.channel == "pop3s", failure.cause == .clearText {
            let service = Diagnosis.service(connection.firstOctets) ?? "something else"
            return "this port speaks \(service) in the clear, not TLS; give it without --tls or --pop3s"
        }
        return "the TLS handshake failed: \(failure.description); \(remedy)"
    }

    private static func greet(
        _ connection: inout ProbeConnection, _ endpoint: ProbeEndpoint, _ channel: inout ProbeChannel
    ) throws(ProbeConnection.Fault) {
        let greeting = try line(&connection, endpoint.deadlineNs)
        channel.greeting = Redactor.text(greeting, secrets: Secrets())
        if greeting.starts(with: Array("+OK".utf8)) {
            channel.hasTimestamp = GreetingTimestamp.find(in: greeting.span) != nil
        } else if greeting.starts(with: Array("-ERR".utf8)) {
            channel.problem = "the server turns us away: \(channel.greeting ?? "")"
        } else {
            let service = Diagnosis.service(connection.firstOctets) ?? "something else"
            channel.problem = "this port speaks \(service), not POP3; its first line is \(channel.greeting ?? "")"
        }
    }

    private static func list(
        _ connection: inout ProbeConnection, _ endpoint: ProbeEndpoint, _ channel: inout ProbeChannel
    ) throws(ProbeConnection.Fault) {
        try ask(.capa, &connection, endpoint)
        channel.capabilities = try rows(&connection, endpoint)
        guard endpoint.asksBareAuth else { return }
        do throws(ProbeConnection.Fault) {
            try ask(.bareAuth, &connection, endpoint)
            channel.mechanisms = try rows(&connection, endpoint)
            // One that says `-ERR` and closes shows it at the next line: here is the place to see it.
            if channel.mechanisms == nil, connection.hasEnded() { throw .closed }
        } catch {
            channel.endsAtBareAuth = error.isEnd || error == .timeout
            throw error
        }
    }

    private static func ask(_ verb: ClientVerb, _ connection: inout ProbeConnection, _ endpoint: ProbeEndpoint)
        throws(ProbeConnection.Fault)
    {
        let text = verb.line
        try connection.send(
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), deadlineNs: endpoint.deadlineNs)
        if verb == .quit { _ = try line(&connection, endpoint.deadlineNs) }
    }

    /// A line without its end; the deadline is for the whole of it.
    private static func line(_ connection: inout ProbeConnection, _ deadlineNs: UInt64) throws(ProbeConnection.Fault) -> [UInt8] {
        while true {
            if let end = connection.input.firstIndex(of: Bytes.lineFeed) {
                var line = Array(connection.input[..<end])
                connection.input.removeFirst(end + 1)
                if line.last == Bytes.carriageReturn { line.removeLast() }
                return line
            }
            guard connection.input.count < ClientReplyReader.lineLimit else { throw .system(EMSGSIZE) }
            try connection.receive(deadlineNs: deadlineNs)
        }
    }

    /// A listing's rows; nil where the command was refused.
    private static func rows(_ connection: inout ProbeConnection, _ endpoint: ProbeEndpoint) throws(ProbeConnection.Fault)
        -> [String]?
    {
        let deadline = endpoint.deadlineNs
        guard try line(&connection, deadline).starts(with: Array("+OK".utf8)) else { return nil }
        var rows: [String] = []
        while rows.count < rowLimit {
            let row = try line(&connection, deadline)
            if row == [46] { return rows }
            rows.append(Redactor.text(row, secrets: Secrets()))
        }
        throw .system(EMSGSIZE)
    }

    /// Why there was no greeting: a server that waits for the client may still say what it is.
    private static func problem(_ fault: ProbeConnection.Fault, _ connection: inout ProbeConnection, _ endpoint: ProbeEndpoint)
        -> String
    {
        guard fault == .timeout else { return "no greeting: \(ProbeText.words(fault))" }
        if !endpoint.isTLS, speaksTLS(endpoint) {
            return "this port speaks TLS from the first octet; add --tls, or give it as --pop3s"
        }
        let deadline = MonotonicClock.now() &+ min(endpoint.timeoutNs, 2_000_000_000)
        let question = ClientVerb.capa.line
        let octets = UnsafeRawBufferPointer(start: question.utf8Start, count: question.utf8CodeUnitCount)
        if (try? connection.send(octets, deadlineNs: deadline)) != nil, (try? connection.receive(deadlineNs: deadline)) != nil,
            let service = Diagnosis.service(connection.firstOctets), service != "POP3"
        {
            return "this port speaks \(service), not POP3"
        }
        return "the server takes the connection and says nothing; check the port, or raise --timeout"
    }

    private static func speaksTLS(_ endpoint: ProbeEndpoint) -> Bool {
        guard let context = try? TLSContext.client() else { return false }
        let now = MonotonicClock.now()
        let deadline = now &+ min(endpoint.timeoutNs, 2_000_000_000)
        do throws(ProbeConnection.Fault) {
            var connection = try ProbeConnection(
                to: endpoint.address, startNs: now, deadlineNs: deadline, transcript: Transcript())
            try connection.encrypt(context, peer: nil, deadlineNs: deadline)
            return true
        } catch { return false }
    }
}

enum ProbeText {
    static func words(_ fault: ProbeConnection.Fault) -> String {
        switch fault {
        case .system(let code): String(cString: strerror(code))
        case .timeout: "no answer in time"
        case .closed: "the server closed the connection"
        case .tls: "the TLS layer broke"
        }
    }
}
