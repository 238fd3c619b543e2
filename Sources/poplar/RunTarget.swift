// Where a run's sessions go: addresses resolved once and pinned, loopback or asked for, and answering before the first
// session is planned. A dead target is one clear line within the connect deadline (contracts, section 1: exit code 1).

import Foundation
import LoadGenerator
import PoplarCore
import Reactor
import Telemetry
import Workload

struct RunTarget {
    var pop3: SocketAddress?
    var pop3s: SocketAddress?
    /// As given, with the pinned address.
    var names: [String] = []
    var tlsHost: String?

    var isLoopback: Bool { [pop3, pop3s].allSatisfy { $0?.isLoopback ?? true } }

    /// The problem with a target, for one line on standard error.
    struct Unreachable: Error, CustomStringConvertible {
        let description: String
    }

    /// Resolves `host:port` texts.
    static func resolve(pop3: String?, pop3s: String?) throws -> RunTarget {
        var target = RunTarget()
        func pin(_ name: String, _ text: String?) throws -> SocketAddress? {
            guard let text else { return nil }
            let address = try SocketAddress(parsing: text)
            target.names.append(address.text == text ? "\(name) \(text)" : "\(name) \(text) (\(address.text))")
            return address
        }
        target.pop3 = try pin("pop3", pop3)
        target.pop3s = try pin("pop3s", pop3s)
        // STLS on the clear port shows the certificate of the same host.
        if let encrypted = pop3s ?? pop3, let colon = encrypted.lastIndex(of: ":") {
            target.tlsHost = String(encrypted[..<colon]).trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        }
        return target
    }

    /// Connects once to each address that the profile uses.
    func check(_ profile: Profile) throws {
        for (name, address, isUsed) in [
            ("pop3", pop3, profile.usesClearPort), ("pop3s", pop3s, profile.usesTLSPort),
        ] where isUsed {
            guard let address else {
                throw Unreachable(description: "the profile '\(profile.name)' has \(name) sessions: give --\(name) HOST:PORT")
            }
            if let reason = Self.connectFailure(address, timeoutNs: profile.limits.connectTimeoutNs) {
                throw Unreachable(description: "cannot reach \(name) \(address.text): \(reason)")
            }
        }
    }

    /// Why `address` does not take a connection; nil when it does.
    private static func connectFailure(_ address: SocketAddress, timeoutNs: UInt64) -> String? {
        switch Socket.connect(to: address) {
        case .connected(let descriptor):
            close(descriptor)
            return nil
        case .failed(let code): return String(cString: strerror(code))
        case .inProgress(let descriptor):
            let socket = Socket(owning: descriptor)
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let answered = poll(&entry, 1, Int32(clamping: timeoutNs / 1_000_000 + 1)) > 0
            let code = socket.pendingError
            if !answered { return "no answer within \(Double(timeoutNs) / 1e9) s" }
            return code == 0 ? nil : String(cString: strerror(code))
        }
    }
}
