// What `poplar probe` prints, to the character: a channel and its offer, a logon that works, one that is refused and why, the
// table, and a target that cannot be reached. Golden texts: a change of a layout is a change of a test.

import Dialogue
import Telemetry
import Terminal
import Testing

@testable import Report

@Suite("The report of a probe") struct ProbeReportTests {
    private static func channel(_ change: (inout ProbeChannel) -> Void) -> ProbeChannel {
        var channel = ProbeChannel(.pop3, address: "127.0.0.1:1110")
        change(&channel)
        return channel
    }

    private static let clear = channel {
        $0.greeting = "+OK ready <1.2@x>"
        $0.hasTimestamp = true
        $0.mechanisms = ["NTLM"]
        $0.capabilities = ["USER", "STLS"]
        $0.dialogue = [
            DialogueLine(atUs: 0, side: .event, text: "connected"),
            DialogueLine(atUs: 250, side: .server, text: "+OK ready <1.2@x>"),
            DialogueLine(atUs: 12_340, side: .client, text: "AUTH"),
        ]
    }

    private static func attempt(
        _ method: String, _ channel: String, _ result: ProbeAttempt.Result, _ change: (inout ProbeAttempt) -> Void = { _ in }
    ) -> ProbeAttempt {
        var attempt = ProbeAttempt(
            method: method, family: method, channel: channel, identity: "user00005", offered: .yes, result: result)
        change(&attempt)
        return attempt
    }

    private static func findings(_ channels: [ProbeChannel], _ attempts: [ProbeAttempt], user: String? = "row 1") -> ProbeFindings
    {
        var findings = ProbeFindings(target: "127.0.0.1:1110", user: user)
        findings.channels = channels
        findings.attempts = attempts
        return findings
    }

    private static let mixed = findings(
        [clear],
        [
            attempt("basic", "pop3", .ok) {
                $0.steps = [.init(step: "connect", us: 90), .init(step: "auth", us: 1_234)]
                $0.messages = 2
                $0.octets = 1_024
                $0.dialogue = [DialogueLine(atUs: 400, side: .client, text: "PASS ***")]
            },
            attempt("ntlm-v1", "pop3", .refused) {
                $0.why = "the server said \"-ERR no\": the server takes NTLMv2 only"
                $0.dialogue = [DialogueLine(atUs: 2_500_000, side: .server, text: "-ERR no")]
            },
            attempt("apop", "pop3", .notOffered), attempt("basic", "stls", .error) { $0.why = "the TLS handshake failed" },
        ])

    @Test("a logon that works, one that is refused, one that broke, and one that was not tried")
    func mixed() {
        #expect(
            ProbeReport.text(Self.mixed) == """
                pop3 127.0.0.1:1110
                  AUTH lists  NTLM
                  CAPA lists  USER, STLS
                  APOP        offered by the greeting
                    0.00 us  *: connected
                     250 us  S: +OK ready <1.2@x>
                    12.3 ms  C: AUTH

                basic over pop3 as user00005: ok
                  2 messages, 1024 octets
                  connect 90.0 us, auth 1.23 ms
                     400 us  C: PASS ***

                ntlm-v1 over pop3 as user00005: refused
                  the server said "-ERR no": the server takes NTLMv2 only
                     2.50 s  S: -ERR no

                basic over stls as user00005: error
                  the TLS handshake failed

                 method   pop3         stls
                 basic    ok           error
                 ntlm-v1  refused      -
                 apop     not offered  -

                """)
    }

    @Test("without a user: what is offered alone, that nothing was tried, and the notes")
    func offer() {
        var findings = Self.findings(
            [
                Self.channel {
                    $0.channel = "pop3s"
                    $0.tls = "TLSv1.3"
                    $0.certificate = "not verified"
                    $0.greeting = "+OK"
                    $0.mechanisms = []
                }
            ], [], user: nil)
        findings.notes = ["the server's certificate was not verified"]
        #expect(
            ProbeReport.text(findings) == """
                pop3s 127.0.0.1:1110
                  TLSv1.3, certificate not verified
                  AUTH lists  nothing
                  CAPA lists  refused
                  APOP        not offered

                 note  no logon was tried: give --users FILE.csv
                 note  the server's certificate was not verified

                """)
        #expect(findings.ending == .pass)
    }

    @Test("a target that cannot be reached: why, and nothing about an offer")
    func unreachable() {
        let findings = Self.findings([Self.channel { $0.problem = "cannot connect: Connection refused" }], [])
        #expect(
            ProbeReport.text(findings) == """
                pop3 127.0.0.1:1110
                  cannot connect: Connection refused


                """)
        #expect(findings.ending == .unreachable)
    }

    @Test("on a terminal what works is green, what failed red, times are faint; without colours the text is the same")
    func colour() {
        let text = TerminalText.safe(ProbeReport.text(Self.mixed, style: Style(isTerminal: true, noColor: nil)))
        #expect(text.contains("\u{1b}[32mbasic over pop3 as user00005: ok\u{1b}[0m"))
        #expect(text.contains("\u{1b}[31mntlm-v1 over pop3 as user00005: refused\u{1b}[0m"))
        #expect(text.contains("\u{1b}[2m     250 us\u{1b}[0m  S: +OK"))
        #expect(text.replacing(#/\u{1b}\[[0-9]*m/#, with: "") == ProbeReport.text(Self.mixed))
        let gone = Self.findings([Self.channel { $0.problem = "cannot connect" }], [])
        #expect(
            TerminalText.safe(ProbeReport.text(gone, style: Style(isTerminal: true, noColor: nil))).contains(
                "\u{1b}[31mcannot connect\u{1b}[0m"))
    }
}
