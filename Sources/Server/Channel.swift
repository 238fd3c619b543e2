// What one kind of channel, clear or encrypted, lets a client do: the switches of the Authentication page as they bear on
// it, and the offer that CAPA, bare AUTH and the session machine are given. One source for both, so that what is
// listed and what is let through cannot differ.

import Administration
import POP3

struct Channel: Sendable {
    let methods: ChannelMethods
    let offer: Offer

    /// `hasTLS`: there is a certificate, so STLS can succeed.
    init(_ switches: MethodSwitches, _ personality: Personality, encrypted: Bool, hasTLS: Bool) {
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
        }
        self.offer = offer
    }
}
