// The wheel against the simplest thing that could be right: a dictionary of deadlines, looked through each time.
// Time is an argument, so nothing here waits.

import PoplarCore
import Reactor
import Testing

@Suite("A deadline fires once, never early, and within a tick")
struct TimerWheelTests {
    static let tick: UInt64 = 1000

    private func expired(_ wheel: inout TimerWheel, at now: UInt64) -> [Int] {
        var slots: [Int] = []
        while let slot = wheel.popExpired(nowNs: now) { slots.append(slot) }
        return slots.sorted()
    }

    @Test(
        "one deadline, near and further than a turn of the wheel",
        arguments: [UInt64(1), 999, 1000, 1001, 1_024_000, 1_025_001, 9_999_999])
    func single(deadline: UInt64) {
        var wheel = TimerWheel(capacity: 4, tickNs: Self.tick, nowNs: 0)
        wheel.set(slot: 2, deadlineNs: deadline)
        let early = expired(&wheel, at: deadline - 1)
        #expect(early.isEmpty)
        let due = expired(&wheel, at: deadline + Self.tick)
        #expect(due == [2])
        let again = expired(&wheel, at: deadline + 10 * Self.tick)
        #expect(again.isEmpty)
    }

    @Test("a deadline that is moved or cancelled does not fire at its old time")
    func moved() {
        var wheel = TimerWheel(capacity: 4, tickNs: Self.tick, nowNs: 0)
        wheel.set(slot: 0, deadlineNs: 5000)
        wheel.set(slot: 0, deadlineNs: 50_000)
        wheel.set(slot: 1, deadlineNs: 5000)
        wheel.cancel(slot: 1)
        let atOld = expired(&wheel, at: 10_000)
        #expect(atOld.isEmpty)
        let atNew = expired(&wheel, at: 51_000)
        #expect(atNew == [0])
        let count = wheel.count
        #expect(count == 0)
    }

    @Test("a deadline in the past fires at the next tick")
    func past() {
        var wheel = TimerWheel(capacity: 4, tickNs: Self.tick, nowNs: 1_000_000)
        wheel.set(slot: 3, deadlineNs: 10)
        let due = expired(&wheel, at: 1_000_000 + 2 * Self.tick)
        #expect(due == [3])
    }

    @Test("nothing is waited for when nothing is set, and never past the nearest deadline by more than a tick")
    func waiting() {
        var wheel = TimerWheel(capacity: 4, tickNs: Self.tick, nowNs: 0)
        let idle = wheel.timeUntilNext(nowNs: 0)
        #expect(idle == nil)
        wheel.set(slot: 0, deadlineNs: 7_500)
        wheel.set(slot: 1, deadlineNs: 900_000)
        let wait = wheel.timeUntilNext(nowNs: 0)
        #expect(wait == 8000)
    }

    @Test("twenty thousand random operations agree with a plain table", arguments: [UInt64(1), 2, 3])
    func random(seed: UInt64) {
        var random = Xoshiro256(seed: seed)
        var wheel = TimerWheel(capacity: 64, tickNs: Self.tick, nowNs: 0)
        var table: [Int: UInt64] = [:]
        var now: UInt64 = 0
        for _ in 0..<20_000 {
            let slot = Int(random.next(below: 64))
            switch random.next(below: 4) {
            case 0, 1:
                let deadline = now + 1 + random.next(below: 3_000_000)
                wheel.set(slot: slot, deadlineNs: deadline)
                table[slot] = deadline
            case 2:
                wheel.cancel(slot: slot)
                table[slot] = nil
            default:
                now += random.next(below: 200_000)
                let fired = expired(&wheel, at: now)
                // Everything that fired was due; everything that was due a tick ago has fired.
                #expect(fired.allSatisfy { (table[$0] ?? .max) <= now })
                for slot in fired { table[slot] = nil }
                #expect(table.values.allSatisfy { $0 + Self.tick > now })
            }
        }
        let count = wheel.count
        #expect(count == table.count)
    }
}
