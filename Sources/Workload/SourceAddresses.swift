// Where a load's connections come from: IP addresses and ranges of them, as a profile or `--source` names them. Pure: whether
// the machine has them is asked elsewhere. Invariant: addresses of one family, each once, each that of one interface, at most
// `limit` of them; empty leaves the choice to the kernel.

import Configuration
internal import Glibc

/// An IPv4 or IPv6 address without a port.
public struct SourceAddress: Sendable, Equatable {
    public let isIPv6: Bool
    /// The octets in order of reading as one number, 32 or 128 bits of it.
    public let number: UInt128

    /// Reads `127.0.0.1` or `::1`; nil for anything else, names and ports included.
    public init?(_ text: String) {
        var octets = [UInt8](repeating: 0, count: 16)
        isIPv6 = text.contains(":")
        guard text.utf8.count <= 45, !text.utf8.contains(0), inet_pton(isIPv6 ? AF_INET6 : AF_INET, text, &octets) == 1 else {
            return nil
        }
        number = octets.prefix(isIPv6 ? 16 : 4).reduce(0) { $0 << 8 | UInt128($1) }
    }

    init(isIPv6: Bool, number: UInt128) {
        self.isIPv6 = isIPv6
        self.number = number
    }

    /// In the usual form, without brackets.
    public var text: String {
        let size = isIPv6 ? 16 : 4
        let octets = (0..<size).map { UInt8(truncatingIfNeeded: number >> UInt128(8 * (size - 1 - $0))) }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(isIPv6 ? AF_INET6 : AF_INET, octets, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    public var family: String { isIPv6 ? "IPv6" : "IPv4" }

    /// Neither "any", nor a group's, nor everybody's.
    var isOfOneInterface: Bool {
        isIPv6 ? number != 0 && number >> 120 != 0xFF : number >> 24 != 0 && number >> 28 != 0xE && number != 0xFFFF_FFFF
    }
}

/// Why a text is no source address: what is wrong, and what would be right.
struct SourceProblem: Error, Equatable {
    let message: String
    let remedy: String
}

public struct SourceAddresses: Sendable, Equatable {
    /// More would be a mistake: each has tens of thousands of ports.
    public static let limit = 1024

    private struct Range: Sendable, Equatable {
        let first: SourceAddress
        let last: SourceAddress

        var count: UInt128 { last.number - first.number + 1 }
        var text: String { first == last ? first.text : "\(first.text)-\(last.text)" }
    }

    private var ranges: [Range] = []
    /// Where the profile names them; nil for those of the command line.
    var position: SourcePosition?

    public init() {}

    public var isEmpty: Bool { ranges.isEmpty }
    public var count: Int { ranges.reduce(0) { $0 + Int($1.count) } }
    public var isIPv6: Bool { ranges.first?.first.isIPv6 ?? false }

    /// Every address, in the order of its naming.
    public var addresses: [SourceAddress] {
        ranges.flatMap { range in
            (0..<Int(range.count)).map { SourceAddress(isIPv6: range.first.isIPv6, number: range.first.number + UInt128($0)) }
        }
    }

    /// `127.0.0.1-127.0.0.8` or `10.0.0.5`, an item each.
    public var items: [String] { ranges.map(\.text) }

    /// Adds an address, or a range with both its ends.
    mutating func add(_ text: String) throws(SourceProblem) {
        let range = try Self.read(text)
        if let known = ranges.first?.first, known.isIPv6 != range.first.isIPv6 {
            throw SourceProblem(
                message:
                    "'\(text.shown(limit: 60))' is \(range.first.family), and the source addresses before it are \(known.family)",
                remedy: "name addresses of the target's family alone")
        }
        for other in ranges {
            let (low, high) = (max(other.first.number, range.first.number), min(other.last.number, range.last.number))
            guard low <= high else { continue }
            let twice = SourceAddress(isIPv6: range.first.isIPv6, number: low).text
            throw SourceProblem(
                message: "the source address \(twice) is named twice", remedy: "name it once: the addresses take turns")
        }
        guard range.count <= UInt128(Self.limit), count + Int(range.count) <= Self.limit else {
            throw SourceProblem(
                message: "more than \(Self.limit) source addresses", remedy: "name fewer: each has ports of its own")
        }
        ranges.append(range)
    }

    private static func read(_ text: String) throws(SourceProblem) -> Range {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { SourceAddress($0.trimmed()) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else {
            throw SourceProblem(
                message: "'\(text.shown(limit: 60))' is no IP address, and no range of them",
                remedy: "write for example 127.0.0.2, ::1 or 127.0.0.1-127.0.0.8")
        }
        guard first.isIPv6 == last.isIPv6 else {
            throw SourceProblem(
                message: "the range '\(text.shown(limit: 100))' begins as \(first.family) and ends as \(last.family)",
                remedy: "write for example 127.0.0.1-127.0.0.8")
        }
        guard first.number <= last.number else {
            throw SourceProblem(
                message: "the range '\(text.shown(limit: 100))' ends before it begins",
                remedy: "write '\(last.text)-\(first.text)'")
        }
        for end in [first, last] where !end.isOfOneInterface {
            throw SourceProblem(
                message: "\(end.text) is not the address of one interface",
                remedy: "name an address that the machine has; without one the kernel chooses")
        }
        return Range(first: first, last: last)
    }
}

extension Profile {
    /// The profile with `--source` in force: each of `lists` names addresses and ranges, separated by commas. None: as it is.
    public func replacing(sources lists: [String]) throws(OverrideError) -> Profile {
        guard !lists.isEmpty else { return self }
        var changed = self
        changed.sources = SourceAddresses()
        for list in lists {
            for item in list.split(separator: ",", omittingEmptySubsequences: false) {
                let text = item.trimmed()
                guard !text.isEmpty else {
                    throw OverrideError(
                        description:
                            "--source '\(list.shown(limit: 60))': an address is missing; write for example 127.0.0.2,127.0.0.3")
                }
                do throws(SourceProblem) { try changed.sources.add(text) } catch {
                    throw OverrideError(description: "--source: \(error.message); \(error.remedy)")
                }
            }
        }
        return changed
    }

    /// What keeps connections from `sources` from going to `target` (as shown to people), whose family is given: an error with
    /// its place where the profile names them, an OverrideError where the command line does. Nil when nothing does.
    public func sourceMismatch(target: String, isIPv6: Bool) -> (any Error)? {
        guard !sources.isEmpty, sources.isIPv6 != isIPv6 else { return nil }
        let problem = sources.mismatch(target: target)
        guard let position = sources.position else {
            return OverrideError(description: "--source: \(problem.message); \(problem.remedy)")
        }
        var collector = DiagnosticCollector(source: SourceText(file: file, text: sourceText))
        collector.report(problem.message, at: position, remedy: problem.remedy)
        return collector.errors()
    }
}

extension SourceAddresses {
    fileprivate func mismatch(target: String) -> SourceProblem {
        let (ours, theirs) = isIPv6 ? ("IPv6", "IPv4") : ("IPv4", "IPv6")
        return SourceProblem(
            message: "the source addresses are \(ours), and the target \(target) is \(theirs)",
            remedy: "name \(theirs) addresses, or an \(ours) target")
    }
}

extension ProfileDecoder {
    func readSources(_ target: Profile.Target) -> SourceAddresses {
        var sources = SourceAddresses()
        guard let tree = fields.tree("sources") else { return sources }
        if case .sequence(let items, let at) = tree, items.isEmpty {
            context.report(
                "the list 'sources' is empty", at: at, remedy: "name an address, or leave the key out: then the kernel chooses")
            return sources
        }
        for item in fields.list("sources", limit: SourceAddresses.limit) {
            guard let (text, at) = fields.scalar(item, "sources", expecting: "a list of IP addresses and ranges of them") else {
                continue
            }
            if sources.position == nil { sources.position = at }
            do throws(SourceProblem) { try sources.add(text) } catch {
                context.report(error.message, at: at, remedy: error.remedy)
            }
        }
        // A name's family is known once it is resolved.
        for text in [target.pop3, target.pop3s].compactMap({ $0 }) {
            let host = text.split(separator: ":").first.map(String.init) ?? ""
            let isIPv6 = text.hasPrefix("[")
            guard let position = sources.position, !sources.isEmpty, isIPv6 || SourceAddress(host) != nil else { continue }
            guard isIPv6 != sources.isIPv6 else { continue }
            let problem = sources.mismatch(target: text)
            context.report(problem.message, at: position, remedy: problem.remedy)
        }
        return sources
    }
}
