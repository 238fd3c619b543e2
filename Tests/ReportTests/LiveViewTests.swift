// The live view as text: what stands where, at every size of terminal, and the lines for logs and programs.
// Golden texts: a change of the layout is a change of a test.

import Foundation
import Results
import Telemetry
import Terminal
import Testing

@testable import Report

@Suite struct LiveViewTests {
    private func collector(_ model: LoadModel) -> Collector {
        let second: UInt64 = 1_000_000_000
        let collector = Collector(threads: 1, runStartNs: 0, model: model)
        var recorder = Recorder(collector.exchanges[0])
        for index in 0..<4 as Range<UInt64> {
            for turn in 0...index {
                let planned = index * second + turn
                recorder.sessionDue(plannedNs: planned, measured: true)
                recorder.sessionStarted(plannedNs: planned, startNs: planned, measured: true)
                guard turn > 0 || index < 3 else { continue }
                recorder.record(
                    session: SessionRecord(
                        plannedNs: planned, startNs: planned, endNs: planned + (index + 1) * 250_000,
                        outcome: turn == 1 ? .failed(.timeout) : .succeeded, plannedAuth: .basic, auth: .basic, transport: .pop3,
                        measured: true))
            }
            recorder.swapIfDue(nowNs: (index + 1) * second)
            collector.poll(nowNs: (index + 1) * second)
        }
        return collector
    }

    private let place = LiveState.Place(
        profile: "smoke", phase: "steady", isMeasured: true, elapsedS: 4, durationS: 10, edges: [2])
    private let lamp = Lamp(flag: nil, isBurdened: false, lagP99Ns: 12_000, busiestShare: 0.243)

    private func state(_ model: LoadModel = .open) -> LiveState { LiveState(collector(model), place, lamp: lamp) }

    @Test func theStateIsTheLastSecondTheLastTenAndTheRun() {
        let state = state()
        #expect(state.offered == [1, 2, 3, 4])
        #expect(state.achieved == [1, 1, 2, 2])
        #expect(state.inFlight == 1)
        #expect(state.succeeded == 6)
        #expect(state.errors[.timeout] == 3)
        #expect(state.windows.map(\.name) == ["last second", "last 10 s", "measured"])
        #expect(state.windows.map(\.p50Ns) == [1_000_000, 750_079, 750_079])
        #expect(state.windows[0] != state.windows[1])
    }

    @Test func elsewhereThanOnATerminalItIsALine() {
        #expect(
            LiveView.logLine(state())
                == "   4 s  steady  offered 4.0/s  achieved 2.0/s  p50 1.00 ms  p99 1.00 ms  max 1.00 ms"
                + "  in flight 1  errors 3: timeout 3\n"
        )
        #expect(LiveView.logLine(state(.closed)).hasPrefix("   4 s  steady  achieved 2.0/s  p50 1.00 ms"))
        var flagged = state()
        flagged.lamp = Lamp(.red, "ran out of ports")
        #expect(LiveView.logLine(flagged).hasSuffix("errors 3: timeout 3  generator ran out of ports\n"))
    }

    @Test func onATerminalItIsABlockOfNineLines() {
        #expect(
            LiveView.lines(state(), columns: 100, style: .plain) == [
                "smoke  steady  ━━━━━━━━╋━━━━━━━┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄  40 %  ends in 6 s",
                "  offered   4.0/s  ▃▅▆█",
                "  achieved  2.0/s  ▃▃▅▅",
                "                   p50      p99      max",
                "  last second  1.00 ms  1.00 ms  1.00 ms",
                "  last 10 s     750 us  1.00 ms  1.00 ms",
                "  measured      750 us  1.00 ms  1.00 ms",
                "  in flight 1  succeeded 6  errors 3: timeout 3",
                "  generator ● start lag p99 12.0 us, busiest thread 24 % of a CPU",
            ])
        #expect(!LiveView.lines(state(.closed), columns: 100, style: .plain).contains { $0.contains("offered") })
    }

    @Test func noLineIsWiderThanTheTerminalAndTheBlockIsLower() {
        for columns in 1...120 {
            for rows in [1, 2, 5, 9, 10, 24] {
                let lines = LiveView.lines(state(), columns: columns, rows: rows, style: .plain)
                #expect(lines.allSatisfy { $0.count <= columns }, "\(columns) columns")
                #expect(lines.count < max(2, rows), "\(rows) rows")
            }
        }
        #expect(
            LiveView.lines(state(), columns: 80, rows: 6, style: .plain).map { String($0.prefix(11)) } == [
                "smoke  stea", "  offered 4", "  in flight", "  generator", "  last seco",
            ])
    }

    @Test func namesOfDoubleWidthAndHostileOnesFitTheTerminalToo() {
        var state = state()
        for phase in ["計測区間計測区間計測区間計測区間計測区間計測区間計測区間", "\u{1b}[2J\u{202E}evil\n\n", "e\u{301}e\u{301}"] {
            state.place.phase = phase
            for columns in 1...100 {
                let lines = LiveView.lines(state, columns: columns, style: Style(isTerminal: true, noColor: nil))
                #expect(lines.allSatisfy { LiveView.width($0) <= columns && !$0.contains("\n") }, "\(columns) columns")
                let text = TerminalText.safe(lines.joined()).replacing(#/\u{1b}\[[0-9]*m/#, with: "")
                #expect(!text.contains("\u{1b}") && !text.contains("\u{202E}"))
            }
        }
        #expect(!LiveView.logLine(state).dropLast().contains("\n"))
    }

    @Test func withoutColourTheLampIsToldApartByItsSign() {
        func line(_ lamp: Lamp, _ style: Style) -> String {
            var state = state()
            state.lamp = lamp
            return LiveView.lines(state, columns: 100, style: style).last ?? ""
        }
        let colour = Style(isTerminal: true, noColor: nil)
        #expect(line(Lamp(.green, "g"), .plain) == "  generator ● g" && line(Lamp(.yellow, "y"), .plain) == "  generator ▲ y")
        #expect(line(Lamp(.red, "r"), .plain) == "  generator ✖ r")
        #expect(TerminalText.safe(line(Lamp(.red, "r"), colour)) == "\u{1b}[31m  generator ✖ r\u{1b}[0m")
        #expect(LiveView.width(line(Lamp(.red, "r"), colour)) == 15)
    }

    @Test func theLampIsRedByAFlagYellowByABurdenAndGreenOtherwise() {
        let red = Lamp(flag: "sessions start late", isBurdened: true, lagP99Ns: 1, busiestShare: 1)
        #expect(red.colour == .red && red.text == "sessions start late")
        let yellow = Lamp(flag: nil, isBurdened: true, lagP99Ns: 5_000_000, busiestShare: 0.91)
        #expect(yellow.colour == .yellow && yellow.text == "strained: start lag p99 5.00 ms, busiest thread 91 % of a CPU")
        let closed = Lamp(flag: nil, isBurdened: false, lagP99Ns: nil, busiestShare: 1)
        #expect(closed.colour == .green && closed.text == "busiest thread 100 % of a CPU")
    }

    @Test func theBlockIsRedrawnInPlaceAlsoAfterAResize() {
        func redraw(_ lines: [String], previous: [Int], columns: Int) -> String {
            TerminalText.safe(LiveView.redraw(lines, previous: previous, columns: columns))
        }
        #expect(redraw(["a", "b"], previous: [], columns: 80) == "\r\u{1b}[2Ka\n\r\u{1b}[2Kb\n")
        #expect(redraw(["a", "b"], previous: [1, 0], columns: 80) == "\u{1b}[2A\r\u{1b}[2Ka\n\r\u{1b}[2Kb\n")
        #expect(redraw(["a"], previous: [1, 1], columns: 80).hasSuffix("\u{1b}[J"))
        // Lines of 100 and 40 characters stand in three rows and one of a terminal that is 40 wide now.
        #expect(redraw(["a", "b"], previous: [100, 40], columns: 40).hasPrefix("\u{1b}[4A"))
    }

    @Test func barsAndSparklinesStayInBounds() {
        #expect(LiveView.bar(0, of: 10, width: 4) == "┄┄┄┄   0 %")
        #expect(LiveView.bar(20, of: 10, width: 4) == "━━━━ 100 %")
        #expect(LiveView.bar(1, of: 0, width: 2) == "━━ 100 %")
        #expect(LiveView.bar(5, of: 10, edges: [0, 2.5, 7.5, 10], width: 4) == "━╋┄┊  50 %")
        #expect(LiveView.sparkline([0, 5, 10, 20], ceiling: 10) == "▁▅██")
        #expect(LiveView.sparkline([1], ceiling: 0) == "▁")
    }

    @Test func aRunWithoutACompleteSecondHasNoFiguresYet() {
        let place = LiveState.Place(profile: "p", phase: "warm-up", isMeasured: false, elapsedS: 0, durationS: 1)
        let state = LiveState(Collector(threads: 1, runStartNs: 0, model: .open), place)
        #expect(
            LiveView.logLine(state) == "   0 s  warm-up  offered -  achieved -  p50 -  p99 -  max -  in flight 0  errors 0\n")
        #expect(LiveView.lines(state, columns: 80, style: .plain).first?.contains("warm-up (not measured)") == true)
    }

    @Test func aSecondIsAnObjectWithTheNamesOfTheSeries() throws {
        let collector = collector(.open)
        let row = collector.totals.series[3]
        let line = try JSONLines.line(JSONLines.Second(row, model: .open, phase: "steady", isMeasured: true, lamp: lamp))
        #expect(
            line == """
                {"achieved_per_s":2,"bytes":0,"cancelled":0,"errors":{"timeout":1},"failed":1,"generator":{"lamp":"green","text":\
                "start lag p99 12.0 us, busiest thread 24 % of a CPU"},"in_flight":1,"lag_p99_us":0,"max_us":1000,"measured":true,\
                "messages":0,"offered_per_s":4,"p50_us":1000,"p99_us":1000,"phase":"steady","planned":4,"samples":2,"second":3,\
                "started":4,"succeeded":2,"type":"second"}

                """)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let columns = SeriesTable.columns.filter { $0 != "length_s" && !$0.hasPrefix("error_") }
        #expect(Set(object.keys).isSuperset(of: columns))
    }

    @Test func theClosedModelOffersNothingInJSONEither() throws {
        let row = collector(.closed).totals.series[3]
        let line = try JSONLines.line(JSONLines.Second(row, model: .closed, phase: "steady", isMeasured: true, lamp: lamp))
        #expect(line.contains("\"offered_per_s\":null"))
    }
}
