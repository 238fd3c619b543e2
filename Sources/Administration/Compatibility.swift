// Whose manners the server has: those of the RFCs, or those of Exchange Server 5.5's POP3 service. The words
// are those of the settings file and of the command line.

/// `compat` of the settings and `--compat` of the command line (contracts.md 2).
public enum Compatibility: String, CaseIterable, Sendable {
    case modern
    case exchange55 = "exchange-5.5"
}
