// A port that nobody else can take and nobody listens on: bound, and never told to listen. Connections to it are refused.
// A port that was merely closed may be another test's by the time it is called.

import Glibc
import Reactor

final class ReservedPort {
    let address: SocketAddress
    private let descriptor: Int32

    init() throws {
        let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let any = SocketAddress(ipv4: 0x7F00_0001, port: 0)
        var bound = sockaddr_in6()
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let status = any.withSockaddr { bind(made, $0, $1) }
        let real = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                getsockname(made, generic, &size) == 0 ? SocketAddress(generic) : nil
            }
        }
        guard status == 0, let real else { throw SystemError(call: "bind", code: errno, subject: any.text) }
        descriptor = made
        address = real
    }

    deinit { close(descriptor) }
}
