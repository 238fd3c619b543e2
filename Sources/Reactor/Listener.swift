// A listening socket. Each worker opens its own on the same address (SO_REUSEPORT), so that the kernel spreads
// connections and workers share nothing. Options set here are inherited by what it accepts: no call per connection.

import CLinux
import Glibc

public struct Listener: ~Copyable {
    public let descriptor: Int32
    /// The address in force; its port is the real one also where 0 was asked for.
    public let address: SocketAddress

    /// Who else may listen on the same address and port.
    public enum Sharing: Sendable {
        /// Nobody.
        case none
        /// Nobody who listens there already; listeners that are opened later with `.join` may.
        case found
        /// Whoever listens there with SO_REUSEPORT, in this process or in another one of the same user.
        case join
    }

    /// Opens and listens. Throws a SystemError; its code is EADDRINUSE where another listener has the port. `backlog`
    /// is bounded by net.core.somaxconn. `unsentBytes`: how much an accepted socket takes that cannot be sent yet
    /// (TCP_NOTSENT_LOWAT of tcp(7)); 0: as much as the kernel likes, which may be megabytes for a client that reads
    /// nothing. `acknowledgesInReplies`: an accepted socket acknowledges what comes first with the reply to it, and by
    /// a segment of its own only after 40 ms without one, as it does with everything later (TCP_QUICKACK of tcp(7));
    /// for protocols whose every line is answered at once.
    public init(
        on wanted: SocketAddress, backlog: Int32 = 4096, sharing: Sharing = .none, unsentBytes: Int = 0,
        acknowledgesInReplies: Bool = false
    ) throws(SystemError) {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(wanted.family, type, 0)
        guard descriptor >= 0 else { throw SystemError(call: "socket", code: errno, subject: wanted.text) }
        do throws(SystemError) {
            try Self.open(
                descriptor, wanted, backlog: backlog, sharing: sharing, unsentBytes: unsentBytes,
                acknowledgesInReplies: acknowledgesInReplies)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        var bound = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let real = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                getsockname(descriptor, generic, &length) == 0 ? SocketAddress(generic) : nil
            }
        }
        self.descriptor = descriptor
        address = real ?? wanted
    }

    deinit { Glibc.close(descriptor) }

    /// Sets the options, binds and listens.
    private static func open(
        _ descriptor: Int32, _ wanted: SocketAddress, backlog: Int32, sharing: Sharing, unsentBytes: Int,
        acknowledgesInReplies: Bool
    ) throws(SystemError) {
        func set(_ level: Int32, _ name: Int32, _ value: Int32, _ text: StaticString) throws(SystemError) {
            var value = value
            guard setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
                throw SystemError(call: "setsockopt \(text)", code: errno, subject: "cannot listen on \(wanted.text)")
            }
        }
        try set(SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR")
        if sharing == .join { try set(SOL_SOCKET, clinux_so_reuseport, 1, "SO_REUSEPORT") }
        try set(Int32(IPPROTO_TCP), TCP_NODELAY, 1, "TCP_NODELAY")
        if unsentBytes > 0 {
            try set(Int32(IPPROTO_TCP), clinux_tcp_notsent_lowat, Int32(clamping: unsentBytes), "TCP_NOTSENT_LOWAT")
        }
        if wanted.family == AF_INET6 { try set(Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1, "IPV6_V6ONLY") }
        guard wanted.withSockaddr({ Glibc.bind(descriptor, $0, $1) }) == 0 else {
            throw SystemError(call: "bind", code: errno, subject: "cannot listen on \(wanted.text)")
        }
        guard Glibc.listen(descriptor, backlog) == 0 else {
            throw SystemError(call: "listen", code: errno, subject: "cannot listen on \(wanted.text)")
        }
        // A port that somebody shares already is refused above, since this socket did not ask to share. From here on
        // others may join: the kernel makes a group of the first listener and those that follow.
        if sharing == .found { try set(SOL_SOCKET, clinux_so_reuseport, 1, "SO_REUSEPORT") }
        // Listening resets this, so it comes after.
        if acknowledgesInReplies { try set(Int32(IPPROTO_TCP), TCP_QUICKACK, 0, "TCP_QUICKACK") }
    }

    /// From here on the kernel sets up no new connections for this listener: their SYN is dropped, and the client
    /// repeats it after a second, when the listener is closed and it is refused, or another one has the port. What is
    /// set up already can still be accepted. False when the kernel refuses; a connection may then come between the last
    /// `accept` and the close, and is reset.
    public func refuseNew() -> Bool { clinux_refuse_new_connections(descriptor) == 0 }

    public enum Accepted {
        /// A non-blocking connection that the caller owns, and where it comes from.
        case connection(Int32, SocketAddress)
        /// None is waiting.
        case none
        /// Descriptors or memory are short (EMFILE, ENFILE, ENOBUFS, ENOMEM): accept no more for a while.
        case exhausted(Int32)
    }

    /// Takes one waiting connection. One that was reset while it waited is passed over.
    public func accept() -> Accepted {
        for _ in 0..<16 {
            var peer = sockaddr_in6()
            var size = UInt32(MemoryLayout<sockaddr_in6>.size)
            let descriptor = clinux_accept(
                self.descriptor, &peer, &size, Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue))
            if descriptor >= 0 { return .connection(descriptor, SocketAddress(accepted: peer)) }
            let code = errno
            switch code {
            case EAGAIN: return .none
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(code)
            default: continue
            }
        }
        return .none
    }
}
