// Drives one connection in process, without a descriptor: octets in, octets out, and how many writes they took.

import Accounts
import Administration
import Glibc
import Maildrop
import NTLM
import PoplarCore
import TLS

@testable import Server

struct Setting {
    var methods = MethodSwitches.all
    var limits = Limits.quickForm
    var users = 4
    var messages = 3
    var bytes = 300
    var deleted = DeletionPolicy.restore
    var level = CompatibilityLevel.level5

    func snapshot(tls: TLSContext? = nil) throws -> Snapshot {
        let names = ServerNames(netBIOSComputer: "POPLAR", netBIOSDomain: "POPLAR")
        guard let accounts = AccountTable.population(users: users) else { throw ConversationError() }
        return Snapshot(
            methods: methods, limits: limits, accounts: accounts,
            population: Population(mailboxes: users * 2, messages: messages, octets: bytes, policy: deleted),
            ntlm: try NTLM.ServerSettings(names: names, level: level), tls: tls)
    }
}

struct ConversationError: Error {}

/// The connections of one worker, in process.
final class Bench {
    var resources: Resources

    init(_ setting: Setting = Setting()) throws {
        resources = Resources(try setting.snapshot(), connections: 16, nowNs: 1)
    }

    func connect() -> Conversation { Conversation(self) }

    /// A whole session as one text: each line ends in CRLF on the wire.
    func session(_ lines: String...) -> String { connect().say(lines) }
}

final class Conversation {
    let bench: Bench
    var connection: Connection
    /// Writes that the last `send` took.
    var writes = 0
    /// Everything that has come, the greeting first.
    var received = ""

    init(_ bench: Bench) {
        self.bench = bench
        connection = Connection(cipher: nil, &bench.resources)
        received = flush()
    }

    deinit { connection.end(&bench.resources) }

    var isClosed: Bool { connection.isClosing }

    /// Sends lines one by one; returns what came back in all.
    @discardableResult
    func say(_ lines: [String]) -> String { lines.map { send($0 + "\r\n") }.joined() }

    @discardableResult
    func say(_ line: String) -> String { send(line + "\r\n") }

    /// Sends octets as one segment.
    @discardableResult
    func send(_ text: String) -> String { send(Array(text.utf8)) }

    @discardableResult
    func send(_ octets: [UInt8]) -> String {
        writes = 0
        var output = ""
        var offset = 0
        while offset < octets.count, !connection.isClosing {
            guard let room = connection.inputRoom(&bench.resources) else { break }
            let count = min(room.count, octets.count - offset)
            octets[offset..<offset + count].withUnsafeBytes { room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[...])) }
            offset += count
            connection.didReceive(count, &bench.resources)
            connection.process(&bench.resources)
            output += flush()
            while connection.hasMore, !connection.isClosing {
                connection.process(&bench.resources)
                let more = flush()
                if more.isEmpty { break }
                output += more
            }
        }
        received += output
        return output
    }

    private func flush() -> String {
        var octets: [UInt8] = []
        while case .parts(let start, let count, let total)? = connection.outgoing(&bench.resources), total > 0 {
            for index in 0..<count { octets += UnsafeRawBufferPointer(start: start[index].iov_base, count: start[index].iov_len) }
            writes += 1
            connection.didSend(total, &bench.resources)
        }
        return String(decoding: octets, as: UTF8.self)
    }
}
