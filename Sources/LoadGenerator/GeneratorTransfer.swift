// Octets between the sockets and the session machines of one thread. Sockets are watched by edges, registered once:
// what is told of is read until the kernel has no more. Commands leave in the turn that made them.

internal import Dialogue
import Glibc
import NTLM
import PoplarCore
import Reactor
import TLS
import Telemetry
import Workload

extension GeneratorThread {
    /// Reads of one session in one turn; then it is told of again.
    private static var readsPerTurn: Int { 16 }

    mutating func handle(_ payload: UInt64, _ readiness: Poller.Readiness) {
        if payload == Self.wakeUpPayload { return control.drainWakeUp() }
        let token = Token(raw: payload)
        guard let seat = slab.pointer(token) else { return countStaleEvent() }
        nowNs = MonotonicClock.now()
        context.excerpt.clear()
        if readiness.contains(.error) {
            let code = seat.pointee.socket.pendingError
            if code != 0 || seat.pointee.machine.state == .connecting {
                if seat.pointee.isLingering { return remove(token) }
                return conclude(token, seat, seat.pointee.machine.connectionFailed(code == 0 ? ECONNREFUSED : code), atNs: nowNs)
            }
        }
        if seat.pointee.machine.state == .connecting {
            guard readiness.contains(.writable) else { return }
            connected(token, seat)
            guard slab.pointer(token) != nil else { return }
        } else if seat.pointee.output.count > 0, readiness.contains(.writable) {
            guard flush(token, seat) else { return }
        }
        if !readiness.isDisjoint(with: [.readable, .readHangUp, .hangUp]) {
            receive(token, seat, peerIsDone: !readiness.isDisjoint(with: [.readHangUp, .hangUp]))
        }
    }

    /// The connection stands: with TLS the first flight goes out.
    mutating func connected(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        trace(seat, .connected)
        take(seat.pointee.machine.connected(nowNs: nowNs), seat.pointee.machine, seat.pointee.header, atNs: nowNs)
        arm(token, seat)
        if seat.pointee.machine.state == .handshaking { beginTLS(token, seat) }
    }

    /// The first flight of a handshake.
    private mutating func beginTLS(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        seat.pointee.usesTLS = true
        let script = seat.pointee.machine.script
        guard let contexts = plan.clientContexts,
            let session = TLSSession(
                contexts[script.tlsVersion], pump: pump,
                peer: script.transport == .stls ? plan.configuration.stlsPeer : plan.configuration.tlsPeer)
        else {
            context.excerpt.remark("no TLS session could be made for this host")
            return conclude(token, seat, seat.pointee.machine.encryptionFailed(), atNs: nowNs)
        }
        if script.resumesTLS, let ticket = takeTicket(script.tlsVersion) { session.resume(ticket) }
        seat.pointee.tls = consume session
        cipherOutCount = 0
        handshake(token, seat, received: 0)
        if slab.pointer(token) != nil { _ = sendCiphertext(token, seat) }
        pump.end()
    }

    // MARK: Reading

    private mutating func receive(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, peerIsDone: Bool) {
        if seat.pointee.machine.script.work.readRate > 0, !seat.pointee.isLingering { return readMore(token, seat) }
        for _ in 0..<Self.readsPerTurn {
            let isTLS = seat.pointee.usesTLS
            let held = seat.pointee.input.count
            let room =
                isTLS || seat.pointee.isLingering
                ? scratch.cipherIn
                : UnsafeMutableRawBufferPointer(rebasing: scratch.input[held..<(held &+ IOScratch.readBytes)])
            switch seat.pointee.socket.read(into: room) {
            case .wouldBlock: return
            case .failed(let code):
                if seat.pointee.isLingering { return remove(token) }
                trace(seat, .remark, "the connection broke")
                noteEndOfHandshake(seat)
                return conclude(token, seat, seat.pointee.machine.connectionFailed(code), atNs: nowNs)
            case .count(0):
                if seat.pointee.isLingering { return remove(token) }
                trace(seat, .closed)
                noteEndOfHandshake(seat)
                return conclude(token, seat, seat.pointee.machine.streamEnded(), atNs: nowNs)
            case .count(let count):
                if !seat.pointee.isLingering {
                    if isTLS { receiveCiphertext(token, seat, count) } else { receivePlain(token, seat, held &+ count) }
                    guard slab.pointer(token) != nil else { return }
                }
                guard count == room.count || peerIsDone else { return }
                // Everything up to the peer's end has been read, and nothing more is expected of it.
                if seat.pointee.isLingering, peerIsDone, count < room.count { return remove(token) }
            }
        }
        // Its share of this turn is used up: registering anew makes the kernel tell of it again.
        poller.modify(seat.pointee.socket.descriptor, [.readable, .writable, .readHangUp, .edge], payload: token.raw)
    }

    mutating func receivePlain(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, _ count: Int) {
        let held = seat.pointee.input.count
        if held > 0 {
            scratch.input.copyMemory(from: seat.pointee.input.bytes)
            seat.pointee.input.release(&pool)
        }
        trace(seat, .received, UnsafeRawBufferPointer(rebasing: scratch.input[held..<count]))
        var writer = ByteWriter(scratch.commands)
        drive(seat, UnsafeRawBufferPointer(rebasing: scratch.input[0..<count]), &writer)
        trace(seat, .sent, writer.written)
        if writer.count > 0, !send(token, seat, writer.written) { return }
        if seat.pointee.machine.state == .handshaking { return beginTLS(token, seat) }
        settle(token, seat)
    }

    mutating func receiveCiphertext(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, _ count: Int) {
        pump.lendInput(UnsafeRawBufferPointer(rebasing: scratch.cipherIn[0..<count]))
        cipherOutCount = 0
        defer { pump.end() }
        if !seat.pointee.isEncrypted { handshake(token, seat, received: count) }
        guard slab.pointer(token) != nil else { return }
        while seat.pointee.isEncrypted, !seat.pointee.machine.isOver, !seat.pointee.machine.wantsConnection {
            let held = seat.pointee.input.count
            lendOutput()
            let room = UnsafeMutableRawBufferPointer(rebasing: scratch.input[held..<(held &+ IOScratch.readBytes)])
            let result = seat.pointee.tls?.read(into: room) ?? .failed
            cipherOutCount &+= pump.outputCount
            guard case .count(let octets) = result else {
                if result == .needsInput { break }
                guard result == .closed else { return breakTLS(token, seat, received: 0) }
                trace(seat, .closed)
                return conclude(token, seat, seat.pointee.machine.streamEnded(), atNs: nowNs)
            }
            if held > 0 {
                scratch.input.copyMemory(from: seat.pointee.input.bytes)
                seat.pointee.input.release(&pool)
            }
            trace(seat, .received, UnsafeRawBufferPointer(rebasing: scratch.input[held..<(held &+ octets)]))
            var writer = ByteWriter(scratch.commands)
            drive(seat, UnsafeRawBufferPointer(rebasing: scratch.input[0..<(held &+ octets)]), &writer)
            trace(seat, .sent, writer.written)
            if writer.count > 0, !encrypt(seat, writer.written) {
                return conclude(token, seat, seat.pointee.machine.encryptionFailed(), atNs: nowNs)
            }
        }
        guard sendCiphertext(token, seat) else { return }
        settle(token, seat)
    }

    /// Feeds the machine, records what happens, keeps what it leaves.
    private mutating func drive(_ seat: UnsafeMutablePointer<Seat>, _ input: UnsafeRawBufferPointer, _ writer: inout ByteWriter) {
        var cursor = 0
        while true {
            let event = seat.pointee.machine.next(input, cursor: &cursor, nowNs: nowNs, output: &writer, context: &context)
            if event == .needsInput { break }
            take(event, seat.pointee.machine, seat.pointee.header, atNs: nowNs)
            if keepsTickets, seat.pointee.isEncrypted, !seat.pointee.hasKeptTicket, case .step = event { keepTicket(seat) }
        }
        guard cursor < input.count, !seat.pointee.machine.isOver, !seat.pointee.machine.wantsConnection else { return }
        let rest = UnsafeRawBufferPointer(rebasing: input[cursor...])
        if !seat.pointee.input.append(rest, &pool) {
            // The reader bounds a line below a chunk, so this is an empty pool: our own shortage.
            take(seat.pointee.machine.connectionFailed(ENOBUFS), seat.pointee.machine, seat.pointee.header, atNs: nowNs)
            take(seat.pointee.machine.ending(), seat.pointee.machine, seat.pointee.header, atNs: nowNs)
        }
    }

    /// After a session's end: the server is to close first, so that its end of the connection waits out TIME_WAIT.
    private mutating func settle(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        if seat.pointee.machine.wantsConnection { return reconnect(token, seat) }
        if seat.pointee.machine.state == .idle { arm(token, seat) }
        guard seat.pointee.machine.isOver else { return }
        guard seat.pointee.machine.saidQuit else { return remove(token) }
        seat.pointee.isLingering = true
        wheel.set(slot: Int(token.slot), deadlineNs: nowNs &+ Self.lingerNs)
    }

    /// An idle session's time has come: what it says goes out, and the server has its time to answer.
    mutating func wake(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        var writer = ByteWriter(scratch.commands)
        seat.pointee.machine.wake(nowNs, &writer)
        trace(seat, .sent, writer.written)
        arm(token, seat)
        if writer.count > 0 {
            cipherOutCount = 0
            defer { pump.end() }
            guard seat.pointee.isEncrypted else {
                _ = send(token, seat, writer.written)
                return
            }
            guard encrypt(seat, writer.written) else {
                return conclude(token, seat, seat.pointee.machine.encryptionFailed(), atNs: nowNs)
            }
            _ = sendCiphertext(token, seat)
        } else {
            conclude(token, seat, seat.pointee.machine.ending(), atNs: nowNs)
        }
    }

    // MARK: Dialogues to be shown

    @inline(__always)
    private func trace(_ seat: UnsafeMutablePointer<Seat>, _ kind: Transcript.Kind, _ bytes: UnsafeRawBufferPointer) {
        let place = seat.pointee.header.trace
        if place.isTraced, bytes.count > 0 { book?.note(place, kind, atNs: nowNs, bytes) }
    }

    @inline(__always)
    private func trace(_ seat: UnsafeMutablePointer<Seat>, _ kind: Transcript.Kind, _ words: StaticString = "") {
        let place = seat.pointee.header.trace
        if place.isTraced { book?.note(place, kind, atNs: nowNs, words) }
    }

    // MARK: TLS

    private func lendOutput() {
        pump.lendOutput(UnsafeMutableRawBufferPointer(rebasing: scratch.cipherOut[cipherOutCount...]))
    }

    /// `received`: octets of ciphertext that have just come.
    private mutating func handshake(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, received: Int) {
        lendOutput()
        let progress = seat.pointee.tls?.handshake() ?? .failed
        cipherOutCount &+= pump.outputCount
        switch progress {
        case .needsInput: return
        case .done:
            seat.pointee.isEncrypted = true
            let version = seat.pointee.tls?.version ?? .tls13
            trace(seat, .encrypted, version == .tls12 ? "TLS 1.2" : "TLS 1.3")
            countHandshake(version, isVerified: seat.pointee.tls?.isVerified ?? false)
            let resumed = seat.pointee.tls?.isResumed ?? false
            take(
                seat.pointee.machine.encrypted(resumed: resumed, nowNs: nowNs), seat.pointee.machine, seat.pointee.header,
                atNs: nowNs)
            bindChannel(seat)
            if seat.pointee.machine.state == .secured { speakFirst(token, seat) }
        case .needsOutput, .failed: breakTLS(token, seat, received: received)
        }
    }

    /// The TLS layer is broken: its alert leaves, and the reason stays with the failure. `received`: octets of a
    /// handshake that have just come, since a server that answers in the clear says with them what it is.
    private mutating func breakTLS(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, received: Int) {
        if let failure = seat.pointee.tls?.failure {
            let isClear = failure.cause == .clearText
            context.excerpt.keep(failure, UnsafeRawBufferPointer(rebasing: scratch.cipherIn[0..<(isClear ? received : 0)]))
            if seat.pointee.header.trace.isTraced { book?.note(seat.pointee.header.trace, failure, atNs: nowNs) }
        }
        if cipherOutCount > 0 {
            let alert = UnsafeRawBufferPointer(rebasing: scratch.cipherOut[0..<cipherOutCount])
            cipherOutCount = 0
            // A courtesy to the server's log: whether it arrives changes nothing here.
            if seat.pointee.output.count == 0 { _ = System.send(seat.pointee.socket.descriptor, alert) }
        }
        conclude(token, seat, seat.pointee.machine.encryptionFailed(), atNs: nowNs)
    }

    /// The connection ends: in a handshake that is a reason of its own.
    private mutating func noteEndOfHandshake(_ seat: UnsafeMutablePointer<Seat>) {
        guard seat.pointee.machine.state == .handshaking, seat.pointee.usesTLS else { return }
        seat.pointee.tls?.connectionEnded()
        if let failure = seat.pointee.tls?.failure { context.excerpt.keep(failure, UnsafeRawBufferPointer(start: nil, count: 0)) }
    }

    /// After STLS the server waits for the client.
    private mutating func speakFirst(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) {
        var writer = ByteWriter(scratch.commands)
        seat.pointee.machine.resumeInsideTLS(nowNs, &writer, &context)
        trace(seat, .sent, writer.written)
        if writer.count > 0, !encrypt(seat, writer.written) {
            return conclude(token, seat, seat.pointee.machine.encryptionFailed(), atNs: nowNs)
        }
        let event = seat.pointee.machine.ending()
        if event != .needsInput { conclude(token, seat, event, atNs: nowNs) }
    }

    /// For the one NTLM version that proves the channel: the binding of the server's certificate.
    private mutating func bindChannel(_ seat: UnsafeMutablePointer<Seat>) {
        guard seat.pointee.machine.script.ntlmVersion == .v2ChannelBinding, let hash = seat.pointee.tls?.peerEndPointHash() else {
            return
        }
        seat.pointee.machine.channelBinding = ChannelBindings.serverEndPoint(certificateHash: hash.span)
    }

    /// With TLS 1.3 the ticket has been read by the time of the first reply.
    private mutating func keepTicket(_ seat: UnsafeMutablePointer<Seat>) {
        seat.pointee.hasKeptTicket = true
        guard let ticket = seat.pointee.tls?.resumption() else { return }
        switch seat.pointee.machine.script.tlsVersion {
        case .tls12: tickets12.push(ticket)
        case .tls13: tickets13.push(ticket)
        case .either: ticketsOfEither.push(ticket)
        }
    }

    private mutating func takeTicket(_ version: Workload.TLSVersion) -> TLSResumption? {
        switch version {
        case .tls12: tickets12.pop()
        case .tls13: tickets13.pop()
        case .either: ticketsOfEither.pop()
        }
    }

    private mutating func encrypt(_ seat: UnsafeMutablePointer<Seat>, _ plain: UnsafeRawBufferPointer) -> Bool {
        lendOutput()
        let result = seat.pointee.tls?.write(plain) ?? .failed
        cipherOutCount &+= pump.outputCount
        return result == .count(plain.count)
    }

    // MARK: Sending

    /// False: the session is over and its seat is gone.
    private mutating func sendCiphertext(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) -> Bool {
        guard cipherOutCount > 0 else { return true }
        let bytes = UnsafeRawBufferPointer(rebasing: scratch.cipherOut[0..<cipherOutCount])
        cipherOutCount = 0
        return send(token, seat, bytes)
    }

    private mutating func send(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        if seat.pointee.output.count == 0 {
            switch System.send(seat.pointee.socket.descriptor, bytes) {
            case .count(let count): rest = UnsafeRawBufferPointer(rebasing: bytes[min(count, bytes.count)...])
            case .wouldBlock: break
            case .failed(let code): return sendFailed(token, seat, code)
            }
        }
        guard seat.pointee.output.append(rest, &pool) else { return sendFailed(token, seat, ENOBUFS) }
        return true
    }

    private mutating func flush(_ token: Token, _ seat: UnsafeMutablePointer<Seat>) -> Bool {
        switch System.send(seat.pointee.socket.descriptor, seat.pointee.output.bytes) {
        case .count(let count): seat.pointee.output.consume(count, &pool)
        case .wouldBlock: break
        case .failed(let code): return sendFailed(token, seat, code)
        }
        return true
    }

    private mutating func sendFailed(_ token: Token, _ seat: UnsafeMutablePointer<Seat>, _ code: Int32) -> Bool {
        if seat.pointee.isLingering || seat.pointee.machine.isOver {
            remove(token)
        } else {
            conclude(token, seat, seat.pointee.machine.connectionFailed(code), atNs: nowNs)
        }
        return false
    }
}
