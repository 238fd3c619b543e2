// Arrival times of an open load over phases with constant or linearly changing rates. A time is found by inverting the
// cumulative intensity (sessions expected since the start): equal steps of it give uniform arrivals, exponential steps
// a Poisson process (time change; Çinlar 1975). Invariant: only + - * / and sqrt are used, which IEEE 754 rounds exactly, so
// one seed gives the same nanoseconds on every machine.

import PoplarCore

/// The phases as a piecewise linear rate, with its inverse.
struct RateCurve: Sendable {
    struct Piece: Sendable {
        let startNs: UInt64
        let durationNs: UInt64
        /// Sessions expected before this piece, by the whole load.
        let expectedBefore: Double
        let startRate: Double
        /// Change of the rate, sessions/s per second.
        let slope: Double
        let isMeasured: Bool
    }

    let pieces: [Piece]
    let expected: Double
    let endNs: UInt64

    init(_ phases: [Profile.Phase]) {
        var pieces: [Piece] = []
        var expected = 0.0
        var startNs: UInt64 = 0
        for phase in phases {
            let seconds = Double(phase.durationNs) / 1e9
            pieces.append(
                Piece(
                    startNs: startNs, durationNs: phase.durationNs, expectedBefore: expected, startRate: phase.startRate,
                    slope: (phase.endRate - phase.startRate) / seconds, isMeasured: phase.isMeasured))
            expected += phase.expectedSessions
            startNs &+= phase.durationNs
        }
        self.pieces = pieces
        self.expected = expected
        endNs = startNs
    }

    /// When the cumulative intensity reaches `level`, inside `piece`: nanoseconds from the run's start.
    func time(of level: Double, in piece: Piece) -> UInt64 {
        let rest = max(0, level - piece.expectedBefore)
        // The stable root of slope/2 t^2 + rate t = rest: no cancellation for small or negative slopes.
        let root = (piece.startRate * piece.startRate + 2 * piece.slope * rest).squareRoot()
        let below = piece.startRate + (root.isNaN ? 0 : root)
        let ns = below > 0 ? 2 * rest / below * 1e9 : Double(piece.durationNs)
        return piece.startNs &+ min(piece.durationNs &- 1, ns < 9e18 ? UInt64(ns) : UInt64.max)
    }

    /// Sessions expected from the start up to `ns`, by the whole load.
    func expected(at ns: UInt64) -> Double {
        guard let index = piece(at: ns) else { return expected }
        let piece = pieces[index]
        let seconds = Double(ns &- piece.startNs) / 1e9
        return piece.expectedBefore + (piece.startRate + piece.slope * seconds / 2) * seconds
    }

    /// Index of the phase that `ns` from the start lies in; nil after the end.
    func piece(at ns: UInt64) -> Int? {
        var index = 0
        while index < pieces.count {
            if ns < pieces[index].startNs &+ pieces[index].durationNs { return index }
            index += 1
        }
        return nil
    }
}

extension Profile {
    /// The gaps between starts of one of `threads`, each divided by its expectation: exponential of mean 1 when the starts are
    /// the Poisson process that the profile asks for. `startsNs` lie in measured phases, in order; a gap that
    /// reaches over a phase which is not measured is left out. Empty for another kind of arrivals.
    public func normalisedGaps(_ startsNs: [UInt64], threads: Int) -> [Double] {
        guard case .open(.poisson) = model, startsNs.count > 1 else { return [] }
        let curve = RateCurve(phases)
        var gaps: [Double] = []
        for (one, next) in zip(startsNs, startsNs.dropFirst()) where next >= one {
            guard let first = curve.piece(at: one), let last = curve.piece(at: next),
                (first...max(first, last)).allSatisfy({ curve.pieces[$0].isMeasured })
            else { continue }
            gaps.append((curve.expected(at: next) - curve.expected(at: one)) / Double(max(1, threads)))
        }
        return gaps
    }
}

/// The arrivals of one thread of several.
struct ArrivalStream: Sendable {
    private let curve: RateCurve
    private let isPoisson: Bool
    private let threads: Double
    private var level: Double
    private var piece = 0
    private var lastNs: UInt64 = 0
    private var random: Xoshiro256

    init(curve: RateCurve, process: Profile.ArrivalProcess, thread: Int, threads: Int, random: Xoshiro256) {
        self.curve = curve
        isPoisson = process == .poisson
        self.threads = Double(threads)
        self.random = random
        // Uniform: arrival j of the whole load lies at intensity j + 1/2, and thread k takes those with j mod n = k.
        level = isPoisson ? 0 : Double(thread) + 0.5 - Double(threads)
    }

    /// The next arrival and its phase; nil when the phases are over.
    mutating func next() -> (ns: UInt64, phase: Int)? {
        level += isPoisson ? ExactMath.exponential(&random) * threads : threads
        guard level < curve.expected else { return nil }
        while piece + 1 < curve.pieces.count, level >= curve.pieces[piece + 1].expectedBefore { piece += 1 }
        lastNs = max(lastNs, curve.time(of: level, in: curve.pieces[piece]))
        return (lastNs, piece)
    }
}

/// Functions whose last bit does not depend on the machine's math library.
enum ExactMath {
    /// An exponential variate of mean 1.
    static func exponential(_ random: inout Xoshiro256) -> Double {
        // 1 - u lies in (0, 1], so that the logarithm is finite.
        -naturalLogarithm(1 - random.nextUnit())
    }

    /// ln x for finite x > 0, by the series of artanh; within 2 units of the last place.
    static func naturalLogarithm(_ x: Double) -> Double {
        var mantissa = x.significand
        var exponent = Double(x.exponent)
        if mantissa > 1.4142135623730951 {
            mantissa /= 2
            exponent += 1
        }
        let s = (mantissa - 1) / (mantissa + 1)
        let square = s * s
        var sum = 0.0
        var odd = 23.0
        while odd >= 3 {
            sum = (sum + 1 / odd) * square
            odd -= 2
        }
        return exponent * 0.6931471805599453 + 2 * (s + s * sum)
    }
}
