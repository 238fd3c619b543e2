// What one session sent and received, as octets, with the time of each. It holds secrets: it never leaves the process but
// through `Redactor`. Invariant: bounded; what does not fit is counted and marked, never kept.

public struct Transcript: Sendable {
    public enum Kind: UInt8, Sendable {
        case connected
        /// The TLS handshake is done; the octets are the version's name.
        case encrypted
        case sent
        case received
        /// The other side has closed, or the connection is broken.
        case closed
        /// A remark of ours, in words.
        case remark
    }

    public struct Entry: Sendable {
        public let kind: Kind
        /// Nanoseconds since the session's (planned) start.
        public let atNs: UInt64
        /// What was kept.
        public let octets: [UInt8]
        /// What went by: more than was kept where the entry is cut.
        public let count: Int

        public init(kind: Kind, atNs: UInt64, octets: [UInt8], count: Int) {
            self.kind = kind
            self.atNs = atNs
            self.octets = octets
            self.count = count
        }
    }

    /// Octets kept of one read or write, and of a whole session.
    public static let entryLimit = 4096
    public static let sizeLimit = 65_536
    private static let countLimit = 512

    public private(set) var entries: [Entry] = []
    private var size = 0
    /// Entries left out at the end.
    public private(set) var dropped = 0

    public init() {}

    public mutating func append(_ kind: Kind, atNs: UInt64, _ bytes: UnsafeRawBufferPointer, limit: Int = Transcript.entryLimit) {
        let kept = min(bytes.count, limit, Self.sizeLimit - size)
        append(Entry(kind: kind, atNs: atNs, octets: Array(bytes[0..<kept]), count: bytes.count))
    }

    public mutating func append(_ kind: Kind, atNs: UInt64, text: String = "") {
        append(Entry(kind: kind, atNs: atNs, octets: Array(text.utf8), count: text.utf8.count))
    }

    public mutating func append(_ entry: Entry) {
        guard entries.count < Self.countLimit, size + entry.octets.count <= Self.sizeLimit else {
            dropped += 1
            return
        }
        size += entry.octets.count
        entries.append(entry)
    }

    /// For what was recorded elsewhere: entries that found no room there.
    public mutating func noteDropped(_ count: Int) { dropped += count }
}
