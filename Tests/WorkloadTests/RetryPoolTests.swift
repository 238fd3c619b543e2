// The retry pool: users set apart who look again and again, each after a while.

import CJemalloc
import Testing

@testable import Workload

@Suite("A retry pool's users come again, each after a while")
struct RetryPoolTests {
    /// Three sessions in four are the pool's.
    func profile(share: String = "10%", after: String = "1s", rate: Int = 100) throws -> Profile {
        try loadProfile(
            """
            name: pools
            rate: \(rate)
            phases: [{name: steady, duration: 10s}]
            retry_pool: {share: \(share), after: \(after)}
            clients:
              - {persona: basic, name: first}
              - {persona: basic, name: again, weight: 3, users: retry}
            mailbox_work: [{name: check}]
            """)
    }

    func again(_ plan: SessionPlan, _ profile: Profile) -> Bool {
        profile.clients[Int(profile.scripts.rows[Int(plan.script)].client)].name == "again"
    }

    @Test func `the pool's sessions are its users', the others are not`() throws {
        let profile = try profile()
        let users = UserTable.embedded(users: 2000)
        let all = try plans(profile, users)
        let pool = Set(all.filter { again($0, profile) }.map(\.user))
        let others = Set(all.filter { !again($0, profile) }.map(\.user))
        #expect(pool.count == 100 && pool.isDisjoint(with: others))
        #expect(try plans(profile, users) == all)
    }

    @Test(arguments: [1, 3])
    func `none of them comes sooner than asked, and who would is replaced by one of the others`(threads: Int) throws {
        // 75 sessions a second for 20 users every second at the most.
        let profile = try profile(share: "2%")
        let users = UserTable.embedded(users: 2000)
        var misses = 0
        for thread in 0..<threads {
            var schedule = try Schedule(profile: profile, users: users, thread: thread, threads: threads)
            var last: [UInt32: UInt64] = [:]
            while let plan = schedule.next() {
                guard again(plan, profile) else { continue }
                if let earlier = last[plan.user] { #expect(plan.plannedNs - earlier >= 1_000_000_000) }
                last[plan.user] = plan.plannedNs
            }
            misses += schedule.poolMisses
        }
        // Some 750 sessions; 21 users x 10 starts are the most that the pool can do.
        #expect(misses > 400)
    }

    @Test func `a dry run says how large the pool is, and whether it suffices`() throws {
        let users = UserTable.embedded(users: 2000)
        let enough = try DryRun(profile: profile(after: "500ms"), users: users, threads: 2)
        #expect(enough.retryPool?.users == 100 && enough.retryPool?.misses == 0)
        let few = try DryRun(profile: profile(share: "2%"), users: users, threads: 1)
        #expect((few.retryPool?.misses ?? 0) > 400)
        #expect(enough.description.contains("retry pool 100 users, 0.5 s apart; 0 sessions find nobody ready"))
    }

    @Test func `a thread without a user in the pool, or without one beside it, is told so`() throws {
        // Of ten users the pool would have 0.1, or 9.9, rounded.
        for share in ["1%", "99%"] {
            #expect(throws: ScheduleError.self) {
                try Schedule(profile: profile(share: share), users: .embedded(users: 20), thread: 0, threads: 1)
            }
        }
    }

    @Test("drawing allocates nothing", .enabled(if: cjemalloc_is_live(), "built without jemalloc"))
    func allocations() throws {
        var schedule = try Schedule(profile: profile(), users: .embedded(users: 2000), thread: 0, threads: 1)
        let counter = try #require(cjemalloc_thread_allocated())
        _ = schedule.next()
        let before = counter.pointee
        while schedule.next() != nil {}
        let after = counter.pointee
        #expect(after == before)
    }
}
