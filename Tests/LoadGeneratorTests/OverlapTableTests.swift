// Which sessions of one user have met: what decides whether a maildrop in use was to be expected.

import Testing

@testable import LoadGenerator

@Suite struct OverlapTableTests {
    @Test func `a session alone meets nobody, those that overlap meet each other, whichever began first`() {
        let table = OverlapTable(users: 2)
        let first = table.begin(0)
        let other = table.begin(1)
        let alone = [table.hasMet(0, first), table.hasMet(1, other)]
        let second = table.begin(0)
        let together = [table.hasMet(0, first), table.hasMet(0, second), table.hasMet(1, other)]
        table.end(0)
        table.end(0)
        let afterwards = [table.hasMet(0, first), table.hasMet(0, second)]
        let third = table.begin(0)
        let later = table.hasMet(0, third)
        #expect(alone == [false, false])
        #expect(together == [true, true, false])
        #expect(afterwards == [true, true])
        #expect(!later)
    }

    @Test func `a table without users, and a user without a row, meet nobody`() {
        let table = OverlapTable(users: 0)
        let first = table.begin(0)
        _ = table.begin(0)
        table.end(7)
        let met = table.hasMet(0, first)
        #expect(!met)
    }

    @Test func `numbers may wrap round`() {
        let table = OverlapTable(users: 1)
        var met = 0
        for _ in 0..<70_000 {
            let mark = table.begin(0)
            if table.hasMet(0, mark) { met += 1 }
            table.end(0)
        }
        let mark = table.begin(0)
        _ = table.begin(0)
        let meets = table.hasMet(0, mark)
        #expect(met == 0 && meets)
    }
}
