// The queue of what waits to be sent, part by part.

import Glibc
import PoplarCore
import Testing

@testable import Server

@Suite("The output queue hands over what a turn may send")
struct OutputQueueTests {
    /// Octets that are taken off a queue of parts of `sizes` in each step, `limit` at the most.
    private func steps(_ sizes: [Int], limit: Int) -> [Int] {
        var pool = BufferPool(chunkSize: OutputQueue.chunkSize, limit: 1)
        var queue = OutputQueue()
        defer { queue.release(&pool) }
        guard queue.prepare(&pool) else { return [] }
        // Apart, so that no two parts lie side by side and become one.
        let blocks = sizes.map { UnsafeMutableRawBufferPointer.allocate(byteCount: $0 + 1, alignment: 1) }
        defer { for block in blocks { block.deallocate() } }
        for block in blocks { queue.append(external: UnsafeRawBufferPointer(rebasing: block[..<(block.count - 1)])) }
        var taken: [Int] = []
        while let (start, count, total) = queue.parts(upTo: limit), taken.count < 100 {
            let parts = (0..<count).reduce(0) { $0 + start[$1].iov_len }
            #expect(count == 1 ? total <= parts : total == parts)
            taken.append(total)
            queue.consume(total)
        }
        return taken
    }

    @Test(
        "whole parts up to the limit, or a beginning of one that is larger; all of it in the end",
        arguments: [
            ([10], 10, [10]), ([10, 20, 30], 60, [60]), ([10, 20, 30], 59, [30, 30]), ([10, 20, 30], 20, [10, 20, 20, 10]),
            ([100], 30, [30, 30, 30, 10]), ([5, 100, 5], 50, [5, 50, 50, 5]), ([], 10, []),
        ])
    func limited(sizes: [Int], limit: Int, expected: [Int]) { #expect(steps(sizes, limit: limit) == expected) }
}
