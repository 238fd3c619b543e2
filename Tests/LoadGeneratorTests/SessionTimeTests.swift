// Little's law by hand: the number of open sessions over the clock, against the sum of their durations.

import Testing

@testable import LoadGenerator

@Suite struct SessionTimeTests {
    @Test func `sessions that end when they are seen to: the time is the sum of their durations`() {
        var time = SessionTime()
        time.begin(10)
        time.begin(20)
        time.end(50)
        time.end(100)
        #expect(time.openNs == 40 + 80 && time.unfinishedNs == 0)
    }

    @Test func `a time-out ends at its limit, though the clock has gone on meanwhile`() {
        var time = SessionTime()
        time.begin(10)
        time.begin(20)
        time.begin(130)
        // Limits of 100, seen at 130, the later one first.
        time.end(120)
        time.end(110)
        time.end(230)
        #expect(time.openNs == 300)
    }

    @Test func `a session that never ended counts up to the end of the run, and is told apart`() {
        var time = SessionTime()
        time.begin(10)
        time.begin(30)
        time.end(20)
        time.end(100, unfinishedSince: 30)
        #expect(time.openNs == 10 + 70 && time.unfinishedNs == 70)
    }
}
