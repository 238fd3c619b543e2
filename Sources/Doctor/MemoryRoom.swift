// How much memory this process can still take, so that a start that would end in the OOM killer or in a failed
// allocation can be refused before. Three bounds: what the machine has left, what the control groups leave, what
// setrlimit(2) leaves.

internal import Glibc

public struct MemoryRoom: Sendable, Equatable {
    /// What sets a bound, in words.
    public struct Bound: Sendable, Equatable {
        public var bytes: UInt64
        public var source: String

        public init(bytes: UInt64, source: String) {
            self.bytes = bytes
            self.source = source
        }
    }

    /// Memory that can be written.
    public var memory: Bound
    /// Addresses that can be reserved, written or not; nil: without a limit.
    public var addresses: Bound?

    public init(memory: Bound, addresses: Bound? = nil) {
        self.memory = memory
        self.addresses = addresses
    }
}

extension MachineProbe {
    /// The room at this moment. Nil: the machine says nothing.
    public func memoryRoom() -> MemoryRoom? {
        let available = fields("/proc/meminfo")["MemAvailable"].flatMap(Self.kibibytes)
        var bounds = available.map { [MemoryRoom.Bound(bytes: $0, source: "MemAvailable")] } ?? []
        bounds += groupFolders("memory").compactMap { left(in: $0) }
        guard let least = bounds.min(by: { $0.bytes < $1.bytes }) else { return nil }
        return MemoryRoom(memory: least, addresses: addressesLeft())
    }

    /// What the group in `folder` may still take: its limit less its use, of which the page cache does not count.
    private func left(in folder: String) -> MemoryRoom.Bound? {
        func number(_ name: String) -> UInt64? { line("\(folder)/\(name)").flatMap { UInt64($0) } }
        let files = [
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ]
        for (limitName, useName, cacheName) in files {
            // Without a bound version 2 says "max", and version 1 names a number beyond every machine.
            guard let limit = number(limitName), limit < 1 << 60 else { continue }
            let use = number(useName) ?? 0
            let cache =
                (text("\(folder)/memory.stat") ?? "").split(separator: "\n")
                .first { $0.hasPrefix("\(cacheName) ") }.flatMap { UInt64($0.dropFirst(cacheName.count + 1)) } ?? 0
            let taken = use - min(use, cache)
            return MemoryRoom.Bound(bytes: limit - min(limit, taken), source: "\(limitName) of the control group")
        }
        return nil
    }

    private func addressesLeft() -> MemoryRoom.Bound? {
        let status = fields("/proc/self/status")
        let limits: [(resource: __rlimit_resource, use: String, source: String)] = [
            (RLIMIT_AS, "VmSize", "ulimit -v"), (RLIMIT_DATA, "VmData", "ulimit -d"),
        ]
        return limits.compactMap { resource, use, source in
            var limit = rlimit()
            guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0, limit.rlim_cur != .max else {
                return nil
            }
            let bytes = UInt64(limit.rlim_cur)
            return MemoryRoom.Bound(
                bytes: bytes - min(bytes, status[use].flatMap(Self.kibibytes) ?? 0), source: source)
        }.min { $0.bytes < $1.bytes }
    }

    /// `12345 kB` as octets.
    private static func kibibytes(_ text: String) -> UInt64? {
        text.split(separator: " ").first.flatMap { UInt64($0) }.map { $0 &* 1024 }
    }
}
