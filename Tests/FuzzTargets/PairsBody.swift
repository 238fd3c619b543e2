// av-pairs: any list of attribute-value pairs. What parses has its end inside the list, finds its values inside it, and copied
// pair by pair it parses to the same.

import NTLM
import PoplarCore

func checkPairs(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    for id in AVIdentifier.allCases {
        guard let range = AVPairs.find(id, in: input.span) else { continue }
        guard range.lowerBound >= 4, range.upperBound <= input.count else { return Violation("a value outside the list") }
    }
    guard let pairs = try? AVPairs(input.span) else { return nil }
    guard pairs.endOffset >= 0, pairs.endOffset + 4 <= input.count else { return Violation("an end outside the list") }
    let copy = written(input.count + 4) {
        AVPairs.copy(input.span, keep: .max, into: &$0)
        $0.append(littleEndian: UInt32(0))
    }
    guard copy.elementsEqual(input.prefix(pairs.endOffset + 4)) else { return Violation("a copy differs") }
    guard let again = try? AVPairs(copy.span), again == pairs else { return Violation("a copy parses to something else") }
    return nil
}
