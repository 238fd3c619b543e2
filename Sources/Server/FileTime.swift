// Windows time for NTLM's timestamps: 100 ns since 1601-01-01 UTC (MS-DTYP 2.3.3). The one reading of the wall clock on
// the data plane; it says how old a response is and enters no latency.

import CLinux
import Glibc

enum FileTime {
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let seconds = UInt64(bitPattern: Int64(time.tv_sec)) &+ 11_644_473_600
        return seconds &* 10_000_000 &+ UInt64(bitPattern: Int64(time.tv_nsec)) / 100
    }
}
