// The work in the maildrop: STAT, LIST, UIDL, TOP, RETR with DELE, QUIT, as far as the script asks. Every figure that
// the server gives twice is compared: STAT with LIST's rows, RETR's announced octets with those that came, all of them
// with the maildrop's sum, and each message with its known size. What does not agree is the error `content`.

import POP3
import PoplarCore
import Telemetry
import Workload

extension SessionMachine {
    /// The logon is done: the first command of the work.
    mutating func startMailbox(_ output: inout ByteWriter, _ context: borrowing SessionContext) {
        if script.work.stat || needsCount {
            ClientCommand.write(.stat, into: &output)
            state = .stat
        } else {
            afterStat(&output)
        }
    }

    /// Whether messages are wanted and nothing that the script asks would say how many there are.
    private var needsCount: Bool {
        let work = script.work
        return (work.topMessages > 0 || work.retrieveMessages > 0) && !work.list && !work.uidl
    }

    private mutating func afterStat(_ output: inout ByteWriter) {
        guard script.work.list else { return afterList(&output) }
        ClientCommand.write(.list, into: &output)
        state = .list
    }

    private mutating func afterList(_ output: inout ByteWriter) {
        guard script.work.uidl else { return nextTop(&output) }
        ClientCommand.write(.uidl, into: &output)
        state = .uidl
    }

    private mutating func nextTop(_ output: inout ByteWriter) {
        let last = min(script.work.topMessages, messageCount ?? 0)
        guard message < last else {
            message = 0
            return nextRetrieve(&output)
        }
        message &+= 1
        ClientCommand.top(message, lines: script.work.topLines, into: &output)
        state = .top
    }

    private mutating func nextRetrieve(_ output: inout ByteWriter) {
        let last = min(script.work.retrieveMessages, messageCount ?? 0)
        guard message < last else { return finishWork(&output) }
        message &+= 1
        ClientCommand.retr(message, into: &output)
        state = .retr
    }

    private mutating func finishWork(_ output: inout ByteWriter) {
        guard script.work.quits else { return abandon() }
        ClientCommand.write(.quit, into: &output)
        state = .quit
    }

    mutating func mailboxReply(
        _ reply: ClientReply, _ line: Span<UInt8>, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        guard reply.status == .ok else { return fault(reply.status == .error ? .content : .protocolViolation) }
        switch state {
        case .stat:
            guard let (messages, octets) = ReplyFigures.stat(line, text: reply.text) else { return fault(.content) }
            messageCount = messages
            maildropOctets = octets
            let event = finish(.stat, nowNs)
            afterStat(&output)
            return event
        case .list, .uidl:
            rows = 0
            rowOctets = 0
            reader.beginRows()
            state = state == .list ? .listRows : .uidlRows
        case .top:
            reader.beginPayload()
            state = .topBody
        case .retr:
            announcedOctets = ReplyFigures.octets(line, text: reply.text)
            reader.beginPayload()
            state = .retrBody
        case .dele:
            let event = finish(.dele, nowNs)
            nextRetrieve(&output)
            return event
        default: break
        }
        return nil
    }

    /// A row of LIST or UIDL. Nothing of it is kept but the count and the sum.
    mutating func row(_ line: Span<UInt8>, _ context: borrowing SessionContext) -> SessionEvent? {
        if state == .listRows {
            guard let (_, octets) = ReplyFigures.listRow(line) else { return fault(.content) }
            rowOctets &+= octets
            if context.checksReplies, context.knownMessageBytes > 0, octets != context.knownMessageBytes {
                return fault(.content)
            }
        } else if ReplyFigures.uidlRow(line) == nil {
            return fault(.content)
        }
        rows &+= 1
        return nil
    }

    mutating func endOfListing(
        _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        let isList = state == .listRows
        if context.checksReplies {
            if let messageCount, messageCount != rows { return fault(.content) }
            if isList, let maildropOctets, maildropOctets != rowOctets { return fault(.content) }
        }
        messageCount = rows
        if isList { maildropOctets = rowOctets }
        let event = finish(isList ? .list : .uidl, nowNs)
        if isList { afterList(&output) } else { nextTop(&output) }
        return event
    }

    mutating func endOfPayload(
        _ octets: UInt64, _ isExact: Bool, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        if context.checksReplies, !isExact { return fault(.content) }
        payloadBytes &+= octets
        if state == .topBody {
            let event = finish(.top, nowNs)
            nextTop(&output)
            return event
        }
        retrievedOctets &+= octets
        if context.checksReplies, !isRightSize(octets, context) { return fault(.content) }
        messagesRetrieved &+= 1
        let event = finish(.retr, nowNs)
        if script.work.deletesRetrieved {
            ClientCommand.dele(message, into: &output)
            state = .dele
        } else {
            nextRetrieve(&output)
        }
        return event
    }

    private func isRightSize(_ octets: UInt64, _ context: borrowing SessionContext) -> Bool {
        if let announcedOctets, announcedOctets != octets { return false }
        if context.knownMessageBytes > 0, context.knownMessageBytes != octets { return false }
        // The last message of a maildrop makes the sum complete.
        if let maildropOctets, let messageCount, message == messageCount, maildropOctets != retrievedOctets { return false }
        return true
    }
}
