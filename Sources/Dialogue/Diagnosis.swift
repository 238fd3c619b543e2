// Why a logon failed, in one sentence: what the server said, what that most likely means, what to try. A cause is named only
// where the other attempts or the server's own words point to it (MS-NLMP 3.2.5.1.2, KB147706, RFC 2449 section 8, RFC 3206).

public import TLS

public enum Diagnosis {
    /// Whose attempts they are: each command has remedies of its own.
    public enum Command: Sendable { case probe, run }

    /// Sets `why` of every attempt that failed.
    public static func explain(_ findings: inout ProbeFindings, of command: Command) {
        let all = findings.attempts
        for index in all.indices where all[index].result == .refused || all[index].result == .error {
            let cause = all[index].result == .refused ? refusal(all[index], all, command) : fault(all[index], command)
            let words = all[index].words.map { "the server said \"\($0)\": " } ?? ""
            findings.attempts[index].why = words + cause
        }
    }

    private static func refusal(_ attempt: ProbeAttempt, _ all: [ProbeAttempt], _ command: Command) -> String {
        func works(_ method: String, _ channel: String? = nil) -> Bool {
            all.contains { $0.method == method && $0.result == .ok && (channel ?? $0.channel) == $0.channel }
        }
        let words = (attempt.words ?? "").lowercased()
        if attempt.errorClass == "in_use" || words.contains("[in-use]") || words.contains("locked") {
            let remedy =
                switch command {
                case .probe: "close it, or try another row with --user"
                case .run: "close it, or give the run users of its own with --users"
                }
            return "[IN-USE], another session holds the mailbox; \(remedy)"
        }
        if words.contains("[login-delay]") {
            let remedy = command == .probe ? "wait, and probe one --method" : "give more users with --users, or a lower --rate"
            return "the server asks for a pause between logons; \(remedy)"
        }
        if words.contains("[sys/temp]") { return "the server itself is in trouble for the moment; try again later" }
        if words.contains("disabled") || words.contains("not supported") {
            return "the method is switched off on this channel; try another channel, or switch it on at the server"
        }
        if words.contains("mailbox is not available") || words.contains("could not be found") || words.contains("alias") {
            return
                "the password was right but there is no mailbox for \(attempt.identity); give the user one, or name another user"
        }
        if attempt.family == "ntlm", let cause = variant(attempt, works) { return cause }
        if attempt.channel == "pop3",
            all.contains(where: { $0.method == attempt.method && $0.channel != "pop3" && $0.result == .ok })
        {
            return "the same logon is taken inside TLS; the server wants no \(attempt.method) in the clear"
        }
        switch attempt.family {
        case "ntlm":
            return
                "no variant of NTLM lets \(attempt.identity) in; check nt_domain, nt_user and nt_password, and that the "
                + "user has a mailbox"
        case "membership":
            return "the membership instance does not know \(attempt.identity), or membership is off; check membership_user and "
                + "membership_password"
        default:
            return
                "the server does not take this name with this password for \(attempt.method); check account and password"
        }
    }

    /// What the other variants of NTLM on the channel tell of this one.
    private static func variant(_ attempt: ProbeAttempt, _ works: (String, String?) -> Bool) -> String? {
        let isOld = attempt.method == "ntlm-v1" || attempt.method == "ntlm2-session"
        let here = attempt.channel
        let takesV2 = ["ntlm-v2", "ntlm-v2-mic", "ntlm-v2-channel-binding"].contains { works($0, here) }
        if isOld, takesV2 {
            if attempt.method == "ntlm-v1", works("ntlm2-session", here) {
                return "the server asks for NTLM2 session security; use ntlm2-session or v2"
            }
            return "the server takes NTLMv2 only (LMCompatibilityLevel 5); use v2, or lower the level at the server"
        }
        if attempt.method == "ntlm-v2-channel-binding", works("ntlm-v2", here) {
            return
                "the server sees another certificate than we do, as behind a proxy that ends TLS; turn bindings off or end TLS "
                + "at the server"
        }
        if !isOld, attempt.method != "ntlm-v2-channel-binding", works("ntlm-v2-channel-binding", here) {
            return "the server requires channel bindings (extended protection); use v2-channel-binding"
        }
        if attempt.method == "ntlm-v2", works("ntlm-v2-mic", here) { return "the server requires a MIC; use v2-mic" }
        if !isOld, works("ntlm-v1", here) || works("ntlm2-session", here) {
            return "the server takes older responses but not NTLMv2; check its clock, and the case of nt_domain"
        }
        return nil
    }

    private static func fault(_ attempt: ProbeAttempt, _ command: Command) -> String {
        let step = attempt.failedStep ?? "connect"
        let detail = attempt.detail.map { ": " + $0 } ?? ""
        switch attempt.errorClass ?? "" {
        case "refused": return "nothing listens there\(detail); check the port"
        case "connect_timeout":
            let limit = command == .probe ? "--timeout" : "limits.connect_timeout"
            return "the connection was not answered in time; check the address and firewalls, or raise \(limit)"
        case "timeout":
            let limit = command == .probe ? "--timeout" : "limits.step_timeout or limits.session_timeout"
            return "no answer in the step \(step); the server is slow or waits for something else; raise \(limit)"
        case "tls" where step == "stls":
            return "STLS was refused, so nothing secret was sent; it has no certificate, or TLS is off"
        case "tls": return "the TLS handshake failed\(detail); \(remedy(attempt.tlsCause ?? .other, command))"
        case "early_close" where attempt.tlsCause == .closed, "reset" where attempt.tlsCause == .closed:
            return "\(attempt.detail ?? "no TLS"); \(remedy(.closed, command))"
        case "early_close":
            return "the server closed the connection in the step \(step); a limit on connections or failures, or a crash"
        case "reset": return "the connection broke in the step \(step)\(detail); a limit at the server or something in between"
        case "protocol": return "the answer in the step \(step) is none that the protocol has; see the dialogue"
        case "greeting": return "the server does not greet as POP3 does; too many connections, or another service"
        case "content": return "logged on, but the answer to \(step) is not right\(detail); see the dialogue"
        case "wrong_admit": return "a wrong password was let in"
        case let other: return "the step \(step) failed (\(other))\(detail)"
        }
    }

    // MARK: TLS

    /// What to try after TLS has failed for `cause`.
    public static func remedy(_ cause: TLSFailure.Cause, _ command: Command) -> String {
        let past = "or look past it with --insecure"
        switch cause {
        case .expired: return "renew the server's certificate or mend this machine's clock, \(past)"
        case .notYetValid: return "mend the clock of this machine or of who signed the certificate, \(past)"
        case .wrongName: return "give the host as its certificate calls it, by name or by address, \(past)"
        case .unknownAuthority: return "give the authority that signed the certificate with --ca FILE, \(past)"
        case .certificate: return "mend the server's certificate, \(past)"
        case .clientCertificate: return "the server wants a certificate of the client: switch that off at the server"
        case .version:
            switch command {
            case .probe: return "the server has neither TLS 1.2 nor 1.3: switch one on there"
            case .run:
                return "the server has no version that was offered: leave tls.versions out of the profile, to offer 1.2 and 1.3"
            }
        case .clearText: return "this port does not speak TLS; give the server's TLS port, often 995, or reach this one by STLS"
        case .alert: return "the server broke the handshake off: its log has the reason"
        case .closed: return "a limit on connections, a port that is none for TLS, or a crash: the server's log has the reason"
        case .other: return "look at versions, ciphers and certificate of the server with `openssl s_client`"
        }
    }

    // MARK: Ports that are not POP3

    /// What speaks there, by the first octets that it sent; nil where they say nothing.
    public static func service(_ octets: [UInt8]) -> String? {
        func starts(_ text: String) -> Bool { octets.starts(with: Array(text.utf8)) }
        if octets.count > 2, octets[0] == 0x15 || octets[0] == 0x16, octets[1] == 3 { return "TLS" }
        if starts("HTTP/") { return "HTTP" }
        if starts("SSH-") { return "SSH" }
        if starts("* OK") || starts("* PREAUTH") || starts("* BYE") { return "IMAP" }
        if starts("220") || starts("421") || starts("554") {
            let text = String(decoding: octets, as: UTF8.self).uppercased()
            return text.contains("FTP") ? "FTP" : "SMTP"
        }
        if starts("<!DOCTYPE") || starts("<html") || starts("<HTML") { return "HTTP" }
        if starts("+OK") || starts("-ERR") { return "POP3" }
        return nil
    }
}
