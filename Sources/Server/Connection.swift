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
    var sasl: SASL.ServerExchange?
    /// User name and exchange, borrowed from the first USER or AUTH to the end of the logon.
    var exchange: ExchangeMemory?
    var listing = Listing.none
    var cipher: Cipher?
    /// Plaintext that has come and is not yet taken as lines.
    private var input: UnsafeMutableRawPointer?
    private var inputStart: Int32 = 0
    private var inputEnd: Int32 = 0
    /// The rest of a line that was too long is being thrown away.
    private var isDiscarding = false
    /// Nothing more is read; what is queued still goes out, then the connection ends.
    private(set) var isClosing = false
    var logonFailures: UInt16 = 0
    let openedNs: UInt64
    /// When the last octet came or went.
    var activeNs: UInt64

    /// A connection that has just been accepted: the greeting is queued, or with TLS waits for the handshake.
    init(cipher: consuming Cipher?, _ resources: inout Resources) {
        self.cipher = cipher
        openedNs = resources.nowNs
        activeNs = resources.nowNs
        if self.cipher == nil { greet(&resources) }
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

    private var isHandshaking: Bool {
        switch cipher {
        case .some(let cipher): !cipher.isEstablished
        case .none: false
        }
    }

    func channel(_ resources: borrowing Resources) -> Channel { isEncrypted ? resources.encrypted : resources.clear }

    mutating func greet(_ resources: inout Resources) {
        if output.prepare(&resources.outputPool) { output.append(ServerReply.greeting.line) } else { isClosing = true }
    }

    mutating func close() { isClosing = true }

    // MARK: Input

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
        activeNs = resources.nowNs
    }

    /// Whether a call of `process` may find something to do without new input.
    var hasInput: Bool { inputEnd > inputStart }

    /// Answers the lines that are there, as far as there is room for the replies. Call again after a flush.
    mutating func process(_ resources: inout Resources) {
        guard output.prepare(&resources.outputPool) else {
            resources.counters.queueFull &+= 1
            isClosing = true
            return
        }
        while !isClosing {
            if listing != .none {
                continueListing(&resources)
                if listing != .none { return }
            }
            guard output.hasRoom, takeLine(&resources) else { break }
        }
        if inputStart == inputEnd || isClosing { releaseInput(&resources) }
        if output.isEmpty { output.release(&resources.outputPool) }
    }

    /// Takes one line off the input and answers it. False: no whole line is there.
    private mutating func takeLine(_ resources: inout Resources) -> Bool {
        guard let input, inputEnd > inputStart else { return false }
        let waiting = UnsafeRawBufferPointer(start: input + Int(inputStart), count: Int(inputEnd &- inputStart))
        let limits = resources.snapshot.limits
        let limit = session.isInExchange ? limits.saslLineBytes : limits.commandLineBytes
        guard let lineFeed = Bytes.firstLineFeed(in: waiting) else {
            if waiting.count >= limit { discard(waiting.count, &resources) }
            return false
        }
        inputStart &+= Int32(truncatingIfNeeded: lineFeed &+ 1)
        if isDiscarding {
            isDiscarding = false
            return true
        }
        guard lineFeed < limit else {
            refuseLongLine(&resources)
            return true
        }
        var length = lineFeed
        if length > 0, waiting[length &- 1] == Bytes.carriageReturn { length &-= 1 }
        let octets = UnsafeBufferPointer(start: waiting.baseAddress?.assumingMemoryBound(to: UInt8.self), count: length)
        resources.counters.commands &+= 1
        let before = session.badCommands
        let line = octets.span
        let action = session.receive(line, offer: channel(resources).offer)
        perform(action, line: line, &resources)
        if session.badCommands != before { countBadCommand(&resources) }
        return true
    }

    private mutating func discard(_ count: Int, _ resources: inout Resources) {
        inputStart = inputEnd
        if !isDiscarding { refuseLongLine(&resources) }
        isDiscarding = true
    }

    private mutating func refuseLongLine(_ resources: inout Resources) {
        endExchange(&resources)
        reply(session.lineTooLong())
        countBadCommand(&resources)
    }

    private mutating func countBadCommand(_ resources: inout Resources) {
        resources.counters.badCommands &+= 1
        let limits = resources.snapshot.limits
        let allowed = maildrop == nil ? limits.badCommandsBeforeLogon : limits.badCommandsAfterLogon
        if Int(session.badCommands) >= allowed {
            reply(.tooManyBadCommands)
            isClosing = true
        }
    }

    /// Gives the input chunk back where nothing waits in it.
    mutating func releaseIdleInput(_ resources: inout Resources) {
        if inputStart == inputEnd { releaseInput(&resources) }
    }

    private mutating func releaseInput(_ resources: inout Resources) {
        if let input { resources.inputPool.giveBack(input) }
        input = nil
        inputStart = 0
        inputEnd = 0
    }

    // MARK: Replies

    mutating func reply(_ reply: ServerReply) { output.append(reply.line) }

    // MARK: Time and end

    /// When the connection has had its time, on the monotonic clock.
    func deadlineNs(_ limits: borrowing Limits) -> UInt64 {
        if !output.isEmpty || isClosing || isCipherBusy { return after(activeNs, limits.stallMs) }
        if isHandshaking { return after(openedNs, limits.handshakeMs) }
        if maildrop == nil { return after(openedNs, limits.logonMs) }
        return after(activeNs, limits.idleMs)
    }

    private func after(_ start: UInt64, _ milliseconds: Int) -> UInt64 { start &+ UInt64(milliseconds) &* 1_000_000 }

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
