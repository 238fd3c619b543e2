// Sockets in TIME_WAIT, told apart by whether their port is missing to a client (proc(5), /proc/net/tcp; RFC 9293, 3.6). The
// side that closes first rests. Where that was the server, all of them share its port, which no client is to be given anyway.

struct RestingSockets {
    /// Resting sockets on one local port above which it was a server's, though nobody listens there now.
    private static let shared = 50

    private struct Port {
        var count = 0
        var far = 0
    }

    private var ports: [Int: Port] = [:]
    private var listening: Set<Int> = []

    /// `table` as the kernel writes it: a heading, then a socket a line.
    mutating func add(table: String) {
        for line in table.utf8.split(separator: 10).dropFirst() {
            let words = line.split(separator: 32, maxSplits: 4)
            guard words.count > 3, let port = Self.port(words[1]) else { continue }
            if words[3].elementsEqual("0A".utf8) {
                listening.insert(port)
            } else if words[3].elementsEqual("06".utf8) {
                ports[port, default: Port()].count += 1
                if !Self.isLoopback(words[2]) { ports[port, default: Port()].far += 1 }
            }
        }
    }

    /// `range`: what clients are given.
    func readings(_ range: ClosedRange<Int>) -> MachineReadings.Resting {
        var result = MachineReadings.Resting(blocking: 0, others: 0, isOnLoopback: true)
        for (number, port) in ports {
            if range.contains(number), !listening.contains(number), port.count <= Self.shared {
                result.blocking += port.count
                if port.far > 0 { result.isOnLoopback = false }
            } else {
                result.others += port.count
            }
        }
        return result
    }

    /// Of ADDRESS:PORT in hexadecimal.
    private static func port(_ text: Substring.UTF8View) -> Int? {
        text.lastIndex(of: 58).flatMap { Int(Substring(text[text.index(after: $0)...]), radix: 16) }
    }

    /// 127.0.0.0/8, ::1, and the first in the form of the second; each group of four octets stands in the host's order.
    private static func isLoopback(_ text: Substring.UTF8View) -> Bool {
        let address = Substring(text).prefix { $0 != ":" }
        switch address.count {
        case 8: return address.hasSuffix("7F")
        case 32:
            return address == "00000000000000000000000001000000"
                || address.hasPrefix("0000000000000000FFFF0000") && address.hasSuffix("7F")
        default: return false
        }
    }
}
