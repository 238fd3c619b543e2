// What a settings file means, and what is wrong with a bad one: said at its line and column, all of it at once.

import Configuration
import Foundation
import Testing

@testable import Administration

/// Limits of the three kinds.
private let limits = [
    LimitDescription(name: "idle-ms", unit: "ms", range: 10...86_400_000, standard: 600_000, explanation: "idle"),
    LimitDescription(name: "line-bytes", unit: "octets", range: 255...4096, standard: 512, explanation: "line"),
    LimitDescription(name: "turns", unit: "turns", range: 1...64, standard: 16, explanation: "turns"),
]

private func load(_ text: String) throws(ConfigurationErrors) -> LoadedSettings {
    try SettingsLoader.load(text: text, file: "server.yaml", limits: limits)
}

private func errors(of text: String) -> [String] {
    do throws(ConfigurationErrors) {
        _ = try load(text)
        return []
    } catch {
        return error.diagnostics.map { found in
            "\(found.position.line):\(found.position.column) \(found.message)"
                + (found.remedy.isEmpty ? "" : " | \(found.remedy)")
        }
    }
}

@Suite("A bad settings file gives all its errors, each with its place and its remedy")
struct SettingsErrorTests {
    @Test("the golden cases", arguments: badSettings)
    func golden(_ bad: BadSettings) {
        #expect(!bad.errors.isEmpty)
        #expect(errors(of: bad.text) == bad.errors)
    }

    @Test("there are at least twenty-five of them, and the file that they change is good")
    func enough() {
        #expect(badSettings.count >= 25)
        #expect(errors(of: goodSettings).isEmpty)
    }

    @Test("an error found later is printed at the place of the value")
    func later() throws {
        let loaded = try load(goodSettings)
        #expect(
            loaded.error("cannot read a.key", at: "tls.key").description == """
                server.yaml:8:32: error: cannot read a.key
                    tls: {certificate: a.crt, key: a.key}
                    \(String(repeating: " ", count: 31))^
                """)
        #expect(loaded.error("cannot resolve", at: "listen.pop3s[0]").diagnostics[0].position == .init(line: 4, column: 11))
    }

    @Test(
        "hostile files are refused without a trap",
        arguments: [
            "", "\u{0}", "---", "{", "[", "&a", "*a", "a: &a [x]\nb: *a", String(repeating: "[", count: 100_000),
            String(repeating: "{a: ", count: 900), String(repeating: "x", count: (1 << 20) + 1), "\u{10E026}: 1",
            "limits: {idle-ms: 99999999999999999999}", "workers: 18446744073709551615", "listen: {pop3: [\":\"]}",
            "listen: {pop3: [[a]]}", "tls: {certificate: [a], key: {b: c}}", "limits: {idle-ms: 999999999999999999d}",
        ])
    func hostile(text: String) {
        #expect(!errors(of: text).isEmpty)
    }
}

@Suite("A settings file")
struct SettingsTests {
    @Test("each key is read")
    func everything() throws {
        let settings = try load(
            """
            compat: exchange-5.5
            listen: {pop3: [127.0.0.1:0, "[::1]:0"], pop3s: [localhost:995]}
            methods: [membership, basic-ssl]
            ntlm:
              {level: 2, reply: ok, netbios_domain: "IT'S", netbios_computer: HOST, dns_domain: d.example, dns_computer: h.d}
            tls: {certificate: /etc/a.crt, key: "b c.key"}
            population: {users: 5, messages: 0, bytes: 1KiB, deleted: gone}
            limits: {idle-ms: 90s, line-bytes: 2KiB, turns: 3}
            workers: 3
            metrics: 127.0.0.1:9110
            log: {level: debug, file: poplar.log}
            """
        ).settings
        var expected = ServiceSettings()
        expected.compatibility = .exchange55
        expected.pop3 = ["127.0.0.1:0", "[::1]:0"]
        expected.pop3s = ["localhost:995"]
        expected.methods = [.membership, .basicSSL]
        expected.ntlmLevel = 2
        expected.ntlmReply = .ok
        expected.names.netBIOSDomain = "IT'S"
        expected.names.netBIOSComputer = "HOST"
        expected.names.dnsDomain = "d.example"
        expected.names.dnsComputer = "h.d"
        expected.certificate = "/etc/a.crt"
        expected.key = "b c.key"
        expected.population.users = 5
        expected.population.messages = 0
        expected.population.messageBytes = 1024
        expected.population.deleted = .gone
        expected.limits = ["idle-ms": 90_000, "line-bytes": 2048, "turns": 3]
        expected.workers = 3
        expected.metrics = "127.0.0.1:9110"
        expected.logLevel = .debug
        expected.logFile = "poplar.log"
        #expect(settings == expected)
        let printed = settings.text(
            limits: settings.limits.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, standardMethods: .all)
        #expect(try load(printed).settings == expected)
    }

    @Test("what is left out has the defaults of the quick form")
    func defaults() throws {
        var expected = ServiceSettings()
        expected.pop3 = ["127.0.0.1:1110"]
        #expect(try load("listen: {pop3: [127.0.0.1:1110]}").settings == expected)
    }

    @Test("listeners may be left out where the command line names them")
    func listeners() throws {
        let loaded = try SettingsLoader.load(text: "workers: 1", file: "f", limits: [], needsListeners: false)
        #expect(loaded.settings.pop3.isEmpty && loaded.settings.pop3s.isEmpty)
    }

    private var docs: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "docs")
    }

    @Test("docs/settings.md holds the reference of every key (POPLAR_UPDATE_DOCS=1 rewrites it)")
    func reference() throws {
        let place = docs.appending(path: "settings.md")
        let page = try String(contentsOf: place, encoding: .utf8)
        let parts = page.split(separator: "## Keys\n", maxSplits: 1)
        let expected = parts[0] + "## Keys\n\n" + SettingsSchema.reference()
        if ProcessInfo.processInfo.environment["POPLAR_UPDATE_DOCS"] == "1" {
            try expected.write(to: place, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: place, encoding: .utf8) == expected)
    }

    @Test("docs/server.yaml shows every key, as a comment where there is no value to show")
    func example() throws {
        let text = try String(contentsOf: docs.appending(path: "server.yaml"), encoding: .utf8)
        let words = text.split { $0.isWhitespace || $0 == "#" }
        for section in SettingsSchema.all {
            for key in section.keys { #expect(words.contains("\(key.name):"), "\(section.path): \(key.name)") }
        }
    }
}
