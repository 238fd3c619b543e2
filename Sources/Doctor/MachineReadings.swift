// What this machine is, as far as a load test depends on it. A value without behaviour: the probe fills it, the rules judge
// it, and tests make up the bad machines that nobody has at hand. nil means that the machine does not tell.

public struct MachineReadings: Sendable, Equatable {
    /// Release of the kernel, e.g. "6.1.0-18-amd64".
    public var kernel: String
    /// RLIMIT_NOFILE; UInt64.max is unlimited.
    public var descriptorsSoft: UInt64
    public var descriptorsHard: UInt64
    /// fs.nr_open: what RLIMIT_NOFILE can be raised to.
    public var descriptorsCeiling: UInt64?
    /// net.ipv4.ip_local_port_range.
    public var ports: ClosedRange<Int>?
    /// net.ipv4.tcp_tw_reuse: 0 never, 1 everywhere, 2 on loopback.
    public var portReuse: Int?
    /// Connections in TIME_WAIT now.
    public var resting: Resting?
    public var cpusOnline: Int
    /// CPUs that this process may run on.
    public var cpusAllowed: Int
    /// CPUs' worth of time that the control group grants; nil when it sets no bound.
    public var cpuQuota: Double?
    /// Default slack of this process's timers, nanoseconds.
    public var timerSlackNs: UInt64?
    public var wakeUps: WakeUps?
    /// net.core.somaxconn, net.ipv4.tcp_max_syn_backlog.
    public var acceptBacklog: Int?
    public var synBacklog: Int?
    public var clockSource: String?
    /// CPU frequency governors in use; empty where the machine shows none.
    public var governors: [String]
    /// Part of the CPU time that the hypervisor gave to others while the probe looked, 0...1.
    public var stealShare: Double?
    /// Runnable threads, mean of the last minute.
    public var load: Double?
    public var memoryTotal: UInt64
    public var memoryAvailable: UInt64
    /// Bound of the control group, octets.
    public var memoryLimit: UInt64?
    public var openssl: String
    public var tools: [Tool]

    /// Sockets in TIME_WAIT.
    public struct Resting: Sendable, Equatable {
        /// Those whose local port a client would otherwise be given.
        public var blocking: Int
        /// Those at a server's port, or outside of the range: they keep no port from a client.
        public var others: Int
        /// Whether the peers of all that block are on loopback.
        public var isOnLoopback: Bool

        public init(blocking: Int, others: Int, isOnLoopback: Bool) {
            self.blocking = blocking
            self.others = others
            self.isOnLoopback = isOnLoopback
        }
    }

    /// How late a thread woke that only sleeps, nanoseconds.
    public struct WakeUps: Sendable, Equatable {
        public var count: Int
        public var p50Ns: UInt64
        public var p99Ns: UInt64
        public var maxNs: UInt64

        public init(count: Int, p50Ns: UInt64, p99Ns: UInt64, maxNs: UInt64) {
            self.count = count
            self.p50Ns = p50Ns
            self.p99Ns = p99Ns
            self.maxNs = maxNs
        }
    }

    /// A package that a make target works with.
    public struct Tool: Sendable, Equatable {
        /// Of scripts/setup.sh: build, test, bench, ...
        public var group: String
        public var package: String
        public var isFound: Bool

        public init(group: String, package: String, isFound: Bool) {
            self.group = group
            self.package = package
            self.isFound = isFound
        }
    }

    /// A machine without fault: what tests begin with.
    public static let sound = MachineReadings(
        kernel: "6.1.0", descriptorsSoft: 1024, descriptorsHard: 1_048_576, descriptorsCeiling: 1_048_576, ports: 32_768...60_999,
        portReuse: 2, resting: Resting(blocking: 0, others: 0, isOnLoopback: true), cpusOnline: 8, cpusAllowed: 8, cpuQuota: nil,
        timerSlackNs: 50_000,
        wakeUps: WakeUps(count: 500, p50Ns: 5_000, p99Ns: 60_000, maxNs: 200_000), acceptBacklog: 4096, synBacklog: 2048,
        clockSource: "tsc", governors: ["performance"], stealShare: 0, load: 0.1, memoryTotal: 16 << 30,
        memoryAvailable: 12 << 30, memoryLimit: nil, openssl: "OpenSSL 3.0.19 27 Jan 2026",
        tools: [Tool(group: "build", package: "git", isFound: true)])

    /// What a process can still take: what the machine has left, and no more than its control group allows.
    public var memoryRoom: UInt64 { min(memoryAvailable, memoryLimit ?? .max) }
}
