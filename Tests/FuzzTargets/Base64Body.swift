// base64: any octets are encoded and come back; any text that decodes has exactly the spelling that the encoder gives it, and
// what does not decode, or does not fit, leaves the writer as it was.

import PoplarCore

func checkBase64(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    let text = written(Base64.encodedCount(input.count)) { Base64.encode(UnsafeRawBufferPointer(input), into: &$0) }
    guard text.count == Base64.encodedCount(input.count) else { return Violation("an encoding of another length") }
    var decodes = false
    let back = written(input.count) { decodes = Base64.decode(text.span, into: &$0) }
    guard decodes, back.elementsEqual(input) else { return Violation("what was encoded does not come back") }

    let plain = written(input.count) { decodes = Base64.decode(input.span, into: &$0) }
    guard decodes else { return plain.isEmpty ? nil : Violation("a refusal wrote something") }
    let again = written(input.count) { writer in plain.withUnsafeBytes { Base64.encode($0, into: &writer) } }
    guard again.elementsEqual(input) else { return Violation("two spellings of one message") }
    guard !plain.isEmpty else { return nil }
    let short = written(plain.count - 1) { decodes = Base64.decode(input.span, into: &$0) }
    return !decodes && short.isEmpty ? nil : Violation("decoded into too little room")
}
