// What one kind of channel, clear or encrypted, lets a client do: the switches of the Authentication page as they bear on
// it, and the offer that CAPA, bare AUTH and the session machine are given. One source for both, so that what is
// listed and what is let through cannot differ.

import Accounts
import Administration
import POP3

struct Channel: Sendable {
    let methods: ChannelMethods
    let offer: Offer

    /// `hasTLS`: there is a certificate, so STLS can succeed. `kinds`: what the accounts can be checked by at all; a
    /// mechanism whose verifier no account has can succeed for nobody, and is not offered.
    init(
        _ switches: MethodSwitches, _ personality: Personality, encrypted: Bool, hasTLS: Bool, kinds: CredentialKinds
    ) {
        methods = switches.channel(encrypted: encrypted)
        var offer: Offer = []
        if methods.basic { offer.insert(.user) }
        // AUTH NTLM carries the membership system too (contracts.md 2).
        if methods.ntlm || methods.membership { offer.insert(.ntlm) }
        if personality == .modern {
            // Exchange 5.5 knows no other mechanism than NTLM, and neither APOP, CAPA nor STLS (KB262986, KB322825).
            offer.insert(.extensions)
            if methods.basic { offer.formUnion(.basic) }
            if hasTLS, !encrypted { offer.insert(.stls) }
            if methods.apop, kinds.contains(.clearText) { offer.insert(.apop) }
            if methods.cramMD5, kinds.contains(.clearText) { offer.insert(.cramMD5) }
            if methods.scramSHA256, kinds.contains(.scramSHA256) { offer.insert(.scramSHA256) }
        }
        self.offer = offer
    }
}
