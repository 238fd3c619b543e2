// What one kind of channel, clear or encrypted, lets a client do: the five switches of the Authentication page as they
// bear on it, and the offer that CAPA, bare AUTH and the session machine are given. One source for both, so that what is
// listed and what is let through cannot differ.

import Administration
import POP3

struct Channel: Sendable {
    let methods: ChannelMethods
    let offer: Offer

    init(_ switches: MethodSwitches, encrypted: Bool) {
        methods = switches.channel(encrypted: encrypted)
        var offer: Offer = methods.basic ? .basic : []
        // AUTH NTLM carries the membership system too (contracts.md 2).
        if methods.ntlm || methods.membership { offer.insert(.ntlm) }
        self.offer = offer
    }
}
