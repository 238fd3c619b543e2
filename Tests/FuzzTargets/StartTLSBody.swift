// stls-split: a client's octets in the clear, cut anywhere, taken as a server's connection takes them. No command behind STLS in
// the clear is ever acted on; the session after STLS is a new one; how the octets are cut changes nothing, but for the one cut
// that parts STLS from what follows (RFC 2595, section 4; CVE-2021-38084).
//
//   [ offer | how many cuts | places of cuts, two octets each, little-endian | the client's octets ]

import POP3

/// What a connection does, in the order in which it does it.
private enum Deed: Equatable {
    case action(ServerAction)
    /// STLS was followed by something: refused, and the connection ends.
    case refusedTLS
    case startedTLS(ServerSession.State, isUTF8: Bool)
}

func checkStartTLS(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard input.count >= 2 else { return nil }
    let offer = Offer(rawValue: UInt16(input[0]) << 1 | 1)
    let count = min(Int(input[1] & 15), (input.count - 2) / 2)
    let octets = UnsafeBufferPointer(rebasing: input[(2 + 2 * count)...])
    var cuts: [Int] = []
    for index in 0..<count { cuts.append(Int(input[2 + 2 * index]) | Int(input[3 + 2 * index]) << 8) }
    cuts = cuts.map { $0 % (octets.count + 1) }.sorted()

    let whole = ClearConnection.play(octets, cuts: [], offer)
    let parted = ClearConnection.play(octets, cuts: cuts, offer)
    let single = ClearConnection.play(octets, cuts: Array(0..<octets.count), offer)
    for deeds in [whole, parted, single] {
        if let violation = check(deeds) { return violation }
    }
    // Up to STLS all three are the same.
    let before = whole.prefix { $0 != .refusedTLS && !$0.isStart }
    for deeds in [parted, single] {
        guard deeds.prefix(before.count).elementsEqual(before) else { return Violation("a cut changes what is done") }
        guard deeds.count == whole.count else { return Violation("a cut lets something behind STLS through") }
    }
    return nil
}

extension Deed {
    fileprivate var isStart: Bool {
        if case .startedTLS = self { true } else { false }
    }
}

private func check(_ deeds: [Deed]) -> Violation? {
    for (index, deed) in deeds.enumerated() {
        switch deed {
        case .action(.startTLS): return Violation("STLS is an action like any other")
        case .action: continue
        case .refusedTLS, .startedTLS:
            guard index == deeds.count - 1 else { return Violation("something behind STLS is acted on") }
            if case .startedTLS(let state, let isUTF8) = deed, state != .authorization || isUTF8 {
                return Violation("the session under TLS is not a new one")
            }
        }
    }
    return nil
}

/// A connection in the clear up to STLS: lines out of a buffer, as the server's own does it.
private struct ClearConnection {
    var session = ServerSession()
    var buffer: [UInt8] = []
    var deeds: [Deed] = []
    var isOver = false

    static func play(_ octets: UnsafeBufferPointer<UInt8>, cuts: [Int], _ offer: Offer) -> [Deed] {
        var connection = ClearConnection()
        var start = 0
        for cut in cuts + [octets.count] where cut > start {
            connection.receive(octets[start..<cut], offer)
            start = cut
        }
        return connection.deeds
    }

    mutating func receive(_ segment: Slice<UnsafeBufferPointer<UInt8>>, _ offer: Offer) {
        guard !isOver else { return }
        buffer += segment
        while !isOver, let lineFeed = buffer.firstIndex(of: 10) {
            let line = Array(buffer[..<lineFeed])
            buffer.removeFirst(lineFeed + 1)
            guard line.last == 13 else {
                deeds.append(.action(.reply(session.bareLineFeed())))
                continue
            }
            take(Array(line.dropLast()), offer)
        }
    }

    private mutating func take(_ line: [UInt8], _ offer: Offer) {
        let action = session.receive(line.span, offer: offer)
        guard action == .startTLS else {
            deeds.append(.action(action))
            if session.state == .ended { isOver = true }
            // Every attempt fails here, or goes on where its line is long.
            if session.state == .verifying { line.count > 16 ? session.awaitResponse() : session.logonFailed() }
            return
        }
        isOver = true
        guard buffer.isEmpty else { return deeds.append(.refusedTLS) }
        session.tlsStarted()
        deeds.append(.startedTLS(session.state, isUTF8: session.isUTF8))
    }
}
