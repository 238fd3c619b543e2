// What `poplar --version` says: enough to tell two builds apart in a result file.
// The commit, the compiler and the kind of build are fixed by CBuildInfo, which the Makefile feeds.

import CBuildInfo
import CJemalloc
import TLS

enum BuildVersion {
    static let number = String(cString: cbuildinfo_version())

    static var text: String {
        """
        poplar \(number)
        commit     \(commit)
        swift      \(swift)
        openssl    \(OpenSSLVersion.text)
        allocator  \(allocator)
        build      \(optimisation)
        """
    }

    static var allocator: String { String(cString: cjemalloc_description()) }
    static var commit: String { String(cString: cbuildinfo_commit()) }
    static var swift: String { String(cString: cbuildinfo_swift()) }
    static var optimisation: String { String(cString: cbuildinfo_flags()) }
}
