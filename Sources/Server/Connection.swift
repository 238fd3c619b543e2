// One client's connection without its descriptor: octets in, octets out, and nothing in between that waits. It joins
// the POP3 machine, the mechanisms, the accounts and the maildrop. The worker moves octets between it and the socket;
// a simulation can do so as well. An idle connection holds no chunk.

import Digest
import Maildrop
import POP3
import PoplarCore
import SASL
import TLS

struct Connection: ~Copyable {
    var session = ServerSession()
    var output = OutputQueue()
    var maildrop: OpenMaildrop?
    /// The state of an AUTH exchange, in `exchange`.
    var sasl: UnsafeMutablePointer<SASL.ServerExchange>?
    /// The name of USER, borrowed until the end of the logon.
    var user: UserName?
    /// Memory of an AUTH exchange, borrowed until its end.
    var exchange: ExchangeMemory?
    var listing = Listing.none
    var cipher: Cipher?
    /// Plaintext that has come and is not yet taken as lines.
    private(set) var input: UnsafeMutableRawPointer?
    private var inputStart: Int32 = 0
    private var inputEnd: Int32 = 0
    /// Octets of the chunk that have been written since it was borrowed.
    private var inputWritten: Int32 = 0
    /// What comes before the logon may be a password: the chunk is wiped before another connection gets it.
    private var mayHoldSecret = true
    /// A line that is too long is being thrown away up to its end.
    private var isDiscarding = false
    /// The last `process` stopped for want of room or of work: it is to be called again, though nothing new has come.
    private(set) var isInterrupted = false
    /// Nothing more is read; what is queued still goes out, then the connection ends.
    private(set) var isClosing = false
    /// STLS was accepted: once its answer has gone out, the worker calls `beginTLS`.
    private(set) var startsTLS = false
    var logonFailures: UInt16 = 0
    /// Why the connection ends, for the counters and the log.
    var ending = Ending.client
    /// Lines taken, and octets given to the socket.
    private var commandCount: UInt32 = 0
    private var sentOctets: UInt64 = 0
    /// A refusal that is held back until `heldUntilNs`; no line is taken meanwhile.
    var held: ServerReply?
    var heldUntilNs: UInt64 = 0
    /// What APOP's timestamp is made of, where the greeting had one.
    private(set) var timestamp: APOPTimestamp?
    let openedNs: UInt64
    /// When the TLS handshake began.
    private var handshakeNs: UInt64
    /// When a line was last answered, or output taken.
    var activeNs: UInt64
    /// The reader's progress since the window opened (see `Limits.readerBytesPerS`): what the socket took, and what of it was
    /// waiting in there already when the window opened.
    private var windowNs: UInt64
    private var windowOctets: UInt64 = 0
    private var windowWaiting: UInt64 = 0

    /// A connection that has just been accepted; `open` comes next. Apart from it, and inlined, so that the value is made in
    /// its seat and not moved there.
    @inline(__always)
    init(cipher: consuming Cipher?, nowNs: UInt64) {
        self.cipher = cipher
        openedNs = nowNs
        handshakeNs = nowNs
        activeNs = nowNs
        windowNs = nowNs
    }

    /// Queues the greeting, which with TLS waits for the handshake.
    mutating func open(_ resources: inout Resources) {
        if !isEncrypted { greet(&resources) }
    }

    var isEncrypted: Bool {
        switch cipher {
        case .some: true
        case .none: false
        }
    }

    /// What NTLM binds to (RFC 5929, section 4.1); nil in the clear.
    var channelBinding: Digest16? {
        switch cipher {
        case .some(let cipher): cipher.channelBinding
        case .none: nil
        }
    }

    /// Whether the TLS layer holds anything that is still to be moved.
    var isCipherBusy: Bool {
        switch cipher {
        case .some(let cipher): cipher.isBusy
        case .none: false
        }
    }

    var isHandshaking: Bool {
        switch cipher {
        case .some(let cipher): !cipher.isEstablished
        case .none: false
        }
    }

    @inline(__always)
    func channel(_ resources: borrowing Resources) -> Channel { isEncrypted ? resources.encrypted : resources.clear }

    mutating func greet(_ resources: inout Resources) {
        guard output.prepare(&resources.outputPool) else {
            isClosing = true
            return
        }
        let personality = resources.snapshot.behaviour.personality
        guard channel(resources).offer.contains(.apop) else { return output.append(ServerReply.greeting.line(personality)) }
        let timestamp = resources.nextTimestamp()
        self.timestamp = timestamp
        write { ReplyWriter.greeting(personality, timestamp: timestamp, into: &$0) }
    }

    mutating func close(_ ending: Ending = .client) {
        if !isClosing { self.ending = ending }
        isClosing = true
    }

    /// Something is as it never can be. Debug builds have stopped where it was found.
    @inline(never)
    mutating func endImpossible(_ resources: inout Resources) {
        if !isClosing { resources.counters.impossible &+= 1 }
        close(.impossible)
    }

    // MARK: STLS (RFC 2595, section 4)

    /// Whatever came behind STLS was said by anybody on the way: it is not taken, and the connection ends (CVE-2021-38084).
    mutating func acceptTLS(_ resources: inout Resources) {
        guard inputStart == inputEnd else {
            resources.counters.tlsPipelined &+= 1
            reply(.tlsPipelined, &resources)
            return close(.stlsBuffered)
        }
        reply(.beginTLS, &resources)
        endExchange(&resources)
        session.tlsStarted()
        startsTLS = true
    }

    /// The answer to STLS has gone out in the clear; from here on there is TLS.
    mutating func beginTLS(_ cipher: consuming Cipher, _ resources: inout Resources) {
        startsTLS = false
        self.cipher = consume cipher
        handshakeNs = resources.nowNs
    }

    // MARK: Input

    /// Whether what the socket holds should be read now.
    var wantsInput: Bool {
        guard !isClosing, !startsTLS, held == nil else { return false }
        switch cipher {
        case .some(let cipher): return !isInterrupted && !cipher.hasStash && !cipher.hasOutput
        case .none: return inputEnd &- inputStart < Int32(Resources.inputChunk)
        }
    }

    /// Room for plaintext; nil when the pool is empty or the client has sent more than may wait.
    mutating func inputRoom(_ resources: inout Resources) -> UnsafeMutableRawBufferPointer? {
        if input == nil { input = resources.inputPool.borrow() }
        guard let input else { return nil }
        if inputStart == inputEnd {
            inputStart = 0
            inputEnd = 0
        } else if inputStart > 0, Int(inputEnd) == Resources.inputChunk {
            let count = Int(inputEnd &- inputStart)
            input.copyMemory(from: input + Int(inputStart), byteCount: count)
            inputStart = 0
            inputEnd = Int32(truncatingIfNeeded: count)
        }
        let free = Resources.inputChunk &- Int(inputEnd)
        return free > 0 ? UnsafeMutableRawBufferPointer(start: input + Int(inputEnd), count: free) : nil
    }

    /// `count` octets have been put into the room.
    mutating func didReceive(_ count: Int, _ resources: inout Resources) {
        inputEnd &+= Int32(truncatingIfNeeded: count)
        inputWritten = max(inputWritten, inputEnd)
    }

    /// Whether a client that will send nothing more is still owed something: an answer to a line that has come whole,
    /// as plaintext or as ciphertext, or a refusal that is held back. Half a line is never answered.
    var isOwed: Bool { held != nil || isInterrupted || isCipherBusy }

    /// All that the client sent has been read, and it will send nothing more: what it is owed goes out, then the
    /// connection ends.
    mutating func inputEnded() {
        if !isOwed { close() }
    }

    /// Goes on where the last call stopped: with the lines that are here, then with the ciphertext that was kept.
    mutating func resume(_ resources: inout Resources) {
        if isInterrupted { process(&resources) }
        if isEncrypted { resumeCiphertext(&resources) }
    }

    /// Answers the lines that are there, as far as there is room for the replies and this turn's work goes. Call again
    /// after a flush.
    mutating func process(_ resources: inout Resources) {
        guard output.prepare(&resources.outputPool) else {
            resources.counters.queueFull &+= 1
            return close(.shortage)
        }
        isInterrupted = false
        while !isClosing, held == nil, !startsTLS {
            if listing != .none { continueListing(&resources) }
            guard listing != .none || inputEnd > inputStart else { break }
            guard listing == .none, output.hasRoom, !resources.work.isSpent else {
                isInterrupted = true
                break
            }
            guard takeLine(&resources) else { break }
        }
        if output.isSpoilt { endImpossible(&resources) }
        if inputStart == inputEnd || isClosing { releaseInput(&resources) }
        if output.isEmpty { output.release(&resources.outputPool) }
    }

    /// Takes one line off the input and answers it. False: no whole line is there.
    private mutating func takeLine(_ resources: inout Resources) -> Bool {
        guard let input, inputEnd > inputStart else { return false }
        let waiting = UnsafeRawBufferPointer(start: input + Int(inputStart), count: Int(inputEnd &- inputStart))
        let limit =
            session.isInExchange ? resources.snapshot.limits.saslLineBytes : resources.snapshot.limits.commandLineBytes
        guard let lineFeed = Bytes.firstLineFeed(in: waiting) else {
            if waiting.count >= limit { discard(limit, &resources) }
            return false
        }
        inputStart &+= Int32(truncatingIfNeeded: lineFeed &+ 1)
        if isDiscarding {
            isDiscarding = false
            return true
        }
        guard lineFeed < limit else {
            tellLongLine(limit, &resources)
            refuseLine(session.lineTooLong(), &resources)
            return true
        }
        guard lineFeed > 0, waiting[lineFeed &- 1] == Bytes.carriageReturn else {
            refuseLine(session.bareLineFeed(), &resources)
            return true
        }
        activeNs = resources.nowNs
        let octets = UnsafeBufferPointer(
            start: waiting.baseAddress?.assumingMemoryBound(to: UInt8.self), count: lineFeed &- 1)
        resources.counters.commands &+= 1
        resources.work.spend(WorkBudget.line)
        commandCount &+= 1
        let before = session.badCommands
        let line = octets.span
        let action = session.receive(line, offer: channel(resources).offer)
        if session.badCommands != before, countBadCommand(&resources) { return true }
        perform(action, line: line, &resources)
        return true
    }

    private mutating func discard(_ limit: Int, _ resources: inout Resources) {
        inputStart = inputEnd
        guard !isDiscarding else { return }
        isDiscarding = true
        tellLongLine(limit, &resources)
        refuseLine(session.lineTooLong(), &resources)
    }

    private mutating func refuseLine(_ refusal: ServerReply, _ resources: inout Resources) {
        if refusal == .malformedExchange { spoilExchange(&resources) }
        endExchange(&resources)
        if !countBadCommand(&resources) { reply(refusal, &resources) }
    }

    /// True: that was one too many, and has been answered so.
    private mutating func countBadCommand(_ resources: inout Resources) -> Bool {
        resources.counters.badCommands &+= 1
        let allowed =
            maildrop == nil ? resources.snapshot.limits.badCommandsBeforeLogon : resources.snapshot.limits.badCommandsAfterLogon
        guard Int(session.badCommands) >= allowed else { return false }
        reply(.tooManyBadCommands, &resources)
        close(.badCommands)
        return true
    }

    /// Gives the input chunk back where nothing waits in it.
    mutating func releaseIdleInput(_ resources: inout Resources) {
        if inputStart == inputEnd { releaseInput(&resources) }
    }

    private mutating func releaseInput(_ resources: inout Resources) {
        if let input {
            if mayHoldSecret {
                Bytes.wipe(input, Int(inputWritten), room: Resources.inputChunk)
                mayHoldSecret = maildrop == nil
            }
            resources.inputPool.giveBack(input)
        }
        input = nil
        inputWritten = 0
        inputStart = 0
        inputEnd = 0
    }

    // MARK: Replies

    /// `inout`, though nothing is changed: what is held so and lent for reading is copied first, all five thousand octets of it.
    mutating func reply(_ reply: ServerReply, _ resources: inout Resources) {
        output.append(reply.line(resources.snapshot.behaviour.personality))
    }

    // MARK: Time and end

    /// When the connection has had its time, or a held refusal is due, on the monotonic clock; and what then runs out.
    /// `isBlocked`: the socket takes no more output for now.
    mutating func deadline(_ limits: borrowing Limits, isBlocked: Bool) -> (atNs: UInt64, phase: Phase) {
        if isBlocked { return (after(windowNs, limits.stallMs), .stall) }
        if held != nil { return (heldUntilNs, .held) }
        let logon = after(openedNs, limits.logonMs)
        if isHandshaking {
            let handshake = after(handshakeNs, limits.handshakeMs)
            return handshake < logon ? (handshake, .handshake) : (logon, .logon)
        }
        if maildrop == nil { return (logon, .logon) }
        return (after(activeNs, limits.idleMs), .idle)
    }

    private func after(_ start: UInt64, _ milliseconds: Int) -> UInt64 { start &+ UInt64(milliseconds) &* 1_000_000 }

    /// Output has begun to wait for the reader, whose progress is judged from now on. `waiting`: octets in the socket that the
    /// client has not acknowledged. A socket full of them takes more only once a third is free, which for a slow reader may
    /// be minutes, so that what the socket takes says nothing by itself.
    mutating func openWindow(_ nowNs: UInt64, waiting: Int) {
        windowNs = nowNs
        windowOctets = 0
        windowWaiting = UInt64(max(0, waiting))
    }

    mutating func countProgress(_ octets: Int) {
        windowOctets &+= UInt64(octets)
        sentOctets &+= UInt64(octets)
    }

    /// What the connection has come to: lines taken, octets given to the socket.
    var totals: (commands: UInt64, octets: UInt64) { (UInt64(commandCount), sentOctets) }

    /// The window is over. True: the reader took enough of what waits, and gets another.
    mutating func renewWindow(_ limits: borrowing Limits, _ nowNs: UInt64, waiting: Int) -> Bool {
        let wanted = UInt64(limits.readerBytesPerS) &* UInt64(limits.stallMs) / 1000
        let given = windowWaiting &+ windowOctets
        let left = UInt64(max(0, waiting))
        guard given > left, given &- left >= wanted else { return false }
        openWindow(nowNs, waiting: waiting)
        return true
    }

    /// Gives everything borrowed back and unlocks the maildrop: nothing that was marked is removed (RFC 1939, section 6).
    mutating func end(_ resources: inout Resources) {
        closeMaildrop(&resources)
        endExchange(&resources)
        releaseInput(&resources)
        output.release(&resources.outputPool)
        cipher?.release(&resources)
    }

    mutating func closeMaildrop(_ resources: inout Resources) {
        guard let open = maildrop else { return }
        open.close()
        if let memory = open.markMemory { resources.markPool.giveBack(memory) }
        maildrop = nil
    }
}
