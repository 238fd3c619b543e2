// A connected, non-blocking stream socket. Invariant: the descriptor is closed exactly once, when the value ends.
// Would-block is a value, not an error; EINTR is retried and seen by nobody above.

public import CLinux
public import Glibc

@frozen
public struct Socket: ~Copyable {
    public let descriptor: Int32

    /// Takes over `descriptor`.
    @inlinable public init(owning descriptor: Int32) { self.descriptor = descriptor }

    @inlinable deinit { _ = clinux_close(descriptor) }

    @inlinable
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> IOResult { System.receive(descriptor, into: buffer) }

    /// Starts a connection and does not wait for it: writable (or an error event) says that it ended; then see
    /// `pendingError`. `source`, where given, is the local address (port 0: chosen at connect, so that ports are
    /// shared between destinations: IP_BIND_ADDRESS_NO_PORT). `receiveBytes` bounds what the kernel takes ahead of the reader; 0
    /// leaves that to the kernel.
    public static func connect(
        to target: SocketAddress, from source: SocketAddress? = nil, receiveBytes: Int32 = 0
    ) -> ConnectResult {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = Glibc.socket(target.family, type, 0)
        guard descriptor >= 0 else { return .failed(errno) }
        func fails() -> ConnectResult {
            let code = errno
            Glibc.close(descriptor)
            return .failed(code)
        }
        // Without these options the measured latency would be wrong: Nagle's algorithm would delay commands, and the kernel
        // of a slow reader would read ahead.
        guard set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) else { return fails() }
        if receiveBytes > 0, !set(descriptor, SOL_SOCKET, SO_RCVBUF, receiveBytes) { return fails() }
        if let source {
            // A kernel that lacks it chooses the port at bind: fewer connections from one address, and nothing else.
            if !set(descriptor, Int32(IPPROTO_IP), clinux_ip_bind_address_no_port, 1), errno != ENOPROTOOPT { return fails() }
            guard source.withSockaddr({ Glibc.bind(descriptor, $0, $1) }) == 0 else { return fails() }
        }
        while true {
            if target.withSockaddr({ Glibc.connect(descriptor, $0, $1) }) == 0 { return .connected(descriptor) }
            if errno == EINPROGRESS { return .inProgress(descriptor) }
            guard errno == EINTR else { return fails() }
        }
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) -> Bool {
        var value = value
        return setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// Why connections from `source` cannot go to `target`, as an errno: EADDRNOTAVAIL when the machine does not have the
    /// address, EINVAL when no route fits both; 0 when they can. Asked of the kernel with a datagram socket: nothing is sent.
    public static func routeFailure(from source: SocketAddress, to target: SocketAddress) -> Int32 {
        let descriptor = Glibc.socket(source.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { Glibc.close(descriptor) }
        guard source.withSockaddr({ Glibc.bind(descriptor, $0, $1) }) == 0 else { return errno }
        return target.withSockaddr({ Glibc.connect(descriptor, $0, $1) }) == 0 ? 0 : errno
    }

    public enum ConnectResult {
        /// Connected at once; the caller owns the descriptor.
        case connected(Int32)
        /// Under way; the caller owns the descriptor.
        case inProgress(Int32)
        /// Nothing is open; the errno says why.
        case failed(Int32)
    }

    /// The error of a connection attempt or of the stream, and 0 for none (SO_ERROR, cleared by the call).
    public var pendingError: Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return errno }
        return code
    }

    /// Makes close send a reset instead of an orderly end (SO_LINGER with time 0).
    public func resetOnClose() {
        var value = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
    }

    /// Ends our direction of the stream and keeps the other (shutdown(2)).
    public func finishWriting() { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }
}
