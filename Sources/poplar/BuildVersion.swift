// What `poplar --version` says: enough to tell two builds apart in a result file.

import CJemalloc
import TLS

enum BuildVersion {
    static let number = "0.1.0"

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
    static var commit: String { "unknown" }

    static var swift: String {
        #if compiler(>=6.3)
            "6.3 or later"
        #else
            "6.2"
        #endif
    }

    static var optimisation: String {
        #if DEBUG
            "debug"
        #else
            "release"
        #endif
    }
}
