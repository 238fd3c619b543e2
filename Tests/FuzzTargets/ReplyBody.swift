// pop3-reply: any octets as a server's replies. The client's reader gives the same events however the octets are cut, keeps
// its ranges inside the input, and never needs more than its line limit held back.

import POP3

func checkReplies(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard let first = input.first else { return nil }
    let body = UnsafeBufferPointer(rebasing: input[1...])
    let mode = first & 3
    // Whole, in two parts at a place that the first octet chooses, and octet by octet.
    guard let whole = events(body, mode, cut: body.count), let two = events(body, mode, cut: Int(first >> 2) + 1),
        let single = events(body, mode, cut: 1)
    else { return Violation("a range outside the input, or more held back than the limit") }
    return whole == two && whole == single ? nil : Violation("another cut gives other events")
}

/// The events as a digest of their kinds and texts, reading `cut` octets at a time; nil when an invariant broke.
private func events(_ input: UnsafeBufferPointer<UInt8>, _ mode: UInt8, cut: Int) -> [UInt64]? {
    var reader = ClientReplyReader()
    if mode == 1 { reader.beginRows() } else if mode == 2 { reader.beginPayload() }
    var seen: [UInt64] = []
    var held: [UInt8] = []
    var offset = 0
    while offset < input.count {
        let next = min(offset + max(1, cut), input.count)
        held += input[offset..<next]
        offset = next
        var cursor = 0
        reading: while true {
            let event = held.withUnsafeBytes { reader.next($0, cursor: &cursor) }
            switch event {
            case .needsInput: break reading
            case .line(let range):
                guard range.lowerBound >= 0, range.upperBound <= held.count else { return nil }
                seen.append(held[range].reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 })
            case .endOfRows: seen.append(1)
            case .endOfPayload(let octets, let isExact): seen.append(octets << 2 | (isExact ? 3 : 2))
            case .failed(let fault):
                seen.append(fault == .lineTooLong ? 4 : 5)
                return seen
            }
        }
        guard cursor <= held.count else { return nil }
        held.removeFirst(cursor)
        guard held.count <= ClientReplyReader.lineLimit + max(1, cut) else { return nil }
    }
    return seen
}
