// Runs the fuzz target that POPLAR_FUZZ_TARGET names, with libFuzzer's own arguments. A broken invariant is printed and ends
// the process by a trap, so that libFuzzer keeps the input.

import CFuzzer
import FuzzTargets
import Glibc

guard let name = getenv("POPLAR_FUZZ_TARGET"), let chosen = FuzzTarget(rawValue: String(cString: name)) else {
    print(FuzzTarget.allCases.map(\.rawValue).joined(separator: "\n"))
    exit(64)
}
nonisolated(unsafe) let target = chosen

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { data, size in
        if let violation = target.check(UnsafeBufferPointer(start: data, count: size)) {
            fatalError("\(target.rawValue): \(violation)")
        }
        return 0
    })
