// A descriptor table for one thread (unshare(2) with CLONE_FILES). The calls of the thread then count no references to
// open files, and no other thread's accept or close holds it up.
// Invariant: a table that is the thread's own holds only what the thread was told to keep. A copy that is forgotten
// would keep a rotated log or a closed listener open for as long as the thread lives.

import CLinux
import Glibc

public enum DescriptorTable {
    /// Gives the calling thread a table of its own with descriptors 0 to 2 and `kept`; all others are closed in it.
    /// What the thread opens from now on no other thread sees. False when the kernel refuses: the table is then shared
    /// as before, and nothing is closed.
    public static func takeOwn(keeping kept: [Int32]) -> Bool {
        guard clinux_unshare_descriptors() == 0 else { return false }
        var first: UInt32 = 3
        for descriptor in kept.sorted() where descriptor >= 0 {
            let number = UInt32(descriptor)
            if number > first { close(first, number - 1) }
            first = max(first, number + 1)
        }
        close(first, UInt32.max)
        return true
    }

    /// Closes `first` to `last`, those that are open.
    private static func close(_ first: UInt32, _ last: UInt32) {
        guard clinux_close_range(first, last) != 0 else { return }
        // Before Linux 5.9. The table was copied, so it is as large as the descriptors that were open at the start.
        for number in first...min(last, first &+ 4096) { _ = clinux_close(Int32(truncatingIfNeeded: number)) }
    }
}
