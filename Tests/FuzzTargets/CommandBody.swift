// pop3-command: any octets, taken as lines by the command parser and the server's session machine. Every range lies inside
// its line; before a logon no line reaches the maildrop; a line changes nothing but by the action it returns.

import POP3

func checkCommands(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    var session = ServerSession()
    // The first octet chooses the offer, the second whether the session is past its logon, the rest is the dialogue.
    let offer = Offer(rawValue: UInt16(input.first ?? 0) << 1 | UInt16(input.first ?? 0) >> 7)
    if input.count > 1, input[1] & 1 != 0 { session.logonSucceeded() }
    var start = min(2, input.count)
    while start < input.count {
        var end = start
        while end < input.count, input[end] != 10 { end += 1 }
        let octets = UnsafeBufferPointer(rebasing: input[start..<end])
        if let violation = checkLine(octets.span, &session, offer) { return violation }
        start = end + 1
    }
    return nil
}

private func checkLine(_ line: Span<UInt8>, _ session: inout ServerSession, _ offer: Offer) -> Violation? {
    let before = session.state
    let bad = session.badCommands
    let action = session.receive(line, offer: offer)
    guard session.badCommands >= bad || action == .startTLS else { return Violation("bad commands are uncounted") }
    switch action {
    case .rememberUser(let range), .logOn(let range), .continueExchange(let range):
        guard range.lowerBound >= 0, range.upperBound <= line.count else { return Violation("a range outside the line") }
        if case .rememberUser = action, !offer.contains(.user) { return Violation("USER where Basic is off") }
        if case .logOn = action {
            guard offer.contains(.user), before == .userGiven else { return Violation("PASS without USER") }
        }
    case .beginExchange(let mechanism, let initial):
        guard mechanism.upperBound <= line.count, (initial?.upperBound ?? 0) <= line.count else {
            return Violation("a range outside the line")
        }
    case .stat, .list, .uidl, .retrieve, .top, .delete, .reset, .update:
        guard before == .transaction else { return Violation("the maildrop is reached before a logon") }
    case .logOnAPOP(let name, let digest):
        guard offer.contains(.apop) else { return Violation("APOP where it is off") }
        guard name.upperBound < digest.lowerBound, digest.upperBound <= line.count, !digest.isEmpty else {
            return Violation("a range outside the line")
        }
    case .startTLS:
        guard offer.contains([.stls, .extensions]), before == .authorization || before == .userGiven, !session.isUTF8 else {
            return Violation("STLS where it is off or too late")
        }
        session.tlsStarted()
    case .listCapabilities, .listLanguages:
        guard offer.contains(.extensions) else { return Violation("an extension where there is none") }
    case .hangUp:
        guard session.state == .ended else { return Violation("a session goes on after its end") }
    case .cancelExchange:
        guard before == .exchange else { return Violation("a cancel without an exchange") }
    case .reply, .listMechanisms, .quit: break
    }
    // The caller always reports what came of an attempt; so does this one.
    if session.state == .verifying {
        if line.count % 3 == 0 { session.awaitResponse() } else { session.logonFailed() }
        guard session.state != .transaction else { return Violation("a refused logon was let in") }
    }
    return nil
}
