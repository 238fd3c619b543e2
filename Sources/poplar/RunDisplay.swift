// What a run says on standard output while it goes on: a block on a terminal, a line every ten seconds where there is none, an
// object a second for programs, or nothing. Invariant: a reader that has gone does not end the run, and a terminal that is held
// up (Ctrl-S) misses drawings while the run goes on; only a program's objects are waited for.

import Foundation
import LoadGenerator
import PoplarCore
import Report
import Telemetry
import Workload

struct RunDisplay {
    enum Mode {
        case terminal, log, quiet, jsonLines
    }

    let mode: Mode
    let style: Style
    private let profile: Profile
    private var seconds = 0
    /// Widths of the lines of the block that stands on the terminal.
    private var shown: [Int] = []
    private var drawnNs: UInt64 = 0
    private var state: LiveState?

    /// Seconds between log lines where there is no terminal.
    private static let logEverySeconds = 10
    /// Between two drawings of the block.
    private static let redrawNs: UInt64 = 200_000_000

    init(_ profile: Profile, quiet: Bool, jsonLines: Bool) {
        let environment = ProcessInfo.processInfo.environment
        let isTerminal = isatty(1) == 1 && environment["TERM"] != "dumb"
        mode = quiet ? .quiet : jsonLines ? .jsonLines : isTerminal ? .terminal : .log
        style = Style(isTerminal: isTerminal && !jsonLines, noColor: environment["NO_COLOR"])
        self.profile = profile
    }

    /// Shows what is new. Cheap when nothing is; ten times a second is right.
    mutating func update(_ run: LoadRun, _ health: HealthWatch) {
        let now = MonotonicClock.now()
        let complete = run.collector.completeSeconds
        let isNew = complete > seconds
        if isNew, mode != .quiet { take(run, health, now, from: seconds, to: complete) }
        seconds = max(seconds, complete)
        guard mode == .terminal, isNew || now &- drawnNs >= Self.redrawNs, Self.isReady else { return }
        draw(run, now)
    }

    private mutating func take(_ run: LoadRun, _ health: HealthWatch, _ now: UInt64, from first: Int, to end: Int) {
        let lamp = lamp(run, health)
        switch mode {
        case .quiet: return
        case .jsonLines:
            let totals = run.collector.totals
            for row in totals.series where row.second >= first && row.second < end {
                let phase = profile.phase(atNs: UInt64(row.second) &* 1_000_000_000)
                Self.write(
                    object: JSONLines.Second(
                        row, model: totals.model, phase: phase?.name ?? "drain", isMeasured: phase?.isMeasured ?? false,
                        lamp: lamp))
            }
        case .terminal, .log:
            let next = LiveState(run.collector, place(run, now), lamp: lamp)
            state = next
            let isDue = end / Self.logEverySeconds > first / Self.logEverySeconds
            if mode == .log, isDue, Self.isReady { Self.write(LiveView.logLine(next)) }
        }
    }

    private mutating func draw(_ run: LoadRun, _ now: UInt64) {
        var current = state ?? LiveState(run.collector, place(run, now))
        current.place = place(run, now)
        let size = Self.terminalSize()
        let lines = LiveView.lines(current, columns: size.columns, rows: size.rows, style: style)
        Self.write(LiveView.redraw(lines, previous: shown, columns: size.columns))
        shown = lines.map(LiveView.width)
        drawnNs = now
    }

    /// A message on standard error. The block is drawn anew below it.
    mutating func say(_ text: String) {
        complain(text)
        shown = []
    }

    /// The report at the end: on standard output, or beside it where that is for programs.
    func report(_ text: String) {
        fflush(nil)
        writeAll(mode == .jsonLines ? 2 : 1, text)
    }

    // MARK: Where the run stands

    private func place(_ run: LoadRun, _ now: UInt64) -> LiveState.Place {
        let elapsed = now > run.startNs ? now - run.startNs : 0
        let phase = run.stoppedNs == nil ? profile.phase(atNs: elapsed) : nil
        var edges: [Double] = []
        for phase in profile.phases.dropLast() { edges.append((edges.last ?? 0) + Double(phase.durationNs) / 1e9) }
        return .init(
            profile: profile.name, phase: phase?.name ?? "drain", isMeasured: phase?.isMeasured ?? false,
            elapsedS: Double(elapsed) / 1e9,
            durationS: run.stoppedNs.map { Double($0 > run.startNs ? $0 - run.startNs : 0) / 1e9 } ?? Double(profile.durationNs)
                / 1e9,
            edges: edges)
    }

    private func lamp(_ run: LoadRun, _ health: HealthWatch) -> Lamp {
        Lamp(
            flag: health.told.last?.text, isBurdened: health.isBurdened,
            lagP99Ns: run.collector.totals.row(at: run.collector.completeSeconds - 1)?.lagP99Ns,
            busiestShare: run.health.map(\.lastSecondShare).max() ?? 0)
    }

    // MARK: Standard output

    private static func terminalSize() -> (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (100, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Whether standard output takes a block or a line without delay.
    private static var isReady: Bool {
        var entry = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    /// Writes an object of `--json-lines`. One that has no JSON is told of on standard error, and the run goes on.
    static func write(object: some Encodable) {
        do { write(try JSONLines.line(object)) } catch { complain("a line of --json-lines is left out: \(error)") }
    }

    /// Writes to standard output past stdio's buffer; a reader that has gone is no error.
    static func write(_ text: String) {
        fflush(nil)
        writeAll(1, text)
    }
}

/// Writes what the descriptor takes; errors are nobody's concern here.
private func writeAll(_ descriptor: Int32, _ text: String) {
    var text = text
    text.withUTF8 { octets in
        var done = 0
        while done < octets.count, let base = octets.baseAddress {
            let step = Glibc.write(descriptor, base + done, octets.count - done)
            if step < 0, errno == EINTR { continue }
            if step <= 0 { return }
            done += step
        }
    }
}

/// A line on standard error.
func complain(_ text: String) { writeAll(2, "poplar: \(text)\n") }
