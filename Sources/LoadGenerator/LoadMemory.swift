// What a run takes of memory at its start by the products of its settings: sessions at once, users, threads. Users are
// counted once for the credentials and once for each thread that keeps a table of all of them.

public import Workload

public struct LoadMemory: Sendable, Equatable {
    /// Octets of what is kept of each session that may be open, whether it is or not, and the addresses of their seats.
    public let sessions: Double
    public let seats: Double
    /// Octets of the users' credentials and keys.
    public let users: Double
    /// Octets of what each thread keeps of all users, and of its recorders.
    public let threads: Double

    public init(_ profile: Profile, users: Int, threads: Int) {
        // Twice: beside each open session one may wait for its server's close.
        let open = 2 * Double(profile.limits.inFlight)
        sessions = open * 64
        seats = open * Double(MemoryLayout<Seat>.stride)
        self.users = Double(users) * 512
        let overlap = profile.allowsOverlap ? Double(MemoryLayout<UInt64>.stride) : 0
        let retrievesNew = profile.scripts.rows.contains { $0.work.retrievesNew }
        let seen = retrievesNew ? Double(MemoryLayout<SeenMail>.stride) : 0
        self.threads = Double(threads) * (4 * 1024 * 1024 + Double(users) * (1.0 / 8 + overlap + seen))
    }
}
