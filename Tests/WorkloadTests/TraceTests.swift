// Replayed traces: the starts of a file, each with its user and its script, on one thread or several; and every way in which a
// file can be wrong.

import CJemalloc
import Configuration
import Telemetry
import Testing

@testable import Workload

@Suite("A trace is replayed start by start")
struct TraceTests {
    /// Ten seconds of which the first is not measured; two clients and two works, each with a name of its own.
    static let profile = """
        name: replay
        arrivals: {trace: starts.csv}
        phases:
          - {name: warm-up, duration: 1s, measure: off}
          - {name: steady, duration: 9s}
        clients:
          - {persona: basic, name: inside, weight: 3}
          - {persona: basic-ssl, name: outside}
        mailbox_work:
          - {name: check}
          - {name: fetch, retrieve: 1}
        """

    let users = UserTable.embedded(users: 20)

    func replay(_ lines: String..., users: UserTable? = nil, profile: String = profile) throws -> Profile {
        let csv = Array((["time,user,script"] + lines).joined(separator: "\n").utf8)
        return try loadProfile(profile).replaying(csv: csv, file: "starts.csv", users: users ?? self.users)
    }

    func errors(_ lines: String..., csv: String? = nil, users: UserTable? = nil, profile: String = profile) throws -> [String] {
        let text = csv ?? (["time,user,script"] + lines).joined(separator: "\n")
        do {
            _ = try loadProfile(profile).replaying(csv: Array(text.utf8), file: "starts.csv", users: users ?? self.users)
            return []
        } catch let found as ConfigurationErrors {
            return found.diagnostics.map { "\($0.position.line):\($0.position.column) \($0.message)" }
        }
    }

    func names(_ plan: SessionPlan, _ profile: Profile) -> String {
        let row = profile.scripts.rows[Int(plan.script)]
        return "\(profile.clients[Int(row.client)].name)/\(profile.workNames[Int(row.work.index)])"
    }

    @Test func `times, users, scripts and phases are those of the lines`() throws {
        let profile = try replay(
            "0,user00003,inside/check", "0.25,3,outside/fetch",
            "1.0000000019,user00017,inside/fetch", "1.0000000019,\"member00009\",outside/check", "9.999999999,0,inside/check")
        let found = try plans(profile, users)
        #expect(found.map(\.plannedNs) == [0, 250_000_000, 1_000_000_001, 1_000_000_001, 9_999_999_999])
        // user00003 is an NT user of row 3, user00017 the account of row 7.
        #expect(found.map(\.user) == [3, 3, 7, 9, 0])
        #expect(
            found.map { names($0, profile) } == [
                "inside/check", "outside/fetch", "inside/fetch", "outside/check", "inside/check",
            ])
        #expect(found.map(\.isMeasured) == [false, false, true, true, true] && found.map(\.phase) == [0, 0, 1, 1, 1])
        #expect(found.map(\.index) == [0, 1, 2, 3, 4])
        #expect(abs(profile.measuredRate - 3.0 / 9) < 1e-12 && profile.phases[0].startRate == 2)
    }

    @Test func `a name of a client or a work leaves the rest to the weights, an empty cell leaves all`() throws {
        let lines = (0..<4000).map { "1.5,\($0 % 10),\(["inside", "fetch", "/check", ""][$0 % 4])" }
        let csv = Array((["time,user,script"] + lines).joined(separator: "\r\n").utf8)
        let profile = try loadProfile(Self.profile).replaying(csv: csv, file: "starts.csv", users: users)
        let found = try plans(profile, users).map { names($0, profile) }
        var counts: [String: Int] = [:]
        for (place, name) in found.enumerated() { counts["\(place % 4) \(name)", default: 0] += 1 }
        #expect(counts.keys.filter { $0.hasPrefix("0") }.sorted() == ["0 inside/check", "0 inside/fetch"])
        #expect(counts.keys.filter { $0.hasPrefix("1") }.sorted() == ["1 inside/fetch", "1 outside/fetch"])
        #expect(counts.keys.filter { $0.hasPrefix("2") }.sorted() == ["2 inside/check", "2 outside/check"])
        #expect(counts.keys.filter { $0.hasPrefix("3") }.count == 4)
        #expect(abs(counts["1 inside/fetch", default: 0] - 750) < 60)
    }

    @Test func `threads share the starts by users, and the plan is the same in sum`() throws {
        let lines = (0..<300).map { "\($0 / 40).\($0 % 10),\($0 * 7 % 10)," }.sorted {
            Double($0.prefix(3))! < Double($1.prefix(3))!
        }
        let csv = Array((["time,user,script"] + lines).joined(separator: "\n").utf8)
        let profile = try loadProfile(Self.profile).replaying(csv: csv, file: "starts.csv", users: users)
        let one = try plans(profile, users)
        var all: [SessionPlan] = []
        for thread in 0..<3 {
            let mine = try plans(profile, users, thread: thread, of: 3)
            #expect(mine.allSatisfy { Int($0.user) % 3 == thread })
            all += mine
        }
        #expect(one.count == 300 && Set(all.map(\.index)).count == 300)
        func key(_ plan: SessionPlan) -> String { "\(plan.plannedNs) \(plan.user) \(plan.script)" }
        #expect(all.map(key).sorted() == one.map(key).sorted())
    }

    @Test func `the plan hash covers times, users and scripts`() throws {
        func hash(_ line: String, seed: UInt64 = 1) throws -> UInt64 {
            try PlanHash.compute(profile: replay("0,1,inside", line), users: users, threads: 2, seed: seed)
        }
        let first = try hash("2,2,inside/check")
        #expect(try hash("2,2,inside/check") == first)
        let others = try [hash("2.000000001,2,inside/check"), hash("2,3,inside/check"), hash("2,2,inside/fetch")]
        #expect(Set(others + [first]).count == 4)
    }

    @Test func `a dry run counts the starts, and those close to their user's earlier one`() throws {
        let profile = try replay(
            "0,1,", "1,2,", "1.5,1,", "2,1,", "9,2,",
            profile: Self.profile + "\nlimits: {step_timeout: 1s, connect_timeout: 1s, session_timeout: 1s}")
        let plan = try DryRun(profile: profile, users: users, threads: 2)
        #expect(plan.expectedSessions == 5 && plan.usersTouched == 2 && plan.closeStarts == 1 && plan.usersSuffice)
        #expect(plan.description.contains("1 starts come within the session time-out 1 s of their user's earlier one"))
    }

    @Test func `a dry run shows what the lines name, not what the weights would draw`() throws {
        // inside weighs 3 and outside 1; one line in ten is outside's, and half of what is measured.
        let lines = (0..<18).map { _ in "0.5,1,inside" } + ["5,1,outside/check", "5,2,inside"]
        let csv = Array((["time,user,script"] + lines).joined(separator: "\n").utf8)
        let profile = try loadProfile(Self.profile).replaying(csv: csv, file: "starts.csv", users: users)
        let plan = try DryRun(profile: profile, users: users, threads: 2)
        #expect(plan.clients.map(\.client) == ["inside", "outside"])
        #expect(zip(plan.clients, [0.95, 0.05]).allSatisfy { abs($0.share - $1) < 1e-12 })
        #expect(zip(plan.methods, [0.95, 0.05]).allSatisfy { abs($0.share - $1) < 1e-12 })
        #expect(plan.clients.map(\.measuredSessions) == [1, 1])
        #expect(abs(plan.tls.reduce(0) { $0 + $1.share } - 0.05) < 1e-12)
        #expect(plan.description.contains("  outside (basic-ssl)  basic   pop3s        5 %   about 1\n"), "\(plan)")
        let needs = PlanNeeds(profile: profile, users: users, threads: 2, startsServer: true, shares: plan.scriptShares)
        #expect(abs(needs.busierShare - 0.95) < 1e-12)
    }

    @Test func `a line that leaves something open counts by the weights of what its user can do`() throws {
        let table = try userTable((1, "a"), (1, "an"))
        let profile = try replay(
            "2,0,", "2,1,", users: table,
            profile: Self.profile.replacingFirst(
                "basic-ssl, name: outside", with: "outlook-express-spa, name: outside"))
        let plan = try DryRun(profile: profile, users: table, threads: 1)
        // The account's line is inside's; the other's one in four outside's.
        #expect(zip(plan.clients, [0.875, 0.125]).allSatisfy { abs($0.share - $1) < 1e-12 })
        #expect(zip(plan.clients, [1.75, 0.25]).allSatisfy { abs(($0.measuredSessions ?? 0) - $1) < 1e-12 })
    }

    @Test func `rate and duration of the command line do not fit a trace`() throws {
        let profile = try loadProfile(Self.profile)
        #expect(throws: OverrideError.self) { try profile.overriding(rate: 5) }
        #expect(throws: OverrideError.self) { try profile.overriding(durationSeconds: 5) }
        #expect(try profile.overriding(seed: 9).seed == 9)
        #expect(throws: ScheduleError.self) { try Schedule(profile: profile, users: users, thread: 0, threads: 1) }
    }

    @Test("replaying allocates nothing", .enabled(if: cjemalloc_is_live(), "built without jemalloc"))
    func allocations() throws {
        let lines = (0..<1000).map { "1.5,\($0 % 10)," }
        let csv = Array((["time,user,script"] + lines).joined(separator: "\n").utf8)
        let profile = try loadProfile(Self.profile).replaying(csv: csv, file: "starts.csv", users: users)
        var schedule = try Schedule(profile: profile, users: users, thread: 0, threads: 1)
        let counter = try #require(cjemalloc_thread_allocated())
        _ = schedule.next()
        let before = counter.pointee
        var count = 1
        while schedule.next() != nil { count += 1 }
        let after = counter.pointee
        #expect(after == before && count == 1000)
    }

    // MARK: Errors

    @Test func `each mistake of a line is found at its cell, all in one pass`() throws {
        #expect(
            try errors(
                "1,1,", "0.5,1,", "x,1,", "2,nobody,", "3,10,", "3,1,insid", "4,1", "4,1,,", "10,1,", ".5,1,", "5.,1,", "-1,1,",
                "1e3,1,", "123456789,1,") == [
                    "3:1 a start before that of an earlier line",
                    "4:1 'x' is no time",
                    "5:3 there is no user 'nobody'",
                    "6:3 there is no user '10'",
                    "7:5 no session of the profile is called 'insid'",
                    "8:3 2 cells where the header has 3",
                    "9:6 4 cells where the header has 3",
                    "10:1 a start at or behind the end of the last phase",
                    "11:1 '.5' is no time", "12:1 '5.' is no time", "13:1 '-1' is no time", "14:1 '1e3' is no time",
                    "15:1 '123456789' is no time",
                ])
    }

    @Test func `a file without header, without starts or without measured ones is an error`() throws {
        #expect(try errors(csv: "") == ["1:1 this is not the header of a trace"])
        #expect(try errors(csv: "user,time,script\n") == ["1:1 this is not the header of a trace"])
        #expect(try errors() == ["2:1 no start lies in a measured phase"])
        #expect(try errors("0.5,1,") == ["2:1 no start lies in a measured phase"])
        #expect(try errors(csv: "time,user,script\n1,\"1,\n") == ["2:3 a quote that is not closed in its line"])
    }

    @Test func `a name that is a client and a work needs a slash, and a user needs what the script logs on with`() throws {
        let both = Self.profile.replacingFirst("name: check", with: "name: inside")
        #expect(try errors("2,1,inside", profile: both) == ["2:5 'inside' is both a client and a mailbox work"])
        #expect(try errors("2,1,inside/", "2,1,/inside", "2,1,inside/inside", profile: both) == [])
        let table = try UserTable.load(
            csv: Array("\(UserTable.header)\na,p,,,,,\n,,D,n,p,,\n".utf8), file: "users.csv")
        #expect(try errors("2,a,", "3,n,", users: table) == ["3:5 no session of '' can be this user's: he has an NT user"])
    }

    @Test func `no text of a file traps`() throws {
        let texts = [
            "\u{0}", "time,user,script\n,,\n", "time,user,script\n99999999.9999999999999999999999,1,\n",
            "time,user,script\n1,-0,\n",
            "time,user,script\n1,99999999999999999999,\n", "time,user,script\n1,1,////\n", "time,user,script\n\n\n1,1,\n",
            "time,user,script\r1,1,\r",
        ]
        for text in texts { _ = try errors(csv: text) }
        #expect(try errors(csv: texts[6]) == [])
    }
}
