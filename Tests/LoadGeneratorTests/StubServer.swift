// A server for one test: answers each line with a fixed reply by its first word, or stays silent. One thread, loopback,
// the port chosen by the kernel; it ends with `stop`.

import Glibc
import PoplarCore
import Reactor
import Synchronization

final class StubServer: Sendable {
    enum Behaviour: Sendable {
        /// Greets and answers, one message of 5 octets.
        case answers
        /// Accepts and says nothing.
        case silent
        /// Greets, then closes at the first command.
        case closesEarly
        /// One maildrop for everybody: [IN-USE] to who logs on while another connection is.
        case locks
        /// The same, and it lets go of the maildrop a while after its answer to QUIT, when it closes.
        case locksUntilItCloses
        /// Answers QUIT and leaves the connection open.
        case staysOpen
        /// Somebody else has the maildrop.
        case inUse
        /// Greets, and is silent then.
        case fallsSilent
        /// Greets; refuses every other password, and is silent about those between.
        case refusesOrIsSilent
        /// Answers QUIT and sends on, until the client has gone, or for twenty seconds.
        case endless
        /// Knows no PASS, and says back what it heard.
        case repeats
    }

    let address: SocketAddress
    /// Connections accepted so far.
    var accepted: Int { count.load(ordering: .acquiring) }
    private let count = Atomic<Int>(0)
    /// Clients that went away from what was sent without end. To be read after `stop`.
    var escaped: Int { escapes.load(ordering: .acquiring) }
    private let escapes = Atomic<Int>(0)
    private let passwords = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private let ended = Atomic<Bool>(false)

    init(_ behaviour: Behaviour) throws {
        let listener = try Listener(on: SocketAddress(ipv4: 0x7F00_0001, port: 0))
        address = listener.address
        let descriptor = dup(listener.descriptor)
        let thread = try WorkerThread(name: "stub", cpu: nil) { [self] in
            serve(descriptor, behaviour)
            ended.store(true, ordering: .releasing)
        }
        holder.store(thread)
    }

    private let holder = ThreadHolder()

    func stop() {
        stopping.store(true, ordering: .relaxed)
        holder.join()
    }

    private func serve(_ listener: Int32, _ behaviour: Behaviour) {
        var open: [pollfd] = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        var owner: Int32 = -1
        var release: (connection: Int32, atNs: UInt64)?
        while !stopping.load(ordering: .relaxed) {
            if let due = release, MonotonicClock.now() >= due.atNs {
                (owner, release) = (-1, nil)
                open.removeAll { $0.fd == due.connection }
                end(due.connection)
            }
            guard poll(&open, nfds_t(open.count), release == nil ? 20 : 1) > 0 else { continue }
            for index in open.indices.reversed() where open[index].revents != 0 {
                guard index > 0 else {
                    accept(listener, behaviour, &open)
                    continue
                }
                let connection = open[index].fd
                if !answer(connection, behaviour, &owner) {
                    if behaviour == .locksUntilItCloses, owner == connection {
                        release = release ?? (connection, MonotonicClock.now() + 10_000_000)
                        open[index].events = 0
                        continue
                    }
                    end(connection)
                    open.remove(at: index)
                }
            }
        }
        for entry in open { close(entry.fd) }
    }

    /// A program that another test starts in this moment may have inherited the descriptor: closing it alone ends nothing.
    private func end(_ connection: Int32) {
        shutdown(connection, Int32(SHUT_RDWR))
        close(connection)
    }

    private func accept(_ listener: Int32, _ behaviour: Behaviour, _ open: inout [pollfd]) {
        let connection = Glibc.accept(listener, nil, nil)
        guard connection >= 0 else { return }
        count.wrappingAdd(1, ordering: .releasing)
        if behaviour != .silent { say("+OK ready\r\n", to: connection) }
        open.append(pollfd(fd: connection, events: Int16(POLLIN), revents: 0))
    }

    private func answer(_ connection: Int32, _ behaviour: Behaviour, _ owner: inout Int32) -> Bool {
        var octets = [UInt8](repeating: 0, count: 512)
        let count = read(connection, &octets, octets.count)
        guard count > 0, behaviour != .closesEarly else { return false }
        if behaviour == .silent || behaviour == .fallsSilent { return true }
        let line = String(decoding: octets[..<count], as: UTF8.self)
        switch line.prefix(4) {
        case "PASS" where behaviour == .inUse || locks(behaviour) && owner >= 0:
            say("-ERR [IN-USE] locked\r\n", to: connection)
        case "PASS" where behaviour == .refusesOrIsSilent:
            if passwords.wrappingAdd(1, ordering: .relaxed).newValue % 2 == 0 { say("-ERR no such user\r\n", to: connection) }
        case "PASS" where behaviour == .repeats: say("-ERR unknown command: \(line)", to: connection)
        case "PASS":
            if locks(behaviour) { owner = connection }
            say("+OK\r\n", to: connection)
        case "STAT": say("+OK 1 5\r\n", to: connection)
        case "UIDL": say("+OK\r\n1 a\r\n.\r\n", to: connection)
        case "TOP ": say("+OK\r\nabc\r\n.\r\n", to: connection)
        case "RETR": say("+OK 5 octets\r\nabc\r\n.\r\n", to: connection)
        case "QUIT":
            if owner == connection, behaviour == .locks { owner = -1 }
            say("+OK bye\r\n", to: connection)
            if behaviour == .endless { sendOn(connection) }
            return behaviour == .staysOpen
        default: say("+OK\r\n", to: connection)
        }
        return true
    }

    private func locks(_ behaviour: Behaviour) -> Bool { behaviour == .locks || behaviour == .locksUntilItCloses }

    private func sendOn(_ connection: Int32) {
        let block = [UInt8](repeating: 0x61, count: 65_536)
        let end = MonotonicClock.now() + 20_000_000_000
        while MonotonicClock.now() < end {
            guard send(connection, block, block.count, Int32(MSG_NOSIGNAL)) > 0 else {
                escapes.wrappingAdd(1, ordering: .releasing)
                return
            }
        }
    }

    private func say(_ text: String, to connection: Int32) {
        let octets = Array(text.utf8)
        _ = send(connection, octets, octets.count, Int32(MSG_NOSIGNAL))
    }
}

private final class ThreadHolder: @unchecked Sendable {
    private var thread: WorkerThread?
    func store(_ thread: consuming WorkerThread) { self.thread = consume thread }
    func join() { thread.take()?.join() }
}
