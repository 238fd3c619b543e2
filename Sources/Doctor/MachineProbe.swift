// Takes the readings: /proc, /sys, a second of sleeping, and a look for programs. Changes nothing on the machine.
// Invariant: a file that is not there, or reads otherwise than expected, is a nil, never an error: containers hide much.

internal import Foundation
internal import PoplarCore
internal import Reactor

public struct MachineProbe {
    /// In front of every path: a made-up tree in tests.
    let root: String

    public init(root: String = "") { self.root = root }

    /// All readings. `openssl`: the library's own words. `wakeUps`: how often to sleep two milliseconds; 0 leaves that out.
    public func read(openssl: String, wakeUps: Int = 500) -> MachineReadings {
        let before = cpuTimes()
        let lateness = wakeUps > 0 ? Self.sleepAndWake(wakeUps) : nil
        let after = cpuTimes()
        let limit = Self.descriptorLimit()
        let status = fields("/proc/self/status")
        let memory = fields("/proc/meminfo")
        func kibibytes(_ name: String) -> UInt64 {
            (memory[name]?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0) &* 1024
        }
        return MachineReadings(
            kernel: line("/proc/sys/kernel/osrelease") ?? "unknown", descriptorsSoft: limit.soft, descriptorsHard: limit.hard,
            descriptorsCeiling: line("/proc/sys/fs/nr_open").flatMap { UInt64($0) }, ports: portRange(),
            portReuse: number("/proc/sys/net/ipv4/tcp_tw_reuse"), resting: resting(),
            cpusOnline: line("/sys/devices/system/cpu/online").map(Self.listCount) ?? Affinity.current().count,
            cpusAllowed: status["Cpus_allowed_list"].map(Self.listCount) ?? Affinity.current().count, cpuQuota: cpuQuota(),
            timerSlackNs: line("/proc/self/timerslack_ns").flatMap { UInt64($0) }, wakeUps: lateness,
            acceptBacklog: number("/proc/sys/net/core/somaxconn"), synBacklog: number("/proc/sys/net/ipv4/tcp_max_syn_backlog"),
            clockSource: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"), governors: governors(),
            stealShare: Self.stealShare(before, after),
            load: line("/proc/loadavg").flatMap { $0.split(separator: " ").first }.flatMap { Double($0) },
            memoryTotal: kibibytes("MemTotal"), memoryAvailable: kibibytes("MemAvailable"), memoryLimit: memoryLimit(),
            openssl: openssl, tools: Toolbox.look(root: root))
    }

    // MARK: Files

    func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: root + path).map { String(decoding: $0, as: UTF8.self) }
    }

    func line(_ path: String) -> String? {
        text(path).map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    private func number(_ path: String) -> Int? { line(path).flatMap { Int($0) } }

    /// `Name: value` lines.
    func fields(_ path: String) -> [String: String] {
        var found: [String: String] = [:]
        for line in (text(path) ?? "").split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            found[String(line[..<colon])] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        return found
    }

    /// How many numbers a list like "0-3,6" names.
    static func listCount(_ text: String) -> Int {
        text.split(separator: ",").reduce(0) { sum, part in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 1 << 20 else { return sum }
            return sum + last - first + 1
        }
    }

    private func portRange() -> ClosedRange<Int>? {
        let ends = (line("/proc/sys/net/ipv4/ip_local_port_range") ?? "").split(whereSeparator: \.isWhitespace).compactMap {
            Int($0)
        }
        return ends.count == 2 && ends[0] > 0 && ends[0] <= ends[1] && ends[1] < 65_536 ? ends[0]...ends[1] : nil
    }

    /// nil without the kernel's table, or without a range to hold it against.
    private func resting() -> MachineReadings.Resting? {
        guard let range = portRange(), let table = text("/proc/net/tcp") else { return nil }
        var sockets = RestingSockets()
        sockets.add(table: table)
        if let table = text("/proc/net/tcp6") { sockets.add(table: table) }
        return sockets.readings(range)
    }

    private func governors() -> [String] {
        let folder = "/sys/devices/system/cpu"
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: root + folder)) ?? []
        let names = entries.filter { $0.hasPrefix("cpu") }.compactMap { line("\(folder)/\($0)/cpufreq/scaling_governor") }
        return Set(names).sorted()
    }

    // MARK: Control groups

    /// The folders of the process's group under `controller`, innermost first, in version 2 and version 1.
    func groupFolders(_ controller: String) -> [String] {
        var folders: [String] = []
        for entry in (text("/proc/self/cgroup") ?? "").split(separator: "\n") {
            let parts = entry.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isOurs = parts[1].split(separator: ",").contains { $0 == controller }
            guard isOurs || parts[1].isEmpty else { continue }
            let mount = "/sys/fs/cgroup" + (isOurs ? "/\(controller)" : "")
            var path = parts[2] == "/" ? "" : String(parts[2])
            while true {
                folders.append(mount + path)
                guard let slash = path.lastIndex(of: "/") else { break }
                path = String(path[..<slash])
            }
        }
        return folders
    }

    /// The tightest bound of the group and those around it, CPUs.
    private func cpuQuota() -> Double? {
        groupFolders("cpu").compactMap { folder -> Double? in
            if let words = line("\(folder)/cpu.max")?.split(separator: " "), words.count == 2, let quota = Double(words[0]),
                let period = Double(words[1]), period > 0
            {
                return quota / period
            }
            guard let quota = number("\(folder)/cpu.cfs_quota_us"), quota > 0,
                let period = number("\(folder)/cpu.cfs_period_us"), period > 0
            else { return nil }
            return Double(quota) / Double(period)
        }.min()
    }

    private func memoryLimit() -> UInt64? {
        let bounds = groupFolders("memory").flatMap { [line("\($0)/memory.max"), line("\($0)/memory.limit_in_bytes")] }
        // Without a bound version 1 names a number beyond every machine.
        return bounds.compactMap { $0.flatMap { UInt64($0) } }.filter { $0 < 1 << 60 }.min()
    }

    // MARK: Calls

    private static func descriptorLimit() -> (soft: UInt64, hard: UInt64) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return (1024, 1024) }
        return (UInt64(limit.rlim_cur), UInt64(limit.rlim_max))
    }

    /// user, nice, system, idle, iowait, irq, softirq, steal of all CPUs, ticks.
    private func cpuTimes() -> [UInt64] {
        guard let line = text("/proc/stat")?.split(separator: "\n").first else { return [] }
        return line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }
    }

    static func stealShare(_ before: [UInt64], _ after: [UInt64]) -> Double? {
        guard before.count == 8, after.count == 8 else { return nil }
        let spent = zip(before, after).reduce(0) { $0 &+ ($1.1 >= $1.0 ? $1.1 - $1.0 : 0) }
        guard spent > 0 else { return nil }
        return Double(after[7] >= before[7] ? after[7] - before[7] : 0) / Double(spent)
    }

    /// A thread as the generator's: no timer slack, absolute deadlines two milliseconds apart.
    private static func sleepAndWake(_ count: Int) -> MachineReadings.WakeUps? {
        final class Lateness: @unchecked Sendable { var samples: [UInt64] = [] }
        let found = Lateness()
        guard
            let thread = try? WorkerThread(
                name: "poplar-doctor", cpu: nil,
                body: {
                    Affinity.removeTimerSlack()
                    var due = MonotonicClock.now() &+ 2_000_000
                    for _ in 0..<count {
                        var time = timespec(tv_sec: Int(due / 1_000_000_000), tv_nsec: Int(due % 1_000_000_000))
                        clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &time, nil)
                        let now = MonotonicClock.now()
                        found.samples.append(now > due ? now &- due : 0)
                        due = max(due &+ 2_000_000, now)
                    }
                })
        else { return nil }
        thread.join()
        let sorted = found.samples.sorted()
        guard let last = sorted.last else { return nil }
        return .init(
            count: sorted.count, p50Ns: sorted[sorted.count / 2], p99Ns: sorted[min(sorted.count - 1, sorted.count * 99 / 100)],
            maxNs: last)
    }
}
