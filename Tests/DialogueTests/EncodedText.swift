// What mechanisms send is base64: these tests write messages out and encode them.
// The encoder is PoplarCore's, which has vectors of its own.

import PoplarCore

func base64(_ octets: [UInt8]) -> String {
    let letters = [UInt8](unsafeUninitializedCapacity: Base64.encodedCount(octets.count)) { memory, count in
        var writer = ByteWriter(UnsafeMutableRawBufferPointer(memory))
        octets.withUnsafeBytes { Base64.encode($0, into: &writer) }
        count = writer.count
    }
    return String(decoding: letters, as: UTF8.self)
}

func base64(_ text: String) -> String { base64(Array(text.utf8)) }
