// The plan of a run as a person reads it. Every count is what is expected of the draw, "about": the plan itself is exact, and
// its hash stands below. The order is that of the questions: how long, how many, by whom, how, on what.

import Telemetry

extension DryRun: CustomStringConvertible {
    public var description: String {
        let count = "\(threads) generator thread\(threads == 1 ? "" : "s")"
        var lines = ["profile    \(profile), \(isOpen ? "open" : "closed") model, seed \(seed), \(count)"]
        lines.append("duration   \(PlanText.span(durationNs)), measured \(PlanText.span(measuredNs))")
        lines += phaseLines
        if let expectedSessions, let expectedMeasured {
            lines.append(
                "sessions   about \(Int(expectedSessions.rounded())), measured about \(Int(expectedMeasured.rounded())), "
                    + "peak rate \(PlanText.decimal(peakRate))/s")
        } else {
            lines.append("sessions   as many as the server answers; shares are expected ones")
        }
        lines += sessionLines
        lines.append(
            "planned    \(PlanText.percent(fallbackShare)) of the sessions fall back, "
                + "\(PlanText.percent(refusalShare)) are to be refused")
        lines += mixLine("ntlm       ", ntlm, "of the NTLM sessions")
        lines += mixLine("tls        ", tls, "of the TLS sessions")
        lines += userLines
        if !sources.isEmpty {
            let count = sources.count == 1 ? "" : ": \(sources.count) addresses, in turn"
            lines.append("sources    \(sources.items.joined(separator: ", "))\(count)")
        }
        lines += roomLines
        lines.append("plan hash  \(PlanHash.text(planHash))")
        return lines.joined(separator: "\n")
    }

    private var phaseLines: [String] {
        PlanText.table(
            phases.map { phase in
                let rate =
                    phase.startRate == phase.endRate
                    ? "\(PlanText.decimal(phase.startRate))/s"
                    : "\(PlanText.decimal(phase.startRate)) to \(PlanText.decimal(phase.endRate))/s"
                let sessions = isOpen ? [rate, "about \(Int(phase.expectedSessions.rounded()))"] : []
                return [phase.name, PlanText.span(phase.durationNs)] + sessions + [phase.isMeasured ? "measured" : "not measured"]
            }, indent: "  ")
    }

    /// Clients by planned method and transport, then the sums by method and transport.
    private var sessionLines: [String] {
        func figures(_ share: Double, _ measured: Double?) -> [String] {
            [PlanText.percent(share)] + (measured.map { ["about \(Int($0.rounded()))"] } ?? [])
        }
        let heading = ["client", "method", "transport", "share"] + (isOpen ? ["measured"] : [])
        let clients = clients.map { [$0.title, $0.method.name, $0.transport.name] + figures($0.share, $0.measuredSessions) }
        let sums = methods.map { ["all clients", $0.method.name, $0.transport.name] + figures($0.share, $0.measuredSessions) }
        return PlanText.table([heading] + clients + sums, right: [3, 4], indent: "  ")
    }

    private func mixLine(_ lead: String, _ mix: [MixRow], _ what: String) -> [String] {
        guard !mix.isEmpty else { return [] }
        let whole = mix.reduce(0) { $0 + $1.share }
        let parts = mix.map { "\($0.name) \(PlanText.percent($0.share / whole))" }.joined(separator: ", ")
        return [lead + parts + " \(what), which are \(PlanText.percent(whole)) of all"]
    }

    private var userLines: [String] {
        var lines = ["users      \(usersTouched) of \(users) are used"]
        if let retryPool {
            lines.append(
                "retry pool \(retryPool.users) users, \(PlanText.span(retryPool.afterNs)) apart; \(retryPool.misses) sessions "
                    + "find nobody ready, and take another user")
        }
        if let closeStarts {
            lines.append(
                "trace      \(closeStarts) starts come within the session time-out \(PlanText.span(sessionTimeoutNs)) of their "
                    + "user's earlier one")
        }
        return lines + demands.map { "           " + $0.planText }
    }

    /// What the plan needs, and, where the machine is known, what that has.
    private var roomLines: [String] {
        guard let needs else { return [] }
        let rest = room?.restS ?? 60
        let closing =
            needs.closedHerePerS > 0
            ? ", \(PlanText.decimal(needs.closedHerePerS)) a second closed from this side resting \(PlanText.decimal(rest)) s"
            : ""
        var ports =
            "ports      at most \(needs.ports(restS: rest)) to one address, "
            + "\(PlanText.percent(needs.busierShare)) of \(needs.openSessions) sessions open at once\(closing)"
        var files = "files      at most \(needs.descriptors) descriptors"
        var memory = "memory     generator up to \(PlanText.memory(needs.generatorBytes))"
        if let bytes = needs.serverBytes { memory += ", embedded server up to \(PlanText.memory(bytes))" }
        if let room {
            let sources = room.sourceAddresses == 1 ? "" : " x \(room.sourceAddresses) source addresses"
            ports += "; there are \(room.ports.count) (\(room.ports.lowerBound)-\(room.ports.upperBound))\(sources)"
            files += " of \(room.descriptors)"
            memory += "; \(PlanText.memory(Double(room.memoryBytes))) are available"
        }
        let shortages = room.map { needs.shortages($0) } ?? []
        return [ports, files, memory] + shortages.map { "           too few " + $0 }
    }
}
