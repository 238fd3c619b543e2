// The list of `--methods`: every subset is written and read back, and what is no method is named.

import Administration
import Testing

@Suite("The method list")
struct MethodSwitchesTests {
    @Test("every setting but none is read as it is written", arguments: UInt8(1)..<32)
    func roundTrip(value: UInt8) throws {
        let switches = MethodSwitches(rawValue: value)
        #expect(try MethodSwitches.parse(switches.text).get() == switches)
    }

    @Test("what is no method is named, with what there is", arguments: ["", "basic,", "Basic", "ntlm basic", "kerberos"])
    func unknown(list: String) {
        #expect { try MethodSwitches.parse(list).get() } throws: { "\($0)".contains("there are: basic, basic-ssl, ntlm") }
    }
}
