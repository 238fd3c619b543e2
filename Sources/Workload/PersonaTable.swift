// The personas, a row each. What a row says of a real program is what protocol.md 1.1 gathered on it from its sources or from
// the knowledge base of its vendor; the row's comment names the program's line there. Rows after the real programs send one
// method each, for servers and questions that need just that. New rows go to the end: a row's number enters the plan's hash.

import Telemetry

extension Persona {
    // Rows that code and tests name; a test holds the numbers against the names.
    public static let internetMail3 = Persona(row: 0)
    public static let outlookExpressSSL = Persona(row: 1)
    public static let basic = Persona(row: 2)
    public static let basicSSL = Persona(row: 3)
    public static let membership = Persona(row: 4)

    private static let everyTransport: [Transport] = [.pop3, .stls, .pop3s]

    static let table: [Traits] = [
        // "Internet Mail & News 3.0": bare AUTH; always NTLM first, as the logged-on NT user; USER/PASS on the same connection.
        Traits(
            name: "internet-mail-3", attempts: [Attempt(.ntlm, .ntUser), Attempt(.basic)], transports: [.pop3], probe: .bareAuth,
            summary:
                "NTLM first, as the logged-on NT user; when that fails, USER/PASS with the configured POP3 account, which "
                + "opens another mailbox, on the same connection"),
        // "Outlook Express 4-6 SPA" on 995: its packages in turn, DPA before NTLM; reports the error, no silent Basic.
        Traits(
            name: "outlook-express-ssl", attempts: [Attempt(.ntlm, .ntUser)], transports: [.pop3s], probe: .bareAuth,
            afterRefusal: .giveUp, habits: .triesDPA,
            summary: "NTLM inside TLS on 995; tries DPA first where it is listed; a refusal ends the session"),
        // The page's Basic (Clear Text); the same after STLS.
        Traits(
            name: "basic", attempts: [Attempt(.basic)], transports: [.pop3, .stls],
            summary: "USER/PASS in the clear, or after STLS"),
        // The page's Basic (Clear Text) using SSL.
        Traits(
            name: "basic-ssl", attempts: [Attempt(.basic)], transports: [.pop3s], summary: "USER/PASS inside TLS on 995"),
        // The page's MCIS Membership System.
        Traits(
            name: "membership", attempts: [Attempt(.membership, .member)], transports: [.pop3, .pop3s, .stls],
            summary: "NTLM against the membership instance"),
        // "Outlook Express 4-6 SPA": bare AUTH, reads the list; packages in turn, `*` to leave one; no silent Basic.
        Traits(
            name: "outlook-express-spa", attempts: [Attempt(.ntlm, .ntUser)], transports: [.pop3], probe: .bareAuth,
            afterRefusal: .giveUp, habits: .triesDPA,
            summary: "NTLM in the clear (\"secure password authentication\"); tries DPA first where it is listed; a refusal ends "
                + "the session"),
        // "fetchmail 6.4", auth=any: CAPA, again after STLS; NTLM and CRAM-MD5 where listed, then USER/PASS, one connection.
        // A refused CAPA is a repoll with the password alone. NTLMv1 only (protocol.md 0.7).
        Traits(
            name: "fetchmail",
            attempts: [Attempt(.ntlm, .account, .listed), Attempt(.cramMD5, .account, .listed), Attempt(.basic)],
            transports: everyTransport, probe: .capa,
            habits: [.asksAgainInsideTLS, .takesAnyOK, .leavesCancelUnread, .repollsWithPassword], ntlmVersion: .v1,
            summary:
                "CAPA; NTLMv1, then CRAM-MD5 where they are listed, then USER/PASS, all on one connection; after a refused CAPA "
                + "USER/PASS on a new one; does not read the reply to `*`, and takes any line with OK in it for success"),
        // "curl" 7.88 without GSASL: CAPA, again after STLS; the first mechanism of its order that is listed, then APOP, then
        // USER/PASS; a refusal is final, only a challenge that it cannot decode leads on. Type 1 with flags 0x00088206.
        Traits(
            name: "curl",
            attempts: [
                Attempt(.cramMD5, .account, .listed), Attempt(.ntlm, .account, .listed), Attempt(.plain, .account, .listed),
                Attempt(.login, .account, .listed), Attempt(.apop, .account, .listed), Attempt(.basic, .account, .listed),
            ],
            transports: everyTransport, probe: .capa, afterRefusal: .giveUp, habits: [.asksAgainInsideTLS, .speaksOEM],
            summary:
                "CAPA; the first of CRAM-MD5, NTLM (OEM names), PLAIN, LOGIN, APOP, USER/PASS that the server offers; a refusal "
                + "ends the session"),
        // "Thunderbird", normal password: CAPA, again after STLS; those of PLAIN, LOGIN, USER/PASS that are listed, USER/PASS in
        // any case; on one connection, or on a new one where the server has closed it.
        Traits(
            name: "thunderbird",
            attempts: [
                Attempt(.plain, .account, .listed), Attempt(.login, .account, .listed), Attempt(.basic, .account, .listedOrOnly),
            ],
            transports: everyTransport, probe: .capa, habits: [.asksAgainInsideTLS, .reconnectsWhenClosed],
            summary:
                "CAPA; those of PLAIN, LOGIN, USER/PASS that are listed, one after the other; connects again where the server "
                + "closed after a refusal"),
        // "Thunderbird" set to NTLM: forces the configured method even where it is not listed.
        Traits(
            name: "thunderbird-ntlm", attempts: [Attempt(.ntlm)], transports: everyTransport, probe: .capa,
            habits: [.asksAgainInsideTLS, .reconnectsWhenClosed],
            summary: "CAPA, then NTLM with the configured account, listed or not"),
        // "MailKit": CAPA before and after the logon; APOP first where the greeting has a timestamp, then its ranking; any
        // refusal leads to the next, finally USER/PASS, on the same connection.
        Traits(
            name: "mailkit",
            attempts: [
                Attempt(.apop, .account, .listed), Attempt(.scramSHA256, .account, .listed), Attempt(.ntlm, .account, .listed),
                Attempt(.cramMD5, .account, .listed), Attempt(.plain, .account, .listed), Attempt(.login, .account, .listed),
                Attempt(.basic),
            ],
            transports: everyTransport, probe: .capa, habits: [.asksAgainInsideTLS, .asksAgainAfterLogon, .sendsInitialResponse],
            summary:
                "CAPA before and after the logon; APOP, SCRAM-SHA-256, NTLM, CRAM-MD5, PLAIN, LOGIN as far as they are offered, "
                + "then USER/PASS, on one connection"),
        // "JavaMail/Jakarta": CAPA; AUTH NTLM always with its type 1; closes the socket, no fallback.
        Traits(
            name: "javamail-ntlm", attempts: [Attempt(.ntlm)], transports: everyTransport, probe: .capa, afterRefusal: .giveUp,
            habits: [.asksAgainInsideTLS, .sendsInitialResponse],
            summary: "CAPA, then NTLM with its type 1 as initial response; a refusal ends the session"),
        // One method each, nothing asked before.
        Traits(
            name: "apop", attempts: [Attempt(.apop)], transports: everyTransport,
            summary: "APOP alone; a greeting without a timestamp is a failed logon"),
        Traits(name: "cram-md5", attempts: [Attempt(.cramMD5)], transports: everyTransport, summary: "AUTH CRAM-MD5 alone"),
        Traits(
            name: "scram-sha-256", attempts: [Attempt(.scramSHA256)], transports: everyTransport, habits: .sendsInitialResponse,
            summary: "AUTH SCRAM-SHA-256 alone, with an initial response; the server's signature is checked"),
        Traits(
            name: "plain", attempts: [Attempt(.plain)], transports: everyTransport, habits: .sendsInitialResponse,
            summary: "AUTH PLAIN alone, with an initial response"),
        Traits(name: "login", attempts: [Attempt(.login)], transports: everyTransport, summary: "AUTH LOGIN alone"),
    ]
}
