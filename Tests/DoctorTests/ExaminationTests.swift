// The doctor's rules, held against machines that are ill in one respect each, and its eyes, against trees of files made up
// for them. No finding of a test depends on the machine that runs it.

import Foundation
import Testing

@testable import Doctor

@Suite("The doctor's rules")
struct ExaminationTests {
    private func found(_ check: String, _ change: (inout MachineReadings) -> Void) -> Finding? {
        var machine = MachineReadings.sound
        change(&machine)
        return Examination.examine(machine).findings.first { $0.check == check }
    }

    @Test("a sound machine has no finding but ok ones, and no remedies")
    func sound() {
        let diagnosis = Examination.examine(.sound)
        #expect(diagnosis.status == .ok)
        #expect(diagnosis.findings.count >= 17)
        #expect(diagnosis.findings.allSatisfy { $0.status == .ok && $0.remedy.isEmpty && !$0.value.isEmpty })
        #expect(Set(diagnosis.findings.map(\.check)).count == diagnosis.findings.count)
    }

    private static let illnesses: [(String, Finding.Status, String, @Sendable (inout MachineReadings) -> Void)] = [
        ("kernel", .warn, "newer kernel", { $0.kernel = "4.1.9-generic" }),
        ("descriptors", .bad, "prlimit", { $0.descriptorsHard = 256 }),
        ("descriptors", .warn, "prlimit", { $0.descriptorsHard = 4096 }),
        ("fs.nr_open", .warn, "sysctl -w fs.nr_open", { $0.descriptorsCeiling = 1024 }),
        ("ports", .bad, "ip_local_port_range", { $0.ports = 60_000...60_999 }),
        ("ports", .warn, "ip_local_port_range", { $0.ports = 50_000...59_999 }),
        ("tcp_tw_reuse", .warn, "tcp_tw_reuse=2", { $0.portReuse = 0 }),
        ("TIME_WAIT", .warn, "sleep 60", { $0.resting = .init(blocking: 15_000, others: 0, isOnLoopback: false) }),
        ("TIME_WAIT", .bad, "sleep 60", { $0.resting = .init(blocking: 28_000, others: 0, isOnLoopback: false) }),
        ("TIME_WAIT", .warn, "sleep 60", { $0.resting = .init(blocking: 28_000, others: 0, isOnLoopback: true) }),
        ("cores", .warn, "taskset", { $0.cpusAllowed = 1 }),
        ("cpu quota", .bad, "--cpus", { $0.cpuQuota = 0.5 }),
        ("cpu quota", .warn, "--cpus", { $0.cpuQuota = 2.5 }),
        ("load", .warn, "ps ", { $0.load = 7.5 }),
        ("steal", .warn, "machine of your own", { $0.stealShare = 0.05 }),
        ("steal", .bad, "machine of your own", { $0.stealShare = 0.3 }),
        ("wake-ups", .warn, "taskset", { $0.wakeUps = .init(count: 500, p50Ns: 9_000, p99Ns: 3_000_000, maxNs: 9_000_000) }),
        ("wake-ups", .bad, "taskset", { $0.wakeUps = .init(count: 500, p50Ns: 9_000, p99Ns: 13_000_000, maxNs: 40_000_000) }),
        ("clock source", .bad, "current_clocksource", { $0.clockSource = "hpet" }),
        ("governor", .warn, "cpupower", { $0.governors = ["performance", "powersave"] }),
        ("somaxconn", .bad, "somaxconn=4096", { $0.acceptBacklog = 64 }),
        ("somaxconn", .warn, "somaxconn=4096", { $0.acceptBacklog = 128 }),
        ("tcp_max_syn_backlog", .warn, "syn_backlog", { $0.synBacklog = 128 }),
        ("memory", .warn, "rss", { $0.memoryAvailable = 900 << 20 }),
        ("memory", .bad, "rss", { $0.memoryLimit = 128 << 20 }),
        ("openssl", .bad, "libssl3", { $0.openssl = "OpenSSL 1.1.1w  11 Sep 2023" }),
        ("packages: build", .warn, "scripts/setup.sh build", { $0.tools[0].isFound = false }),
    ]

    @Test("each illness is found, graded, and given its remedy", arguments: illnesses.indices)
    func ill(index: Int) throws {
        let (check, status, remedy, change) = Self.illnesses[index]
        let finding = try #require(found(check, change))
        #expect(finding.status == status)
        #expect(finding.remedy.contains(remedy), "\(finding.remedy)")
    }

    @Test("resting ports are bad only where they stay taken: not on loopback with tcp_tw_reuse, never at a server's port")
    func resting() {
        func status(_ blocking: Int, others: Int = 0, isOnLoopback: Bool, reuse: Int?) -> Finding.Status? {
            let finding = found("TIME_WAIT") {
                $0.resting = .init(blocking: blocking, others: others, isOnLoopback: isOnLoopback)
                $0.portReuse = reuse
            }
            return finding?.status
        }
        for reuse in [1, 2] {
            #expect(status(28_000, isOnLoopback: true, reuse: reuse) == .warn)
            #expect(status(28_000, isOnLoopback: false, reuse: reuse) == .bad)
        }
        for reuse in [0, nil] { #expect(status(28_000, isOnLoopback: true, reuse: reuse) == .bad) }
        #expect(status(14_000, others: 60_000, isOnLoopback: true, reuse: 0) == .ok)
        let finding = found("TIME_WAIT") { $0.resting = .init(blocking: 3, others: 28_000, isOnLoopback: true) }
        #expect(
            finding?.value == "3 now"
                && finding?.meaning.hasSuffix("; 28000 more rest where servers closed, and hold none") == true)
    }

    @Test("what a machine does not tell gives no finding, and no trap")
    func silent() {
        var machine = MachineReadings.sound
        machine.ports = nil
        machine.portReuse = nil
        machine.resting = nil
        machine.descriptorsCeiling = nil
        machine.timerSlackNs = nil
        machine.wakeUps = nil
        machine.acceptBacklog = nil
        machine.synBacklog = nil
        machine.clockSource = nil
        machine.stealShare = nil
        machine.load = nil
        machine.kernel = "unknown"
        machine.governors = []
        machine.tools = []
        machine.descriptorsHard = .max
        machine.cpusOnline = 0
        machine.cpusAllowed = 0
        let checks = Examination.examine(machine).findings.map(\.check)
        #expect(checks == ["descriptors", "cores", "cpu quota", "governor", "memory", "openssl"])
    }

    @Test("the worst finding is the diagnosis; the text has a line each, remedies below, and the counts last")
    func text() {
        let diagnosis = Diagnosis([
            Finding("ports", .ok, "32768-60999", "28232 connections", remedy: "never shown"),
            Finding("cores", .warn, "1 of 2", "shared", remedy: "taskset -pc 0-1 $$"),
            Finding("clock source", .bad, "hpet", "slow", remedy: "echo tsc"),
        ])
        #expect(diagnosis.status == .bad)
        #expect(
            diagnosis.text() == """
                ok    ports         32768-60999  28232 connections
                warn  cores         1 of 2       shared
                                    -> taskset -pc 0-1 $$
                BAD   clock source  hpet         slow
                                    -> echo tsc
                1 ok, 1 warn, 1 bad

                """)
        #expect(diagnosis.text { "<\($1.rawValue)>\($0)" }.hasPrefix("<ok>ok    ports"))
    }
}

@Suite("The doctor's eyes")
struct MachineProbeTests {
    private func tree(_ files: [String: String], _ body: (MachineReadings) throws -> Void) throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-doctor-\(UInt64.random(in: 0 ... .max))")
        defer { try? FileManager.default.removeItem(at: root) }
        for (path, text) in files {
            let file = root.appendingPathComponent(path)
            try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        try body(MachineProbe(root: root.path).read(openssl: "OpenSSL 3.0.1", wakeUps: 0))
    }

    /// Sockets as /proc/net/tcp has them: local address and port, remote ones, state.
    private static func table(_ sockets: [(String, Int, String, Int, String)]) -> String {
        func hex(_ port: Int) -> String { String(format: "%04X", port) }
        let rows = sockets.enumerated().map { index, socket in
            "\(index): \(socket.0):\(hex(socket.1)) \(socket.2):\(hex(socket.3)) \(socket.4) 00000000:00000000 03:00000176 0 0\n"
        }
        return "  sl  local_address rem_address   st tx_queue rx_queue\n" + rows.map { "   " + $0 }.joined()
    }

    @Test("of the sockets in TIME_WAIT those count whose port a client would be given")
    func resting() throws {
        let near = "0100007F"
        let far = "0A00000A"
        let six = "00000000000000000000000001000000"
        let mapped = "0000000000000000FFFF00000100007F"
        func found(_ four: [(String, Int, String, Int, String)], _ other: [(String, Int, String, Int, String)] = []) throws
            -> MachineReadings.Resting?
        {
            var found: MachineReadings.Resting?
            try tree([
                "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n", "proc/net/tcp": Self.table(four),
                "proc/net/tcp6": Self.table(other),
            ]) { found = $0.resting }
            return found
        }
        // The client closed first: its ports. A port below the range is nobody's that asks for any.
        let clients = (0..<30).map { (near, 40_000 + $0, near, 1110, "06") }
        #expect(try found(clients + [(near, 20_000, near, 1110, "06")]) == .init(blocking: 30, others: 1, isOnLoopback: true))
        // The server closed first: one port, in the range as the kernel chose it, listened on still or by nobody any more.
        let served = (0..<30).map { (near, 50_000, near, 40_000 + $0, "06") }
        #expect(
            try found(served + [("00000000", 50_000, "00000000", 0, "0A")]) == .init(blocking: 0, others: 30, isOnLoopback: true))
        let gone = (0..<51).map { (near, 50_000, near, 40_000 + $0, "06") }
        #expect(try found(gone) == .init(blocking: 0, others: 51, isOnLoopback: true))
        // A listener of IPv6 stands in the other table. What is open does not rest.
        #expect(try found(served, [(six, 50_000, six, 0, "0A")]) == .init(blocking: 0, others: 30, isOnLoopback: true))
        #expect(try found([(near, 40_000, near, 1110, "01")]) == .init(blocking: 0, others: 0, isOnLoopback: true))
        let both = [(six, 40_000, six, 1110, "06"), (mapped, 40_001, mapped, 1110, "06")]
        #expect(try found([], both) == .init(blocking: 2, others: 0, isOnLoopback: true))
        #expect(try found([(far, 40_000, far, 1110, "06")], both) == .init(blocking: 3, others: 0, isOnLoopback: false))
    }

    @Test("the kernel's files are read as the kernel writes them")
    func files() throws {
        try tree([
            "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n", "proc/sys/fs/nr_open": "1048576\n",
            "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n", "proc/sys/net/ipv4/tcp_tw_reuse": "2\n",
            "proc/net/tcp": Self.table([("0100007F", 40_000, "0100007F", 1110, "06")]), "proc/net/tcp6": Self.table([]),
            "sys/devices/system/cpu/online": "0-3,6\n", "proc/self/status": "Name:\tx\nCpus_allowed_list:\t0,2-3\n",
            "proc/self/timerslack_ns": "50000\n", "proc/sys/net/core/somaxconn": "4096\n",
            "proc/sys/net/ipv4/tcp_max_syn_backlog": "512\n", "proc/loadavg": "1.25 0.50 0.40 1/100 4242\n",
            "sys/devices/system/clocksource/clocksource0/current_clocksource": "kvm-clock\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "powersave\n",
            "proc/meminfo": "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n",
        ]) { machine in
            #expect(machine.kernel == "6.1.0-18-amd64" && machine.descriptorsCeiling == 1_048_576)
            #expect(machine.ports == 32_768...60_999 && machine.portReuse == 2)
            #expect(machine.resting == .init(blocking: 1, others: 0, isOnLoopback: true))
            #expect(machine.cpusOnline == 5 && machine.cpusAllowed == 3 && machine.cpuQuota == nil)
            #expect(machine.timerSlackNs == 50_000 && machine.acceptBacklog == 4096 && machine.synBacklog == 512)
            #expect(machine.load == 1.25 && machine.clockSource == "kvm-clock" && machine.governors == ["powersave"])
            #expect(machine.memoryTotal == 16 << 20 && machine.memoryAvailable == 8 << 20 && machine.memoryLimit == nil)
            #expect(machine.tools.count == Toolbox.groups.reduce(0) { $0 + $1.entries.count })
        }
    }

    @Test("the tightest bound of a group and of those around it counts, in version 2 and in version 1")
    func groups() throws {
        try tree([
            "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/cpu.max": "150000 100000\n", "sys/fs/cgroup/a/b/memory.max": "max\n",
            "sys/fs/cgroup/a/memory.max": "1073741824\n",
        ]) { #expect($0.cpuQuota == 1.5 && $0.memoryLimit == 1 << 30) }
        try tree([
            "proc/self/cgroup": "4:memory:/x\n1:cpu,cpuacct:/\n0::/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "536870912\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        ]) { #expect($0.cpuQuota == 0.5 && $0.memoryLimit == 512 << 20) }
    }

    @Test("files that hold something else are no readings")
    func nonsense() throws {
        try tree([
            "proc/sys/net/ipv4/ip_local_port_range": "60999 32768\n", "proc/net/tcp": "TCP: inuse 1 tw\n",
            "proc/self/cgroup": "nonsense\n", "proc/loadavg": "\n", "proc/sys/net/core/somaxconn": "many\n",
            "sys/devices/system/cpu/online": "7-3,x,99999999999999999999\n", "proc/meminfo": "MemTotal\nMemAvailable: none\n",
        ]) { machine in
            #expect(machine.ports == nil && machine.resting == nil && machine.cpuQuota == nil && machine.load == nil)
            #expect(machine.acceptBacklog == nil && machine.cpusOnline == 0 && machine.memoryTotal == 0)
            _ = Examination.examine(machine)
        }
    }

    @Test("steal is a share of the time that passed")
    func steal() {
        #expect(MachineProbe.stealShare([0, 0, 0, 0, 0, 0, 0, 0], [50, 0, 0, 40, 0, 0, 0, 10]) == 0.1)
        #expect(MachineProbe.stealShare([1, 0, 0, 0, 0, 0, 0, 5], [0, 0, 0, 0, 0, 0, 0, 0]) == nil)
        #expect(MachineProbe.stealShare([], []) == nil)
    }

    @Test("the groups of packages are those of scripts/setup.sh")
    func packages() throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("scripts/setup.sh")
        let text = try String(contentsOf: script, encoding: .utf8)
        for group in Toolbox.groups {
            let line = text.split(separator: "\n").first { $0.hasPrefix("    \(group.name)) echo ") } ?? ""
            let packages = Set(line.split(separator: " ").map(String.init))
            for entry in group.entries { #expect(packages.contains(entry.package), "\(group.name): \(entry.package)") }
        }
    }
}
