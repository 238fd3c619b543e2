// The seeds of Tests/Corpus through the fuzz bodies, in every ordinary test run: whole, cut at every place, and with each octet
// changed. What a fuzzer finds is mended and its input added there.

import Foundation
import FuzzTargets
import Testing

let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Corpus")

func seeds(of target: FuzzTarget) throws -> [(name: String, octets: [UInt8])] {
    let folder = corpus.appending(path: target.rawValue)
    return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map {
        ($0, [UInt8](try Data(contentsOf: folder.appending(path: $0))))
    }
}

func check(_ target: FuzzTarget, _ octets: [UInt8]) -> String? {
    octets.withUnsafeBufferPointer { target.check($0)?.description }
}

@Suite("Fuzz bodies over their corpora")
struct FuzzReplayTests {
    @Test("every seed keeps every invariant, also cut short and changed", arguments: FuzzTarget.allCases)
    func replay(target: FuzzTarget) throws {
        let seeds = try seeds(of: target)
        #expect(!seeds.isEmpty)
        #expect(check(target, []) == nil)
        for seed in seeds {
            #expect(seed.octets.count < 2048, "\(seed.name) is too large for a seed")
            let violation = check(target, seed.octets)
            #expect(violation == nil, "\(seed.name)")
            for place in seed.octets.indices {
                let cut = check(target, Array(seed.octets[..<place]))
                if let cut { Issue.record("\(seed.name) cut at \(place): \(cut)") }
                var changed = seed.octets
                changed[place] ^= 1 << UInt8(place % 8)
                let other = check(target, changed)
                if let other { Issue.record("\(seed.name) changed at \(place): \(other)") }
            }
        }
    }

    @Test("every folder of the corpus belongs to a target")
    func folders() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: corpus.path).filter { !$0.hasPrefix(".") }
        #expect(Set(names) == Set(FuzzTarget.allCases.map(\.rawValue)))
    }
}
