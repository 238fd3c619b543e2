// What the endpoint answers: which page a request gets, and the octets of the reply. Only names of this machine's loopback
// are answered to, so that a page in a browser cannot reach the figures by a name that it has rebound to 127.0.0.1.
// Every reply ends its connection (RFC 9112, section 9.6).

import PoplarCore

public enum ResponseStatus: Int, Sendable, CaseIterable {
    case ok = 200
    case badRequest = 400
    case forbidden = 403
    case notFound = 404
    case methodNotAllowed = 405
    case contentTooLarge = 413
    case headTooLarge = 431

    var reason: String {
        switch self {
        case .ok: "OK"
        case .badRequest: "Bad Request"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .contentTooLarge: "Content Too Large"
        case .headTooLarge: "Request Header Fields Too Large"
        }
    }
}

/// What a whole request leads to.
public enum Route: Equatable, Sendable {
    case figures
    case health
    case refusal(ResponseStatus)

    public init(_ head: RequestHead, in octets: Span<UInt8>) {
        if let authority = head.authority {
            guard LoopbackName.matches(octets.extracting(authority)) else {
                self = .refusal(.forbidden)
                return
            }
        }
        let path = octets.extracting(head.path)
        if spells(path, "/metrics") {
            self = .figures
        } else if spells(path, "/healthz") {
            self = .health
        } else {
            self = .refusal(.notFound)
        }
    }
}

/// Names of the loopback as they stand in a Host field: `localhost`, `127.x.y.z`, `[::1]`, each with a port or without.
public enum LoopbackName {
    public static func matches(_ authority: Span<UInt8>) -> Bool {
        var end = authority.count
        while end > 0, authority[end - 1] >= 48, authority[end - 1] <= 57 { end -= 1 }
        let hasPort = end > 0 && end < authority.count && authority.count - end <= 5 && authority[end - 1] == 58
        let host = authority.extracting(0..<(hasPort ? end - 1 : authority.count))
        return Bytes.equals(host, "LOCALHOST") || Bytes.equals(host, "[::1]") || isIPv4(host)
    }

    private static func isIPv4(_ host: Span<UInt8>) -> Bool {
        var parts = 0
        var start = 0
        while start <= host.count {
            var end = start
            while end < host.count, host[end] != 46 { end += 1 }
            guard end - start <= 3, let value = Bytes.decimal(host.extracting(start..<end)), value <= 255 else { return false }
            if parts == 0, value != 127 { return false }
            parts += 1
            start = end + 1
        }
        return parts == 4
    }
}

public enum Response {
    public static let figuresType = "text/plain; version=0.0.4; charset=utf-8"

    /// The whole reply; `withBody` false is the answer to HEAD.
    public static func octets(
        _ status: ResponseStatus, type: String = "text/plain; charset=utf-8", body: String? = nil, withBody: Bool = true
    ) -> [UInt8] {
        let text = body ?? "\(status.rawValue) \(status.reason)\n"
        var head = "HTTP/1.1 \(status.rawValue) \(status.reason)\r\n"
        head += "Content-Type: \(type)\r\nContent-Length: \(text.utf8.count)\r\nConnection: close\r\n"
        head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        if status == .methodNotAllowed { head += "Allow: GET, HEAD\r\n" }
        return Array("\(head)\r\n\(withBody ? text : "")".utf8)
    }
}
