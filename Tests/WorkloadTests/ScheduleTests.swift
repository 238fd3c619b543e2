// Arrivals: the same seed gives the same plans, threads share them exactly, and rates come out as asked.

import CJemalloc
import PoplarCore
import Telemetry
import Testing

@testable import Workload

/// All plans of one thread of an open load.
func plans(_ profile: Profile, _ users: UserTable, thread: Int = 0, of threads: Int = 1, seed: UInt64? = nil) throws
    -> [SessionPlan]
{
    var schedule = try Schedule(profile: profile, users: users, thread: thread, threads: threads, seed: seed)
    var found: [SessionPlan] = []
    while let plan = schedule.next() { found.append(plan) }
    return found
}

func loadProfile(rate: String, duration: String, more: String = "") throws -> Profile {
    try loadProfile(
        goodProfile.replacingFirst("rate: 100", with: "rate: \(rate)").replacingFirst(
            "duration: 10s", with: "duration: \(duration)") + more)
}

/// Kolmogorov's statistic of `sorted` against the uniform distribution on 0...1, times sqrt(n). Its 5 % point is 1.36, its 1 %
/// point 1.63.
func kolmogorov(_ sorted: [Double]) -> Double {
    let n = Double(sorted.count)
    let distance = sorted.enumerated().reduce(0.0) {
        max($0, $1.element - Double($1.offset) / n, Double($1.offset + 1) / n - $1.element)
    }
    return distance * n.squareRoot()
}

@Suite("A schedule draws the same plan from the same seed, ahead of time")
struct ScheduleTests {
    let users = UserTable.embedded(users: 1000)

    @Test("the same seed gives the same plan, another seed another one")
    func determinism() throws {
        let profile = try loadProfile(rate: "500", duration: "4s")
        let first = try plans(profile, users)
        #expect(try plans(profile, users) == first)
        #expect(try plans(profile, users, seed: 2) != first)
        #expect(try plans(profile, users, seed: 1) == first)
        #expect(first.map(\.index) == (0..<UInt64(first.count)).map { $0 })
    }

    @Test("the plan hash pins the plan byte for byte, and differs where anything does")
    func hash() throws {
        let profile = try shippedProfile("exchange-mixed")
        let users = UserTable.embedded(users: profile.population.users)
        let hash = try PlanHash.compute(profile: profile, users: users, threads: 2)
        #expect(try PlanHash.compute(profile: profile, users: users, threads: 2) == hash)
        #expect(try PlanHash.compute(profile: profile, users: users, threads: 3) != hash)
        #expect(try PlanHash.compute(profile: profile, users: users, threads: 2, seed: 2) != hash)
        #expect(try PlanHash.compute(profile: profile.overriding(rate: 401), users: users, threads: 2) != hash)
        let fixed = try loadProfile(rate: "100", duration: "10s")
        let pinned = PlanHash.text(try PlanHash.compute(profile: fixed, users: .embedded(users: 100), threads: 2))
        #expect(pinned == "ec4fca9c7e1dc1f6")
        #expect(PlanHash.text(0x0F) == "000000000000000f")
    }

    @Test("Poisson gaps have the mean and the variance of an exponential, and pass Kolmogorov-Smirnov at 5 % in 18 of 20 seeds")
    func poissonGaps() throws {
        let profile = try loadProfile(rate: "1000", duration: "10s")
        var accepted = 0
        for seed in UInt64(1)...20 {
            let times = try plans(profile, users, seed: seed).map { Double($0.plannedNs) / 1e9 }
            let gaps = zip(times.dropFirst(), times).map { $0 - $1 }
            let mean = gaps.reduce(0, +) / Double(gaps.count)
            let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)
            #expect(abs(times.count - 10_000) < 400)
            #expect(abs(mean - 0.001) < 0.000_04 && abs(variance / 1e-6 - 1) < 0.12)
            // 1 - exp(-gap/mean) is uniform when gaps are exponential.
            let uniform = gaps.map { 1 - Double.exponential(-$0 / 0.001) }.sorted()
            if kolmogorov(uniform) < 1.36 { accepted += 1 }
        }
        #expect(accepted >= 18)
    }

    @Test("counts per tenth of a second have variance = mean, for one thread and for four together")
    func dispersion() throws {
        let profile = try loadProfile(rate: "1000", duration: "60s")
        for threads in [1, 4] {
            var counts = [Double](repeating: 0, count: 600)
            for thread in 0..<threads {
                for plan in try plans(profile, users, thread: thread, of: threads) {
                    counts[Int(plan.plannedNs / 100_000_000)] += 1
                }
            }
            let mean = counts.reduce(0, +) / 600
            let variance = counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 599
            // The index of dispersion of 600 Poisson counts has a standard deviation of sqrt(2/599) = 0.058.
            #expect(abs(mean - 100) < 1.7 && abs(variance / mean - 1) < 0.2, "\(threads) threads")
        }
    }

    @Test("four threads superpose to the process of one: their gaps together are exponential")
    func superposition() throws {
        let profile = try loadProfile(rate: "2000", duration: "5s")
        let times = try (0..<4).flatMap { try plans(profile, users, thread: $0, of: 4).map { Double($0.plannedNs) / 1e9 } }
            .sorted()
        let uniform = zip(times.dropFirst(), times).map { 1 - Double.exponential(-($0 - $1) * 2000) }.sorted()
        #expect(abs(times.count - 10_000) < 400 && kolmogorov(uniform) < 1.63)
    }

    @Test("uniform arrivals are evenly spaced over all threads, rate x duration of them", arguments: [1, 2, 3, 8])
    func uniform(threads: Int) throws {
        let profile = try loadProfile(rate: "400", duration: "3s", more: "arrivals: uniform\n")
        let times = try (0..<threads).flatMap { try plans(profile, users, thread: $0, of: threads).map(\.plannedNs) }.sorted()
        #expect(times.count == 1200 && times.first == 1_250_000)
        #expect(zip(times.dropFirst(), times).allSatisfy { abs(Int($0 - $1) - 2_500_000) <= 1 })
    }

    @Test("a ramp follows its line: arrivals lie where the cumulative rate says")
    func ramp() throws {
        let profile = try loadProfile(
            goodProfile.replacingFirst("    duration: 10s", with: "    duration: 10s\n    rate: {from: 0, to: 200}")
                + "arrivals: uniform\n")
        let times = try plans(profile, users).map { Double($0.plannedNs) / 1e9 }
        #expect(times.count == 1000)
        // 10 t^2 sessions are expected by t seconds; arrival j lies at j + 1/2 of them.
        for (place, time) in times.enumerated() { #expect(abs(10 * time * time - (Double(place) + 0.5)) < 1e-4) }
        let falling = try loadProfile(
            goodProfile.replacingFirst("    duration: 10s", with: "    duration: 10s\n    rate: {from: 200, to: 0}")
                + "arrivals: uniform\n")
        let mirrored = try plans(falling, users).map { 10 - Double($0.plannedNs) / 1e9 }
        #expect(mirrored.count == 1000 && zip(mirrored, times.reversed()).allSatisfy { abs($0 - $1) < 1e-3 })
    }

    @Test("a session belongs to the phase of its planned start, and times never decrease")
    func phases() throws {
        let profile = try loadProfile(
            goodProfile.replacingFirst(
                "  - name: steady\n    duration: 10s",
                with:
                    "  - {name: w, duration: 1s, rate: 50, measure: off}\n  - {name: rest, duration: 1s, rate: 0}\n  - "
                    + "{name: s, duration: 2s, rate: 300}"
            ))
        let all = try plans(profile, users)
        #expect(zip(all.dropFirst(), all).allSatisfy { $0.plannedNs >= $1.plannedNs })
        let edges: [UInt64] = [0, 1_000_000_000, 2_000_000_000, 4_000_000_000]
        #expect(
            all.allSatisfy {
                edges[Int($0.phase)] <= $0.plannedNs && $0.plannedNs < edges[Int($0.phase) + 1] && $0.isMeasured == ($0.phase > 0)
            })
        #expect(!all.contains { $0.phase == 1 } && all.contains { $0.phase == 0 } && all.contains { $0.phase == 2 })
    }

    @Test("scripts come with their shares")
    func shares() throws {
        let profile = try shippedProfile("exchange-mixed").overriding(rate: 5000)
        let all = try plans(profile, .embedded(users: profile.population.users))
        var counts = [Double](repeating: 0, count: profile.scripts.rows.count)
        for plan in all { counts[Int(plan.script)] += 1 }
        let n = Double(all.count)
        var chiSquare = 0.0
        for (count, share) in zip(counts, profile.scripts.shares) {
            chiSquare += (count - n * share) * (count - n * share) / (n * share)
        }
        // Chi-square with k degrees of freedom: mean k, standard deviation sqrt(2k).
        let degrees = Double(counts.count - 1)
        #expect(abs(chiSquare - degrees) < 4 * (2 * degrees).squareRoot())
    }

    @Test("the alias table never draws what has no weight")
    func alias() {
        var random = Xoshiro256(seed: 3)
        let table = AliasTable(weights: [0, 1, 0, 1e-9, 3, 0])
        var counts = [Int](repeating: 0, count: 6)
        for _ in 0..<40_000 { counts[table.draw(&random)] += 1 }
        #expect(counts[0] == 0 && counts[2] == 0 && counts[5] == 0 && counts[3] <= 1)
        #expect(abs(counts[4] - 30_000) < 400)
        #expect(AliasTable(weights: [5]).draw(&random) == 0)
        #expect(zip(table.probabilities, [0, 1, 0, 1e-9, 3, 0]).allSatisfy { abs($0 - $1 / 4) < 1e-9 })
    }

    @Test("drawing allocates nothing, open or closed", .enabled(if: cjemalloc_is_live(), "built without jemalloc"))
    func allocations() throws {
        var open = try Schedule(profile: loadProfile(rate: "1000", duration: "5s"), users: users, thread: 0, threads: 1)
        let text = goodProfile.replacingFirst("rate: 100", with: "model: closed\nusers: 10\nthink_time: 1ms")
        var closed = try Schedule(profile: loadProfile(text), users: users, thread: 0, threads: 1)
        let counter = try #require(cjemalloc_thread_allocated())
        _ = open.next()
        _ = closed.next(place: 0, ns: 0)
        let before = counter.pointee
        for step in 0..<1000 {
            _ = open.next()
            _ = closed.next(place: step % 10, ns: UInt64(step))
            _ = closed.thinkTimeNs(place: step % 10)
        }
        let after = counter.pointee
        let probe = [UInt8](repeating: 1, count: 4096)
        let live = counter.pointee
        #expect(after == before)
        #expect(live >= after + UInt64(probe.count))
    }

    @Test("the logarithm is right to the last places, from the smallest to the largest argument")
    func logarithm() {
        #expect(ExactMath.naturalLogarithm(1) == 0)
        #expect(abs(ExactMath.naturalLogarithm(2) - 0.693147180559945309) < 1e-16)
        #expect(abs(ExactMath.naturalLogarithm(0x1p-53) + 36.736800569677101) < 1e-14)
        #expect(abs(ExactMath.naturalLogarithm(10) - 2.302585092994045684) < 5e-16)
        #expect(abs(ExactMath.naturalLogarithm(0.1) + 2.302585092994045684) < 5e-16)
        #expect(abs(ExactMath.naturalLogarithm(1.4142135623730951) - 0.34657359027997264) < 2e-16)
    }
}

@Suite("Users are taken round robin, and never shared by threads")
struct UserAssignmentTests {
    @Test("each user of a thread once before any twice, in the seed's order")
    func roundRobin() throws {
        let all = try plans(loadProfile(rate: "100", duration: "10s"), .embedded(users: 200)).map(\.user)
        #expect(Set(all[0..<100]).count == 100)
        #expect(Array(all[100..<200]) == Array(all[0..<100]) && Array(all[0..<100]) != Array(all[0..<100]).sorted())
    }

    @Test("threads have disjoint, contiguous users that are all of them together", arguments: [1, 2, 3, 7])
    func disjoint(threads: Int) throws {
        let profile = try loadProfile(rate: "1000", duration: "10s")
        var seen: [UInt32] = []
        for thread in 0..<threads {
            let mine = Set(try plans(profile, .embedded(users: 201), thread: thread, of: threads).map(\.user)).sorted()
            #expect(mine == Array(UInt32(100 * thread / threads)..<UInt32(100 * (thread + 1) / threads)))
            seen += mine
        }
        #expect(seen == Array(0..<100))
    }

    @Test("no mailbox of the embedded population belongs to two users, whatever the logon", arguments: [1, 2, 3, 200, 1001])
    func mailboxes(users: Int) {
        let table = UserTable.embedded(users: users)
        let view = table.view
        var owners: [String: UInt32] = [:]
        for user in 0..<UInt32(table.count) {
            for column in [UserColumn.account, .ntUser, .membershipUser] {
                let mailbox = String(decoding: view.bytes(user, column), as: UTF8.self)
                #expect(owners[mailbox] == nil || owners[mailbox] == user)
                owners[mailbox] = user
            }
            if users > 1 { #expect(!view.bytes(user, .account).elementsEqual(view.bytes(user, .ntUser))) }
        }
    }

    @Test("a user without an identity gets no session that needs it, and the others take turns")
    func partial() throws {
        // Three users in four have no NT user; basic sessions may use everybody.
        var csv = UserTable.header + "\n"
        for user in 0..<80 { csv += user % 4 == 0 ? "a\(user),p,D,n\(user),p,,\n" : "a\(user),p,,,,,\n" }
        let users = try UserTable.load(csv: Array(csv.utf8), file: "u.csv")
        let profile = try loadProfile(rate: "200", duration: "5s")
        for plan in try plans(profile, users) {
            #expect(profile.scripts.rows[Int(plan.script)].needs.isSubset(of: users.identities(Int(plan.user))))
        }
        let counts = Dictionary(grouping: try plans(profile, users).map(\.user)) { $0 }.mapValues(\.count)
        #expect(counts.count == 80)
    }

    @Test("a thread without a user for some script is an error, not a smaller load")
    func missing() throws {
        let profile = try loadProfile(rate: "10", duration: "1s")
        let basicOnly = try UserTable.load(csv: Array((UserTable.header + "\na,p,,,,,\nb,p,,,,,\n").utf8), file: "u.csv")
        #expect(throws: ScheduleError.self) { try Schedule(profile: profile, users: basicOnly, thread: 0, threads: 1) }
        #expect(throws: ScheduleError.self) { try Schedule(profile: profile, users: .embedded(users: 2), thread: 0, threads: 2) }
    }
}

@Suite("A dry run tells what would happen")
struct DryRunTests {
    @Test("sessions, methods, users, the users that rate x time-out asks for, and the plan hash")
    func figures() throws {
        let profile = try shippedProfile("exchange-mixed")
        let users = UserTable.embedded(users: profile.population.users)
        let plan = try DryRun(profile: profile, users: users, threads: 2)
        #expect(plan.expectedSessions == 5700 && plan.expectedMeasured == 4800 && plan.usersNeeded == 4000 && plan.usersSuffice)
        #expect(plan.users == 4000 && plan.usersTouched == 4000)
        #expect(abs(plan.methods.reduce(0) { $0 + $1.share } - 1) < 1e-9 && abs(plan.fallbackShare - 0.05) < 1e-9)
        #expect(plan.planHash == (try PlanHash.compute(profile: profile, users: users, threads: 2)))
        let text = plan.description
        #expect(text.contains("sessions   about 5700, measured about 4800, peak rate 400/s"))
        #expect(
            text.contains("enough: peak rate x session time-out 10 s = 4000")
                && text.hasSuffix("plan hash  \(PlanHash.text(plan.planHash))"))
        let few = try DryRun(profile: profile, users: .embedded(users: 100), threads: 2)
        #expect(!few.usersSuffice && few.description.contains("too few"))
    }

    @Test("clients by method and transport, NTLM and TLS variants: each mix adds up to what it is a part of")
    func mixes() throws {
        let profile = try shippedProfile("exchange-mixed")
        let plan = try DryRun(profile: profile, users: .embedded(users: profile.population.users), threads: 1)
        #expect(abs(plan.clients.reduce(0) { $0 + $1.share } - 1) < 1e-9)
        let ntlm = plan.methods.reduce(0) { $0 + ($1.method.isNTLM ? $1.share : 0) }
        #expect(abs(plan.ntlm.reduce(0) { $0 + $1.share } - ntlm) < 1e-9)
        let tls = plan.methods.reduce(0) { $0 + ($1.transport == .pop3 ? 0 : $1.share) }
        #expect(abs(plan.tls.reduce(0) { $0 + $1.share } - tls) < 1e-9)
        #expect(plan.description.contains("  internet-mail-3      ntlm        pop3"), "\(plan.description)")
    }

    @Test("the plan says what it needs of the machine, and what the machine has not")
    func needs() throws {
        let profile = try shippedProfile("exchange-mixed")
        let users = UserTable.embedded(users: profile.population.users)
        var plan = try DryRun(profile: profile, users: users, threads: 2)
        let needs = PlanNeeds(profile: profile, users: users, threads: 2, startsServer: true)
        #expect(needs.openSessions == 4000 && needs.descriptors == 4080)
        #expect(needs.ports(restS: 60) >= needs.ports(restS: 1))
        #expect((needs.serverBytes ?? 0) > 0)
        #expect(PlanNeeds(profile: profile, users: users, threads: 2, startsServer: false).serverBytes == nil)
        let room = PlanRoom(ports: 32_768...60_999, restS: 1, descriptors: 1 << 20, memoryBytes: 16 << 30)
        #expect(needs.shortages(room).isEmpty)
        let tight = PlanRoom(ports: 60_000...60_999, restS: 1, descriptors: 1024, memoryBytes: 1 << 20)
        #expect(needs.shortages(tight).map { String($0.prefix(5)) } == ["ports", "descr", "memor"])
        #expect(needs.shortages(tight)[0].contains("source addresses"))
        plan.needs = needs
        plan.room = tight
        #expect(plan.description.contains("           too few descriptors: 4080 of 1024; raise the limit (ulimit -n)"))
        #expect(plan.description.contains("there are 1000 (60000-60999)"))
    }

    @Test("a closed load opens a session for each user, whatever the limit is by default")
    func closedNeeds() throws {
        let text = goodProfile.replacingFirst("rate: 100", with: "model: closed\nusers: 12000")
        let profile = try loadProfile(text + "population: {users: 24000}\n")
        let users = UserTable.embedded(users: profile.population.users)
        let needs = PlanNeeds(profile: profile, users: users, threads: 1, startsServer: false)
        #expect(profile.limits.inFlight == 10_000 && needs.openSessions == 12_000)
        let tight = PlanRoom(ports: 32_768...60_999, restS: 1, descriptors: 1024, memoryBytes: 16 << 30)
        #expect(needs.shortages(tight).first?.hasSuffix("or lower users") == true)
    }

    @Test("a closed load's shares are those of what its users can run")
    func closedShares() throws {
        let text = goodProfile.replacingFirst("rate: 100", with: "model: closed\nusers: 4").replacingFirst(
            "internet-mail-3", with: "outlook-express-spa")
        // NTLM weighs 2 and basic 1; three of the four users have no NT user.
        let plan = try DryRun(profile: loadProfile(text), users: userTable((3, "a"), (1, "an")), threads: 1)
        #expect(zip(plan.clients.map(\.share), [2.0 / 12, 10.0 / 12]).allSatisfy { abs($0 - $1) < 1e-12 })
        #expect(plan.clients.allSatisfy { $0.measuredSessions == nil } && abs(plan.scriptShares.reduce(0, +) - 1) < 1e-12)
        #expect(plan.description.contains("16.67 %\n"), "\(plan)")
    }

    @Test("a session that the client ends without QUIT leaves its port resting on this side")
    func resting() {
        var work = MailboxWork(
            index: 0, stat: true, list: false, uidl: false, topMessages: 0, topLines: 0, retrieveMessages: 1,
            deletesRetrieved: false, quits: true)
        #expect(!work.closesFirst)
        work.abandon = .retrieval
        #expect(work.closesFirst)
        work.resets = true
        #expect(!work.closesFirst)
        work.resets = false
        work.abandon = .never
        work.quits = false
        #expect(work.closesFirst)
    }
}

@Suite("A profile in two lines, and the text of plans")
struct ProfileDigestTests {
    @Test("the list has load, measured time and clients of every shipped profile, and no line beyond its width")
    func list() throws {
        let mixed = ProfileDigest(try shippedProfile("exchange-mixed"))
        let closed = ProfileDigest(try shippedProfile("closed-max"))
        #expect(mixed.load == "open, 400/s poisson" && closed.load.hasPrefix("closed, "))
        #expect(mixed.clients.hasPrefix("internet-mail-3 "))
        let table = ProfileDigest.table([mixed, closed], width: 100)
        #expect(table.hasPrefix("exchange-mixed  open, 400/s poisson"))
        #expect(table.split(separator: "\n").filter { $0.hasPrefix("    ") }.allSatisfy { $0.count <= 100 })
        #expect(table.contains("\nclosed-max      closed, "))
        #expect(ProfileDigest.table([]).isEmpty)
    }

    @Test("times, shares and sizes read as people write them")
    func figures() {
        let second: UInt64 = 1_000_000_000
        #expect([0, 1_500_000_000, 15 * second, 119 * second].map(PlanText.span) == ["0 s", "1.5 s", "15 s", "119 s"])
        #expect(
            [120, 5400, 86_400, 90_061].map { PlanText.span($0 * second) } == ["2 min", "1 h 30 min", "1 d", "1 d 1 h 1 min 1 s"])
        #expect([0, 0.00001, 0.125, 1].map(PlanText.percent) == ["0 %", "<0.01 %", "12.5 %", "100 %"])
        #expect(
            [0, 1023, 1536, 300 * 1024, 3_145_728, 5_368_709_120].map(PlanText.memory) == [
                "0 B", "1023 B", "1.5 KiB", "300 KiB", "3 MiB", "5 GiB",
            ])
        #expect(PlanText.table([["a", "1"], ["bbb", "10"]], right: [1], indent: " ") == [" a     1", " bbb  10"])
        #expect(PlanText.wrapped("one two  three", width: 7) == ["one two", "three"])
    }
}
