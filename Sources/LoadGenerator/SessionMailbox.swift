// The work in the maildrop: STAT, LIST, UIDL, then the transfers of MailboxTransfers, an idle stretch, QUIT, as far as the
// script asks. Every figure that the server gives twice is compared: STAT with LIST's rows, RETR's announced octets with those
// that came, all of them with the maildrop's sum, and each message with its known size. What does not agree is `content`.

import POP3
import PoplarCore
import Telemetry
import Workload

extension SessionMachine {
    /// The logon is done: the first command of the work.
    mutating func startMailbox(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: borrowing SessionContext) {
        if script.work.abandon == .maildrop { return abandon() }
        if script.work.stat || needsCount {
            ClientCommand.write(.stat, into: &output)
            state = .stat
        } else {
            afterStat(nowNs, &output, context)
        }
    }

    /// Whether messages are wanted and nothing that the script asks would say how many there are.
    private var needsCount: Bool {
        let work = script.work
        return (work.topMessages > 0 || work.retrieveMessages > 0) && !work.list && !work.uidl
    }

    private mutating func afterStat(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: borrowing SessionContext) {
        guard script.work.list else { return afterList(nowNs, &output, context) }
        ClientCommand.write(.list, into: &output)
        state = .list
    }

    private mutating func afterList(_ nowNs: UInt64, _ output: inout ByteWriter, _ context: borrowing SessionContext) {
        guard script.work.uidl else { return startTransfers(nowNs, &output) }
        if script.work.retrievesNew { lastSeen = context.seen?[user] ?? SeenMail() }
        ClientCommand.write(.uidl, into: &output)
        state = .uidl
    }

    /// The transfers are done.
    mutating func finishWork(_ nowNs: UInt64, _ output: inout ByteWriter) {
        if script.work.idleNs > 0, idleEndNs == nil {
            idleEndNs = nowNs &+ script.work.idleNs
            return beginPause(nowNs)
        }
        guard script.work.quits else { return abandon() }
        ClientCommand.write(.quit, into: &output)
        state = .quit
    }

    mutating func mailboxReply(
        _ reply: ClientReply, _ line: Span<UInt8>, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent? {
        guard reply.status == .ok else {
            context.excerpt.keep(line)
            guard reply.status == .error else { return fault(.protocolViolation) }
            return context.lets(.status) ? passRefusal(nowNs, &output, context) : fault(.content)
        }
        switch state {
        case .stat:
            if let (messages, octets) = ReplyFigures.stat(line, text: reply.text) {
                messageCount = messages
                maildropOctets = octets
            } else {
                context.excerpt.keep(line)
                guard context.lets(.listing) else { return fault(.content) }
                if let (messages, octets) = LenientFigures.stat(line, text: reply.text) {
                    messageCount = messages
                    maildropOctets = octets
                }
            }
            let event = finish(.stat, nowNs)
            afterStat(nowNs, &output, context)
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
        case .dele: return transferred(.dele, nowNs, &output)
        case .noop:
            let event = finish(.noop, nowNs)
            beginPause(nowNs)
            return event
        default: break
        }
        return nil
    }

    /// A row of LIST or UIDL. Nothing of it is kept but the count, the sum, and where the user's last look ended.
    mutating func row(_ line: Span<UInt8>, _ context: inout SessionContext) -> SessionEvent? {
        if state == .listRows {
            guard let (_, octets) = ReplyFigures.listRow(line) else { return strangeRow(line, &context) }
            rowOctets &+= octets
            if context.knownMessageBytes > 0, octets != context.knownMessageBytes, !context.lets(.size) {
                context.excerpt.keep(line)
                return fault(.content)
            }
        } else {
            guard let (_, id) = ReplyFigures.uidlRow(line) else { return strangeRow(line, &context) }
            if script.work.retrievesNew { note(SeenMail(id: line.extracting(id))) }
        }
        rows &+= 1
        return nil
    }

    /// A row that is not of RFC 1939's form. Where that is let pass, it counts if a lenient client finds a message's
    /// number in it.
    private mutating func strangeRow(_ line: Span<UInt8>, _ context: inout SessionContext) -> SessionEvent? {
        guard context.lets(.listing) else {
            context.excerpt.keep(line)
            return fault(.content)
        }
        if state == .listRows {
            guard let (_, octets) = LenientFigures.listRow(line) else { return nil }
            rowOctets &+= octets
        } else {
            guard let (_, id) = LenientFigures.uidlRow(line) else { return nil }
            if script.work.retrievesNew { note(SeenMail(id: line.extracting(id))) }
        }
        rows &+= 1
        return nil
    }

    /// The running command was refused, and the session goes on as if it had brought nothing: a failed step of a
    /// session that may still succeed.
    private mutating func passRefusal(
        _ nowNs: UInt64, _ output: inout ByteWriter, _ context: borrowing SessionContext
    ) -> SessionEvent {
        let event = SessionEvent.stepFailed(step, method, .content, sinceNs: stepSinceNs)
        lastPayloadBytes = 0
        switch state {
        case .top: _ = transferred(.top, nowNs, &output)
        case .retr: _ = transferred(.retr, nowNs, &output)
        case .dele: _ = transferred(.dele, nowNs, &output)
        default:
            stepStartNs = nowNs
            switch state {
            case .stat: afterStat(nowNs, &output, context)
            case .list: afterList(nowNs, &output, context)
            case .uidl: startTransfers(nowNs, &output)
            default: beginPause(nowNs)
            }
        }
        return event
    }

    mutating func endOfListing(
        _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        let isList = state == .listRows
        if let messageCount, messageCount != rows, !context.lets(.listing) {
            context.excerpt.remark("messages until now: ", UInt64(messageCount), ", rows here: ", UInt64(rows))
            return fault(.content)
        }
        if isList, let maildropOctets, maildropOctets != rowOctets, !context.lets(.size) {
            context.excerpt.remark("octets by STAT: ", maildropOctets, ", sum of the rows: ", rowOctets)
            return fault(.content)
        }
        messageCount = rows
        if isList { maildropOctets = rowOctets }
        let event = finish(isList ? .list : .uidl, nowNs)
        if isList { afterList(nowNs, &output, context) } else { startTransfers(nowNs, &output) }
        return event
    }

    mutating func endOfPayload(
        _ octets: UInt64, _ isExact: Bool, _ nowNs: UInt64, _ output: inout ByteWriter, _ context: inout SessionContext
    ) -> SessionEvent {
        if !isExact, !context.lets(.terminator) {
            context.excerpt.remark("the message does not end in CR LF, dot, CR LF")
            return fault(.content)
        }
        payloadBytes &+= octets
        lastPayloadBytes = octets
        if state == .topBody { return transferred(.top, nowNs, &output) }
        retrievedOctets &+= octets
        if !isRightSize(octets, &context), !context.lets(.size) { return fault(.content) }
        messagesRetrieved &+= 1
        return transferred(.retr, nowNs, &output)
    }

    private func isRightSize(_ octets: UInt64, _ context: inout SessionContext) -> Bool {
        if let announcedOctets, announcedOctets != octets {
            context.excerpt.remark("octets announced: ", announcedOctets, ", octets sent: ", octets)
            return false
        }
        if context.knownMessageBytes > 0, context.knownMessageBytes != octets {
            context.excerpt.remark("octets of each message: ", context.knownMessageBytes, ", octets sent: ", octets)
            return false
        }
        // Where every message was retrieved, the last one makes the sum complete.
        if let maildropOctets, let messageCount, messagesRetrieved &+ 1 == messageCount, maildropOctets != retrievedOctets {
            context.excerpt.remark("octets of the maildrop: ", maildropOctets, ", octets of all messages: ", retrievedOctets)
            return false
        }
        return true
    }
}
