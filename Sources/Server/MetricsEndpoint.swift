// The listener of --metrics: HTTP on a thread of its own, which serves few clients and waits for none. At most 32
// connections, a head of 4 KiB, five seconds for a request and five for its reply. When every place is taken, the
// client that has been silent longest makes room for a new one, so idle clients hold up no scrape. It is bound to the
// loopback and to nothing else.

import CLinux
import Exposition
import Glibc
import PoplarCore
public import Reactor
import Synchronization

public final class MetricsEndpoint: @unchecked Sendable {
    /// The bounds, with the values that are in force.
    struct Bounds {
        var connections = 32
        var requestMs = 5000
        /// What of a request beyond its head is still read, so that the reply is not lost to a reset.
        var discardedOctets = 65_536
    }

    /// The address in force.
    public let address: SocketAddress
    private let listener: Listener
    private let bounds: Bounds
    private let page: @Sendable () -> String
    private let bell: WakeUp
    private let isEnding = Atomic<Bool>(false)
    private var thread: WorkerThread?

    /// Opens the listener and starts the thread. `page` is called there, once for each request for the figures.
    public convenience init(on address: SocketAddress, page: @escaping @Sendable () -> String) throws(SystemError) {
        try self.init(on: address, bounds: Bounds(), page: page)
    }

    init(on address: SocketAddress, bounds: Bounds, page: @escaping @Sendable () -> String) throws(SystemError) {
        guard address.isLoopback else {
            throw SystemError(
                call: "bind", code: EACCES,
                subject: "metrics are served on a loopback address alone (127.0.0.0/8 or [::1]), not on \(address.text)")
        }
        self.bounds = bounds
        self.page = page
        listener = try Listener(on: address, backlog: 64)
        self.address = listener.address
        bell = try WakeUp()
        thread = try WorkerThread(name: "poplar-metrics", cpu: nil) { [self] in run() }
    }

    /// Ends the thread; what is under way is cut.
    public func stop() {
        isEnding.store(true, ordering: .releasing)
        bell.ring()
        thread.take()?.join()
    }

    // MARK: One client

    private struct Client {
        let descriptor: Int32
        var deadlineNs: UInt64
        var request: [UInt8] = []
        var reply: [UInt8] = []
        var sent = 0
        /// The reply is out and our direction closed; what still comes is thrown away.
        var isLingering = false
        var discarded = 0
        var isOver = false

        var awaits: Int16 { Int16(!isLingering && !reply.isEmpty ? POLLOUT : POLLIN) }
    }

    // MARK: The loop

    private func run() {
        var clients: [Client] = []
        defer { for client in clients { close(client.descriptor) } }
        while !isEnding.load(ordering: .acquiring) {
            var entries = [pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)]
            entries.append(pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0))
            for client in clients { entries.append(pollfd(fd: client.descriptor, events: client.awaits, revents: 0)) }
            guard poll(&entries, nfds_t(entries.count), timeout(clients)) >= 0 else { continue }
            for index in clients.indices where entries[index + 2].revents != 0 { serve(&clients[index]) }
            let now = MonotonicClock.now()
            for index in clients.indices.reversed() where clients[index].isOver || clients[index].deadlineNs <= now {
                close(clients[index].descriptor)
                clients.remove(at: index)
            }
            if entries[1].revents != 0 { accept(&clients) }
        }
    }

    /// Milliseconds until the first deadline; without end when there is none.
    private func timeout(_ clients: [Client]) -> Int32 {
        guard let first = clients.map(\.deadlineNs).min() else { return -1 }
        let now = MonotonicClock.now()
        return first <= now ? 0 : Int32(clamping: (first - now) / 1_000_000 + 1)
    }

    private func deadline() -> UInt64 { MonotonicClock.now() &+ UInt64(bounds.requestMs) &* 1_000_000 }

    private func accept(_ clients: inout [Client]) {
        switch listener.accept() {
        case .connection(let descriptor, _):
            if clients.count >= bounds.connections { displace(&clients) }
            clients.append(Client(descriptor: descriptor, deadlineNs: deadline()))
        case .none: return
        case .exhausted: usleep(20_000)
        }
    }

    /// Closes the connection that has waited longest: one that has not asked yet before one whose reply is under way.
    private func displace(_ clients: inout [Client]) {
        let silent = clients.indices.filter { clients[$0].reply.isEmpty }
        guard
            let oldest = (silent.isEmpty ? Array(clients.indices) : silent).min(by: {
                clients[$0].deadlineNs < clients[$1].deadlineNs
            })
        else { return }
        close(clients[oldest].descriptor)
        clients.remove(at: oldest)
    }

    private func serve(_ client: inout Client) {
        if client.isLingering { return linger(&client) }
        if client.reply.isEmpty {
            receive(&client)
            guard !client.isOver, !client.reply.isEmpty else { return }
            client.deadlineNs = deadline()
        }
        send(&client)
    }

    /// Reads what has come; with a whole head, puts the reply together.
    private func receive(_ client: inout Client) {
        var buffer = [UInt8](repeating: 0, count: RequestParser.longestHead)
        let count = recv(client.descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            client.isOver = true
            return
        }
        client.request += buffer.prefix(count)
        client.reply = reply(to: client.request) ?? []
    }

    private func reply(to request: [UInt8]) -> [UInt8]? {
        request.withUnsafeBufferPointer { octets in
            switch RequestParser.parse(octets.span) {
            case .needsMore: return nil
            case .refused(let status): return Response.octets(status)
            case .complete(let head):
                let withBody = head.method == .get
                switch Route(head, in: octets.span) {
                case .figures:
                    return Response.octets(.ok, type: Response.figuresType, body: page(), withBody: withBody)
                case .health: return Response.octets(.ok, body: "ok\n", withBody: withBody)
                case .refusal(let status): return Response.octets(status, withBody: withBody)
                }
            }
        }
    }

    private func send(_ client: inout Client) {
        let count = client.reply.withUnsafeBytes { octets in
            Glibc.send(
                client.descriptor, octets.baseAddress.map { $0 + client.sent }, octets.count - client.sent, Int32(MSG_NOSIGNAL))
        }
        if count < 0 {
            if errno != EAGAIN, errno != EINTR { client.isOver = true }
            return
        }
        client.sent += count
        guard client.sent >= client.reply.count else { return }
        shutdown(client.descriptor, Int32(SHUT_WR))
        client.isLingering = true
    }

    private func linger(_ client: inout Client) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(client.descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        client.discarded += max(0, count)
        client.isOver = count <= 0 || client.discarded > bounds.discardedOctets
    }
}
