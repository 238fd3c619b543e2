// Where a run's sessions go: addresses resolved once and pinned, loopback or asked for, and answering before the first
// session is planned. A dead target is one clear line within the connect deadline (contracts, section 1: exit code 1).

import ArgumentParser
import Foundation
import LoadGenerator
import PoplarCore
import Reactor
import TLS
import Telemetry
import Workload

struct RunTarget {
    var pop3: SocketAddress?
    var pop3s: SocketAddress?
    /// As given, with the pinned address.
    var names: [String] = []
    /// The hosts as they were given, for SNI and for the certificates that they show.
    var pop3Peer: TLSPeer?
    var pop3sPeer: TLSPeer?

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
            guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
                throw ValidationError(
                    "'\(text)' is not ASCII: give the name as the DNS has it, xn--..., which `idn2 NAME` prints")
            }
            let address = try SocketAddress(parsing: text)
            target.names.append(address.text == text ? "\(name) \(text)" : "\(name) \(text) (\(address.text))")
            return address
        }
        target.pop3 = try pin("pop3", pop3)
        target.pop3s = try pin("pop3s", pop3s)
        target.pop3Peer = try peer(pop3, target.pop3)
        target.pop3sPeer = try peer(pop3s, target.pop3s)
        return target
    }

    /// Whom a certificate must be for: the name in a `host:port` text, or, where the resolver took that for an address
    /// in whatever spelling, the address that is connected to.
    private static func peer(_ text: String?, _ address: SocketAddress?) throws -> TLSPeer? {
        guard let text, let address, let colon = text.lastIndex(of: ":") else { return nil }
        let host = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        if SocketAddress.isNumeric(host) { return TLSPeer(address: address.hostOctets) }
        do throws(TLSError) { return try TLSPeer(name: host) } catch { throw ValidationError("\(text): \(error)") }
    }

    /// The ports that the profile needs are there.
    func checkPorts(_ profile: Profile) throws(ValidationError) {
        for (name, address, isUsed) in ports(profile) where isUsed && address == nil {
            throw ValidationError("the profile '\(profile.name)' has \(name) sessions: give --\(name) HOST:PORT")
        }
    }

    private func ports(_ profile: Profile) -> [(name: String, address: SocketAddress?, isUsed: Bool)] {
        [("pop3", pop3, profile.usesClearPort), ("pop3s", pop3s, profile.usesTLSPort)]
    }

    /// Connects once to each address that the profile uses. `signals`: readable once one has come, which ends the wait.
    func check(_ profile: Profile, signals: Int32) throws {
        for (name, address, isUsed) in ports(profile) where isUsed {
            guard let address else { continue }
            let source = profile.sources.addresses.first.map { SocketAddress($0) }
            let limitNs = profile.limits.connectTimeoutNs
            if let reason = try Self.connectFailure(address, from: source, timeoutNs: limitNs, signals: signals) {
                throw Unreachable(description: "cannot reach \(name) \(address.text): \(reason)")
            }
        }
    }

    /// Why `address` does not take a connection; nil when it does.
    private static func connectFailure(
        _ address: SocketAddress, from source: SocketAddress?, timeoutNs: UInt64, signals: Int32
    ) throws -> String? {
        switch Socket.connect(to: address, from: source) {
        case .connected(let descriptor):
            close(descriptor)
            return nil
        case .failed(let code): return String(cString: strerror(code))
        case .inProgress(let descriptor):
            let socket = Socket(owning: descriptor)
            let answered = try Interrupted.wait(
                for: descriptor, Int16(POLLOUT), signals: signals, timeoutMs: Int32(clamping: timeoutNs / 1_000_000 + 1))
            let code = socket.pendingError
            if !answered { return "no answer within \(Double(timeoutNs) / 1e9) s" }
            return code == 0 ? nil : String(cString: strerror(code))
        }
    }
}

extension RunTarget {
    /// The addresses that a run goes to: those of `target`, or the embedded server's, whose ports are not known yet.
    private static func addresses(_ profile: Profile, _ target: RunTarget?) -> [SocketAddress] {
        guard let target else { return [SocketAddress(ipv4: 0x7F00_0001, port: 1)] }
        return [profile.usesClearPort ? target.pop3 : nil, profile.usesTLSPort ? target.pop3s : nil].compactMap { $0 }
    }

    /// Why connections from the profile's sources cannot go to the target at all (exit code 64); nil when they can.
    static func sourceMismatch(_ profile: Profile, _ target: RunTarget?) -> (any Error)? {
        addresses(profile, target).lazy.compactMap { address in
            profile.sourceMismatch(
                target: target == nil ? "127.0.0.1 (the embedded server)" : address.text, isIPv6: address.family == AF_INET6)
        }.first
    }

    /// Asks the kernel, before anything starts, whether this machine has each source address and a way from it to the target.
    static func checkSources(_ profile: Profile, _ target: RunTarget?) throws {
        for source in profile.sources.addresses {
            for address in addresses(profile, target) {
                let code = Socket.routeFailure(from: SocketAddress(source), to: address)
                if code == 0 { continue }
                guard code == EADDRNOTAVAIL else {
                    let reason = String(cString: strerror(code))
                    throw Unreachable(description: "no way from the source address \(source.text) to \(address.host): \(reason)")
                }
                throw Unreachable(
                    description: "this machine does not have the source address \(source.text); "
                        + "give it one: ip addr add \(source.text)/\(source.isIPv6 ? 128 : 32) dev INTERFACE")
            }
        }
    }
}
