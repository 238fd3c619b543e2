// One connection of the control thread, blocking with a deadline, for `poplar probe`: the generator's own session machine and the
// survey of a server are driven over it. Everything that goes by is kept in a transcript. It knows no protocol but TLS.
// Invariant: every wait has a deadline, and what is kept of the other side's octets is bounded.

internal import Dialogue
import Digest
import Glibc
import NTLM
import PoplarCore
import Reactor
import TLS

struct ProbeConnection: ~Copyable {
    enum Fault: Error, Equatable {
        case system(Int32)
        case timeout
        case closed
        case tls

        /// The other side ended the connection.
        var isEnd: Bool { self == .closed || self == .system(ECONNRESET) || self == .system(EPIPE) }
    }

    private let socket: Socket
    private let pump = TLSPump()
    private var tls: TLSSession?
    private let room: UnsafeMutableRawBufferPointer
    private let cipher: UnsafeMutableRawBufferPointer
    private let startNs: UInt64
    var transcript: Transcript
    /// Plaintext that was read and not consumed.
    var input: [UInt8] = []
    /// The first octets that the other side sent, for telling what it is.
    private(set) var firstOctets: [UInt8] = []

    private static let readBytes = 16_384
    private static let inputLimit = 1 << 20
    /// For a close that follows a refusal.
    private static let goodbyeNs: UInt64 = 50_000_000

    /// Connects; throws the fault as it was.
    init(to address: SocketAddress, startNs: UInt64, deadlineNs: UInt64, transcript: Transcript) throws(Fault) {
        socket = Socket(owning: try Self.open(address, deadlineNs))
        self.startNs = startNs
        self.transcript = transcript
        room = .allocate(byteCount: Self.readBytes, alignment: 16)
        cipher = .allocate(byteCount: 40_960, alignment: 16)
        note(.connected)
    }

    private static func open(_ address: SocketAddress, _ deadlineNs: UInt64) throws(Fault) -> Int32 {
        let descriptor: Int32
        switch Socket.connect(to: address) {
        case .connected(let made), .inProgress(let made): descriptor = made
        case .failed(let code): throw .system(code)
        }
        guard wait(descriptor, POLLOUT, deadlineNs) else {
            close(descriptor)
            throw .timeout
        }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0, code == 0 else {
            close(descriptor)
            throw .system(code)
        }
        return descriptor
    }

    deinit {
        room.deallocate()
        cipher.deallocate()
    }

    private(set) var isEncrypted = false
    /// The goodbye came along with the last octets.
    private var isClosed = false

    mutating func note(_ kind: Transcript.Kind, _ text: String = "") {
        transcript.append(kind, atNs: MonotonicClock.now() &- startNs, text: text)
    }

    private static func wait(_ descriptor: Int32, _ events: Int32, _ deadlineNs: UInt64) -> Bool {
        while true {
            let now = MonotonicClock.now()
            guard now < deadlineNs else { return false }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let ready = poll(&entry, 1, Int32(clamping: (deadlineNs &- now) / 1_000_000 &+ 1))
            if ready > 0 { return true }
            if ready < 0, errno != EINTR { return false }
        }
    }

    // MARK: Octets

    mutating func send(_ bytes: UnsafeRawBufferPointer, deadlineNs: UInt64) throws(Fault) {
        guard bytes.count > 0 else { return }
        transcript.append(.sent, atNs: MonotonicClock.now() &- startNs, bytes)
        guard isEncrypted else { return try sendRaw(bytes, deadlineNs: deadlineNs) }
        pump.lendOutput(cipher)
        let result = tls?.write(bytes) ?? .failed
        let count = pump.outputCount
        pump.end()
        guard result == .count(bytes.count) else { throw .tls }
        try sendRaw(UnsafeRawBufferPointer(rebasing: cipher[0..<count]), deadlineNs: deadlineNs)
    }

    private func sendRaw(_ bytes: UnsafeRawBufferPointer, deadlineNs: UInt64) throws(Fault) {
        var rest = bytes
        while rest.count > 0 {
            switch System.send(socket.descriptor, rest) {
            case .count(let count): rest = UnsafeRawBufferPointer(rebasing: rest[min(count, rest.count)...])
            case .wouldBlock: guard Self.wait(socket.descriptor, POLLOUT, deadlineNs) else { throw .timeout }
            case .failed(let code): throw .system(code)
            }
        }
    }

    /// Waits for more and puts it behind `input`.
    mutating func receive(deadlineNs: UInt64) throws(Fault) {
        let before = input.count
        guard before < Self.inputLimit else { throw .system(ENOBUFS) }
        while input.count == before {
            if isClosed { throw .closed }
            let count = try readRaw(deadlineNs)
            if isEncrypted { try decrypt(count) } else { keep(UnsafeRawBufferPointer(rebasing: room[0..<count])) }
        }
    }

    private mutating func readRaw(_ deadlineNs: UInt64) throws(Fault) -> Int {
        while true {
            // Before the read: the other side may send faster than it is read.
            guard MonotonicClock.now() < deadlineNs else { throw .timeout }
            switch socket.read(into: room) {
            case .count(0): throw .closed
            case .count(let count):
                if firstOctets.count < 64 { firstOctets += room[0..<min(count, 64)] }
                return count
            case .wouldBlock: guard Self.wait(socket.descriptor, POLLIN, deadlineNs) else { throw .timeout }
            case .failed(let code): throw .system(code)
            }
        }
    }

    /// Whether the other side is known to have closed, after a moment for its goodbye to come.
    mutating func hasEnded() -> Bool {
        if isClosed { return true }
        guard Self.wait(socket.descriptor, POLLIN, MonotonicClock.now() &+ Self.goodbyeNs) else { return false }
        var byte: UInt8 = 0
        return recv(socket.descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 0
    }

    private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
        transcript.append(.received, atNs: MonotonicClock.now() &- startNs, bytes)
        input += bytes
    }

    private mutating func decrypt(_ count: Int) throws(Fault) {
        pump.lendInput(UnsafeRawBufferPointer(rebasing: room[0..<count]))
        defer { pump.end() }
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.readBytes, alignment: 16)
        defer { plain.deallocate() }
        while true {
            pump.lendOutput(cipher)
            switch tls?.read(into: plain) ?? .failed {
            case .count(let octets): keep(UnsafeRawBufferPointer(rebasing: plain[0..<octets]))
            case .needsInput, .needsOutput: return
            case .closed:
                isClosed = true
                return
            case .failed: throw .tls
            }
        }
    }

    // MARK: TLS

    /// The client's side of a handshake. What the other side sent before it is left out (CVE-2021-22947).
    mutating func encrypt(_ context: TLSContext, peer: TLSPeer?, deadlineNs: UInt64) throws(Fault) {
        input = []
        guard let session = TLSSession(context, pump: pump, peer: peer) else { throw .tls }
        tls = consume session
        isEncrypted = true
        var count = 0
        while true {
            pump.lendInput(UnsafeRawBufferPointer(rebasing: room[0..<count]))
            pump.lendOutput(cipher)
            let progress = tls?.handshake() ?? .failed
            let written = pump.outputCount
            pump.end()
            if written > 0 { try sendRaw(UnsafeRawBufferPointer(rebasing: cipher[0..<written]), deadlineNs: deadlineNs) }
            switch progress {
            case .done:
                note(.encrypted, tlsVersion() ?? "")
                return
            case .failed: throw .tls
            case .needsInput:
                do throws(Fault) { count = try readRaw(deadlineNs) } catch {
                    if error.isEnd { tls?.connectionEnded() }
                    throw error
                }
            case .needsOutput: count = 0
            }
        }
    }

    mutating func tlsVersion() -> String? { tls?.version.text }

    /// Whether the certificate was shown and found to be the right one.
    mutating func isVerified() -> Bool { tls?.isVerified ?? false }

    /// Why TLS failed, or ended before its handshake did; nil where it did not.
    mutating func tlsFailure() -> TLSFailure? { tls?.failure }

    mutating func channelBinding() -> Digest16? {
        guard let hash = tls?.peerEndPointHash() else { return nil }
        return ChannelBindings.serverEndPoint(certificateHash: hash.span)
    }
}
