// Whether the users suffice is asked for each kind of session, of the users that can serve it.

import Testing

@testable import Workload

/// A user table: of each pair so many rows, which have the identities named by its letters: a(ccount), n(T user), m(ember).
func userTable(_ rows: (Int, String)...) throws -> UserTable {
    var csv = UserTable.header + "\n"
    for (count, letters) in rows {
        for row in 0..<count {
            let name = "\(letters)\(row)"
            csv += letters.contains("a") ? "a\(name),p," : ",,"
            csv += letters.contains("n") ? "D,n\(name),p," : ",,,"
            csv += letters.contains("m") ? "m\(name),p\n" : ",\n"
        }
    }
    return try UserTable.load(csv: Array(csv.utf8), file: "users.csv")
}

@Suite("A dry run holds each kind of session against the users who can serve it")
struct UserDemandTests {
    /// 100 sessions a second of up to 3 s each.
    func profile(_ clients: String, more: String = "") throws -> Profile {
        try loadProfile(
            """
            name: demand
            rate: 100
            phases: [{name: steady, duration: 4s}]
            clients: \(clients)
            mailbox_work: [{name: check}]
            limits: {session_timeout: 3s, step_timeout: 3s, connect_timeout: 3s}
            \(more)
            """)
    }

    func plan(_ profile: Profile, _ users: UserTable, threads: Int = 2) throws -> DryRun {
        try DryRun(profile: profile, users: users, threads: threads)
    }

    @Test func `users whose cells leave a method out do not count for the sessions that need it`() throws {
        let users = try userTable((20, "an"), (980, "a"))
        let plan = try plan(profile("[{persona: outlook-express-spa}]"), users)
        #expect(plan.users == 1000 && plan.usersNeeded == 300 && !plan.usersSuffice)
        #expect(
            plan.description.contains(
                "           too few with an NT user: peak rate x session time-out 3 s = 300, and there are 20; "
                    + "add users with it, or shorten limits.session_timeout\n"), "\(plan)")
        #expect(
            try profile("[{persona: outlook-express-spa}]").userShortages(users, threads: 2).map(\.note) == [
                "20 users with an NT user are fewer than peak rate x session time-out 3 s = 300: a slow server exhausts them"
            ])
    }

    @Test func `a kind of session counts by its share, and the others leave it its users`() throws {
        let mixed = try profile("[{persona: outlook-express-spa, weight: 10%}, {persona: basic, weight: 90%}]")
        let enough = try plan(mixed, userTable((30, "an"), (270, "a")))
        #expect(enough.usersSuffice && enough.demands.map(\.needed) == [30, 300] && enough.demands.map(\.users) == [30, 300])
        #expect(
            enough.description.contains(
                "           enough with an NT user: 10 % of the peak rate x session time-out 3 s = 30 of 30\n"), "\(enough)")
        #expect(try plan(mixed, userTable((29, "an"), (271, "a"))).demands.map(\.isMet) == [false, true])
        #expect(try plan(mixed, userTable((30, "an"), (269, "a"))).demands.map(\.isMet) == [true, false])
    }

    @Test func `two kinds that are each served may be too many together`() throws {
        let mixed = try profile(
            "[{persona: outlook-express-spa, weight: 50%}, {persona: basic, weight: 40%}, {persona: membership, weight: 10%}]")
        // 150 NT and 120 basic sessions; a user with both serves one of them at a time.
        let plan = try plan(mixed, userTable((150, "an"), (20, "a"), (30, "m")))
        #expect(plan.demands.map(\.needed) == [30, 150, 270] && plan.demands.map(\.isMet) == [true, true, false])
        #expect(
            plan.description.contains(
                "too few with a POP3 account, or with an NT user: 90 % of the peak rate x session time-out 3 s = 270, and there "
                    + "are 170"), "\(plan)")
    }

    @Test func `rounding of the shares asks for nobody more, and a complete table is one group`() throws {
        let mixed = try profile("[{persona: basic, weight: 1}, {persona: membership, weight: 2}, {persona: outlook-express-spa}]")
        let plan = try plan(mixed, .embedded(users: 600), threads: 3)
        #expect(plan.demands.map(\.needed) == [300] && plan.demands.map(\.users) == [300] && plan.usersSuffice)
        #expect(plan.description.contains("           enough: peak rate x session time-out 3 s = 300\n"))
    }

    @Test func `the retry pool's users are not those of the other sessions`() throws {
        let text = "[{persona: basic, weight: 95%}, {persona: basic, name: again, weight: 5%, users: retry}]"
        let users = UserTable.embedded(users: 2000)
        let narrow = try plan(profile(text, more: "retry_pool: {share: 92%, after: 10s}"), users)
        #expect(!narrow.usersSuffice && narrow.demands.map(\.side) == [.others])
        #expect(
            narrow.description.contains(
                "too few outside the retry pool: 95 % of the peak rate x session time-out 3 s = 285, and there are 80; lower "
                    + "retry_pool.share"), "\(narrow)")
        #expect(try plan(profile(text, more: "retry_pool: {share: 71%, after: 10s}"), users).usersSuffice)
    }

    @Test func `sessions that find nobody ready in the pool are the others' too`() throws {
        let text = "[{persona: basic, weight: 20%}, {persona: basic, name: again, weight: 80%, users: retry}]"
        // 60 of the others' sessions in 3 s, and nearly all of the pool's 240, whose 10 users come once.
        let plan = try plan(profile(text, more: "retry_pool: {share: 5%, after: 10s}"), .embedded(users: 400), threads: 1)
        let others = try #require(plan.demands.first)
        #expect(others.users == 190 && others.misses > 200 && others.needed == 60 + others.misses && !others.isMet)
        #expect(plan.description.contains("+ \(others.misses) whom the retry pool turns away = \(others.needed)"))
    }

    @Test func `a pool is too small where its sessions last longer than its users rest`() throws {
        let text = "[{persona: basic, weight: 50%}, {persona: basic, name: again, weight: 50%, users: retry}]"
        func plan(_ after: String) throws -> DryRun {
            let idle = try profile(text, more: "retry_pool: {share: 10%, after: \(after)}").sourceText
                .replacingFirst("{name: check}", with: "{name: check, idle: 2s}")
            return try self.plan(loadProfile(idle), .embedded(users: 1600))
        }
        let short = try plan("500ms")
        #expect(short.demands.map(\.side) == [.others, .pool] && short.demands.map(\.isMet) == [true, false])
        #expect(
            short.description.contains(
                "too few in the retry pool: 50 % of the peak rate x the 2 s that a session takes = 100, and there are 80; raise "
                    + "retry_pool.share, or retry_pool.after to 2 s"), "\(short)")
        #expect(try plan("2s").demands.map(\.side) == [.others])
    }

    @Test func `with overlap, and in a closed load, nobody is missed`() throws {
        let users = try userTable((2, "an"), (98, "a"))
        #expect(try plan(profile("[{persona: outlook-express-spa}]", more: "overlap: on"), users).demands.isEmpty)
        let closed = try loadProfile(goodProfile.replacingFirst("rate: 100", with: "model: closed\nusers: 2"))
        #expect(try plan(closed, .embedded(users: 100)).usersSuffice)
    }
}
