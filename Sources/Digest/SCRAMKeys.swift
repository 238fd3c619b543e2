// The keys of SCRAM-SHA-256 (RFC 5802, section 3; RFC 7677): what a server stores, what a client derives from the password,
// and the two checks between them. A stored verifier lets its owner check a proof, not make one.

/// What a server keeps of a password. The salt has one length for all accounts, so that its length tells nothing.
public struct SCRAMVerifier: Sendable, Equatable {
    public let salt: Digest16
    public let iterations: UInt32
    public let storedKey: Digest32
    public let serverKey: Digest32

    /// What RFC 7677, section 4 asks for at the least.
    public static let leastIterations: UInt32 = 4096

    public init(salt: Digest16, iterations: UInt32, storedKey: Digest32, serverKey: Digest32) {
        self.salt = salt
        self.iterations = iterations
        self.storedKey = storedKey
        self.serverKey = serverKey
    }

    /// Derives the verifier; slow. nil when `iterations` is 0.
    public init?(password: Span<UInt8>, salt: Digest16, iterations: UInt32 = SCRAMVerifier.leastIterations) {
        let derived = salt.withSpan { SCRAMClientKeys(password: password, salt: $0, iterations: iterations) }
        guard let keys = derived else { return nil }
        self.init(salt: salt, iterations: iterations, storedKey: keys.storedKey, serverKey: keys.serverKey)
    }

    /// Whether `proof` was made with the client key, given the HMAC of the AuthMessage under `storedKey`.
    public static func accepts(proof: Digest32, signature: Digest32, storedKey: Digest32) -> Bool {
        (proof ^ signature).withSpan { SHA256.hash($0) } == storedKey
    }
}

/// What a client derives from a password, a salt and an iteration count. It is worth keeping: deriving takes milliseconds.
public struct SCRAMClientKeys: Sendable, Equatable {
    public let saltHash: Digest32
    public let iterations: UInt32
    public let clientKey: Digest32
    public let storedKey: Digest32
    public let serverKey: Digest32

    /// Derives the keys; slow. nil when `iterations` is 0.
    public init?(password: Span<UInt8>, salt: Span<UInt8>, iterations: UInt32) {
        guard let salted = PBKDF2.hmacSHA256(password: password, salt: salt, iterations: iterations) else { return nil }
        saltHash = SHA256.hash(salt)
        self.iterations = iterations
        clientKey = Self.tag("Client Key", under: salted)
        storedKey = clientKey.withSpan { SHA256.hash($0) }
        serverKey = Self.tag("Server Key", under: salted)
    }

    /// Whether these are the keys for what a server names.
    public func match(salt: Span<UInt8>, iterations: UInt32) -> Bool {
        iterations == self.iterations && SHA256.hash(salt) == saltHash
    }

    private static func tag(_ text: StaticString, under key: Digest32) -> Digest32 {
        var state = HMACSHA256(key: key)
        state.update(text)
        return state.finalize()
    }
}
