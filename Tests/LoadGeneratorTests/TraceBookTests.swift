// Which sessions of a run stay in the book of `--trace`, and how much of each.

import Dialogue
import Telemetry
import Testing

@testable import LoadGenerator

@Suite struct TraceBookTests {
    /// A session of `script` that says `word` and ends so.
    private func run(
        _ book: TraceBook, _ number: UInt64, script: UInt16 = 0, _ outcome: SessionOutcome = .succeeded,
        says word: StaticString = "x"
    ) -> Bool {
        let place = book.begin(number: number, user: 0, script: script, plannedNs: 100, startNs: 150)
        guard place.isTraced else { return false }
        book.note(place, .sent, atNs: 300, word)
        book.end(place, outcome, endNs: 400, link: 0, messages: nil, octets: nil)
        return true
    }

    private func numbers(_ book: TraceBook) -> [UInt64] { book.read().map(\.session.number).sorted() }

    @Test func `the first ones are kept, and when all scripts have theirs and half of them may fail, only failures are awaited`()
    {
        let book = TraceBook(quota: 2, scripts: 1)
        for number in 0..<5 { _ = run(book, UInt64(number)) }
        #expect(numbers(book) == [0, 1])
        _ = run(book, 5, .failed(.timeout))
        #expect(book.read().count == 2)
        #expect(book.read().filter(\.session.isFailure).map(\.session.number) == [5])
        #expect(!run(book, 6, .failed(.timeout)), "half of them failed and every script is there: nothing more is recorded")
    }

    @Test func `a run in which everything fails shows failures alone`() {
        let book = TraceBook(quota: 3, scripts: 2)
        for number in 0..<9 { _ = run(book, UInt64(number), .failed(.refused)) }
        #expect(numbers(book) == [0, 1, 2])
    }

    @Test func `a script without a session takes the place of one of the script that has most`() {
        let book = TraceBook(quota: 3, scripts: 3)
        for number in 0..<3 { _ = run(book, UInt64(number), script: 0) }
        _ = run(book, 3, script: 2)
        _ = run(book, 4, script: 1)
        #expect(Set(book.read().map(\.session.script)) == [0, 1, 2])
        #expect(book.read().count == 3)
    }

    @Test func `more scripts than places: the last session of a script is not given up for another's first`() {
        let book = TraceBook(quota: 2, scripts: 5)
        for script in 0..<5 { _ = run(book, UInt64(script), script: UInt16(script)) }
        #expect(numbers(book) == [0, 1])
    }

    @Test func `once the places are taken, only four sessions at a time are recorded`() {
        let book = TraceBook(quota: 1, scripts: 1)
        let places = (0..<8).map { book.begin(number: $0, user: 0, script: 0, plannedNs: 0, startNs: 0) }
        #expect(places.count { $0.isTraced } == 5)
        for place in places where place.isTraced {
            book.end(place, .succeeded, endNs: 1, link: 0, messages: nil, octets: nil)
        }
        #expect(book.read().count == 1)
        #expect(run(book, 9), "places are free again")
    }

    @Test func `what went by is given back with its times from the planned start`() {
        let book = TraceBook(quota: 1, scripts: 1)
        _ = run(book, 7, says: "NOOP\r\n")
        let kept = book.read()
        #expect(kept.map(\.session.number) == [7])
        #expect(kept[0].transcript.entries.map(\.octets) == [Array("NOOP\r\n".utf8)])
        #expect(kept[0].transcript.entries.map(\.atNs) == [200])
    }

    @Test func `a session that never stops talking is cut at its share of the memory, and what is left out is counted`() {
        let book = TraceBook(quota: 1, scripts: 1)
        let place = book.begin(number: 0, user: 0, script: 0, plannedNs: 0, startNs: 0)
        let flood = [UInt8](repeating: 65, count: 10_000)
        for _ in 0..<100 { flood.withUnsafeBytes { book.note(place, .received, atNs: 1, $0) } }
        for _ in 0..<1000 { book.note(place, .sent, atNs: 1, "x") }
        book.end(place, .succeeded, endNs: 1, link: 0, messages: nil, octets: nil)
        let transcript = book.read()[0].transcript
        #expect(transcript.entries.reduce(0) { $0 + $1.octets.count } == Transcript.sizeLimit)
        #expect(transcript.entries[0].octets.count == Transcript.entryLimit)
        #expect(transcript.entries[0].count == 10_000)
        #expect(transcript.dropped == 1100 - transcript.entries.count)
    }
}
