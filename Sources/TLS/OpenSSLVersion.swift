// The library in the process, for version and result texts.

import COpenSSL

public enum OpenSSLVersion {
    /// As the library that is loaded calls itself, e.g. `OpenSSL 3.0.19 27 Jan 2026`.
    public static var text: String { String(cString: OpenSSL_version(OPENSSL_VERSION)) }
}
