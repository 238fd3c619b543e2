// Where a load's connections come from: a list in the profile, which `--source` replaces; the plan shows it, its hash does not
// cover it.

import Configuration
import Testing

@testable import Workload

@Suite("Source addresses")
struct SourceAddressTests {
    private func profile(_ more: String = "") throws -> Profile {
        try ProfileLoader.load(text: goodProfile + more, file: "sources.yaml")
    }

    @Test("addresses and ranges, in the order of their naming")
    func list() throws {
        let sources = try profile("sources: [127.0.0.254-127.0.1.1, 127.0.0.9]\n").sources
        #expect(sources.count == 5 && !sources.isIPv6)
        #expect(sources.addresses.map(\.text) == ["127.0.0.254", "127.0.0.255", "127.0.1.0", "127.0.1.1", "127.0.0.9"])
        #expect(sources.items == ["127.0.0.254-127.0.1.1", "127.0.0.9"])
        let six = try profile("sources: ['fd00::fffe-fd00::1:1', '::1']\n").sources
        #expect(six.addresses.map(\.text) == ["fd00::fffe", "fd00::ffff", "fd00::1:0", "fd00::1:1", "::1"])
        #expect(try profile().sources.isEmpty)
    }

    @Test("a range may be as long as the list, and begin and end with the same address")
    func bounds() throws {
        #expect(try profile("sources: [127.0.0.1-127.0.4.0]\n").sources.count == 1024)
        #expect(try profile("sources: [127.0.0.1 - 127.0.0.1]\n").sources.items == ["127.0.0.1"])
        #expect(try profile("sources: ['ffff:ffff:ffff::']\n".replacingFirst("ffff", with: "fdff")).sources.count == 1)
    }

    @Test("--source replaces the profile's; it may be repeated")
    func replaced() throws {
        let changed = try profile("sources: [127.0.0.9]\n").replacing(sources: ["127.0.0.2, 127.0.0.4-127.0.0.5", "127.0.0.3"])
        #expect(changed.sources.items == ["127.0.0.2", "127.0.0.4-127.0.0.5", "127.0.0.3"])
        #expect(try profile("sources: [127.0.0.9]\n").replacing(sources: []).sources.items == ["127.0.0.9"])
    }

    @Test(
        "what --source cannot be is said with what would be right",
        arguments: [
            ([""], "an address is missing"), (["127.0.0.2,"], "an address is missing"), (["localhost"], "is no IP address"),
            (["127.0.0.2,127.0.0.2"], "named twice"), (["127.0.0.2", "127.0.0.1-127.0.0.3"], "127.0.0.2 is named twice"),
            (["::1,127.0.0.1"], "is IPv4, and the source addresses before it are IPv6"), (["::1/128"], "is no IP address"),
        ])
    func refused(lists: [String], words: String) throws {
        let good = try profile()
        let error = #expect(throws: OverrideError.self) { try good.replacing(sources: lists) }
        #expect(error?.description.hasPrefix("--source") == true && error?.description.contains(words) == true, "\(error as Any)")
    }

    @Test("another family than the target's: with its place where the profile names it, by its name where the option does")
    func family() throws {
        let named = try profile("sources: ['::1']\n")
        #expect(named.sourceMismatch(target: "[::1]:110", isIPv6: true) == nil)
        let placed = try #require(named.sourceMismatch(target: "127.0.0.1:110", isIPv6: false) as? ConfigurationErrors)
        #expect(
            placed.description.hasPrefix("sources.yaml:13:11: error: the source addresses are IPv6, and the target 127.0.0.1:110")
        )
        let option = try profile().replacing(sources: ["127.0.0.2"]).sourceMismatch(target: "[::1]:110", isIPv6: true)
        #expect(option is OverrideError)
        #expect(try profile().sourceMismatch(target: "[::1]:110", isIPv6: true) == nil)
    }

    @Test("the plan shows them, and its hash is the same with and without")
    func plan() throws {
        let users = UserTable.embedded(users: 1000)
        let bare = try DryRun(profile: profile(), users: users, threads: 1)
        let many = try DryRun(profile: profile("sources: [127.0.0.1-127.0.0.8, 127.0.0.20]\n"), users: users, threads: 1)
        #expect(bare.planHash == many.planHash)
        #expect(many.description.contains("\nsources    127.0.0.1-127.0.0.8, 127.0.0.20: 9 addresses, in turn\n"))
        #expect(!bare.description.contains("\nsources "))
        let one = try DryRun(profile: profile("sources: [127.0.0.20]\n"), users: users, threads: 1)
        #expect(one.description.contains("\nsources    127.0.0.20\n"))
    }

    @Test("a plan that wants more ports than one address has finds them on several")
    func ports() throws {
        let profile = try profile("limits: {session_timeout: 20s}\n")
        let needs = PlanNeeds(profile: profile, users: .embedded(users: 10_000), threads: 1, startsServer: false)
        func room(_ addresses: Int) -> PlanRoom {
            PlanRoom(ports: 60_000...60_999, sourceAddresses: addresses, restS: 1, descriptors: 1 << 20, memoryBytes: 1 << 40)
        }
        #expect(needs.ports(restS: 1) > 1000)
        #expect(needs.shortages(room(1)).map { $0.hasSuffix("or use 2 source addresses (--source)") } == [true])
        #expect(needs.shortages(room(2)).isEmpty)
    }
}
