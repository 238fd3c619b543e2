// What each action of the session machine does to the maildrop and what it answers. A retrieval queues the message
// where it lies; everything else is copied, since it is short.

import Maildrop
import POP3
import PoplarCore

/// A multi-line reply that did not fit in one go: the number of the next row.
enum Listing: Equatable {
    case none
    case sizes(next: UInt32)
    case uniqueIDs(next: UInt32)
}

private let terminator: StaticString = ".\r\n"

extension Connection {
    mutating func perform(_ action: ServerAction, line: Span<UInt8>, _ resources: inout Resources) {
        switch action {
        case .reply(let fixed):
            if fixed == .malformedExchange { spoilExchange(&resources) }
            // The session machine does not know which channel it is on; either way STLS is not offered.
            reply(fixed == .tlsUnavailable && isEncrypted ? .tlsAlready : fixed, &resources)
        case .hangUp(let fixed):
            reply(fixed, &resources)
            close(.protocolError)
        case .listCapabilities:
            resources.work.spend(WorkBudget.capabilities)
            let offer = channel(resources).offer
            let delay = UInt64(resources.snapshot.limits.loginDelayS)
            write { ReplyWriter.capabilities(offer, loginDelay: delay, into: &$0) }
        case .listMechanisms:
            let offer = channel(resources).offer
            let personality = resources.snapshot.behaviour.personality
            write { ReplyWriter.mechanisms(offer, personality, into: &$0) }
        case .listLanguages: write { ReplyWriter.languages(into: &$0) }
        case .startTLS: acceptTLS(&resources)
        case .rememberUser(let name): rememberUser(line.extracting(name), &resources)
        case .logOn(let password): basicLogon(password: line.extracting(password), &resources)
        case .logOnAPOP(let name, let digest):
            apopLogon(name: line.extracting(name), digest: line.extracting(digest), &resources)
        case .beginExchange(let mechanism, let initial):
            beginExchange(line.extracting(mechanism), initial: initial, line: line, &resources)
        case .continueExchange(let range): continueExchange(line.extracting(range), &resources)
        case .cancelExchange: cancelExchange(&resources)
        case .quit:
            reply(.goodbye, &resources)
            close(.quit)
        case .update:
            update(&resources)
        case .stat, .list, .uidl, .retrieve, .top, .delete, .reset:
            transaction(action, &resources)
        }
    }

    private mutating func transaction(_ action: ServerAction, _ resources: inout Resources) {
        // The session machine asks for these after a logon alone; without a maildrop there is nothing to answer from.
        guard let open = maildrop else { return reply(.logOnFirst, &resources) }
        switch action {
        case .stat:
            let (count, octets) = open.unmarked
            write { ReplyWriter.stat(count: count, octets: octets, into: &$0) }
        case .list(nil):
            beginListing(.sizes(next: 1), open)
        case .uidl(nil):
            beginListing(.uniqueIDs(next: 1), open)
        case .list(let number?):
            guard isPresent(number, open, &resources) else { return }
            write { ReplyWriter.listRow(number: number, octets: open.octets(number), status: true, into: &$0) }
        case .uidl(let number?):
            guard isPresent(number, open, &resources) else { return }
            write { Self.uniqueIDRow(number, open, status: true, into: &$0) }
        case .retrieve(let number):
            guard isPresent(number, open, &resources), let message = open.retrieval(number) else { return }
            resources.counters.retrieved &+= 1
            output.append(external: message)
        case .top(let number, let lines):
            resources.work.spend(WorkBudget.top)
            guard isPresent(number, open, &resources), let part = open.top(number, lines: lines) else { return }
            reply(.done, &resources)
            output.append(external: part)
            output.append(terminator)
        case .delete(let number):
            guard isPresent(number, open, &resources) else { return }
            _ = maildrop?.mark(number)
            reply(.deleted, &resources)
        case .reset:
            spendWords(&resources)
            maildrop?.reset()
            reply(.reset, &resources)
        case .reply, .hangUp, .listCapabilities, .listMechanisms, .listLanguages, .rememberUser, .logOn, .logOnAPOP,
            .beginExchange, .continueExchange, .cancelExchange, .startTLS, .quit, .update:
            break
        }
    }

    /// Whether a message can be worked with; if not, says why.
    private mutating func isPresent(_ number: UInt32, _ open: OpenMaildrop, _ resources: inout Resources) -> Bool {
        switch open.state(number) {
        case .present: return true
        case .marked: reply(.alreadyDeleted, &resources)
        case .absent: reply(.noSuchMessage, &resources)
        }
        return false
    }

    private mutating func update(_ resources: inout Resources) {
        if let open = maildrop {
            spendWords(&resources)
            open.update()
            if let memory = open.markMemory { resources.markPool.giveBack(memory) }
            maildrop = nil
            resources.counters.sessions &+= 1
        }
        reply(.goodbye, &resources)
        close(.quit)
    }

    /// What goes through all the marks of a maildrop.
    func spendWords(_ resources: inout Resources) {
        resources.work.spend(OpenMaildrop.words(resources.snapshot.population) / WorkBudget.words)
    }

    private mutating func beginListing(_ kind: Listing, _ open: OpenMaildrop) {
        let (count, octets) = open.unmarked
        write { ReplyWriter.listing(count: count, octets: octets, into: &$0) }
        listing = kind
    }

    /// Writes as many rows as there is room and work for, and the terminator after the last.
    mutating func continueListing(_ resources: inout Resources) {
        guard let open = maildrop else {
            listing = .none
            return
        }
        let sizes: Bool
        var number: UInt32
        switch listing {
        case .none: return
        case .sizes(let next): (sizes, number) = (true, next)
        case .uniqueIDs(let next): (sizes, number) = (false, next)
        }
        var writer = output.writer()
        while number <= open.count, writer.remaining >= 128, !resources.work.isSpent {
            let unmarked = open.firstUnmarked(from: number)
            resources.work.spend(WorkBudget.row &+ Int(unmarked &- number) / (64 &* WorkBudget.words))
            number = unmarked
            guard number <= open.count else { break }
            if sizes {
                ReplyWriter.listRow(number: number, octets: open.octets(number), status: false, into: &writer)
            } else {
                Self.uniqueIDRow(number, open, status: false, into: &writer)
            }
            number &+= 1
        }
        if number > open.count, writer.remaining >= 3 {
            writer.append(terminator)
            listing = .none
        } else {
            listing = sizes ? .sizes(next: number) : .uniqueIDs(next: number)
        }
        output.commit(writer)
    }

    private static func uniqueIDRow(_ number: UInt32, _ open: OpenMaildrop, status: Bool, into writer: inout ByteWriter) {
        if status { writer.append("+OK ") }
        writer.append(decimal: UInt64(number))
        writer.append(Bytes.space)
        open.uniqueID(number, into: &writer)
        writer.append("\r\n")
    }

    /// Writes a reply into the queue.
    @inline(__always)
    mutating func write(_ body: (inout ByteWriter) -> Void) {
        var writer = output.writer()
        body(&writer)
        output.commit(writer)
    }
}
