// The rules: from readings to findings. Pure. The thresholds are Poplar's own: those of the validity checks where there is
// one (docs/results.md), else what a run of a few thousand sessions a second on one machine takes.

public enum Examination {
    public static func examine(_ machine: MachineReadings) -> Diagnosis {
        let findings =
            [kernel(machine), descriptors(machine), descriptorCeiling(machine)] + ports(machine)
            + [cores(machine), quota(machine), load(machine), steal(machine), slack(machine), wakeUps(machine)]
            + [clock(machine), governor(machine), acceptBacklog(machine), synBacklog(machine), memory(machine), openssl(machine)]
            + tools(machine)
        return Diagnosis(findings.compactMap { $0 })
    }

    // MARK: Sockets

    /// IP_BIND_ADDRESS_NO_PORT came with 4.2; older kernels hold a port for a whole source address.
    private static func kernel(_ machine: MachineReadings) -> Finding? {
        let numbers = machine.kernel.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard numbers.count == 2 else { return nil }
        let isNew = numbers[0] > 4 || numbers[0] == 4 && numbers[1] >= 2
        return Finding(
            "kernel", isNew ? .ok : .warn, machine.kernel,
            isNew ? "Linux" : "before 4.2 several source addresses share one port range", remedy: "install a newer kernel")
    }

    private static func descriptors(_ machine: MachineReadings) -> Finding {
        let hard = machine.descriptorsHard
        let value = "\(limit(machine.descriptorsSoft)) soft, \(limit(hard)) hard"
        let room = hard > 128 ? hard - 128 : 0
        let meaning = hard > 1 << 40 ? "no bound" : "at most \(room) sessions open at once; poplar raises soft to hard"
        return Finding(
            "descriptors", hard < 1024 ? .bad : hard < 16_384 ? .warn : .ok, value, meaning,
            remedy: "sudo prlimit --pid $$ --nofile=1048576:1048576   (for good: /etc/security/limits.conf)")
    }

    private static func limit(_ value: UInt64) -> String { value > 1 << 40 ? "unlimited" : String(value) }

    private static func descriptorCeiling(_ machine: MachineReadings) -> Finding? {
        machine.descriptorsCeiling.map { ceiling in
            Finding(
                "fs.nr_open", ceiling < 65_536 ? .warn : .ok, "\(ceiling)", "the limit above cannot be raised beyond it",
                remedy: "sudo sysctl -w fs.nr_open=1048576")
        }
    }

    private static func ports(_ machine: MachineReadings) -> [Finding?] {
        guard let ports = machine.ports else { return [] }
        let count = ports.count
        let range = Finding(
            "ports", count < 2_000 ? .bad : count < 20_000 ? .warn : .ok, "\(ports.lowerBound)-\(ports.upperBound)",
            "\(count) connections from one address to one port, open or resting",
            remedy: "sudo sysctl -w net.ipv4.ip_local_port_range=\"16384 65535\"")
        let reuse = machine.portReuse.map { reuse in
            Finding(
                "tcp_tw_reuse", reuse == 0 ? .warn : .ok, "\(reuse)",
                reuse == 0
                    ? "a port that this side closed rests 60 s: \(count / 60) a second per address"
                    : reuse == 1
                        ? "resting ports are taken again after 1 s" : "on loopback resting ports are taken again after 1 s",
                remedy: "sudo sysctl -w net.ipv4.tcp_tw_reuse=2")
        }
        return [range, reuse, machine.resting.map { resting($0, of: count, reuse: machine.portReuse ?? 0) }]
    }

    /// Ports of clients of earlier runs. Where the kernel gives them out again after a second, a run on loopback is delayed by
    /// them at the most.
    private static func resting(_ resting: MachineReadings.Resting, of count: Int, reuse: Int) -> Finding {
        let isEased = reuse > 0 && resting.isOnLoopback
        let isBad = resting.blocking > count * 9 / 10
        let others = resting.others > 0 ? "; \(resting.others) more rest where servers closed, and hold none" : ""
        return Finding(
            "TIME_WAIT", isBad && !isEased ? .bad : resting.blocking > count / 2 ? .warn : .ok, "\(resting.blocking) now",
            "connections of earlier clients whose ports still rest" + others, remedy: "sleep 60")
    }

    private static func acceptBacklog(_ machine: MachineReadings) -> Finding? {
        machine.acceptBacklog.map { backlog in
            Finding(
                "somaxconn", backlog < 128 ? .bad : backlog < 1024 ? .warn : .ok, "\(backlog)",
                "connections that wait for a server's accept; a burst beyond it is lost for a second",
                remedy: "sudo sysctl -w net.core.somaxconn=4096")
        }
    }

    private static func synBacklog(_ machine: MachineReadings) -> Finding? {
        machine.synBacklog.map { backlog in
            Finding(
                "tcp_max_syn_backlog", backlog < 256 ? .warn : .ok, "\(backlog)", "handshakes under way at a listener",
                remedy: "sudo sysctl -w net.ipv4.tcp_max_syn_backlog=4096")
        }
    }

    // MARK: Time and CPUs

    private static func cores(_ machine: MachineReadings) -> Finding {
        let value = "\(machine.cpusAllowed) of \(machine.cpusOnline)"
        if machine.cpusAllowed < 2 {
            return Finding(
                "cores", .warn, value, "server and generator share one core: their figures disturb each other",
                remedy: machine.cpusOnline > 1
                    ? "taskset -pc 0-\(machine.cpusOnline - 1) $$" : "run the server on another machine (--pop3 HOST:PORT)")
        }
        let isWhole = machine.cpusAllowed >= machine.cpusOnline
        return Finding(
            "cores", .ok, value,
            isWhole ? "half for the embedded server, half for the generator" : "bound to a part of the machine")
    }

    private static func quota(_ machine: MachineReadings) -> Finding? {
        guard let quota = machine.cpuQuota else {
            return Finding("cpu quota", .ok, "none", "no control group takes the CPU away")
        }
        let value = "\(hundredths(quota)) CPUs"
        guard quota < Double(machine.cpusAllowed) else { return Finding("cpu quota", .ok, value, "more than there are cores") }
        return Finding(
            "cpu quota", quota < 1 ? .bad : .warn, value,
            "a group that has used its share stands still for the rest of 100 ms: latencies are the quota's",
            remedy: "start the container without --cpus, or pin whole cores (--cpuset-cpus)")
    }

    private static func load(_ machine: MachineReadings) -> Finding? {
        machine.load.map { load in
            let share = load / Double(max(1, machine.cpusOnline))
            return Finding(
                "load", share > 0.8 ? .warn : .ok, hundredths(load), "threads that ran or waited, mean of the last minute",
                remedy: "ps -eo pcpu,pid,comm --sort=-pcpu | head   (and end what does not belong here)")
        }
    }

    private static func steal(_ machine: MachineReadings) -> Finding? {
        machine.stealShare.map { steal in
            Finding(
                "steal", steal > 0.1 ? .bad : steal > 0.01 ? .warn : .ok, "\(hundredths(steal * 100)) %",
                "CPU time that the hypervisor gave to others while this looked",
                remedy: "move to a machine of your own, or to a host that is not overbooked")
        }
    }

    private static func slack(_ machine: MachineReadings) -> Finding? {
        machine.timerSlackNs.map { slack in
            Finding("timer slack", .ok, micros(slack), "poplar's threads set theirs to 1 ns")
        }
    }

    private static func wakeUps(_ machine: MachineReadings) -> Finding? {
        machine.wakeUps.map { late in
            Finding(
                "wake-ups", late.p99Ns > 10_000_000 ? .bad : late.p99Ns > 1_000_000 ? .warn : .ok,
                "p99 \(micros(late.p99Ns)) late",
                "p50 \(micros(late.p50Ns)), max \(micros(late.maxNs)) of \(late.count): no start can be more on time than this",
                remedy: "ps -eo pcpu,pid,comm --sort=-pcpu | head   (and end what competes), or pin: taskset -c N poplar run ...")
        }
    }

    private static func clock(_ machine: MachineReadings) -> Finding? {
        guard let source = machine.clockSource else { return nil }
        let isSlow = ["hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit"].contains(source)
        return Finding(
            "clock source", isSlow ? .bad : .ok, source,
            isSlow ? "each look at the clock is a system call of a microsecond or more" : "read without a system call",
            remedy: "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource")
    }

    private static func governor(_ machine: MachineReadings) -> Finding {
        let names = machine.governors.joined(separator: ", ")
        guard !names.isEmpty else { return Finding("governor", .ok, "not shown", "a virtual machine leaves it to its host") }
        let isSlow = machine.governors.contains { ["powersave", "ondemand", "conservative"].contains($0) }
        return Finding(
            "governor", isSlow ? .warn : .ok, names,
            isSlow ? "the clock rate follows the load: low loads look slower than high ones" : "the clock rate holds",
            remedy: "sudo cpupower frequency-set -g performance")
    }

    // MARK: The rest

    private static func memory(_ machine: MachineReadings) -> Finding {
        let room = machine.memoryRoom
        let bound = machine.memoryLimit.map { ", control group \(mebibytes($0))" } ?? ""
        return Finding(
            "memory", room < 256 << 20 ? .bad : room < 1 << 30 ? .warn : .ok,
            "\(mebibytes(machine.memoryAvailable)) free", "of \(mebibytes(machine.memoryTotal))\(bound)",
            remedy: "ps -eo rss,pid,comm --sort=-rss | head   (and end what does not belong here)")
    }

    private static func openssl(_ machine: MachineReadings) -> Finding {
        let number = machine.openssl.split(separator: " ").first { $0.first?.isNumber ?? false } ?? ""
        let major = number.split(separator: ".").first.flatMap { Int($0) } ?? 0
        return Finding(
            "openssl", major >= 3 ? .ok : .bad, String(number), major >= 3 ? "" : "poplar is written for OpenSSL 3",
            remedy: "sudo apt-get install libssl3")
    }

    private static func tools(_ machine: MachineReadings) -> [Finding] {
        var groups: [String] = []
        for tool in machine.tools where !groups.contains(tool.group) { groups.append(tool.group) }
        return groups.map { group in
            let own = machine.tools.filter { $0.group == group }
            let missing = own.filter { !$0.isFound }.map(\.package)
            return Finding(
                "packages: \(group)", missing.isEmpty ? .ok : .warn, "\(own.count - missing.count) of \(own.count)",
                missing.isEmpty ? "" : "missing: \(missing.joined(separator: ", "))", remedy: "scripts/setup.sh \(group)")
        }
    }

    // MARK: Text

    private static func micros(_ ns: UInt64) -> String {
        ns >= 1_000_000 ? "\(hundredths(Double(ns) / 1e6)) ms" : "\(hundredths(Double(ns) / 1e3)) us"
    }

    private static func mebibytes(_ octets: UInt64) -> String {
        octets >= 10 << 30 ? "\(octets >> 30) GiB" : "\(octets >> 20) MiB"
    }

    private static func hundredths(_ value: Double) -> String {
        let rounded = (min(value, 1e12) * 100).rounded() / 100
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }
}
