// The floors of ARCHITECTURE.md as a table, and what each module may import from outside the package.
// A new module gets its line here first; the graph tests refuse one that has none.

enum House {
    struct Room: Sendable {
        let floor: Int
        /// Carries bytes or samples: the bans of the data plane hold.
        let isDataPlane: Bool
        /// Modules and products from outside this package, the standard library and Glibc aside.
        let outside: Set<String>

        init(_ floor: Int, dataPlane: Bool = false, outside: Set<String> = []) {
            self.floor = floor
            isDataPlane = dataPlane
            self.outside = outside
        }
    }

    static let rooms: [String: Room] = [
        "CLinux": Room(0), "COpenSSL": Room(0), "CZlib": Room(0), "CJemalloc": Room(0), "CBuildInfo": Room(0),
        "CStartup": Room(0),
        "PoplarCore": Room(1, dataPlane: true),
        "Digest": Room(1, dataPlane: true),
        "Terminal": Room(1),
        "Reactor": Room(2, dataPlane: true),
        "TLS": Room(2, dataPlane: true),
        "Certificates": Room(2),
        "NTLM": Room(2, dataPlane: true),
        "Maildrop": Room(2, dataPlane: true),
        "Telemetry": Room(2, dataPlane: true),
        "Configuration": Room(2, outside: ["Foundation", "Yams"]),
        "Exposition": Room(2),
        "SASL": Room(3, dataPlane: true),
        "POP3": Room(3, dataPlane: true),
        "Accounts": Room(3),
        "Administration": Room(3),
        "Workload": Room(3, outside: ["Foundation"]),
        "Dialogue": Room(3),
        "Doctor": Room(3, outside: ["Foundation"]),
        "Statistics": Room(3, outside: ["Foundation"]),
        "Server": Room(4, dataPlane: true),
        "LoadGenerator": Room(4, dataPlane: true),
        "Results": Room(5, outside: ["Foundation"]),
        "Capacity": Room(6, outside: ["Foundation"]),
        "Report": Room(7, outside: ["Foundation"]),
        "poplar": Room(8, outside: ["Foundation", "ArgumentParser"]),
    ]

    /// What the floors alone would allow and the design does not, directly or by way of another module.
    static let strangers: [(String, String)] = [
        ("Server", "Workload"), ("Server", "LoadGenerator"), ("LoadGenerator", "Server"), ("LoadGenerator", "Maildrop"),
        ("LoadGenerator", "Accounts"), ("LoadGenerator", "Administration"), ("POP3", "SASL"), ("SASL", "POP3"),
        ("Certificates", "Reactor"), ("TLS", "Reactor"), ("Reactor", "TLS"), ("Workload", "Reactor"), ("Statistics", "Telemetry"),
    ]

    /// Two modules of one floor that may still know each other, downwards in the table of ARCHITECTURE.md.
    static let neighbours: Set<String> = ["Digest -> PoplarCore"]

    /// Modules that live in another's folder: one module map may name several.
    static let parts = ["CSpawn": "CLinux"]

    /// Importable everywhere.
    static let always: Set<String> = ["Swift", "Glibc", "Synchronization"]
}
