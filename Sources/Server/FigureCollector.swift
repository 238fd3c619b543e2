// Asks every worker for its figures and waits, within a bound, for the answers. A worker that does not answer in time
// (its thread is kept off the CPU) is shown with its last figures, and counted as stale.

import CLinux
import Glibc
import PoplarCore
import Reactor

/// One asker at a time: the control thread (SIGUSR1) and the thread of the metrics take turns.
final class FigureCollector: @unchecked Sendable {
    private static let pauseNs = 200_000
    private let controls: [WorkerControl]
    private let turn = Guarded(())
    private var last: [WorkerFigures]
    private var stale: UInt64 = 0

    init(_ controls: [WorkerControl]) {
        self.controls = controls
        last = controls.map { _ in WorkerFigures() }
    }

    /// The figures of every worker, at most `timeoutMs` milliseconds after its turn has come, and how many answers have
    /// been missing since the start.
    func collect(timeoutMs: Int) -> (figures: [WorkerFigures], stale: UInt64) {
        turn.withLock { _ in (ask(timeoutMs), stale) }
    }

    private func ask(_ timeoutMs: Int) -> [WorkerFigures] {
        let questions = controls.map { control in
            let question = control.figures.ask()
            control.send(.publish)
            return question
        }
        let deadline = MonotonicClock.now() &+ UInt64(max(0, timeoutMs)) &* 1_000_000
        for (index, control) in controls.enumerated() {
            var answer = control.figures.answer(to: questions[index])
            while answer == nil, MonotonicClock.now() < deadline {
                var pause = timespec(tv_sec: 0, tv_nsec: Self.pauseNs)
                nanosleep(&pause, nil)
                answer = control.figures.answer(to: questions[index])
            }
            if let answer { last[index] = answer } else { stale &+= 1 }
        }
        return last
    }
}
