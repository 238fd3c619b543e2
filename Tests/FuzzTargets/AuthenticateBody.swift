// ntlm-authenticate: the server's judgement of any type 3, after the first two messages of the published conversation with a
// MIC. Nothing but its published third message is accepted; ranges lie inside the message; names are valid UTF-8.

import NTLM
import PoplarCore

func checkAuthenticate(_ input: UnsafeBufferPointer<UInt8>) -> Violation? {
    guard let settings = Party.settings(), let hash = Party.hash() else { return Violation("settings") }
    return withMemory(ServerExchange.transcriptSize) { transcript in
        var server = ServerExchange()
        let resumed = server.resume(
            negotiate: Published.negotiate.span, challenge: Published.challenge.span, transcript: transcript)
        guard resumed == .challenged else { return Violation("the published challenge is refused") }
        var again = server
        let outcome = server.authenticate(input.span)
        guard again.authenticate(input.span) == outcome else { return Violation("two readings differ") }
        guard case .identity(let domain, let user, let isUnicode) = outcome else {
            return server.authenticate(input.span) == .malformed(.outOfSequence)
                ? nil : Violation("a refusal left the exchange open")
        }
        guard isName(input, domain, isUnicode), !user.isEmpty, isName(input, user, isUnicode) else {
            return Violation("a bad name")
        }
        func verify(_ hash: NTHash?) -> Verdict {
            server.verify(
                input.span, hash: hash, settings: settings, nowFileTime: Party.now, transcript: UnsafeRawBufferPointer(transcript)
            )
        }
        guard verify(nil) != .accepted else { return Violation("an unknown user is accepted") }
        guard verify(hash) != .accepted || Published.authenticate.elementsEqual(input) else {
            return Violation("a forgery is accepted")
        }
        return nil
    }
}

private func isName(_ message: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ isUnicode: Bool) -> Bool {
    guard range.lowerBound >= 0, range.upperBound <= message.count else { return false }
    var valid = false
    let text = written { valid = Name.appendUTF8(message.span.extracting(range), isUnicode: isUnicode, into: &$0) }
    return valid && String(validating: text, as: UTF8.self) != nil
}

/// The conversation of protocol.md 3.4, third set.
enum Published {
    static var negotiate: [UInt8] { decoded("TlRMTVNTUAABAAAAB4IIAAAAAAAgAAAAAAAAACAAAAA=") }
    static var challenge: [UInt8] {
        decoded(
            """
            TlRMTVNTUAACAAAADAAMADgAAAAzgoriASNFZ4mrze8AAAAAAAAAACQAJABEAAAABgBwFwAAAA9TAGUAcgB2AGUAcgACAAwARABvAG0AYQBpAG4A\
            AQAMAFMAZQByAHYAZQByAAAAAAA=
            """)
    }
    static var authenticate: [UInt8] {
        decoded(
            """
            TlRMTVNTUAADAAAAGAAYAFgAAACKAIoAcAAAAAwADAD6AAAACAAIAAYBAAAQABAADgEAAAAAAABYAAAAA4IIAAAAAAAAAAAA9zYWM/Ctm99KfEIb\
            xrgkowAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIwCYNvvaQZir5xC1QeC0u0BAQAAAAAAAIALyP0A1NIBqqqqqqqqqqoAAAAAAgAMAEQAbwBtAGEA\
            aQBuAAEADABTAGUAcgB2AGUAcgAGAAQAAgAAAAoAEABlhumdgcL8mE5HFy/U3QMQCQAWAEgAVABUAFAALwBTAGUAcgB2AGUAcgAAAAAAAAAAAEQA\
            bwBtAGEAaQBuAFUAcwBlAHIAQwBPAE0AUABVAFQARQBSAA==
            """)
    }

    private static func decoded(_ text: StaticString) -> [UInt8] {
        let letters = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        return written { _ = Base64.decode(letters.span, into: &$0) }
    }
}
