// How much memory can still be had, on machines made of files.

import Foundation
import Testing

@testable import Doctor

@Suite("The room for memory is the tightest of its bounds")
struct MemoryRoomTests {
    private func room(_ files: [String: String]) throws -> MemoryRoom? {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("poplar-room-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        for (name, text) in files {
            let file = root.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return MachineProbe(root: root.path).memoryRoom()
    }

    private let meminfo = "MemTotal:  2000 kB\nMemAvailable:    1000 kB\n"

    @Test("without a control group it is MemAvailable; a machine that says nothing has no bound")
    func machine() throws {
        #expect(try room(["proc/meminfo": meminfo])?.memory == .init(bytes: 1_024_000, source: "MemAvailable"))
        #expect(try room([:]) == nil)
    }

    @Test("version 2: memory.max less what is used beside the page cache, of every group on the way up")
    func version2() throws {
        let files = [
            "proc/meminfo": meminfo, "proc/self/cgroup": "0::/outer/inner\n",
            "sys/fs/cgroup/outer/memory.max": "800000\n", "sys/fs/cgroup/outer/memory.current": "500000\n",
            "sys/fs/cgroup/outer/memory.stat": "anon 1\ninactive_file 100000\nactive_file 7\n",
            "sys/fs/cgroup/outer/inner/memory.max": "max\n",
        ]
        #expect(try room(files)?.memory == .init(bytes: 400_000, source: "memory.max of the control group"))
    }

    @Test("version 1: memory.limit_in_bytes, unless it is beyond every machine")
    func version1() throws {
        var files = [
            "proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu:/\n4:memory:/jobs\n",
            "sys/fs/cgroup/memory/jobs/memory.limit_in_bytes": "600000\n",
            "sys/fs/cgroup/memory/jobs/memory.usage_in_bytes": "700000\n",
        ]
        #expect(try room(files)?.memory == .init(bytes: 0, source: "memory.limit_in_bytes of the control group"))
        files["sys/fs/cgroup/memory/jobs/memory.limit_in_bytes"] = "9223372036854771712\n"
        #expect(try room(files)?.memory.source == "MemAvailable")
    }
}
