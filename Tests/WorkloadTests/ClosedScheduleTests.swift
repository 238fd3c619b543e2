// Closed loads: whose sessions follow whose, and how the threads share the users out.

import Testing

@testable import Workload

@Suite("A closed load keeps its users, each with a sequence of its own")
struct ClosedScheduleTests {
    let text = goodProfile.replacingFirst(
        "rate: 100", with: "model: closed\nusers: 10\nthink_time: {mean: 10ms, distribution: exponential}")

    @Test("a user's scripts and pauses do not depend on when the others run")
    func independence() throws {
        let profile = try loadProfile(text)
        let users = UserTable.embedded(users: 100)
        var forward = try Schedule(profile: profile, users: users, thread: 0, threads: 1)
        var mixed = forward
        let alone = (0..<50).map { step in (forward.next(place: 3, ns: UInt64(step)), forward.thinkTimeNs(place: 3)) }
        let together = (0..<50).map { step in
            for place in [0, 1, 2, 9] { _ = mixed.next(place: place, ns: UInt64(step)) }
            return (mixed.next(place: 3, ns: UInt64(step)), mixed.thinkTimeNs(place: 3))
        }
        #expect(alone.map(\.0?.script) == together.map(\.0?.script) && alone.map(\.1) == together.map(\.1))
        #expect(Set(alone.map(\.0?.script)).count > 1 && Set(alone.map(\.1)).count == 50)
    }

    @Test("users begin spread over their pause, a constant one too, and not all in one moment")
    func firstPauses() throws {
        let users = UserTable.embedded(users: 100)
        func pauses(_ text: String) throws -> (first: [UInt64], next: [UInt64]) {
            let schedule = try Schedule(profile: loadProfile(text), users: users, thread: 0, threads: 1)
            return ((0..<10).map { schedule.firstPauseNs(place: $0) }, (0..<10).map { schedule.thinkTimeNs(place: $0) })
        }
        let constant = try pauses(text.replacingFirst("{mean: 10ms, distribution: exponential}", with: "10s"))
        #expect(constant.next == Array(repeating: 10_000_000_000, count: 10))
        #expect(constant.first.allSatisfy { $0 < 10_000_000_000 })
        let spread = constant.first.sorted()
        #expect(zip(spread, spread.dropFirst()).allSatisfy { $0 < $1 } && spread[9] - spread[0] > 5_000_000_000)
        // An exponential pause has no memory: what is left of it is as long as a whole one.
        let exponential = try pauses(text)
        #expect(exponential.first == exponential.next && Set(exponential.first).count == 10)
        let none = try pauses(text.replacingFirst("{mean: 10ms, distribution: exponential}", with: "0s"))
        #expect(none.first == Array(repeating: 0, count: 10))
    }

    @Test("threads share the users out, a session after the last phase is nil, and an open schedule gives none")
    func shares() throws {
        let profile = try loadProfile(text)
        let users = UserTable.embedded(users: 100)
        var all: [UInt32] = []
        for thread in 0..<3 {
            var schedule = try Schedule(profile: profile, users: users, thread: thread, threads: 3)
            all += schedule.closedUsers
            let open = schedule.next()
            let last = schedule.next(place: 0, ns: 9_999_999_999)
            let after = schedule.next(place: 0, ns: 10_000_000_000)
            let outside = schedule.next(place: 4, ns: 0)
            #expect(open == nil && last?.phase == 0 && after == nil && outside == nil)
        }
        #expect(all.count == 10 && Set(all).count == 10)
    }

    @Test("threads share the users by what the rows can do, whatever the number of threads", arguments: [1, 2, 3, 4, 5, 6, 20])
    func partialRows(threads: Int) throws {
        let text = text.replacingFirst("users: 10", with: "users: 6")
            .replacingFirst("internet-mail-3", with: "outlook-express-spa")
        let profile = try loadProfile(text)
        let users = try userTable((3, "n"), (3, "a"), (5, "m"))
        let all = try (0..<threads).flatMap {
            try Schedule(profile: profile, users: users, thread: $0, threads: threads).closedUsers
        }
        #expect(all.sorted() == [0, 1, 2, 3, 4, 5])
        let plan = try DryRun(profile: profile, users: users, threads: threads)
        #expect(plan.usersTouched == 6)
    }

    @Test("where the even share fits, it is kept; what a thread cannot take goes to the next with rows to spare")
    func sharedOut() throws {
        let scripts = try loadProfile(text.replacingFirst("internet-mail-3", with: "outlook-express-spa")).scripts
        func shares(_ count: Int, _ users: UserTable, _ threads: Int) throws -> [Int] {
            try ClosedUsers.shareOut(count, scripts: scripts, users: users, threads: threads)
        }
        #expect(try shares(10, .embedded(users: 100), 3) == [3, 3, 4])
        // Of three rows each the first thread of two has one, the second two.
        #expect(try shares(6, userTable((3, "n"), (3, "a")), 2) == [2, 4])
        #expect(try shares(5, userTable((3, "n"), (3, "a")), 2) == [2, 3])
        #expect(try shares(4, userTable((3, "n"), (3, "a")), 4) == [0, 2, 1, 1])
    }

    @Test("too few rows for a closed load: the error says how many, and what they lack")
    func tooFewRows() throws {
        let profile = try loadProfile(text.replacingFirst("internet-mail-3", with: "outlook-express-spa"))
        func error(_ users: UserTable) -> String {
            do throws(ScheduleError) {
                _ = try Schedule(profile: profile, users: users, thread: 0, threads: 2)
                return ""
            } catch { return error.description }
        }
        #expect(
            try error(userTable((4, "n"), (3, "a"), (5, "m")))
                == "the closed load asks for 10 users at once, and 7 of the user table's 12 rows have what a session needs: "
                + "a POP3 account, or an NT user")
        #expect(error(.embedded(users: 18)) == "the closed load asks for 10 users at once, and the user table has 9 rows")
    }

    @Test("its plan hash depends on the seed, and too many users are an error")
    func hash() throws {
        let profile = try loadProfile(text)
        let users = UserTable.embedded(users: 100)
        #expect(
            try PlanHash.compute(profile: profile, users: users, threads: 2)
                == PlanHash.compute(profile: profile, users: users, threads: 2))
        #expect(
            try PlanHash.compute(profile: profile, users: users, threads: 2)
                != PlanHash.compute(profile: profile, users: users, threads: 2, seed: 5))
        #expect(throws: ScheduleError.self) { try Schedule(profile: profile, users: .embedded(users: 18), thread: 0, threads: 1) }
    }
}
