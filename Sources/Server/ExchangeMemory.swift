// Memory of one logon under way, a borrowed chunk: the name that USER gave, what the mechanism keeps between its steps,
// and the decoded response, which must stay where it is until the verdict.
//
//   [ user name | mechanism | response ]

import POP3
import PoplarCore
import SASL

struct ExchangeMemory {
    static let userBytes = 512
    static let responseBytes = ProtocolLimits.saslLineBytes / 4 * 3
    static let size = userBytes + SASL.ServerExchange.memorySize + responseBytes

    let chunk: UnsafeMutableRawPointer
    private var userCount = 0
    private(set) var responseCount = 0

    init(_ chunk: UnsafeMutableRawPointer) { self.chunk = chunk }

    /// Keeps the name of USER. False when it is longer than any name may be.
    mutating func keepUser(_ name: Span<UInt8>) -> Bool {
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(start: chunk, count: Self.userBytes))
        writer.append(name)
        userCount = writer.overflowed ? 0 : writer.count
        return !writer.overflowed
    }

    var user: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: chunk.assumingMemoryBound(to: UInt8.self), count: userCount)
    }

    var mechanism: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: chunk + Self.userBytes, count: SASL.ServerExchange.memorySize)
    }

    /// Decodes a base64 line. False when it is not base64 or too long.
    mutating func decode(_ line: Span<UInt8>) -> Bool {
        let room = UnsafeMutableRawBufferPointer(start: responseStart, count: Self.responseBytes)
        var writer = ByteWriter(room)
        guard Base64.decode(line, into: &writer) else { return false }
        responseCount = writer.count
        return true
    }

    /// An initial response of no octets, which is written `=` (RFC 5034, section 4).
    mutating func decodeEmpty() { responseCount = 0 }

    var response: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: responseStart.assumingMemoryBound(to: UInt8.self), count: responseCount)
    }

    private var responseStart: UnsafeMutableRawPointer { chunk + Self.userBytes + SASL.ServerExchange.memorySize }
}
