// LMCompatibilityLevel (KB147706), the server's half: which responses it takes. Levels 0 to 3 differ for clients alone.
// LMv2 and NTLMv2 are taken at every level; a level only takes the older answers away.

public enum CompatibilityLevel: UInt8, Sendable, CaseIterable, Comparable {
    case level0, level1, level2, level3, level4, level5

    /// LM, and NTLMv1's LM field: up to level 3.
    public var acceptsLM: Bool { self <= .level3 }
    /// NTLMv1 and NTLM2 session: up to level 4.
    public var acceptsNTLM1: Bool { self <= .level4 }

    public static func < (a: CompatibilityLevel, b: CompatibilityLevel) -> Bool { a.rawValue < b.rawValue }
}

/// What a client answers with.
public enum NTLMVariant: UInt8, Sendable, CaseIterable {
    /// NTLMv1 and, where there is an LM hash, LM (level 0).
    case v1
    /// NTLMv1 over both sides' challenges (level 1, 2).
    case ntlm2Session
    /// NTLMv2 and LMv2 (level 3 and up).
    case v2
    /// NTLMv2 with a message integrity code over the three messages.
    case v2WithMIC
    /// NTLMv2 with a MIC and channel bindings.
    case v2WithChannelBinding
}
