// Profiles with one thing wrong, or several: an edit of a good profile, and every error that it must give, in order. The cases
// themselves lie beside this file, by what is wrong: BadProfileSyntax, -Values, -Loads, -Clients, -Work and -Limits.

import Testing

/// A good profile; the cases below change it.
let goodProfile = """
    name: sample
    rate: 100
    phases:
      - name: steady
        duration: 10s
    clients:
      - persona: internet-mail-3
        weight: 2
      - persona: basic-ssl
    mailbox_work:
      - name: check
        retrieve: 1

    """

/// One case: in the good profile `old` becomes `new` (an empty `old` appends). `errors` are lines "line:column message | remedy".
struct BadProfile: Sendable, CustomTestStringConvertible {
    let rule: String
    let old: String
    let new: String
    let errors: [String]

    init(_ rule: String, _ old: String, _ new: String, _ errors: String...) {
        self.rule = rule
        self.old = old
        self.new = new
        self.errors = errors
    }

    var testDescription: String { rule }
    var text: String { old.isEmpty ? goodProfile + new : goodProfile.replacingFirst(old, with: new) }
}

extension String {
    func replacingFirst(_ old: String, with new: String) -> String {
        let parts = split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
        precondition(parts.count == 2, "the edit does not apply")
        return parts[0] + new + parts[1]
    }
}

/// Every case, by group.
let badProfiles: [BadProfile] =
    syntaxCases + structureCases + valueCases + loadCases + traceCases + poolCases + clientCases + workCases + limitCases
