// Mathematics that the schedule tests need beyond the standard library.

import Glibc

extension Double {
    static func exponential(_ x: Double) -> Double { exp(x) }
}
