// The list of `--methods`: every subset is written and read back, what is no method is named, and what the personalities
// switch on by default.

import Administration
import Testing

@Suite("The method list")
struct MethodSwitchesTests {
    @Test("every setting but none is read as it is written", arguments: UInt8(1)...255)
    func roundTrip(value: UInt8) throws {
        let switches = MethodSwitches(rawValue: value)
        #expect(try MethodSwitches.parse(switches.text).get() == switches)
    }

    @Test("what is no method is named, with what there is", arguments: ["", "basic,", "Basic", "ntlm basic", "kerberos"])
    func unknown(list: String) {
        #expect { try MethodSwitches.parse(list).get() } throws: {
            "\($0)".contains("there are: basic, basic-ssl, ntlm, ntlm-ssl, membership, apop, cram-md5, scram-sha-256")
        }
    }

    @Test("`all` is the five of the page; the three beyond it are on in the modern personality alone")
    func defaults() {
        #expect(MethodSwitches.all.text == "basic,basic-ssl,ntlm,ntlm-ssl,membership")
        #expect(MethodSwitches.defaults(compat: .exchange55) == .all)
        #expect(MethodSwitches.defaults(compat: .modern).subtracting(.all).text == "apop,cram-md5,scram-sha-256")
    }

    @Test("each of the three stands alone and governs both channels", arguments: [true, false])
    func beyondThePage(encrypted: Bool) {
        for method in [MethodSwitches.apop, .cramMD5, .scramSHA256] {
            let channel = method.channel(encrypted: encrypted)
            #expect(channel.apop == (method == .apop))
            #expect(channel.cramMD5 == (method == .cramMD5))
            #expect(channel.scramSHA256 == (method == .scramSHA256))
            #expect(!channel.basic && !channel.ntlm && !channel.membership)
        }
        let page = MethodSwitches.all.channel(encrypted: encrypted)
        #expect(!page.apop && !page.cramMD5 && !page.scramSHA256)
    }
}
