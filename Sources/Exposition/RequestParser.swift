// The head of an HTTP/1.x request, read from all octets that have come so far: asked again with more, it answers the same
// for the same head. Strict, since its one client is a scraper: CRLF alone ends a line, nothing is folded, no body is taken.
// Invariant: an answer depends on the octets up to the head's end alone, and a range lies inside them.
// RFC 9112, sections 2.2, 3 and 5; RFC 9110, section 7.2.

import PoplarCore

/// What a request asks for. Ranges are offsets into the octets that were parsed.
public struct RequestHead: Equatable, Sendable {
    public enum Method: Equatable, Sendable {
        case get
        case head
    }

    public var method: Method
    /// The path without its query.
    public var path: Range<Int>
    /// The second digit of the version: HTTP/1.0 or HTTP/1.1.
    public var minorVersion: UInt8
    /// Who is asked: the Host field, or what an absolute target names instead of it.
    public var authority: Range<Int>?
    /// Octets of the head with the empty line that ends it.
    public var count: Int
}

public enum RequestStep: Equatable, Sendable {
    case needsMore
    case complete(RequestHead)
    case refused(ResponseStatus)
}

public enum RequestParser {
    /// Octets of a head with its empty line; more is refused.
    public static let longestHead = 4096

    /// Reads the head at the start of `octets`.
    public static func parse(_ octets: Span<UInt8>) -> RequestStep {
        guard let end = headEnd(octets) else {
            return octets.count < longestHead ? .needsMore : .refused(.headTooLarge)
        }
        guard let firstEnd = lineEnd(octets, from: 0, limit: end), var head = requestLine(octets, end: firstEnd) else {
            return .refused(.badRequest)
        }
        head.request.count = end
        if let refusal = readFields(octets, from: firstEnd + 2, end: end, &head.request) { return .refused(refusal) }
        guard head.isKnownMethod else { return .refused(.methodNotAllowed) }
        return .complete(head.request)
    }

    /// Offset behind the first empty line, when it lies within the limit.
    private static func headEnd(_ octets: Span<UInt8>) -> Int? {
        let count = min(octets.count, longestHead)
        var index = 3
        while index < count {
            if octets[index] == 10, octets[index - 1] == 13, octets[index - 2] == 10, octets[index - 3] == 13 { return index + 1 }
            index += 1
        }
        return nil
    }

    /// Offset of the CR that ends the line; nil for a line that has any other control octet than TAB in it.
    private static func lineEnd(_ octets: Span<UInt8>, from start: Int, limit: Int) -> Int? {
        var index = start
        while index + 1 < limit {
            let octet = octets[index]
            if octet == 13 { return octets[index + 1] == 10 ? index : nil }
            if octet < 32 && octet != 9 || octet == 127 { return nil }
            index += 1
        }
        return nil
    }

    private static func requestLine(_ octets: Span<UInt8>, end: Int) -> (request: RequestHead, isKnownMethod: Bool)? {
        guard let first = index(of: 32, octets, 0..<end), let second = index(of: 32, octets, first + 1..<end) else { return nil }
        let version = octets.extracting(second + 1..<end)
        guard version.count == 8, spells(version.extracting(0..<7), "HTTP/1.") else { return nil }
        let minor = version[7] &- 48
        guard minor <= 1, first > 0, second > first + 1 else { return nil }
        let name = octets.extracting(0..<first)
        for place in 0..<name.count where !isToken(name[place]) { return nil }
        for place in first + 1..<second where octets[place] <= 32 || octets[place] >= 127 { return nil }
        var head = RequestHead(method: .get, path: first + 1..<second, minorVersion: minor, count: 0)
        guard splitTarget(octets, &head) else { return nil }
        if spells(name, "HEAD") { head.method = .head }
        return (head, spells(name, "GET") || spells(name, "HEAD"))
    }

    /// Takes the query off, and scheme and authority where the target is absolute (RFC 9112, section 3.2.2).
    private static func splitTarget(_ octets: Span<UInt8>, _ head: inout RequestHead) -> Bool {
        var start = head.path.lowerBound
        let scheme = 7
        if head.path.count > scheme, Bytes.equals(octets.extracting(start..<start + scheme), "HTTP://") {
            let authority = start + scheme
            start = index(of: 47, octets, authority..<head.path.upperBound) ?? head.path.upperBound
            head.authority = authority..<start
            if start == head.path.upperBound {
                head.path = start..<start
                return true
            }
        }
        guard octets[start] == 47 else { return false }
        head.path = start..<(index(of: 63, octets, start..<head.path.upperBound) ?? head.path.upperBound)
        return true
    }

    /// Reads the field lines; the refusal, where there is one.
    private static func readFields(
        _ octets: Span<UInt8>, from start: Int, end: Int, _ head: inout RequestHead
    ) -> ResponseStatus? {
        let isAbsolute = head.authority != nil
        var hosts = 0
        var line = start
        while line < end - 2 {
            guard let lineEnd = lineEnd(octets, from: line, limit: end),
                let colon = index(of: 58, octets, line..<lineEnd), colon > line
            else { return .badRequest }
            let name = octets.extracting(line..<colon)
            for place in 0..<name.count where !isToken(name[place]) { return .badRequest }
            let value = trimmed(octets, colon + 1..<lineEnd)
            if Bytes.equals(name, "HOST") {
                hosts += 1
                if !isAbsolute { head.authority = value }
            } else if Bytes.equals(name, "TRANSFER-ENCODING") {
                return .contentTooLarge
            } else if Bytes.equals(name, "CONTENT-LENGTH") {
                guard let length = Bytes.decimal(octets.extracting(value)) else { return .badRequest }
                if length > 0 { return .contentTooLarge }
            }
            line = lineEnd + 2
        }
        guard hosts <= 1, hosts == 1 || head.minorVersion == 0 else { return .badRequest }
        return nil
    }

    private static func trimmed(_ octets: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, octets[start] == 32 || octets[start] == 9 { start += 1 }
        while end > start, octets[end - 1] == 32 || octets[end - 1] == 9 { end -= 1 }
        return start..<end
    }

    private static func index(of octet: UInt8, _ octets: Span<UInt8>, _ range: Range<Int>) -> Int? {
        for place in range where octets[place] == octet { return place }
        return nil
    }

    /// tchar of RFC 9110, section 5.6.2.
    private static func isToken(_ octet: UInt8) -> Bool {
        switch octet {
        case 48...57, 65...90, 97...122: true
        case 33, 35, 36, 37, 38, 39, 42, 43, 45, 46, 94, 95, 96, 124, 126: true
        default: false
        }
    }
}

/// Whether `octets` are `word`, letter by letter: methods, paths and the version are compared as they are
/// (RFC 9110, section 9.1).
func spells(_ octets: Span<UInt8>, _ word: StaticString) -> Bool {
    guard octets.count == word.utf8CodeUnitCount else { return false }
    for place in 0..<octets.count where octets[place] != word.utf8Start[place] { return false }
    return true
}
