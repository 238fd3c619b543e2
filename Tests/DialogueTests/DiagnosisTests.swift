// Why a logon failed: the remedy is one that the command at hand has.

import TLS
import Telemetry
import Testing

@testable import Dialogue

@Suite("Diagnosis")
struct DiagnosisTests {
    private func why(_ command: Diagnosis.Command, _ change: (inout ProbeAttempt) -> Void) -> String {
        var attempt = ProbeAttempt(
            method: "basic", family: "basic", channel: "pop3", identity: "ada", offered: .yes, result: .error)
        change(&attempt)
        var findings = ProbeFindings(target: "", user: "")
        findings.attempts = [attempt]
        Diagnosis.explain(&findings, of: command)
        return findings.attempts[0].why ?? ""
    }

    @Test("a time-out names the probe's option, and the run's limit")
    func timeouts() {
        func late(_ command: Diagnosis.Command, _ kind: String) -> String {
            why(command) {
                $0.errorClass = kind
                $0.failedStep = "stat"
            }
        }
        #expect(late(.probe, "timeout").hasSuffix("raise --timeout"))
        #expect(late(.probe, "connect_timeout").hasSuffix("raise --timeout"))
        #expect(late(.run, "timeout").hasSuffix("raise limits.step_timeout or limits.session_timeout"))
        #expect(late(.run, "connect_timeout").hasSuffix("raise limits.connect_timeout"))
    }

    @Test("options of the probe alone are not advised for a run")
    func options() {
        for words in ["-ERR [IN-USE] busy", "-ERR [LOGIN-DELAY] wait", "-ERR [AUTH] no", "-ERR disabled"] {
            func told(_ command: Diagnosis.Command) -> String {
                why(command) {
                    $0.result = .refused
                    $0.words = words
                }
            }
            for option in ["--user;", "--user ", "--method", "--timeout"] {
                #expect(!(told(.run) + " ").contains(option), "\(words)")
            }
            #expect(told(.run).hasPrefix("the server said \"\(words)\": "))
        }
        #expect(
            why(.probe) {
                $0.result = .refused
                $0.errorClass = "in_use"
            }.hasSuffix("with --user"))
    }

    @Test(
        "each cause of a failed handshake has a remedy of its own, and --insecure is named where a certificate is at fault alone")
    func tls() {
        let certificate: Set<TLSFailure.Cause> = [.expired, .notYetValid, .wrongName, .unknownAuthority, .certificate]
        for command in [Diagnosis.Command.probe, .run] {
            let told = TLSFailure.Cause.allCases.map { cause in
                why(command) {
                    $0.errorClass = "tls"
                    $0.failedStep = "tls_full"
                    $0.detail = "reason"
                    $0.tlsCause = cause
                }
            }
            #expect(Set(told).count == told.count)
            for (cause, text) in zip(TLSFailure.Cause.allCases, told) {
                #expect(text.hasPrefix("the TLS handshake failed: reason; "))
                #expect(text.contains("--insecure") == certificate.contains(cause), "\(cause): \(text)")
            }
        }
    }

    @Test("the end of a connection in its handshake is told as that, not as a limit on failures alone")
    func closedInHandshake() {
        let told = why(.run) {
            $0.errorClass = "early_close"
            $0.failedStep = "tls_full"
            $0.detail = "the server closed the connection during the TLS handshake, TLS 1.3 offered"
            $0.tlsCause = .closed
        }
        #expect(told.hasPrefix("the server closed the connection during the TLS handshake, TLS 1.3 offered; "))
    }

    @Test("a greeting's timestamp offers APOP, but not in front of a proxy that wants STLS first")
    func apop() {
        var channel = ProbeChannel(.pop3, address: "")
        channel.hasTimestamp = true
        channel.capabilities = ["STLS"]
        #expect(channel.offers(.apop) == .yes)
        channel.endsAtBareAuth = true
        #expect(channel.offers(.apop) == .no)
        channel.capabilities = ["STLS", "USER"]
        #expect(channel.offers(.apop) == .yes)
    }

    @Test("figures that do not agree stand in the sentence")
    func figures() {
        let told = why(.run) {
            $0.errorClass = "content"
            $0.failedStep = "retr"
            $0.detail = "octets announced: 5, octets sent: 2"
        }
        #expect(told == "logged on, but the answer to retr is not right: octets announced: 5, octets sent: 2; see the dialogue")
    }
}
