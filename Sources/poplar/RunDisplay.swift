// What a run says on standard output while it goes on: a block on a terminal, a line every ten seconds where there is none, an
// object a second for programs, or nothing. Invariant: nothing here waits for whoever reads it. A reader that has gone does not
// end the run; a terminal that is held up (Ctrl-S) misses drawings; a program that is slow gets every object, later.

import Foundation
import LoadGenerator
import PoplarCore
import Report
import Telemetry
import Terminal
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
    private let output = TextOutlet(room: Self.room)
    /// Of standard error: the same where both are the terminal, so that messages and drawings keep their order.
    private let messages: TextOutlet

    /// Bytes that may wait: a day of `--json-lines` and more.
    private static let room = 64 << 20
    /// Seconds between log lines where there is no terminal.
    private static let logEverySeconds = 10
    /// Between two drawings of the block.
    private static let redrawNs: UInt64 = 200_000_000

    init(_ profile: Profile, quiet: Bool, jsonLines: Bool) {
        let environment = ProcessInfo.processInfo.environment
        let isTerminal = isatty(1) == 1 && environment["TERM"] != "dumb"
        mode = quiet ? .quiet : jsonLines ? .jsonLines : isTerminal ? .terminal : .log
        style = Style(isTerminal: isTerminal && !jsonLines, noColor: environment["NO_COLOR"])
        messages = mode == .terminal ? output : TextOutlet(room: Self.room)
        self.profile = profile
    }

    /// Shows what is new. Cheap when nothing is; ten times a second is right.
    mutating func update(_ run: LoadRun, _ health: HealthWatch) {
        let now = MonotonicClock.now()
        let complete = run.collector.completeSeconds
        let isNew = complete > seconds
        if isNew, mode != .quiet { take(run, health, now, from: seconds, to: complete) }
        seconds = max(seconds, complete)
        guard mode == .terminal, isNew || now &- drawnNs >= Self.redrawNs, output.isIdle else { return }
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
                write(
                    object: JSONLines.Second(
                        row, model: totals.model, phase: phase?.name ?? "drain", isMeasured: phase?.isMeasured ?? false,
                        lamp: lamp))
            }
        case .terminal, .log:
            let next = LiveState(run.collector, place(run, now), lamp: lamp)
            state = next
            let isDue = end / Self.logEverySeconds > first / Self.logEverySeconds
            if mode == .log, isDue { output.add(LiveView.logLine(next), to: 1) }
        }
    }

    private mutating func draw(_ run: LoadRun, _ now: UInt64) {
        var current = state ?? LiveState(run.collector, place(run, now))
        current.place = place(run, now)
        let size = Self.terminalSize()
        let lines = LiveView.lines(current, columns: size.columns, rows: size.rows, style: style)
        output.add(LiveView.redraw(lines, previous: shown, columns: size.columns), to: 1)
        shown = lines.map(LiveView.width)
        drawnNs = now
    }

    /// A message on standard error. The block is drawn anew below it.
    mutating func say(_ text: String) {
        messages.add("poplar: \(text)\n", to: 2)
        shown = []
    }

    /// The report at the end: on standard output, or beside it where that is for programs.
    func report(_ text: String) {
        if mode == .jsonLines { messages.add(text, to: 2) } else { output.add(text, to: 1) }
    }

    /// The last line on standard output.
    func close(_ line: String) { output.add(line + "\n", to: 1) }

    /// Whether everything for standard output has been written.
    var isOutputDone: Bool { output.isIdle }
    /// Whether every message has been written.
    var areMessagesDone: Bool { messages.isIdle }

    /// Lines and objects that nobody read for so long that they were left out.
    var lost: UInt64 { output.lost + (mode == .terminal ? 0 : messages.lost) }

    /// Why standard output took not everything, as errno: a full disk, say. 0 where it did, or its reader has gone.
    var refusedBy: Int32 { output.refusedBy }

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
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0 else { return (80, 24) }
        // A terminal may know one of them alone, or neither.
        return (size.ws_col > 0 ? Int(size.ws_col) : 80, size.ws_row > 0 ? Int(size.ws_row) : 24)
    }

    /// Writes an object of `--json-lines`. One that has no JSON is told of on standard error, and the run goes on.
    func write(object: some Encodable) {
        do { output.add(try JSONLines.line(object), to: 1) } catch {
            messages.add("poplar: a line of --json-lines is left out: \(error)\n", to: 2)
        }
    }
}
