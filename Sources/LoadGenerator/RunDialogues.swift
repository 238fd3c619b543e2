// The dialogues of `poplar run --trace N`: what the books hold, told as the attempts of a probe are, each with its place in
// the run.
// Invariant: every text in here has been through the redactor.

public import Dialogue
import PoplarCore
import TLS
import Telemetry
import Workload

extension LoadRun {
    /// The sessions that were kept, by their planned starts. Call after `wait`; makes the text of each, so call it once.
    public func tracedSessions() -> [TracedSession] {
        let books = books.sorted { ($0.session.plannedNs, $0.session.number) < ($1.session.plannedNs, $1.session.number) }
        let cast = Cast(configuration)
        var sessions: [TracedSession] = []
        var findings = ProbeFindings(target: "", user: "")
        for (session, transcript) in books {
            let script = configuration.profile.scripts.rows[Int(session.script)]
            let ended = session.endNs > session.plannedNs ? session.endNs - session.plannedNs : nil
            findings.attempts.append(cast.attempt(session, script, transcript))
            sessions.append(
                TracedSession(
                    number: session.number,
                    atS: Double(session.plannedNs > startNs ? session.plannedNs - startNs : 0) / 1e9,
                    lateUs: Double(session.startNs > session.plannedNs ? session.startNs - session.plannedNs : 0) / 1e3,
                    tookUs: ended.map { Double($0) / 1e3 }, client: configuration.profile.clients[Int(script.client)].name,
                    attempt: findings.attempts[findings.attempts.count - 1]))
        }
        // What one refusal means the others tell: the same method on another channel, another variant of NTLM.
        Diagnosis.explain(&findings, of: .run)
        for index in sessions.indices {
            let why = findings.attempts[index].why
            sessions[index].attempt.why = books[index].session.outcome.remark ?? why
        }
        return sessions
    }
}

/// Who is who, and what of each must not be shown.
private struct Cast {
    private let table: CredentialTable

    init(_ configuration: LoadConfiguration) {
        table = CredentialTable(configuration.users, needed: [], usesSCRAM: false)
    }

    func attempt(
        _ session: TraceBook.Session, _ script: SessionScript, _ transcript: Transcript
    ) -> ProbeAttempt {
        let users = ShownUsers(table.view)
        let secrets = users.secrets(of: session.user)
        let link = script.chain[session.link]
        var attempt = ProbeAttempt(
            method: ProbeTrial.name(of: link.method, script.ntlmVersion), family: link.method.name,
            channel: script.transport.name, identity: users.name(session.user, link.identity, secrets),
            offered: .unknown,
            result: session.outcome.result)
        attempt.failedStep = session.failedStep?.name
        attempt.errorClass = session.failedKind?.name
        let told = Redactor.read(transcript, secrets: secrets)
        attempt.tlsCause = session.excerpt.tls?.cause
        if let text = session.excerpt.tlsText(told.secrets) {
            attempt.detail = text
        } else if session.excerpt.count > 0 {
            let text = Redactor.text(session.excerpt.octets, secrets: told.secrets, isCut: session.excerpt.isCut)
            if session.excerpt.isRemark { attempt.detail = text } else { attempt.words = text }
        }
        attempt.messages = session.messages.map(UInt64.init)
        attempt.octets = session.octets
        attempt.dialogue = told.lines
        return attempt
    }
}

/// Users as they may be shown to people, after a run or beside it.
struct ShownUsers {
    let view: CredentialView

    init(_ view: CredentialView) { self.view = view }

    /// What of the user must not be shown.
    func secrets(of user: UInt32) -> Secrets { Secrets(Identity.allCases.map { Array(view.password(user, $0)) }) }

    /// One of the user's identities, as a text.
    func name(_ user: UInt32, _ identity: Identity, _ secrets: Secrets) -> String {
        let name = Redactor.text(Array(view.name(user, identity)), secrets: secrets)
        let domain = Redactor.text(Array(view.domain(user, identity)), secrets: secrets)
        return domain.isEmpty ? name : "\(domain)\\\(name)"
    }
}

extension SessionOutcome {
    fileprivate var result: ProbeAttempt.Result {
        switch self {
        case .succeeded: .ok
        case .expectedRefusal, .failed(.auth), .failed(.inUse): .refused
        case .failed, .cancelled, .inFlight: .error
        }
    }

    /// Where nothing is wrong with server or client.
    fileprivate var remark: String? {
        switch self {
        case .succeeded, .failed: nil
        case .expectedRefusal: "refused, as its script asks"
        case .cancelled: "ended by the stop of the run"
        case .inFlight: "still open when the run ended"
        }
    }
}
