// What a right profile means: its values, its defaults, and the profiles that come with Poplar.

import Configuration
import Foundation
import PoplarCore
import Telemetry
import Testing

@testable import Workload

/// The repository's top folder.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

func loadProfile(_ text: String) throws -> Profile { try ProfileLoader.load(text: text, file: "test.yaml") }

/// Every file in profiles/, without its ending.
let shippedNames: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: repository.appending(path: "profiles").path)) ?? []
    return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()
}()

func shippedProfile(_ name: String) throws -> Profile {
    let text = try String(contentsOf: repository.appending(path: "profiles/\(name).yaml"), encoding: .utf8)
    return try ProfileLoader.load(text: text, file: "profiles/\(name).yaml")
}

/// Probability of the rows that `condition` picks.
func share(_ profile: Profile, _ condition: (SessionScript) -> Bool) -> Double {
    zip(profile.scripts.rows, profile.scripts.shares).reduce(0) { $0 + (condition($1.0) ? $1.1 : 0) }
}

@Suite("A good profile means what it says")
struct ProfileTests {
    @Test("what is left out has its default")
    func defaults() throws {
        let profile = try loadProfile(goodProfile)
        #expect(profile.seed == 1 && profile.checks == .all && !profile.allowsOverlap && profile.target.isEmpty)
        #expect(profile.model == .open(.poisson))
        #expect(
            profile.phases == [.init(name: "steady", durationNs: 10_000_000_000, startRate: 100, endRate: 100, isMeasured: true)])
        #expect(profile.population.argument == "users=1000,messages=10,bytes=2048,deleted=restore")
        #expect(profile.server == .init(ntlmLevel: 5, methods: Profile.ServerMethod.allCases, workers: nil))
        #expect(profile.slo == [.standard] && profile.sourceText == goodProfile)
        #expect(profile.limits.sessionTimeoutNs == 30_000_000_000)
    }

    @Test("the drain lasts 5 s, and longer by what the slowest work takes by itself, up to the session's time-out")
    func drain() throws {
        func seconds(_ work: String, _ more: String = "") throws -> Double {
            let text = goodProfile.replacingFirst("    retrieve: 1\n", with: "    retrieve: 1\n    \(work)\n\(more)\n")
            return Double(try loadProfile(text).limits.drainTimeoutNs) / 1e9
        }
        #expect(try seconds("quit: on") == 5 && seconds("idle: 8s") == 13 && seconds("idle: 29s") == 30)
        #expect(try seconds("quit: on", "limits: {session_timeout: 3s, step_timeout: 3s, connect_timeout: 3s}") == 5)
        #expect(try seconds("idle: 8s", "limits: {drain_timeout: 8s}") == 8)
        #expect(try seconds("idle: 8s", "limits: {drain_timeout: 0s}\nslo: [unfinished <= 100%]") == 0)
        // A message of 2 KiB at 512 octets a second, of two sizes the larger; at another server they are not known.
        #expect(try seconds("read_rate: 512") == 9 && seconds("read_rate: 512", "target: {pop3: 'a:1', pop3s: 'a:2'}") == 5)
        #expect(try seconds("read_rate: 512", "population: {bytes: {1KiB: 1, 4KiB: 1}}") == 13)
        #expect(try seconds("read_rate: 64") == 30 && seconds("read_rate: 64", "limits: {drain_timeout: 1s}") == 1)
        // A work that nobody does slows nobody down.
        #expect(try seconds("weight: 1", "  - {name: rest, idle: 20s, weight: 0}") == 5)
    }

    @Test("what a work takes by itself: all that it may fetch, looked at with TOP or not")
    func ownTime() throws {
        func seconds(_ work: String) throws -> Double {
            let text = goodProfile.replacingFirst("    retrieve: 1\n", with: "    read_rate: 2KiB\n    \(work)\n")
            let profile = try loadProfile(text)
            let own = try #require(profile.scripts.rows.map { $0.work.ownTimeNs(profile.population) }.max())
            return Double(own) / 1e9
        }
        #expect(try seconds("retrieve: all") == 10 && seconds("retrieve: {1: 1, 4: 1}") == 4)
        #expect(try seconds("uidl: on\n    retrieve: new") == 10 && seconds("top: {messages: 3}") == 0)
        #expect(try seconds("top: {messages: 3, lines: 5}\n    choose: 10%\n    idle: 1s") == 7)
    }

    @Test("values are text: YAML's implicit types do not bite")
    func implicitTypes() throws {
        let profile = try loadProfile(
            """
            name: "010"
            description: yes
            rate: 010
            seed: 0777
            checks: no
            phases: [{name: on, duration: 1.5s, measure: yes}, {name: 1:30, duration: 2m, measure: off}]
            clients: [{persona: basic, name: null-ish}]
            mailbox_work: [{name: 2024-01-01, stat: off, retrieve: all}]
            """)
        #expect(profile.name == "010" && profile.description == "yes" && profile.measuredRate == 10 && profile.seed == 777)
        #expect(profile.checks.isEmpty)
        #expect(profile.phases.map(\.name) == ["on", "1:30"] && profile.phases.map(\.isMeasured) == [true, false])
        #expect(profile.phases.map(\.durationNs) == [1_500_000_000, 120_000_000_000])
        #expect(profile.scripts.rows[0].work.retrieveMessages == MailboxWork.allMessages && !profile.scripts.rows[0].work.stat)
    }

    @Test(
        "checks: all, none, one class, or a list of them",
        arguments: [
            ("on", .all), ("yes", .all), ("off", []), ("[]", []), ("size", .size),
            ("[status, terminator]", [.status, .terminator]),
            ("[listing, size, status, terminator]", .all),
        ] as [(String, ReplyChecks)])
    func checks(text: String, checks: ReplyChecks) throws {
        #expect(try loadProfile(goodProfile + "checks: \(text)\n").checks == checks)
    }

    @Test("an ampersand in text survives the masking of anchors, and so do CRLF and a byte order mark")
    func ampersand() throws {
        let text = "\u{FEFF}" + (goodProfile + "description: 'R&D &more'\n").split(separator: "\n").joined(separator: "\r\n")
        #expect(try loadProfile(text).description == "R&D &more")
    }

    @Test("each persona logs on as its row says")
    func personas() throws {
        let profile = try loadProfile(
            """
            name: personas
            rate: 1
            phases: [{name: a, duration: 1s}]
            clients:
              - {persona: internet-mail-3, ntlm_failure_share: 10%, wrong_password_share: 5%}
              - persona: outlook-express-ssl
              - persona: basic
              - persona: basic-ssl
              - {persona: membership, transport: {pop3: 1, pop3s: 3}}
            mailbox_work: [{name: w}]
            """)
        let rows = profile.scripts.rows
        let mail = rows.filter { $0.persona == .internetMail3 }
        #expect(mail.count == 3 && mail.allSatisfy { $0.transport == .pop3 && $0.probe == .bareAuth })
        #expect(
            mail.map(\.first) == [false, true, true].map { LogonLink(method: .ntlm, identity: .ntUser, usesWrongPassword: $0) })
        #expect(
            mail.map(\.fallback)
                == [false, false, true].map { LogonLink(method: .basic, identity: .account, usesWrongPassword: $0) })
        #expect(mail.map(\.expected) == [.admitted, .admitted, .refused])
        #expect(mail.map(\.isPlannedFallback) == [false, true, false])
        #expect(mail.map(\.expectedMethod) == [.ntlm, .basic, .basic])
        #expect(mail.allSatisfy { $0.needs == [.account, .ntUser] })
        #expect(abs(share(profile) { $0.isPlannedFallback } - 0.02) < 1e-12)
        #expect(abs(share(profile) { $0.expected == .refused } - 0.01) < 1e-12)
        for (persona, method, identity, transport) in [
            (Persona.outlookExpressSSL, AuthMethod.ntlm, Identity.ntUser, Transport.pop3s),
            (.basic, .basic, .account, .pop3), (.basicSSL, .basic, .account, .pop3s), (.membership, .membership, .member, .pop3),
        ] {
            let row = try #require(rows.first { $0.persona == persona })
            #expect(
                row.plannedMethod == method && row.first.identity == identity && row.transport == transport && row.fallback == nil
            )
        }
        #expect(abs(share(profile) { $0.persona == .membership && $0.transport == .pop3s } - 0.15) < 1e-12)
    }

    @Test("shares multiply: client, TLS, variant, work and the distribution of counts")
    func products() throws {
        let profile = try loadProfile(
            """
            name: products
            rate: 1
            phases: [{name: a, duration: 1s}]
            ntlm_variants: {v2: 3, v2-mic: 1}
            clients: [{persona: outlook-express-ssl, weight: 25%}, {persona: basic-ssl, weight: 75%, mailbox_work: other}]
            mailbox_work:
              - {name: first, weight: 1, retrieve: {0: 75, all: 25}}
              - {name: other, weight: 3, list: on, uidl: on, top: {messages: all, lines: 5}, retrieve: 2, delete: on}
            tls: {resumption: 40%, versions: {tls1.2: 1, tls1.3: 1}}
            """)
        #expect(abs(profile.scripts.shares.reduce(0, +) - 1) < 1e-12)
        #expect(
            abs(share(profile) { $0.resumesTLS } - 0.4) < 1e-12 && abs(share(profile) { $0.tlsVersion == .tls12 } - 0.5) < 1e-12)
        #expect(abs(share(profile) { $0.ntlmVersion == .v2MIC } - 0.25 * 0.25) < 1e-12)
        #expect(abs(share(profile) { $0.work.retrieveMessages == MailboxWork.allMessages } - 0.25 * 0.25 * 0.25) < 1e-12)
        #expect(share(profile) { $0.persona == .basicSSL && $0.work.index == 0 } == 0)
        let other = try #require(profile.scripts.rows.first { $0.work.index == 1 }).work
        #expect(other.list && other.uidl && other.topMessages == MailboxWork.allMessages && other.topLines == 5)
        #expect(other.retrieveMessages == 2 && other.deletesRetrieved && other.quits)
    }

    @Test("phases take the base rate, a percentage of it, a rate of their own or a ramp")
    func phases() throws {
        let profile = try loadProfile(
            goodProfile.replacingFirst(
                "  - name: steady\n    duration: 10s",
                with: """
                      - {name: base, duration: 1s, measure: off}
                      - {name: half, duration: 2s, rate: 50%}
                      - {name: own, duration: 3s, rate: 7.5}
                      - {name: ramp, duration: 4s, rate: {from: 0, to: 200%}}
                    """))
        #expect(profile.phases.map(\.startRate) == [100, 50, 7.5, 0] && profile.phases.map(\.endRate) == [100, 50, 7.5, 200])
        #expect(profile.durationNs == 10_000_000_000 && profile.measuredNs == 9_000_000_000 && profile.peakRate == 200)
        #expect(abs(profile.measuredRate - (100 + 22.5 + 400) / 9) < 1e-9)
    }

    @Test("a closed profile has users and a think time")
    func closed() throws {
        let text = goodProfile.replacingFirst(
            "rate: 100", with: "model: closed\nusers: 20\nthink_time: {mean: 50ms, distribution: exponential}")
        let profile = try loadProfile(text)
        #expect(profile.model == .closed(users: 20, thinkTime: .init(meanNs: 50_000_000, isExponential: true)))
        #expect(
            try loadProfile(text.replacingFirst("{mean: 50ms, distribution: exponential}", with: "2s")).model
                == .closed(users: 20, thinkTime: .init(meanNs: 2_000_000_000, isExponential: false)))
    }
}

@Suite("The command line replaces rate, duration and seed of what is measured")
struct OverrideTests {
    let staged = goodProfile.replacingFirst(
        "  - name: steady\n    duration: 10s",
        with:
            "  - {name: warm-up, duration: 3s, measure: off}\n  - {name: low, duration: 4s, rate: 100}\n  - {name: high, "
            + "duration: 2s, rate: 400}"
    )

    @Test("stages are scaled to the mean that was asked for, warm-up stays")
    func rate() throws {
        let profile = try loadProfile(staged).overriding(rate: 400)
        #expect(abs(profile.measuredRate - 400) < 1e-9)
        #expect(profile.phases[0].startRate == 100)
        #expect(abs(profile.phases[2].startRate / profile.phases[1].startRate - 4) < 1e-9)
    }

    @Test("durations add up to the nanosecond", arguments: [0.001, 1, 7.000000001, 12.345678901, 86_400])
    func duration(seconds: Double) throws {
        let profile = try loadProfile(staged).overriding(durationSeconds: seconds)
        #expect(profile.measuredNs == UInt64((seconds * 1e9).rounded()) && profile.phases[0].durationNs == 3_000_000_000)
    }

    @Test("a seed replaces the profile's")
    func seed() throws { #expect(try loadProfile(goodProfile).overriding(seed: 99).seed == 99) }

    @Test("the highest rate can be asked for, however its factor is rounded")
    func highestRate() throws {
        for name in ["smoke", "soak"] {
            let profile = try shippedProfile(name).overriding(rate: 1_000_000)
            #expect(profile.peakRate <= 1_000_000 && abs(profile.measuredRate - 1_000_000) < 1e-3, "\(profile.peakRate)")
        }
        for rate in stride(from: 0.1, to: 100, by: 0.7) {
            let text = goodProfile.replacingFirst("rate: 100", with: "rate: \(rate)")
            #expect(try loadProfile(text).overriding(rate: 1_000_000).peakRate <= 1_000_000)
        }
        #expect(throws: OverrideError.self) { try loadProfile(staged).overriding(rate: 600_000) }
    }

    @Test("an address of the command line is as good as one of the profile, and it alone is no target for the rest")
    func givenAddress() throws {
        let text = goodProfile + "target: {pop3: 127.0.0.1:1110}\n"
        func messages(_ given: ProfileLoader.Given, _ text: String) -> [String] {
            do throws(ConfigurationErrors) {
                _ = try ProfileLoader.load(text: text, file: "test.yaml", given: given)
                return []
            } catch { return error.diagnostics.map { "\($0.position.line):\($0.position.column) \($0.message)" } }
        }
        let missing = ["9:14 the client 'basic-ssl' uses pop3s, for which 'target' has no address"]
        #expect(messages(.init(), text) == missing && messages(.init(pop3: "127.0.0.1:2110"), text) == missing)
        #expect(messages(.init(pop3s: "127.0.0.1:1995"), text).isEmpty)
        #expect(messages(.init(pop3: "127.0.0.1:2110"), goodProfile).isEmpty)
        // What a server of one's own holds is not the population's.
        let many = goodProfile.replacingFirst("retrieve: 1", with: "retrieve: 11")
        #expect(messages(.init(), many).count == 1 && messages(.init(pop3: "127.0.0.1:2110"), many).isEmpty)
    }

    @Test("users of a table are not held against the population")
    func givenUsers() throws {
        let text = goodProfile.replacingFirst("rate: 100", with: "model: closed\nusers: 800")
        #expect(throws: ConfigurationErrors.self) { try loadProfile(text) }
        let profile = try ProfileLoader.load(text: text, file: "test.yaml", given: .init(hasUserTable: true))
        #expect(try Schedule(profile: profile, users: userTable((1000, "an")), thread: 0, threads: 1).closedUsers.count == 800)
        #expect(throws: ScheduleError.self) {
            try Schedule(profile: profile, users: userTable((799, "an")), thread: 0, threads: 1)
        }
    }

    @Test("values out of range, and a rate on a closed profile, are refused")
    func refused() throws {
        let open = try loadProfile(goodProfile)
        let closed = try loadProfile(goodProfile.replacingFirst("rate: 100", with: "model: closed\nusers: 2"))
        #expect(throws: OverrideError.self) { try closed.overriding(rate: 10) }
        for rate in [0, -1, .infinity, .nan, 1e7] { #expect(throws: OverrideError.self) { try open.overriding(rate: rate) } }
        for duration in [0, -1, .infinity, .nan, 1e9] {
            #expect(throws: OverrideError.self) { try open.overriding(durationSeconds: duration) }
        }
        #expect(throws: OverrideError.self) { try open.overriding(seed: 1 << 53) }
        #expect(try closed.overriding(durationSeconds: 5).measuredNs == 5_000_000_000)
    }
}

@Suite("The shipped profiles do what their comments say")
struct ShippedProfileTests {
    @Test("exchange-mixed: five methods on their ports, one NTLM logon in ten falls back, 15 seconds")
    func exchangeMixed() throws {
        let profile = try shippedProfile("exchange-mixed")
        let plan = try DryRun(profile: profile, users: .embedded(users: profile.population.users), threads: 2)
        #expect(
            plan.methods.map { "\($0.method.name).\($0.transport.name)" } == [
                "basic.pop3", "basic.pop3s", "ntlm.pop3", "ntlm.pop3s", "membership.pop3", "membership.pop3s",
            ])
        #expect(abs(share(profile) { $0.isPlannedFallback } / share(profile) { $0.plannedMethod == .ntlm } - 0.1) < 1e-9)
        #expect(profile.durationNs == 15_000_000_000 && profile.measuredRate == 400 && plan.usersSuffice)
        #expect(profile.population.messageBytes == 2048 && plan.users >= 1000)
    }

    @Test("smoke: three seconds, all methods, enough users")
    func smoke() throws {
        let profile = try shippedProfile("smoke")
        let plan = try DryRun(profile: profile, users: .embedded(users: profile.population.users), threads: 2)
        #expect(
            profile.durationNs == 3_000_000_000 && Set(plan.methods.map(\.method)) == [.basic, .ntlm, .membership]
                && plan.usersSuffice)
    }

    @Test(
        "every shipped profile is sound: it loads, is named as its file, has a plan, and enough users for it",
        arguments: shippedNames)
    func sound(name: String) throws {
        let profile = try shippedProfile(name)
        #expect(profile.name == name && !profile.description.isEmpty)
        let users = UserTable.embedded(users: profile.population.users)
        let plan = try DryRun(profile: profile.overriding(durationSeconds: 1), users: users, threads: 2)
        #expect(plan.usersSuffice, "\(plan)")
        #expect(profile.phases.contains { $0.isMeasured })
    }

    @Test("each key of a shipped profile's top level has a comment above it", arguments: shippedNames)
    func comments(name: String) throws {
        let text = try String(contentsOf: repository.appending(path: "profiles/\(name).yaml"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated()
        where line.first.map({ $0.isLetter }) == true && !line.hasPrefix("description") && !line.hasPrefix("rate") {
            #expect(index > 0 && lines[index - 1].hasPrefix("#"), "\(name).yaml, line \(index + 1)")
        }
    }

    @Test("docs/profiles.md holds the reference of every key (POPLAR_UPDATE_DOCS=1 rewrites it)")
    func reference() throws {
        let place = repository.appending(path: "docs/profiles.md")
        let page = try String(contentsOf: place, encoding: .utf8)
        let parts = page.split(separator: "## Keys\n", maxSplits: 1)
        let expected = parts[0] + "## Keys\n\n" + ProfileSchema.reference()
        if ProcessInfo.processInfo.environment["POPLAR_UPDATE_DOCS"] == "1" {
            try expected.write(to: place, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: place, encoding: .utf8) == expected)
    }
}
