// What the session machines of one thread share: the users, the source of secrets, scratch memory for challenges and
// responses. One machine is in a call at a time, so one set of scratch serves all. Nothing here survives a call.

import Digest
import PoplarCore
import Reactor
import Workload

struct SessionContext: ~Copyable {
    let credentials: CredentialView
    /// For challenges and nonces, which are secrets: from the kernel, and no part of the plan.
    var random: KernelRandom
    /// Octets of each message where the population is known; 0 where it is not.
    let knownMessageBytes: UInt64
    /// What of the replies behind the logon is checked, and what passed where it is not.
    let checks: ReplyChecks
    var passed = PassedReplies()
    /// Windows' file time at monotonic time 0: 100 ns units since 1601.
    let fileTimeBase: UInt64
    /// What the users have seen, where a script fetches what is new.
    let seen: SeenTable?
    /// The last reply of the call that was not `+OK`, for the notes on failures.
    var excerpt = ReplyExcerpt()
    /// A decoded challenge.
    let challenge: UnsafeMutableRawBufferPointer
    /// A response before base64.
    let response: UnsafeMutableRawBufferPointer
    /// A password that was made wrong.
    let secret: UnsafeMutableRawBufferPointer
    /// The keys of SCRAM derived last, and for whom: users with one password and one salt derive them once.
    private var lastKeys: (right: SCRAMClientKeys?, wrong: SCRAMClientKeys?) = (nil, nil)
    private var lastUsers: (right: UInt32, wrong: UInt32) = (0, 0)

    private static let scratchBytes = 8192

    init(
        credentials: CredentialView, random: consuming KernelRandom = KernelRandom(), knownMessageBytes: UInt64 = 0,
        checks: ReplyChecks = .all,
        fileTimeBase: UInt64 = 0, seen: SeenTable? = nil
    ) {
        self.credentials = credentials
        self.random = random
        self.knownMessageBytes = knownMessageBytes
        self.checks = checks
        self.fileTimeBase = fileTimeBase
        self.seen = seen
        challenge = .allocate(byteCount: Self.scratchBytes, alignment: 16)
        response = .allocate(byteCount: Self.scratchBytes, alignment: 16)
        secret = .allocate(byteCount: UserTable.cellLimit &+ 64, alignment: 16)
    }

    deinit {
        challenge.deallocate()
        response.deallocate()
        seen?.deallocate()
        secret.deallocate()
    }

    /// What may be the keys of `user`: the exchange looks whether they fit the server's salt and count.
    func scramKeys(_ user: UInt32, isWrong: Bool) -> SCRAMClientKeys? {
        if let own = credentials.scramKeys(user, isWrong: isWrong) { return own }
        let other = isWrong ? lastUsers.wrong : lastUsers.right
        let (one, two) = (octets(credentials.password(user, .account)), octets(credentials.password(other, .account)))
        guard Bytes.equalsInConstantTime(one.span, two.span) else { return nil }
        return isWrong ? lastKeys.wrong : lastKeys.right
    }

    mutating func keep(_ keys: SCRAMClientKeys, _ user: UInt32, isWrong: Bool) {
        credentials.keep(keys, user, isWrong: isWrong)
        if isWrong {
            (lastKeys.wrong, lastUsers.wrong) = (keys, user)
        } else {
            (lastKeys.right, lastUsers.right) = (keys, user)
        }
    }
}

/// Octets that are known to be there, as a span for reading.
@inline(__always)
func octets(_ bytes: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8> { bytes.assumingMemoryBound(to: UInt8.self) }
