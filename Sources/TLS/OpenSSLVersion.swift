// The library in the process, for version and result texts.
// Asked of the loaded library, not of the headers: the two differ when Debian updates the one under the other.

import COpenSSL

public enum OpenSSLVersion {
    /// As the library that is loaded calls itself, e.g. `OpenSSL 3.0.19 27 Jan 2026`.
    public static var text: String { String(cString: OpenSSL_version(OPENSSL_VERSION)) }
}
