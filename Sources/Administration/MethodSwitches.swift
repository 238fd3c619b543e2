// The five switches of the Authentication page (seed.md), and three of methods that the page does not know. Each stands alone:
// switching Basic off leaves Basic over SSL as it is, and the other way round (Exchange 5.5 before SP3 got that wrong,
// KB235051). The three show no password on the wire, so that one switch each governs both channels.

/// Which methods clients may log on with. Out of the box all of the page (seed.md); see `defaults` for the others.
public struct MethodSwitches: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let basic = MethodSwitches(rawValue: 1)
    public static let basicSSL = MethodSwitches(rawValue: 2)
    public static let ntlm = MethodSwitches(rawValue: 4)
    public static let ntlmSSL = MethodSwitches(rawValue: 8)
    public static let membership = MethodSwitches(rawValue: 16)
    public static let apop = MethodSwitches(rawValue: 32)
    public static let cramMD5 = MethodSwitches(rawValue: 64)
    public static let scramSHA256 = MethodSwitches(rawValue: 128)
    /// The five of the page.
    public static let all: MethodSwitches = [.basic, .basicSSL, .ntlm, .ntlmSSL, .membership]
    /// Those that Exchange 5.x did not have.
    public static let beyondThePage: MethodSwitches = [.apop, .cramMD5, .scramSHA256]

    /// What is on where nothing is said.
    public static func defaults(compat: Compatibility) -> MethodSwitches {
        switch compat {
        case .modern: all.union(beyondThePage)
        case .exchange55: all
        }
    }

    /// The names of `--methods`: the page's order, then the others.
    public static let names: [(name: String, method: MethodSwitches)] = [
        ("basic", .basic), ("basic-ssl", .basicSSL), ("ntlm", .ntlm), ("ntlm-ssl", .ntlmSSL), ("membership", .membership),
        ("apop", .apop), ("cram-md5", .cramMD5), ("scram-sha-256", .scramSHA256),
    ]

    /// Reads `basic,ntlm-ssl,...`. The error names the word that is no method and what there is.
    public static func parse(_ list: String) -> Result<MethodSwitches, MethodListError> {
        var methods: MethodSwitches = []
        for word in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard let entry = names.first(where: { $0.name == word }) else {
                return .failure(MethodListError(word: String(word)))
            }
            methods.insert(entry.method)
        }
        return .success(methods)
    }

    /// As `parse` reads it.
    public var text: String { Self.names.filter { contains($0.method) }.map(\.name).joined(separator: ",") }

    /// What holds on one kind of channel.
    public func channel(encrypted: Bool) -> ChannelMethods {
        ChannelMethods(
            basic: contains(encrypted ? .basicSSL : .basic), ntlm: contains(encrypted ? .ntlmSSL : .ntlm),
            membership: contains(.membership), apop: contains(.apop), cramMD5: contains(.cramMD5),
            scramSHA256: contains(.scramSHA256))
    }
}

public struct MethodListError: Error, CustomStringConvertible {
    public let word: String
    public var description: String {
        let known = MethodSwitches.names.map(\.name).joined(separator: ", ")
        return word.isEmpty ? "a method name is missing; there are: \(known)" : "'\(word)' is no method; there are: \(known)"
    }
}

/// The switches as they bear on one channel, clear or encrypted.
public struct ChannelMethods: Sendable, Equatable {
    public let basic: Bool
    public let ntlm: Bool
    public let membership: Bool
    public let apop: Bool
    public let cramMD5: Bool
    public let scramSHA256: Bool

    public init(
        basic: Bool, ntlm: Bool, membership: Bool, apop: Bool = false, cramMD5: Bool = false, scramSHA256: Bool = false
    ) {
        self.basic = basic
        self.ntlm = ntlm
        self.membership = membership
        self.apop = apop
        self.cramMD5 = cramMD5
        self.scramSHA256 = scramSHA256
    }
}
