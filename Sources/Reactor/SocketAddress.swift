// An IPv4 or IPv6 address with its port, in the form that socket calls take. Text forms: `127.0.0.1:1110`,
// `[::1]:1110`, `localhost:1110`. Names are resolved once, on a control thread, and pinned (contracts.md 3).

public import Glibc

@frozen
public struct SocketAddress: Sendable, Equatable {
    @usableFromInline var storage: sockaddr_in6
    @usableFromInline var isIPv6: Bool

    /// An IPv4 address: `host` as the four octets in order of reading, most significant first.
    public init(ipv4 host: UInt32, port: UInt16) {
        storage = sockaddr_in6()
        isIPv6 = false
        withUnsafeMutableBytes(of: &storage) { bytes in
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = host.bigEndian
            withUnsafeBytes(of: &address) { bytes.copyMemory(from: $0) }
        }
    }

    /// An IPv6 address: `host` as the sixteen octets in order of reading, most significant first.
    public init(ipv6 host: UInt128, port: UInt16) {
        storage = sockaddr_in6()
        isIPv6 = true
        storage.sin6_family = sa_family_t(AF_INET6)
        storage.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &storage.sin6_addr) { $0.storeBytes(of: host.bigEndian, as: UInt128.self) }
    }

    /// What accept(2), getsockname(2) or getaddrinfo(3) gave. Nil for another family.
    public init?(_ address: UnsafePointer<sockaddr>) {
        storage = sockaddr_in6()
        switch Int32(address.pointee.sa_family) {
        case AF_INET: isIPv6 = false
        case AF_INET6: isIPv6 = true
        default: return nil
        }
        let size = isIPv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
        withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: size)) }
    }

    /// What accept(2) wrote: the family stands in the first two octets of either form.
    @inlinable
    init(accepted storage: sockaddr_in6) {
        self.storage = storage
        isIPv6 = Int32(storage.sin6_family) == AF_INET6
    }

    /// The source that the address belongs to, as a number: an IPv4 address (also one mapped into IPv6) alone, an IPv6
    /// address with its /48, since whoever has one has all of them.
    public var source: (high: UInt64, low: UInt64) {
        withUnsafeBytes(of: storage) { bytes in
            guard isIPv6 else { return (0, UInt64(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self).bigEndian)) }
            let high = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian
            let low = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self).bigEndian
            if high == 0, low >> 32 == 0xFFFF { return (0, low & 0xFFFF_FFFF) }
            return (high & 0xFFFF_FFFF_FFFF_0000, 1)
        }
    }

    /// Resolves `host:port`; the first address that getaddrinfo(3) names.
    public init(parsing text: String) throws(SystemError) {
        guard let (host, port) = Self.split(text) else {
            throw SystemError(call: SystemError.parsing, code: EINVAL, subject: "'\(text)' is not HOST:PORT (IPv6 as [::1]:1110)")
        }
        // The resolver takes it for no name at all, and gives the loopback address.
        guard host != "*" else {
            throw SystemError(
                call: SystemError.parsing, code: EINVAL,
                subject: "'\(text)' names no address: for all of this machine, give 0.0.0.0:\(port) or [::]:\(port)")
        }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        // The dot says that the name is whole; of this one, which no server need be asked for, a hosts file may lack
        // the form.
        let name = host.lowercased() == "localhost." ? "localhost" : host
        let status = getaddrinfo(name, port, &hints, &list)
        let systemCode = errno
        defer { if list != nil { freeaddrinfo(list) } }
        guard status == 0, let first = list?.pointee.ai_addr, let address = SocketAddress(first) else {
            throw SystemError.unresolved(host, status: status, systemCode: systemCode)
        }
        self = address
    }

    /// Whether getaddrinfo(3) takes `host` for an address, in any spelling: 127.1, 0x7f.1, 2130706433, fe80::1%eth0. No
    /// name is looked up.
    public static func isNumeric(_ host: String) -> Bool {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        if list != nil { freeaddrinfo(list) }
        return status == 0
    }

    /// The address alone, without port and zone, in order of reading: 4 octets of an IPv4 address (also one mapped into
    /// IPv6), else 16.
    public var hostOctets: [UInt8] {
        withUnsafeBytes(of: storage) { bytes in
            guard isIPv6 else { return Array(bytes[4..<8]) }
            let host = Array(bytes[8..<24])
            let isMapped = host.prefix(10).allSatisfy { $0 == 0 } && host[10] == 0xFF && host[11] == 0xFF
            return isMapped ? Array(host[12...]) : host
        }
    }

    private static func split(_ text: String) -> (String, String)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = String(text[..<colon])
        let port = String(text[text.index(after: colon)...])
        guard UInt16(port) != nil, !host.isEmpty, !host.utf8.contains(0) else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        return (host, port)
    }

    public var family: Int32 { isIPv6 ? AF_INET6 : AF_INET }

    public var port: UInt16 { UInt16(bigEndian: storage.sin6_port) }

    /// Whether listeners on both would get each other's connections: the same port, and the same host or one that
    /// stands for all. Port 0, which the kernel is still to choose, overlaps nothing.
    public func overlaps(_ other: SocketAddress) -> Bool {
        guard isIPv6 == other.isIPv6, port == other.port, port != 0 else { return false }
        return isAny || other.isAny || self == other
    }

    /// 0.0.0.0 or [::].
    private var isAny: Bool {
        withUnsafeBytes(of: storage) { bytes in bytes[isIPv6 ? 8..<24 : 4..<8].allSatisfy { $0 == 0 } }
    }

    /// Whether the address is of this machine's loopback (127.0.0.0/8, ::1, or the former mapped into IPv6).
    public var isLoopback: Bool {
        withUnsafeBytes(of: storage) { bytes in
            guard isIPv6 else { return bytes[4] == 127 }
            let host = bytes[8..<24]
            if host.dropLast().allSatisfy({ $0 == 0 }) && host.last == 1 { return true }
            return host.prefix(10).allSatisfy { $0 == 0 } && bytes[18] == 255 && bytes[19] == 255 && bytes[20] == 127
        }
    }

    /// `127.0.0.1` or `::1`, without brackets or port.
    public var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        withUnsafeBytes(of: storage) { bytes in
            _ = inet_ntop(family, bytes.baseAddress.map { $0 + (isIPv6 ? 8 : 4) }, &text, socklen_t(text.count))
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `127.0.0.1:1110` or `[::1]:1110`.
    public var text: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Lends the address to a socket call.
    public func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var copy = storage
        let size = isIPv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size
        return withUnsafePointer(to: &copy) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(size)) }
        }
    }

    public static func == (a: SocketAddress, b: SocketAddress) -> Bool {
        withUnsafeBytes(of: a.storage) { left in
            withUnsafeBytes(of: b.storage) { right in left.elementsEqual(right) }
        } && a.isIPv6 == b.isIPv6
    }
}
