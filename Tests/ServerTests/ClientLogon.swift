// Logons as real clients make them: eight ways to log on, each to be done right, with a wrong password, or broken off. The
// client's halves of the mechanisms compute the responses; keys that are dear to derive are kept.

import Digest
import Foundation
import NTLM
import POP3
import PoplarCore
import SASL

@testable import Server

enum Way: Int, CaseIterable, Sendable {
    case userPass, apop, plain, login, cramMD5, scram, ntlm, member
}

enum Conduct: Int, CaseIterable, Sendable {
    case right
    case wrong
    /// Cancelled, or malformed.
    case broken
}

/// What the server says at the end of an attempt.
enum LogonText {
    static let loggedOn = "+OK User successfully logged on\r\n"
    static let refused = "-ERR [AUTH] Logon failure: unknown user name or bad password\r\n"
    static let malformed = "-ERR The AUTH protocol exchange is malformed\r\n"
    static let cancelled = "-ERR The AUTH protocol exchange was canceled by the client\r\n"
    static let userFirst = "-ERR USER must come before PASS\r\n"
    static let badArguments = "-ERR Arguments are missing or not valid for this command\r\n"

    static func expected(_ way: Way, _ conduct: Conduct) -> String {
        switch conduct {
        case .right: loggedOn
        case .wrong: refused
        case .broken:
            switch way {
            case .userPass: userFirst
            case .apop: badArguments
            case .plain, .login, .scram, .ntlm: cancelled
            case .cramMD5, .member: malformed
            }
        }
    }
}

func base64(_ octets: [UInt8]) -> String { Data(octets).base64EncodedString() }

/// The octets of a challenge line.
func challenge(in line: String) -> [UInt8]? {
    guard line.hasPrefix("+ "), line.hasSuffix("\r\n") else { return nil }
    return Data(base64Encoded: String(line.dropFirst(2).prefix { !$0.isNewline })).map { Array($0) }
}

/// One user's client, with memory of its own.
final class LogonClient {
    let account: [UInt8]
    let member: [UInt8]
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 8)
    private var keys: [String: SCRAMClientKeys] = [:]
    private var hashes: [String: ClientSecrets] = [:]

    init(account: String = "user00001", member: String = "member00001") {
        self.account = Array(account.utf8)
        self.member = Array(member.utf8)
    }

    deinit { memory.deallocate() }

    /// The server's last answer.
    func attempt(_ way: Way, _ conduct: Conduct, on client: Conversation) -> String {
        let password = conduct == .wrong ? "Secret" : "secret"
        let isBroken = conduct == .broken
        switch way {
        case .userPass:
            client.say(isBroken ? "USER" : "USER " + text(account))
            return client.say("PASS " + password)
        case .apop:
            return apop(password, isBroken, client)
        case .plain:
            guard client.say("AUTH PLAIN") == "+ \r\n" else { return "no challenge" }
            return client.say(isBroken ? "*" : base64([0] + account + [0] + Array(password.utf8)))
        case .login:
            client.say("AUTH LOGIN " + base64(account))
            return client.say(isBroken ? "*" : base64(Array(password.utf8)))
        case .cramMD5:
            return cram(password, isBroken, client)
        case .scram:
            return scram(password, isBroken, client)
        case .ntlm:
            return ntlm("POPLAR", account, password, client) { isBroken ? "*" : base64($0) }
        case .member:
            return ntlm("MEMBERSHIP", member, password, client) { isBroken ? base64($0.dropLast(64)) : base64($0) }
        }
    }

    private func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }

    private func written(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(memory)
        body(&writer)
        return Array(writer.written)
    }

    private func apop(_ password: String, _ isBroken: Bool, _ client: Conversation) -> String {
        guard !isBroken else { return client.say("APOP " + text(account)) }
        guard let start = client.received.firstIndex(of: "<"), let end = client.received.firstIndex(of: ">") else {
            return "no timestamp"
        }
        let digest = MD5.hash(Array((client.received[start...end] + password).utf8).span)
        let hex = (0..<16).map { String(format: "%02x", digest[$0]) }.joined()
        return client.say("APOP \(text(account)) \(hex)")
    }

    private func cram(_ password: String, _ isBroken: Bool, _ client: Conversation) -> String {
        guard let challenge = challenge(in: client.say("AUTH CRAM-MD5")) else { return "no challenge" }
        guard !isBroken else { return client.say(base64(account)) }
        var exchange = SASL.ClientExchange(mechanism: .cramMD5)
        var none: SCRAMClientKeys?
        let user = account
        let secret = Array(password.utf8)
        let response = written {
            _ = exchange.step(
                challenge: challenge.span, user: user.span, password: secret.span, random: (0, 0), keys: &none, into: &$0)
        }
        return client.say(base64(response))
    }

    private func scram(_ password: String, _ isBroken: Bool, _ client: Conversation) -> String {
        var exchange = SASL.ClientExchange(mechanism: .scramSHA256)
        let secret = Array(password.utf8)
        let user = account
        var kept = keys[password]
        func respond(_ challenge: [UInt8]) -> String {
            base64(
                written {
                    _ = exchange.step(
                        challenge: challenge.span, user: user.span, password: secret.span, random: (1, 2), keys: &kept,
                        into: &$0)
                })
        }
        guard let first = challenge(in: client.say("AUTH SCRAM-SHA-256 " + respond([]))) else { return "no challenge" }
        guard !isBroken else { return client.say("*") }
        let answer = client.say(respond(first))
        keys[password] = kept
        guard let last = challenge(in: answer) else { return answer }
        let end = respond(last)
        return exchange.isFinished ? client.say(end) : "the server did not show that it knows the password"
    }

    /// NTLM's exchange, with the last message as `spell` has it. The server's last answer.
    func ntlm(
        _ domain: String, _ user: [UInt8], _ password: String, _ client: Conversation, _ spell: ([UInt8]) -> String
    ) -> String {
        if hashes[password] == nil {
            let secret = Array(password.utf8)
            hashes[password] = NTHash(passwordUTF8: secret.span).map {
                ClientSecrets(
                    hash: $0, lmHash: LMHash(passwordUTF8: secret.span), clientChallenge: 0x1122_3344_5566_7788,
                    nowFileTime: FileTime.now())
            }
        }
        guard let secrets = hashes[password] else { return "no hash" }
        let exchange = NTLM.ClientExchange(variant: .v2)
        let first = written { _ = exchange.negotiate(into: &$0) }
        guard let challenge = challenge(in: client.say("AUTH NTLM " + base64(first))) else { return "no challenge" }
        let name = Array(domain.utf8)
        let answer = written {
            _ = exchange.authenticate(
                challenge: challenge.span, domain: name.span, user: user.span, workstation: Span(),
                servicePrincipalName: Span(), secrets: secrets, into: &$0)
        }
        return client.say(spell(answer))
    }
}
