// One logon of a probe: the session machine that a run uses, over a connection that the control thread waits for. It logs on,
// asks STAT and leaves; nothing is retrieved or deleted.

public import Dialogue
import Glibc
import PoplarCore
import Reactor
import TLS
public import Telemetry
public import Workload

public struct ProbeSession: ~Copyable {
    private let users: UserTable
    private let table: CredentialTable
    private let user: UInt32
    private var context: SessionContext
    private let secrets: Secrets
    /// What the server said to the first step that failed.
    private var refusal = ReplyExcerpt()
    /// How long the server's close is awaited after QUIT: it frees the mailbox for the next session.
    private static let lingerNs: UInt64 = 500_000_000

    /// `user` is a row of the table.
    public init(users: UserTable, user: Int) {
        self.users = users
        self.user = UInt32(clamping: user)
        table = CredentialTable(users, needed: .all)
        context = SessionContext(
            credentials: table.view, fileTimeBase: LoadRun.fileTimeBase())
        secrets = ShownUsers(table.view).secrets(of: self.user)
    }

    /// Who logs on, as a text.
    public func name(of identity: Identity) -> String { ShownUsers(table.view).name(user, identity, secrets) }

    /// Runs the trial over `transport`, which the endpoint must have.
    public mutating func run(
        _ trial: ProbeTrial, over transport: Transport, _ endpoint: ProbeEndpoint, offered: ProbeAttempt.Offer
    ) -> ProbeAttempt {
        var attempt = ProbeAttempt(
            method: trial.name, family: trial.method.name, channel: transport.name, identity: name(of: trial.identity),
            offered: offered, result: .error)
        let script = SessionScript.check(trial.method, as: trial.identity, over: transport, ntlmVersion: trial.ntlmVersion)
        let start = MonotonicClock.now()
        var machine = SessionMachine(script: script, user: user, nowNs: start)
        refusal.clear()
        context.excerpt.clear()
        do throws(ProbeConnection.Fault) {
            var connection = try ProbeConnection(
                to: endpoint.address, startNs: start, deadlineNs: endpoint.deadlineNs, transcript: Transcript())
            drive(&machine, &connection, endpoint, &attempt)
            let told = Redactor.read(connection.transcript, secrets: secrets)
            attempt.dialogue = told.lines
            if refusal.count > 0, !refusal.isRemark {
                attempt.words = Redactor.text(refusal.octets, secrets: told.secrets, isCut: refusal.isCut)
            }
        } catch {
            attempt.detail = ProbeText.words(error)
            conclude(Self.fail(&machine, error), &machine, &attempt)
        }
        attempt.messages = machine.messageCount.map(UInt64.init)
        attempt.octets = machine.maildropOctets
        return attempt
    }

    private mutating func drive(
        _ machine: inout SessionMachine, _ connection: inout ProbeConnection, _ endpoint: ProbeEndpoint,
        _ attempt: inout ProbeAttempt
    ) {
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: IOScratch.commandBytes, alignment: 16)
        defer { output.deallocate() }
        conclude(machine.connected(nowNs: MonotonicClock.now()), &machine, &attempt)
        while !machine.isOver {
            do throws(ProbeConnection.Fault) {
                var writer = ByteWriter(output)
                if machine.state == .handshaking {
                    try connection.encrypt(endpoint.context, peer: endpoint.peer, deadlineNs: endpoint.deadlineNs)
                    conclude(machine.encrypted(resumed: false, nowNs: MonotonicClock.now()), &machine, &attempt)
                    if machine.script.ntlmVersion == .v2ChannelBinding { machine.channelBinding = connection.channelBinding() }
                    machine.resumeInsideTLS(MonotonicClock.now(), &writer, &context)
                } else {
                    try connection.receive(deadlineNs: machine.stepStartNs &+ endpoint.timeoutNs)
                    step(&machine, &connection, &writer, &attempt)
                }
                try connection.send(writer.written, deadlineNs: endpoint.deadlineNs)
                conclude(machine.ending(), &machine, &attempt)
            } catch {
                let failure = error == .tls || error.isEnd ? connection.tlsFailure() : nil
                attempt.detail = failure?.description ?? ProbeText.words(error)
                attempt.tlsCause = failure?.cause
                if error == .closed { connection.note(.closed) } else { connection.note(.remark, attempt.detail ?? "") }
                conclude(Self.fail(&machine, error), &machine, &attempt)
            }
        }
        guard machine.saidQuit else { return }
        let linger = MonotonicClock.now() &+ Self.lingerNs
        while (try? connection.receive(deadlineNs: linger)) != nil { connection.input = [] }
    }

    private mutating func step(
        _ machine: inout SessionMachine, _ connection: inout ProbeConnection, _ writer: inout ByteWriter,
        _ attempt: inout ProbeAttempt
    ) {
        var cursor = 0
        let input = connection.input
        input.withUnsafeBytes { bytes in
            while !machine.isOver {
                context.excerpt.clear()
                let event = machine.next(
                    bytes, cursor: &cursor, nowNs: MonotonicClock.now(), output: &writer, context: &context)
                if event == .needsInput { break }
                note(event, &attempt)
            }
        }
        connection.input.removeFirst(min(cursor, connection.input.count))
    }

    private static func fail(_ machine: inout SessionMachine, _ fault: ProbeConnection.Fault) -> SessionEvent {
        switch fault {
        case .system(let code): machine.connectionFailed(code)
        case .timeout: machine.timedOut()
        case .closed: machine.streamEnded()
        case .tls: machine.encryptionFailed()
        }
    }

    /// Takes an event and those that follow without input.
    private mutating func conclude(_ event: SessionEvent, _ machine: inout SessionMachine, _ attempt: inout ProbeAttempt) {
        var event = event
        while event != .needsInput {
            note(event, &attempt)
            event = machine.ending()
        }
    }

    private mutating func note(_ event: SessionEvent, _ attempt: inout ProbeAttempt) {
        switch event {
        case .needsInput: return
        case .step(let step, _, let latencyNs): attempt.steps.append(.init(step: step.name, us: Double(latencyNs) / 1e3))
        case .stepFailed(let step, _, let kind, _):
            attempt.failedStep = attempt.failedStep ?? step.name
            attempt.errorClass = attempt.errorClass ?? kind.name
            if refusal.count == 0 { refusal = context.excerpt }
        case .ended(let outcome):
            switch outcome {
            case .succeeded: attempt.result = .ok
            case .failed(.auth), .failed(.inUse): attempt.result = .refused
            default: attempt.result = .error
            }
        }
    }
}
