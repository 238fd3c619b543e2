// What the kernel says of this process: resident memory, descriptors, CPU time. Read by the metrics thread when it is
// asked; a figure that cannot be read is 0.

import CLinux
import Glibc

struct ProcessFigures {
    var residentBytes: UInt64 = 0
    var openDescriptors: UInt64 = 0
    var descriptorLimit: UInt64 = 0
    var cpuNs: UInt64 = 0

    static func read() -> ProcessFigures {
        var figures = ProcessFigures()
        figures.residentBytes = residentPages() &* UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
        figures.openDescriptors = countDescriptors()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            figures.descriptorLimit = UInt64(limit.rlim_cur)
        }
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        figures.cpuNs = UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000 &+ UInt64(bitPattern: Int64(time.tv_nsec))
        return figures
    }

    /// The second number of /proc/self/statm (proc(5)).
    private static func residentPages() -> UInt64 {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var octets = [UInt8](repeating: 0, count: 128)
        let count = Glibc.read(descriptor, &octets, octets.count)
        let words = octets.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
        guard words.count > 1 else { return 0 }
        return words[1].reduce(0) { $0 &* 10 &+ UInt64($1 &- 48) }
    }

    /// The descriptors of all tables: the process's, and each worker's own (`DescriptorTable`). What both use, as the
    /// bells, counts once in each.
    private static func countDescriptors() -> UInt64 {
        guard let folder = opendir("/proc/self/task") else { return 0 }
        defer { closedir(folder) }
        // The one that reads the process's table is open meanwhile, and so is this one.
        var count = entries(of: "/proc/self/fd")
        count = count > 2 ? count &- 2 : 0
        while let entry = readdir(folder) {
            let task = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard isWorker(task) else { continue }
            count &+= entries(of: "/proc/self/task/\(task)/fd")
        }
        return count
    }

    private static func isWorker(_ task: String) -> Bool {
        let descriptor = open("/proc/self/task/\(task)/comm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var octets = [UInt8](repeating: 0, count: 16)
        let count = Glibc.read(descriptor, &octets, octets.count)
        return octets.prefix(max(0, count)).starts(with: "poplar-worker".utf8)
    }

    /// Entries of a folder but for `.` and `..`.
    private static func entries(of path: String) -> UInt64 {
        guard let folder = opendir(path) else { return 0 }
        defer { closedir(folder) }
        var count: UInt64 = 0
        while readdir(folder) != nil { count &+= 1 }
        return count > 2 ? count &- 2 : 0
    }
}
