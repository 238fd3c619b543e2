// A session's beginning and end on its thread: connect, the record of what came of it, and what is left over when the
// run ends. Conservation is kept here: every `begin` or `cancelBacklog` has one record.

internal import Dialogue
import Glibc
import PoplarCore
import Reactor
import TLS
import Telemetry
import Workload

/// What a session's record needs beside its machine.
struct SessionHeader {
    let plannedNs: UInt64
    let startNs: UInt64
    let user: UInt32
    /// Closed load: the place of the user in the schedule.
    let place: UInt32
    let isMeasured: Bool
    /// The place of its source address, which a fallback's second connection keeps.
    let source: UInt32
    /// Whether another session of the user was open at the start.
    let overlap: OverlapTable.Mark
    /// Where its dialogue is kept.
    let trace: TracePlace
}

extension GeneratorThread {
    /// A planned session is due: it starts now, or fails for a reason of our own.
    mutating func begin(_ session: SessionPlan, place: UInt32) {
        let planned = runStartNs &+ session.plannedNs
        recorder.sessionDue(plannedNs: planned, measured: session.isMeasured)
        let script = plan.configuration.profile.scripts.rows[Int(session.script)]
        guard allowsOverlap || !openUsers[session.user] else {
            recordUnstarted(session, script, planned, .failed(.ownUsersExhausted))
            return
        }
        nowNs = MonotonicClock.now()
        recorder.sessionStarted(plannedNs: planned, startNs: nowNs, measured: session.isMeasured)
        if session.isMeasured {
            sessionTime.begin(nowNs)
            if isOpenModel { startNotes.note(nowNs > runStartNs ? nowNs &- runStartNs : 0) }
        }
        let header = SessionHeader(
            plannedNs: isOpenModel ? planned : nowNs, startNs: nowNs, user: session.user, place: place,
            isMeasured: session.isMeasured, source: sources.take(), overlap: overlaps.begin(session.user),
            trace: book?.begin(
                number: session.index, user: session.user, script: session.script, plannedNs: isOpenModel ? planned : nowNs,
                startNs: nowNs) ?? TracePlace.none)
        var machine = SessionMachine(
            script: script, user: session.user, nowNs: nowNs, draw: SplitMix64.mix(drawRoot ^ session.index))
        open &+= 1
        openUsers[session.user] = true
        connect(&machine, header)
    }

    private mutating func connect(_ machine: inout SessionMachine, _ header: SessionHeader) {
        guard let target = machine.script.transport == .pop3s ? plan.configuration.pop3s : plan.configuration.pop3 else {
            return conclude(machine: &machine, header, machine.connectionFailed(ECONNREFUSED), atNs: nowNs)
        }
        let receiveBytes = SlowReading.receiveBytes(machine.script.work.readRate)
        switch Socket.connect(to: target, from: sources[header.source], receiveBytes: receiveBytes) {
        case .connected(let descriptor): seat(machine, header, Socket(owning: descriptor), isConnected: true)
        case .inProgress(let descriptor): seat(machine, header, Socket(owning: descriptor), isConnected: false)
        case .failed(let code): conclude(machine: &machine, header, machine.connectionFailed(code), atNs: nowNs)
        }
    }

    /// The session goes on over a new connection: the old one is closed, as such clients do, without a goodbye.
    mutating func reconnect(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        var machine = seat.pointee.machine
        let header = seat.pointee.header
        remove(token)
        if header.trace.isTraced { book?.note(header.trace, .remark, atNs: nowNs, "goes on over a new connection") }
        machine.reconnect(nowNs: nowNs)
        connect(&machine, header)
    }

    private mutating func seat(_ machine: SessionMachine, _ header: SessionHeader, _ socket: consuming Socket, isConnected: Bool)
    {
        var machine = machine
        let descriptor = socket.descriptor
        if slab.count == slab.capacity { dismissLingering() }
        guard let token = slab.insert(Seat(socket: socket, machine: machine, header: header)), let seat = slab.pointer(token)
        else {
            return conclude(machine: &machine, header, machine.connectionFailed(EMFILE), atNs: nowNs)
        }
        let status = poller.add(descriptor, [.readable, .writable, .readHangUp, .edge], payload: token.raw)
        guard status == 0 else { return conclude(token, seat, seat.pointee.machine.connectionFailed(status), atNs: nowNs) }
        wheel.set(slot: Int(token.slot), deadlineNs: machine.deadlineNs(startNs: header.startNs, limits: limits))
        if isConnected { connected(token, seat) }
    }

    /// All seats are taken: a server that is slow to close after QUIT is waited for no longer, so that a new session has one.
    private mutating func dismissLingering() {
        for _ in 0..<slab.capacity {
            lingerHand = lingerHand &+ 1 < slab.capacity ? lingerHand &+ 1 : 0
            guard let token = slab.token(slot: lingerHand), let seat = slab.pointer(token), seat.pointee.isLingering else {
                continue
            }
            return remove(token)
        }
    }

    private mutating func recordUnstarted(
        _ session: SessionPlan, _ script: SessionScript, _ plannedNs: UInt64, _ outcome: SessionOutcome
    ) {
        recorder.record(
            session: SessionRecord(
                plannedNs: plannedNs, startNs: 0, endNs: 0, outcome: outcome, plannedAuth: script.plannedMethod,
                auth: script.plannedMethod, transport: script.transport, measured: session.isMeasured))
    }

    // MARK: Ends

    /// Takes an event that may be a session's last, and those that follow without input.
    mutating func conclude(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, _ event: SessionEvent, atNs: UInt64) {
        conclude(machine: &seat.pointee.machine, seat.pointee.header, event, atNs: atNs)
        if seat.pointee.machine.isOver {
            remove(token)
        } else if seat.pointee.machine.wantsConnection {
            reconnect(token, seat)
        }
    }

    private mutating func conclude(machine: inout SessionMachine, _ header: SessionHeader, _ event: SessionEvent, atNs: UInt64) {
        var event = event
        while event != .needsInput {
            take(event, machine, header, atNs: atNs)
            event = machine.ending()
        }
    }

    /// Records one event.
    mutating func take(_ event: SessionEvent, _ machine: borrowing SessionMachine, _ header: SessionHeader, atNs: UInt64) {
        switch event {
        case .needsInput: return
        case .step(let step, let method, let latencyNs):
            recorder.record(
                step: step, auth: method, transport: machine.script.transport, latencyNs: latencyNs, measured: header.isMeasured)
            if header.isMeasured, lateRules.count > 0, step == .retr || step == .top {
                lateRules.judge(step, latencyNs, machine.lastPayloadBytes, &recorder)
            }
        case .stepFailed(let step, let method, let kind, let sinceNs):
            if header.trace.isTraced { book?.failed(header.trace, step, kind, context.excerpt) }
            recorder.record(
                failed: step, auth: method, transport: machine.script.transport,
                latencyNs: sinceNs == 0 ? nil : max(atNs, sinceNs) &- sinceNs, measured: header.isMeasured)
            // A refusal that the script asks for is no failure to show.
            if kind == .auth, machine.refusalIsAsked { return }
            if kind == .inUse, overlaps.hasMet(header.user, header.overlap) { return }
            let at = atNs > runStartNs ? atNs &- runStartNs : 0
            control.notes.add(kind, step, method, machine.script.transport, atNs: at, user: header.user, context.excerpt)
        case .ended(let verdict):
            let outcome = outcome(verdict, header)
            recordEnd(machine, header, outcome, endNs: atNs)
            // After QUIT the server replies, lets go of the maildrop, and closes (RFC 1939 section 6): its close frees the user.
            if !machine.saidQuit { release(header, failed: outcome.isFailure) }
        }
    }

    /// A maildrop in use is no failure where another session of the user was open meanwhile.
    private func outcome(_ verdict: SessionOutcome, _ header: SessionHeader) -> SessionOutcome {
        verdict == .failed(.inUse) && overlaps.hasMet(header.user, header.overlap) ? .expectedRefusal : verdict
    }

    /// The user's maildrop is his again: he may begin another session.
    private mutating func release(_ header: SessionHeader, failed: Bool) {
        overlaps.end(header.user)
        openUsers[header.user] = false
        if !isOpenModel, stopNs == nil { userIsFree(header.place, failed: failed) }
    }

    private mutating func recordEnd(
        _ machine: borrowing SessionMachine, _ header: SessionHeader, _ outcome: SessionOutcome, endNs: UInt64
    ) {
        open &-= 1
        if header.trace.isTraced {
            book?.end(
                header.trace, outcome, endNs: endNs, link: machine.link, messages: machine.messageCount,
                octets: machine.maildropOctets)
        }
        if header.isMeasured {
            // A time-out is recorded at its limit, however late it was seen.
            switch outcome {
            case .cancelled, .inFlight: sessionTime.end(nowNs, unfinishedSince: header.startNs)
            case .succeeded, .expectedRefusal, .failed: sessionTime.end(min(nowNs, max(endNs, header.startNs)))
            }
        }
        recorder.record(
            session: SessionRecord(
                plannedNs: header.plannedNs, startNs: header.startNs, endNs: endNs, outcome: outcome,
                plannedAuth: machine.script.plannedMethod, auth: machine.methodInUse, transport: machine.script.transport,
                measured: header.isMeasured, messages: machine.messagesRetrieved, payloadBytes: machine.payloadBytes,
                fallbackFrom: machine.fallbackFrom, fallbackLostNs: machine.fallbackLostNs))
    }

    /// Frees a seat, its socket and what it borrowed.
    mutating func remove(_ token: Token) {
        guard let seat = slab.pointer(token) else { return }
        if seat.pointee.machine.script.work.resets, !seat.pointee.isLingering { seat.pointee.socket.resetOnClose() }
        seat.pointee.input.release(&pool)
        seat.pointee.output.release(&pool)
        wheel.cancel(slot: Int(token.slot))
        let waited = seat.pointee.machine.isOver && seat.pointee.machine.saidQuit
        let header = seat.pointee.header
        let failed = seat.pointee.machine.verdict.map { outcome($0, header).isFailure } ?? false
        slab.remove(token)
        if waited { release(header, failed: failed) }
    }

    // MARK: The end of the run

    /// What fell due up to `endNs` and never began.
    mutating func cancelBacklog(until endNs: UInt64) {
        while let session = nextPlan, runStartNs &+ session.plannedNs <= endNs {
            let planned = runStartNs &+ session.plannedNs
            recorder.sessionDue(plannedNs: planned, measured: session.isMeasured)
            recordUnstarted(session, plan.configuration.profile.scripts.rows[Int(session.script)], planned, .cancelled)
            nextPlan = schedule.next()
        }
        nextPlan = nil
    }

    /// Accounts for everything that is still there: due but never connected, or ended by a second stop, is cancelled;
    /// what the drain deadline found open is in flight.
    mutating func endAll() {
        if stopNs == nil { cancelBacklog(until: .max) }
        nowNs = MonotonicClock.now()
        for slot in 0..<slab.capacity {
            guard let token = slab.token(slot: slot), let seat = slab.pointer(token) else { continue }
            if !seat.pointee.isLingering {
                let isCancelled = !seat.pointee.machine.hasConnected || control.stop == .now
                let machine = seat.pointee.machine
                recordEnd(machine, seat.pointee.header, isCancelled ? .cancelled : .inFlight, endNs: isCancelled ? nowNs : 0)
            }
            remove(token)
        }
    }
}
