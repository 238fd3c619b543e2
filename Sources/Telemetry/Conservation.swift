// The check that no session was lost or counted twice. The planned ones are counted when they fall due, the others
// when they end: two independent counts, so that the equality says something.

extension RunTotals {
    /// What does not add up, one line each; empty when everything does. To be asked when all recorders have finished.
    public var conservationFaults: [String] {
        var faults: [String] = []
        func check(_ name: String, _ counts: SessionCounts) {
            if counts.planned != counts.accounted {
                faults.append(
                    "\(name): planned \(counts.planned), but succeeded \(counts.succeeded) + failed \(counts.failed) + "
                        + "cancelled \(counts.cancelled) + in flight \(counts.inFlight) = \(counts.accounted)")
            }
            if counts.errors.total != counts.failed {
                faults.append("\(name): failed \(counts.failed), but the errors add up to \(counts.errors.total)")
            }
            let started = counts.endedAfterStart &+ counts.inFlight
            if counts.started != started {
                faults.append("\(name): started \(counts.started), but \(started) ended after their start or are in flight")
            }
        }
        check("measured phases", measured)
        check("all phases", allPhases)
        if latency.service.count != measured.succeeded {
            faults.append("succeeded \(measured.succeeded), but \(latency.service.count) service latencies")
        }
        if model == .open, latency.corrected.count != measured.succeeded {
            faults.append("succeeded \(measured.succeeded), but \(latency.corrected.count) corrected latencies")
        }
        var rowSum: UInt64 = 0
        for row in rows { rowSum &+= row.sessions }
        if rowSum != measured.accounted {
            faults.append("sessions \(measured.accounted), but the rows by method add up to \(rowSum)")
        }
        return faults
    }
}
