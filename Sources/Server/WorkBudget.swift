// What one connection may do in one turn of its worker's loop, counted in units of work: a unit is what a simple
// command costs, some hundred nanoseconds. Octets say little about work: a listing of marked rows writes nothing, and
// six octets of a command may ask for a hash. A connection that has used its units up goes to the back of the ready
// queue.

struct WorkBudget {
    /// A line: finding, parsing and answering it.
    static let line = 1
    /// A row of a listing.
    static let row = 1
    /// Finding where the lines of TOP end: a search and the scan of one stride.
    static let top = 8
    /// CAPA's list.
    static let capabilities = 4
    /// A password that is compared or hashed: USER and PASS, APOP.
    static let password = 16
    /// A line of an AUTH exchange: base64, and the hashes of its mechanism; NTLM's are the dearest.
    static let exchange = 64
    /// Octets of an exchange's line that are decoded and read for one unit.
    static let octets = 128
    /// Words of marks that are looked at or written for one unit.
    static let words = 64
    /// A TLS record that is decrypted, its plaintext apart.
    static let record = 4

    private var left = 0

    /// A connection's turn begins.
    mutating func begin(_ units: Int) { left = units }

    /// What has been done is taken off; the last thing of a turn may overdraw it.
    mutating func spend(_ units: Int) { left &-= units }

    var isSpent: Bool { left <= 0 }
}
