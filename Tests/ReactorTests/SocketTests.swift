// Listeners, connections and the poller on loopback. Ports are the kernel's choice; every wait has a deadline that is
// only reached when something is broken.

import Glibc
import Testing

@testable import Reactor

@Suite("Sockets and the poller")
struct SocketTests {
    static let loopback = SocketAddress(ipv4: 0x7F00_0001, port: 0)

    @Test("addresses are read and written", arguments: ["127.0.0.1:1110", "[::1]:995", "0.0.0.0:0", "[2001:db8::5]:110"])
    func addresses(text: String) throws {
        #expect(try SocketAddress(parsing: text).text == text)
    }

    @Test(
        "what is no address is refused",
        arguments: ["", "1110", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "::1:110", ":110", "host:port"])
    func noAddress(text: String) {
        #expect(throws: SystemError.self) { try SocketAddress(parsing: text) }
    }

    @Test(
        "what is loopback and what is not",
        arguments: [
            ("127.0.0.1:1", true), ("127.9.8.7:1", true), ("[::1]:1", true), ("[::ffff:127.0.0.1]:1", true), ("0.0.0.0:1", false),
            ("192.0.2.1:1", false), ("[::]:1", false), ("[::ffff:192.0.2.1]:1", false), ("[fe80::1]:1", false),
            ("128.0.0.1:1", false),
        ])
    func loopback(text: String, expected: Bool) throws {
        #expect(try SocketAddress(parsing: text).isLoopback == expected)
    }

    @Test("a name that cannot be resolved is told in the resolver's words, whatever errno was before")
    func unresolved() {
        errno = EISDIR
        let error = #expect(throws: SystemError.self) { try SocketAddress(parsing: "no-such-host.invalid:110") }
        let text = error?.description ?? ""
        #expect(text.hasPrefix("cannot resolve 'no-such-host.invalid': ") && text.hasSuffix(" (getaddrinfo)"), "\(text)")
        let reasons = [EAI_NONAME, EAI_AGAIN, EAI_FAIL].map { String(cString: gai_strerror($0)) }
        #expect(reasons.contains { text.contains(": \($0) (") }, "\(text)")
    }

    @Test("errno is the reason where the resolver says so, and only there")
    func systemCode() {
        func text(_ status: Int32) -> String {
            SystemError.unresolved("x", status: status, systemCode: EMFILE).description
        }
        #expect(text(EAI_SYSTEM) == "cannot resolve 'x': Too many open files (getaddrinfo)")
        #expect(text(EAI_AGAIN) == "cannot resolve 'x': Temporary failure in name resolution (getaddrinfo)")
        #expect(text(0) == "cannot resolve 'x': it has no IPv4 or IPv6 address (getaddrinfo)")
    }

    @Test("an asterisk is no host, and a NUL belongs to none")
    func noHost() {
        let error = #expect(throws: SystemError.self) { try SocketAddress(parsing: "*:1110") }
        #expect(error?.isMalformed == true)
        #expect(
            error?.description == "'*:1110' names no address: for all of this machine, give 0.0.0.0:1110 or [::]:1110")
        #expect(throws: SystemError.self) { try SocketAddress(parsing: "127.0.0.1\0x:1110") }
    }

    @Test("two listeners share a port, as two workers do")
    func sharedPort() throws {
        let first = try Listener(on: Self.loopback, sharing: .found)
        let second = try Listener(on: first.address, sharing: .join)
        let (a, b) = (first.address.port, second.address.port)
        #expect(a == b && a > 0)
    }

    @Test("a port on which somebody listens is refused to whoever does not ask to join", arguments: [false, true])
    func takenPort(isShared: Bool) throws {
        let first = try Listener(on: Self.loopback, sharing: isShared ? .found : .none)
        for sharing in [Listener.Sharing.none, .found] {
            var code: Int32 = 0
            do throws(SystemError) { _ = try Listener(on: first.address, sharing: sharing).descriptor } catch {
                code = error.code
            }
            #expect(code == EADDRINUSE)
        }
    }

    @Test("after refuseNew a listener still accepts what the kernel has set up, and nothing that comes later")
    func refuseNew() throws {
        let listener = try Listener(on: Self.loopback)
        func connect() throws -> Socket {
            switch Socket.connect(to: listener.address) {
            case .connected(let descriptor), .inProgress(let descriptor): return Socket(owning: descriptor)
            case .failed(let code): throw SystemError(call: "connect", code: code, subject: "loopback")
            }
        }
        func accepts() -> Bool {
            guard case .connection(let descriptor, _) = listener.accept() else { return false }
            close(descriptor)
            return true
        }
        let early = try connect()
        let isRefusing = listener.refuseNew()
        #expect(isRefusing)
        let late = try connect()
        #expect(accepts())
        #expect(!accepts())
        _ = (early.descriptor, late.descriptor)
    }

    @Test("what a listener says of acknowledgements holds for what it accepts", arguments: [false, true])
    func acknowledgements(inReplies: Bool) throws {
        let listener = try Listener(on: Self.loopback, acknowledgesInReplies: inReplies)
        let poller = try Poller(capacity: 8)
        _ = poller.add(listener.descriptor, .readable, payload: 7)
        let client: Socket
        switch Socket.connect(to: listener.address) {
        case .connected(let descriptor), .inProgress(let descriptor): client = Socket(owning: descriptor)
        case .failed(let code): throw SystemError(call: "connect", code: code, subject: "loopback")
        }
        _ = poller.wait(timeoutNs: 5_000_000_000)
        guard case .connection(let descriptor, _) = listener.accept() else {
            throw SystemError(call: "accept", code: 0, subject: "none")
        }
        let accepted = Socket(owning: descriptor)
        var atOnce: Int32 = -1
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(accepted.descriptor, Int32(IPPROTO_TCP), TCP_QUICKACK, &atOnce, &size)
        let isOpen = client.descriptor >= 0
        #expect(atOnce == (inReplies ? 0 : 1) && isOpen)
    }

    /// Where there is an IPv6 loopback, it is tried too.
    private static let pairs: [(String, String)] = {
        let six = SocketAddress(ipv6: 1, port: 1)
        return [("127.0.0.7", "127.0.0.1")]
            + (Socket.routeFailure(from: SocketAddress(ipv6: 1, port: 0), to: six) == 0 ? [("::1", "::1")] : [])
    }()

    @Test("a connection comes from the address that it was told to", arguments: pairs)
    func source(from: String, to: String) throws {
        func address(_ host: String) throws -> SocketAddress {
            try SocketAddress(parsing: host.contains(":") ? "[\(host)]:0" : "\(host):0")
        }
        let listener = try Listener(on: address(to))
        let poller = try Poller(capacity: 8)
        _ = poller.add(listener.descriptor, .readable, payload: 7)
        let client: Socket
        switch Socket.connect(to: listener.address, from: try address(from)) {
        case .connected(let descriptor), .inProgress(let descriptor): client = Socket(owning: descriptor)
        case .failed(let code): throw SystemError(call: "connect", code: code, subject: from)
        }
        _ = poller.wait(timeoutNs: 5_000_000_000)
        guard case .connection(let descriptor, let peer) = listener.accept() else {
            throw SystemError(call: "accept", code: 0, subject: "none")
        }
        let accepted = Socket(owning: descriptor)
        let areOpen = client.descriptor >= 0 && accepted.descriptor >= 0
        #expect(areOpen && peer.host == from && peer.port > 0)
    }

    @Test("an address that the machine does not have, and a way that there is not, are told before a connection is tried")
    func routes() throws {
        let (near, far) = (SocketAddress(ipv4: 0x7F00_0009, port: 0), SocketAddress(ipv4: 0xC000_0201, port: 110))
        #expect(Socket.routeFailure(from: near, to: SocketAddress(ipv4: 0x7F00_0001, port: 110)) == 0)
        #expect(Socket.routeFailure(from: far, to: far) == EADDRNOTAVAIL)
        #expect(Socket.routeFailure(from: near, to: far) != 0, "from loopback to the world")
        #expect(SocketAddress(ipv6: 0x2001_0DB8 << 96 | 5, port: 110) == (try SocketAddress(parsing: "[2001:db8::5]:110")))
    }

    @Test("an event carries the name that its descriptor was registered under, and octets arrive")
    func events() throws {
        let listener = try Listener(on: Self.loopback)
        let poller = try Poller(capacity: 8)
        _ = poller.add(listener.descriptor, .readable, payload: 7)
        let target = listener.address
        let client: Socket
        switch Socket.connect(to: target) {
        case .connected(let descriptor), .inProgress(let descriptor): client = Socket(owning: descriptor)
        case .failed(let code): throw SystemError(call: "connect", code: code, subject: target.text)
        }
        let count = poller.wait(timeoutNs: 5_000_000_000)
        let payload = poller.payload(0)
        #expect(count == 1 && payload == 7)
        guard case .connection(let descriptor, let from) = listener.accept() else {
            throw SystemError(call: "accept", code: 0, subject: "none")
        }
        #expect(from.isLoopback && from.port > 0)
        let server = Socket(owning: descriptor)
        let text: StaticString = "hello"
        let sent = System.send(client.descriptor, UnsafeRawBufferPointer(start: text.utf8Start, count: 5))
        #expect(sent == .count(5))
        _ = poller.add(server.descriptor, .readable, payload: 1 << 40)
        let second = poller.wait(timeoutNs: 5_000_000_000)
        let name = poller.payload(0)
        #expect(second == 1 && name == 1 << 40)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)
        defer { memory.deallocate() }
        let got = server.read(into: memory)
        #expect(got == .count(5))
        let empty = server.read(into: memory)
        #expect(empty == .wouldBlock)
        let none = listener.accept()
        if case .none = none {} else { Issue.record("a second connection came from nowhere") }
    }

    @Test("a wait ends in time where nothing happens, and a bell ends it early")
    func bell() throws {
        let poller = try Poller(capacity: 8)
        let bell = try WakeUp()
        _ = poller.add(bell.descriptor, .readable, payload: 3)
        let nothing = poller.wait(timeoutNs: 1_000_000)
        #expect(nothing == 0)
        bell.ring()
        bell.ring()
        let rung = poller.wait(timeoutNs: 5_000_000_000)
        #expect(rung == 1)
        bell.drain()
        let quiet = poller.wait(timeoutNs: 0)
        #expect(quiet == 0)
    }

    @Test("a port where nobody listens is refused")
    func refused() throws {
        // Bound and never told to listen: nobody else can take the port meanwhile.
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var bound = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = Self.loopback.withSockaddr { bind(descriptor, $0, $1) }
        let found = withUnsafeMutablePointer(to: &bound) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                getsockname(descriptor, generic, &size) == 0 ? SocketAddress(generic) : nil
            }
        }
        #expect(status == 0)
        let address = try #require(found)
        switch Socket.connect(to: address) {
        case .failed(let code): #expect(code == ECONNREFUSED)
        case .connected(let descriptor), .inProgress(let descriptor):
            let socket = Socket(owning: descriptor)
            let code = socket.pendingError
            #expect(code == ECONNREFUSED)
        }
    }
}
