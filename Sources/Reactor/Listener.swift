// A listening socket. Each worker opens its own on the same address (SO_REUSEPORT), so that the kernel spreads
// connections and workers share nothing. Options set here are inherited by what it accepts: no call per connection.

import CLinux
import Glibc

public struct Listener: ~Copyable {
    public let descriptor: Int32
    /// The address in force; its port is the real one also where 0 was asked for.
    public let address: SocketAddress

    /// Opens and listens. `backlog` is bounded by net.core.somaxconn; `isShared` lets others of this user listen there too.
    /// `unsentBytes`: how much an accepted socket takes that cannot be sent yet (TCP_NOTSENT_LOWAT of tcp(7)); 0: as much as
    /// the kernel likes, which may be megabytes for a client that reads nothing. `acknowledgesInReplies`: an accepted socket
    /// acknowledges what comes first with the reply to it, and by a segment of its own only after 40 ms without one, as it does
    /// with everything later (TCP_QUICKACK of tcp(7)); for protocols whose every line is answered at once.
    public init(
        on wanted: SocketAddress, backlog: Int32 = 4096, isShared: Bool = true, unsentBytes: Int = 0,
        acknowledgesInReplies: Bool = false
    ) throws(SystemError) {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(wanted.family, type, 0)
        guard descriptor >= 0 else { throw SystemError(call: "socket", code: errno, subject: wanted.text) }
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
        if isShared { setsockopt(descriptor, SOL_SOCKET, clinux_so_reuseport, &one, size) }
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        if unsentBytes > 0 {
            var bound = UInt32(clamping: unsentBytes)
            setsockopt(descriptor, Int32(IPPROTO_TCP), clinux_tcp_notsent_lowat, &bound, size)
        }
        if wanted.family == AF_INET6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, size) }
        var failure: SystemError?
        if wanted.withSockaddr({ Glibc.bind(descriptor, $0, $1) }) != 0 {
            failure = SystemError(call: "bind", code: errno, subject: "cannot listen on \(wanted.text)")
        } else if Glibc.listen(descriptor, backlog) != 0 {
            failure = SystemError(call: "listen", code: errno, subject: "cannot listen on \(wanted.text)")
        }
        if let failure {
            Glibc.close(descriptor)
            throw failure
        }
        if acknowledgesInReplies {
            // Listening resets this, so it comes after.
            var zero: Int32 = 0
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_QUICKACK, &zero, size)
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
