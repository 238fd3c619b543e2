// Populations for tests, where there must be one.

import Maildrop

extension Population {
    init(mailboxes: Int, messages: Int, octets: Int, policy: DeletionPolicy, seed: UInt64 = 1) {
        self.init(
            mailboxes: mailboxes, messages: PopulationMix(always: messages), octets: PopulationMix(always: octets),
            policy: policy, seed: seed)
    }

    init(mailboxes: Int, messages: PopulationMix, octets: PopulationMix, policy: DeletionPolicy, seed: UInt64 = 1) {
        guard let made = Self.make(mailboxes: mailboxes, messages: messages, octets: octets, policy: policy, seed: seed)
        else {
            preconditionFailure("no memory for a population")
        }
        self = made
    }
}
