// A profile in two lines, for `poplar profile list`: its load, its length, its clients, what it is for.
// Pure: computed from the profile alone.

public struct ProfileDigest: Sendable, Equatable {
    public let name: String
    public let description: String
    /// "open, 400/s poisson", "open, 50 to 400/s poisson", "closed, 64 users".
    public let load: String
    public let measuredNs: UInt64
    public let durationNs: UInt64
    /// Clients with their shares, the largest first: "internet-mail-3 30 %, basic 20 %".
    public let clients: String

    public init(_ profile: Profile) {
        name = profile.name
        description = profile.description
        load = Self.load(profile)
        measuredNs = profile.measuredNs
        durationNs = profile.durationNs
        var shares: [(name: String, share: Double)] = []
        for client in profile.clients {
            let name = client.persona.name
            if let index = shares.firstIndex(where: { $0.name == name }) {
                shares[index].share += client.share
            } else {
                shares.append((name, client.share))
            }
        }
        let ranked = shares.enumerated().sorted { ($1.element.share, $0.offset) < ($0.element.share, $1.offset) }
        clients = ranked.map { "\($0.element.name) \(PlanText.percent($0.element.share))" }.joined(separator: ", ")
    }

    private static func load(_ profile: Profile) -> String {
        switch profile.model {
        case .closed(let users, let think):
            let pause = think.meanNs > 0 ? ", think time \(PlanText.span(think.meanNs))" : ""
            return "closed, \(users) user\(users == 1 ? "" : "s")\(pause)"
        case .open(.trace): return "open, replay of \(profile.traceSource?.path ?? "a trace")"
        case .open(let process):
            let measured = profile.phases.filter(\.isMeasured)
            let low = measured.reduce(Double.infinity) { min($0, $1.startRate, $1.endRate) }
            let high = measured.reduce(0) { max($0, $1.startRate, $1.endRate) }
            let rate = low == high ? PlanText.decimal(high) : "\(PlanText.decimal(low)) to \(PlanText.decimal(high))"
            return "open, \(rate)/s \(process.name)"
        }
    }

    /// The list: a line of figures for each profile, then its clients and its description, indented.
    public static func table(_ digests: [ProfileDigest], width: Int = 110) -> String {
        let rows = digests.map { digest -> [String] in
            let whole = digest.durationNs == digest.measuredNs ? "" : " of \(PlanText.span(digest.durationNs))"
            return [digest.name, digest.load, "measured \(PlanText.span(digest.measuredNs))\(whole)"]
        }
        var lines: [String] = []
        for (line, digest) in zip(PlanText.table(rows), digests) {
            let notes =
                PlanText.wrapped(digest.clients, width: width - 4) + PlanText.wrapped(digest.description, width: width - 4)
            lines += [line] + notes.map { "    " + $0 }
        }
        return lines.map { $0 + "\n" }.joined()
    }
}
