// Weaknesses of other NTLM servers: a genuine client's last message with one thing of it changed. Never let in, never a
// trap, and the next logon on the same connection works.

import NTLM
import POP3
import PoplarCore
import Testing

@testable import Server

/// The fields of a type 3 message by the place of their descriptors (MS-NLMP 2.2.1.3).
private enum Field: Int, CaseIterable {
    case lm = 12
    case nt = 20
    case domain = 28
    case user = 36
    case workstation = 44
    case sessionKey = 52
}

extension Array where Element == UInt8 {
    fileprivate func little16(_ place: Int) -> Int { Int(self[place]) | Int(self[place + 1]) << 8 }
    fileprivate func little32(_ place: Int) -> Int { little16(place) | little16(place + 2) << 16 }

    fileprivate mutating func put(_ place: Int, _ length: UInt16, _ offset: UInt32) {
        for index in 0..<2 {
            self[place + index] = UInt8(truncatingIfNeeded: length >> UInt16(8 * index))
            self[place + 2 + index] = self[place + index]
        }
        for index in 0..<4 { self[place + 4 + index] = UInt8(truncatingIfNeeded: offset >> UInt32(8 * index)) }
    }

    fileprivate func octets(_ field: Field) -> [UInt8] {
        let (count, offset) = (little16(field.rawValue), little32(field.rawValue + 4))
        return Array(self[offset..<offset + count])
    }
}

private func utf16(_ text: String) -> [UInt8] { text.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] } }

@Suite("NTLM messages that broke other servers")
struct CVENTLMTests {
    private let bench: Bench
    private let logons = LogonClient()

    init() throws {
        var setting = Setting()
        setting.limits.logonFailures = 60_000
        bench = try Bench(setting)
    }

    /// Logs on with the last message changed. True: refused, and a genuine logon after it is not.
    private func refuses(_ change: ([UInt8]) -> [UInt8]) -> Bool {
        let client = bench.connect()
        let answer = logons.ntlm("POPLAR", logons.account, "secret", client) { base64(change($0)) }
        guard answer == LogonText.malformed || answer == LogonText.refused else { return false }
        return logons.attempt(.ntlm, .right, on: client) == LogonText.loggedOn
    }

    /// The message with a field appended in place of the one it has.
    private func replaced(_ message: [UInt8], _ field: Field, _ octets: [UInt8]) -> [UInt8] {
        var message = message
        message.put(field.rawValue, UInt16(octets.count), UInt32(message.count))
        return message + octets
    }

    @Test("a message that is not changed is let in")
    func genuine() {
        let client = bench.connect()
        #expect(logons.ntlm("POPLAR", logons.account, "secret", client) { base64($0) } == LogonText.loggedOn)
    }

    @Test("CVE-2020-12673: fields longer than the message, or past its end (Dovecot)")
    func pastTheEnd() {
        for field in Field.allCases {
            let places: [(UInt16, UInt32)] = [
                (0xFFFF, 64), (0xFFFF, 0), (24, 0xFFFF_FFF0), (1, 0xFFFF_FFFF), (24, 0x7FFF_FFFF),
            ]
            for (length, offset) in places {
                #expect(
                    refuses { message in
                        var message = message
                        message.put(field.rawValue, length, offset)
                        return message
                    }, "\(field) \(length) \(offset)")
            }
            #expect(
                refuses { message in
                    var message = message
                    message.put(field.rawValue, UInt16(message.count), UInt32(1))
                    return message
                }, "\(field)")
        }
        for size in [0, 1, 8, 12, 51, 52, 63, 64, 71, 72, 87, 88] {
            #expect(refuses { Array($0.prefix(size)) }, "\(size) octets")
        }
    }

    @Test("CVE-2020-12783: responses that point past the end, into the header or into the name let nobody in (Exim)")
    func responsesElsewhere() {
        for field in [Field.lm, .nt] {
            for length in [0, 1, 16, 24, 48] as [UInt16] {
                for offset in [0, 8, 12, 36, 52, 64] as [UInt32] {
                    #expect(
                        refuses { message in
                            var message = message
                            message.put(Field.lm.rawValue, 0, 64)
                            message.put(Field.nt.rawValue, 0, 64)
                            message.put(field.rawValue, length, offset)
                            return message
                        }, "\(field) \(length) \(offset)")
                }
                #expect(
                    refuses { message in
                        var message = message
                        let user = UInt32(message.little32(Field.user.rawValue + 4))
                        message.put(Field.lm.rawValue, 0, 64)
                        message.put(Field.nt.rawValue, 0, 64)
                        message.put(field.rawValue, length, user)
                        return message
                    }, "\(field) into the name")
            }
        }
    }

    @Test("CVE-2023-25563: length and offset that wrap around 32 bits (gss-ntlmssp)")
    func wrapping() {
        for field in Field.allCases {
            for length in [1, 16, 24, 0xFFFF] as [UInt16] {
                for sum in [0, 1, 64, 72] as [UInt32] where sum < UInt32(length) {
                    #expect(
                        refuses { message in
                            var message = message
                            message.put(field.rawValue, length, sum &- UInt32(length))
                            return message
                        }, "\(field) \(length) wraps to \(sum)")
                }
            }
        }
    }

    @Test("CVE-2023-25564: names of odd length, or with half a surrogate pair (gss-ntlmssp)")
    func brokenNames() {
        for field in [Field.user, .domain] {
            for octets in [
                [0x75], utf16("user00001") + [0], Array(utf16("user00001").dropLast()), [0, 0xD8], [0, 0xDC], [0, 0xD8, 0, 0xD8],
                utf16("user0000") + [0, 0xD8], [0, 0xDC, 0, 0xD8], [0, 0],
            ] as [[UInt8]] {
                #expect(refuses { replaced($0, field, octets) }, "\(field) \(octets)")
            }
        }
    }

    /// A genuine message whose NTLMv2 response has these pairs in place of its own.
    private func refusesPairs(_ pairs: [UInt8]) -> Bool {
        refuses { message in replaced(message, .nt, Array(message.octets(.nt).prefix(44)) + pairs) }
    }

    @Test("CVE-2023-25565: lists of pairs that end in a bad one (gss-ntlmssp)")
    func badEnd() {
        let name: [UInt8] = [2, 0, 4, 0, 65, 0, 66, 0]
        for id in [UInt8](0...11) {
            for length in [1, 15, 16, 17, 48] as [UInt8] {
                #expect(refusesPairs(name + [id, 0, length, 0]), "\(id) \(length)")
                #expect(refusesPairs(name + [id, 0, length, 0] + [UInt8](repeating: 0, count: Int(length) - 1)))
                #expect(refusesPairs(name + [id, 0, length, 0] + [UInt8](repeating: 0, count: Int(length))))
            }
        }
        for size in 0...name.count { #expect(refusesPairs(Array(name.prefix(size)))) }
    }

    @Test("CVE-2023-25567: flags that are not four octets, a time that is not eight, pairs past the end (gss-ntlmssp)")
    func pairLengths() {
        for id in [6, 7, 10] as [UInt8] {
            for length in [0, 1, 3, 4, 5, 7, 8, 9, 255] as [UInt8] {
                let value = [UInt8](repeating: 1, count: Int(length))
                #expect(refusesPairs([id, 0, length, 0] + value + [0, 0, 0, 0]), "\(id) \(length)")
                #expect(refusesPairs([id, 0, length, 0xFF] + value + [0, 0, 0, 0]))
                #expect(refusesPairs([id, 0, length, 0]))
            }
        }
    }

    @Test("CVE-2023-25566: a domain given twice, thousands of times, keeps no memory and lets nobody in (gss-ntlmssp)")
    func domainTwice() {
        let client = bench.connect()
        for name in ["POPLAR\\user00001", "user00001@POPLAR", "POPLAR\\POPLAR\\user00001", "user00001@POPLAR@POPLAR"] {
            for _ in 0..<250 {
                let answer = logons.ntlm("POPLAR", Array(name.utf8), "secret", client) { base64($0) }
                guard answer == LogonText.refused else {
                    Issue.record("\(name): \(answer)")
                    return
                }
            }
        }
        #expect(bench.borrowed == Bench.nothing && bench.resources.exchangePool.allocated == 1)
    }
}
