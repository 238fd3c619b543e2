// Memory of one logon under way, borrowed chunks: a small one for the name that USER gave, since a client may wait long
// before PASS, and a large one for an exchange: what the mechanism keeps between its steps, and the decoded response,
// which must stay where it is until the verdict. The exchange's own state, some hundred octets, lies there too: most
// connections never begin one.
//
//   [ mechanism | response | exchange ]

import POP3
import PoplarCore
import SASL

/// The name that USER gave, in a chunk of its own: `shortSize` octets for a name that fits, `size` for a longer one.
struct UserName {
    static let size = 512
    /// What nearly every name fits in, for clients that wait between USER and PASS.
    static let shortSize = 128

    let chunk: UnsafeMutableRawPointer
    private let count: Int

    var isShort: Bool { count <= Self.shortSize }

    /// Nil when the name is longer than any name may be.
    init?(_ name: Span<UInt8>, in chunk: UnsafeMutableRawPointer) {
        let size = name.count <= Self.shortSize ? Self.shortSize : Self.size
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(start: chunk, count: size))
        writer.append(name)
        guard !writer.overflowed else { return nil }
        self.chunk = chunk
        count = writer.count
    }

    var octets: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: chunk.assumingMemoryBound(to: UInt8.self), count: count)
    }
}

struct ExchangeMemory {
    static let responseBytes = ProtocolLimits.saslLineBytes / 4 * 3
    /// Where the exchange's state lies, aligned for it.
    private static var stateOffset: Int { (SASL.ServerExchange.memorySize + responseBytes + 15) & ~15 }
    static var size: Int { stateOffset + MemoryLayout<SASL.ServerExchange>.size }

    let chunk: UnsafeMutableRawPointer
    private(set) var responseCount = 0
    /// Octets of the responses' room that have been written.
    private var responseWritten = 0

    init(_ chunk: UnsafeMutableRawPointer) { self.chunk = chunk }

    /// Begins an exchange; its state is a trivial value, and good until the chunk is given back.
    func begin(_ exchange: SASL.ServerExchange) -> UnsafeMutablePointer<SASL.ServerExchange> {
        let state = (chunk + Self.stateOffset).bindMemory(to: SASL.ServerExchange.self, capacity: 1)
        state.initialize(to: exchange)
        return state
    }

    var mechanism: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: chunk, count: SASL.ServerExchange.memorySize)
    }

    /// Decodes a base64 line. False when it is not base64 or too long.
    mutating func decode(_ line: Span<UInt8>) -> Bool {
        let room = UnsafeMutableRawBufferPointer(start: responseStart, count: Self.responseBytes)
        var writer = ByteWriter(room)
        let isWhole = Base64.decode(line, into: &writer)
        responseWritten = max(responseWritten, writer.count)
        guard isWhole else { return false }
        responseCount = writer.count
        return true
    }

    /// An initial response of no octets, which is written `=` (RFC 5034, section 4).
    mutating func decodeEmpty() { responseCount = 0 }

    var response: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: responseStart.assumingMemoryBound(to: UInt8.self), count: responseCount)
    }

    /// Wipes the client's responses and what the mechanism kept of them. NTLM's are left: they prove a password, and
    /// none is ever sent.
    func wipe(_ mechanism: Mechanism?) {
        guard mechanism != .ntlm else { return }
        Bytes.wipe(chunk, SASL.ServerExchange.memorySize &+ responseWritten)
    }

    private var responseStart: UnsafeMutableRawPointer { chunk + SASL.ServerExchange.memorySize }
}
