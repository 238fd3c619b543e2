// All sequences of three logon attempts on one connection: eight ways, each right, wrong or broken off, 24 outcomes and
// 13,824 sequences. A sequence ends with its first right attempt, so that those which share it up to there are one check.

import Administration
import POP3
import PoplarCore
import Testing

@testable import Server

private struct Step: Sendable, CustomStringConvertible {
    let way: Way
    let conduct: Conduct
    static let all = Way.allCases.flatMap { way in Conduct.allCases.map { Step(way: way, conduct: $0) } }
    static let failing = all.filter { $0.conduct != .right }
    var description: String { "\(way) \(conduct)" }
}

@Suite("Every sequence of three logon attempts (CVE-2011-1720, CVE-2026-27651)")
struct LogonSequenceTests {
    private static func bench() throws -> Bench {
        var setting = Setting()
        setting.methods = MethodSwitches.all.union(.beyondThePage)
        setting.limits.logonFailures = 1000
        setting.limits.badCommandsBeforeLogon = 1000
        return try Bench(setting)
    }

    /// One connection's attempts in order. Nil: all as expected, with nothing kept after a failure.
    private static func play(_ steps: [Step], _ bench: Bench, _ client: LogonClient, _ uniqueIDs: [String]) -> String? {
        let conversation = bench.connect()
        for step in steps {
            let answer = client.attempt(step.way, step.conduct, on: conversation)
            guard answer == LogonText.expected(step.way, step.conduct) else { return "\(steps): \(step) got \(answer)" }
            guard step.conduct != .right else {
                let own = uniqueIDs[step.way == .member ? 1 : 0]
                return conversation.say("UIDL 1") == own ? nil : "\(steps): another's mailbox"
            }
            guard conversation.connection.session.state == .authorization, conversation.connection.sasl == nil,
                bench.borrowed == Bench.nothing, !conversation.isClosed
            else { return "\(steps): something is left of \(step)" }
        }
        return nil
    }

    @Test("no wrong attempt is let in, and a right one is, whatever failed before", arguments: Step.all)
    fileprivate func sequences(first: Step) throws {
        let bench = try Self.bench()
        let client = LogonClient()
        var uniqueIDs: [String] = []
        for way in [Way.userPass, .member] {
            let conversation = bench.connect()
            #expect(client.attempt(way, .right, on: conversation) == LogonText.loggedOn)
            uniqueIDs.append(conversation.say("UIDL 1"))
        }
        try #require(uniqueIDs[0] != uniqueIDs[1])
        var played = 0
        func check(_ steps: [Step]) {
            played += 1
            if let fault = Self.play(steps, bench, client, uniqueIDs) { Issue.record("\(fault)") }
        }
        guard first.conduct != .right else { return check([first]) }
        for second in Step.all {
            guard second.conduct != .right else {
                check([first, second])
                continue
            }
            for third in Step.all {
                guard third.conduct != .right else {
                    check([first, second, third])
                    continue
                }
                // After three failures a right attempt, each way in its turn.
                let way = Way.allCases[(first.way.rawValue + second.way.rawValue + third.way.rawValue + played) % 8]
                check([first, second, third, Step(way: way, conduct: .right)])
            }
        }
        #expect(played == 8 + 16 * 24)
    }
}
