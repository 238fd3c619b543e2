// http-metrics: any octets, taken as an HTTP request to the metrics endpoint. An answer depends on the head alone, not on
// how it came or on what follows; ranges lie inside it; figures go out only to a name of the loopback, or to none.

import Exposition

func checkRequest(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    let step = RequestParser.parse(input.span)
    switch step {
    case .needsMore:
        return input.count < RequestParser.longestHead ? nil : Violation("a head without an end")
    case .refused:
        // Once it is refused, more octets change nothing.
        let more = Array(input) + Array(repeating: UInt8(ascii: "x"), count: 16)
        let again = more.withUnsafeBufferPointer { RequestParser.parse($0.span) }
        return again == step ? nil : Violation("a refusal was taken back")
    case .complete(let head):
        return checkHead(head, step, input)
    }
}

private func checkHead(_ head: RequestHead, _ step: RequestStep, _ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard head.count >= 4, head.count <= min(input.count, RequestParser.longestHead) else {
        return Violation("a head that is longer than what came")
    }
    guard head.path.lowerBound > 0, head.path.upperBound < head.count, (head.authority?.upperBound ?? 0) < head.count else {
        return Violation("a range outside the head")
    }
    guard head.minorVersion == 0 || head.authority != nil else { return Violation("HTTP/1.1 without a host") }
    let whole = UnsafeBufferPointer(rebasing: input[..<head.count])
    guard RequestParser.parse(whole.span) == step else { return Violation("what follows the head changes it") }
    let cut = UnsafeBufferPointer(rebasing: input[..<(head.count - 1)])
    guard RequestParser.parse(cut.span) == .needsMore else { return Violation("a head was whole before its end") }
    let route = Route(head, in: input.span)
    if case .figures = route, let authority = head.authority {
        guard isLoopbackText(Array(input[authority])) else { return Violation("figures for a name that is not the loopback's") }
    }
    return nil
}

/// The same rule in other words: what may stand before the port.
private func isLoopbackText(_ octets: [UInt8]) -> Bool {
    let text = String(decoding: octets, as: UTF8.self).lowercased()
    return ["localhost", "[::1]", "127."].contains { text.hasPrefix($0) }
        && text.allSatisfy { $0.isASCII && ($0.isNumber || $0.isLetter || ".:[]".contains($0)) }
}
