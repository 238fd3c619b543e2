// One wrapper for each system call of the data plane. Interrupted calls are repeated, "would block" is a value,
// and an errno is passed up as a number; nothing here throws, allocates or logs.

public import CLinux
public import Glibc

/// How a read or write of a non-blocking socket ended.
@frozen
public enum IOResult: Equatable, Sendable {
    /// Octets moved; 0 from a read is the peer's end of stream.
    case count(Int)
    /// Nothing can be moved now.
    case wouldBlock
    /// The socket is broken; the errno says how.
    case failed(Int32)
}

/// A failed set-up call: its name, errno, and what it was about.
public struct SystemError: Error, CustomStringConvertible {
    public let call: String
    public let code: Int32
    public let subject: String
    private let reason: String

    public init(call: String, code: Int32, subject: String) {
        self.init(call: call, code: code, subject: subject, reason: String(cString: strerror(code)))
    }

    private init(call: String, code: Int32, subject: String, reason: String) {
        self.call = call
        self.code = code
        self.subject = subject
        self.reason = reason
    }

    /// A name that getaddrinfo(3) answered with `status`, one of its own codes; only EAI_SYSTEM leaves the reason in
    /// errno, `systemCode`. Success stands for a list without an IPv4 or IPv6 address.
    static func unresolved(_ host: String, status: Int32, systemCode: Int32) -> SystemError {
        let subject = "cannot resolve '\(host)'"
        return switch status {
        case EAI_SYSTEM: SystemError(call: "getaddrinfo", code: systemCode, subject: subject)
        case 0: SystemError(call: "getaddrinfo", code: ENOENT, subject: subject, reason: "it has no IPv4 or IPv6 address")
        default: SystemError(call: "getaddrinfo", code: ENOENT, subject: subject, reason: String(cString: gai_strerror(status)))
        }
    }

    /// Whether a text was at fault and not the system: what the caller was given is no address.
    public var isMalformed: Bool { call == Self.parsing }
    static let parsing = "parse"

    public var description: String {
        isMalformed ? subject : "\(subject): \(reason) (\(call))"
    }
}

public enum System {
    @inlinable
    static func result(_ value: Int) -> IOResult {
        if value >= 0 { return .count(value) }
        let code = errno
        return code == EAGAIN ? .wouldBlock : .failed(code)
    }

    /// recv(2), which spares a socket the detour through the file layer that read(2) takes.
    @inlinable
    public static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        while true {
            let result = result(clinux_receive(descriptor, buffer.baseAddress, buffer.count))
            if result != .failed(EINTR) { return result }
        }
    }

    @inlinable
    public static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        while true {
            let result = result(Glibc.read(descriptor, buffer.baseAddress, buffer.count))
            if result != .failed(EINTR) { return result }
        }
    }

    /// send(2) without SIGPIPE. `more` holds back a partial segment, for a close or another send that follows at once.
    @inlinable
    public static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool = false) -> IOResult {
        let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
        while true {
            let result = result(clinux_send(descriptor, bytes.baseAddress, bytes.count, flags))
            if result != .failed(EINTR) { return result }
        }
    }

    /// Octets that were given to the socket and that the peer has not acknowledged (SIOCOUTQ of tcp(7)); 0 when not known.
    public static func unacknowledged(_ descriptor: Int32) -> Int {
        var count: Int32 = 0
        guard ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 else { return 0 }
        return max(0, Int(count))
    }

    /// Says that nothing more will be sent, while input can still come (shutdown(2)).
    public static func endOutput(_ descriptor: Int32) { _ = Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

    /// sendmsg(2) of `count` parts without SIGPIPE.
    @inlinable
    public static func send(
        _ descriptor: Int32, parts: UnsafeMutablePointer<iovec>, count: Int, more: Bool = false
    ) -> IOResult {
        var message = msghdr()
        message.msg_iov = parts
        message.msg_iovlen = count
        let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
        while true {
            let result = result(clinux_send_message(descriptor, &message, flags))
            if result != .failed(EINTR) { return result }
        }
    }

    /// Eight octets from the kernel's random source (getrandom(2)), for challenges. It cannot fail after boot.
    public static func randomWord() -> UInt64 {
        var word: UInt64 = 0
        while getrandom(&word, 8, 0) != 8 {}
        return word
    }

    /// Raises the soft limit of open descriptors to the hard one. Returns the limit now in force.
    public static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            let wanted = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
            var attempt = wanted
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &attempt) == 0 { limit = wanted }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
