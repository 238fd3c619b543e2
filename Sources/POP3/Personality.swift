// Which server we sound like. Each personality is a set of texts and of things that are not offered; the state machine is
// the same, so that whatever one of them lets through has been checked for both (protocol.md 1.2; RFC 1939, RFC 2449).

/// How the server presents itself.
public enum Personality: UInt8, CaseIterable, Sendable {
    /// CAPA and all that it can list, response codes in brackets.
    case modern
    /// Exchange 5.5: its banner and texts, no CAPA, STLS, UTF8 or LANG, no response codes (KB262986, MS-POP3).
    case exchange55
}

/// How `AUTH NTLM` without an initial response is answered (protocol.md 0.1): the documents differ, and so do clients.
public enum NTLMReply: UInt8, CaseIterable, Sendable {
    /// `+ ` (MS-OXPOP3 2.2.1, KB175440).
    case plus
    /// `+OK` (MS-POP3 2.2.1).
    case ok
}
