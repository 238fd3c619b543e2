// The way out for texts: nobody who adds one waits, and what is lost is counted.

import Glibc
import Terminal
import Testing

/// A pipe that ends with the test.
private final class TestPipe {
    let read: Int32
    let write: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        _ = pipe(&ends)
        (read, write) = (ends[0], ends[1])
    }

    deinit {
        close(read)
        close(write)
    }

    func readSome() -> String {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = Glibc.read(read, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

@Suite("The way out for texts")
struct TextOutletTests {
    @Test("texts come out in the order in which they were added")
    func order() {
        let (pipe, outlet) = (TestPipe(), TextOutlet(room: 1024))
        for text in ["one ", "two ", "three"] { outlet.add(text, to: pipe.write) }
        #expect(outlet.flush(timeoutMs: 60_000))
        #expect(pipe.readSome() == "one two three")
        #expect(outlet.isIdle && outlet.lost == 0)
    }

    @Test("where the reader takes nothing, texts wait as far as there is room, and then are lost and counted")
    func fullPipe() {
        let (pipe, outlet) = (TestPipe(), TextOutlet(room: 100_000))
        // A pipe holds 65,536 bytes, so the thread is held up in the first text.
        outlet.add(String(repeating: "x", count: 80_000), to: pipe.write)
        while pipe.isEmpty { usleep(1000) }
        // Two of these find room.
        for _ in 0..<5 { outlet.add(String(repeating: "y", count: 40_000), to: pipe.write) }
        #expect(outlet.lost == 3)
        #expect(!outlet.flush(timeoutMs: 1))
        var count = 0
        while count < 80_000 + 2 * 40_000 { count += pipe.readSome().utf8.count }
        #expect(outlet.flush(timeoutMs: 60_000) && pipe.isEmpty && outlet.lost == 3)
    }

    @Test("a reader that has gone costs the text and nothing else")
    func deadPipe() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        _ = pipe(&ends)
        close(ends[0])
        defer { close(ends[1]) }
        let outlet = TextOutlet(room: 1024)
        outlet.add("nobody reads this", to: ends[1])
        #expect(outlet.flush(timeoutMs: 60_000))
        #expect(outlet.lost == 1)
    }

    @Test("a descriptor that somebody made non-blocking still gets the whole text")
    func nonBlocking() {
        let (pipe, outlet) = (TestPipe(), TextOutlet(room: 1 << 20))
        _ = fcntl(pipe.write, F_SETFL, fcntl(pipe.write, F_GETFL) | O_NONBLOCK)
        outlet.add(String(repeating: "x", count: 200_000), to: pipe.write)
        var count = 0
        while count < 200_000 { count += pipe.readSome().utf8.count }
        #expect(count == 200_000 && outlet.flush(timeoutMs: 60_000) && outlet.lost == 0)
    }
}

extension TestPipe {
    fileprivate var isEmpty: Bool {
        var entry = pollfd(fd: read, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 0
    }
}
