// The keys of a file as tables: a loader refuses what is not in them, and its reference page is made from them.
// Invariant: what is documented is what is accepted, since both read the same rows.

/// One key of a mapping.
public struct SchemaKey: Sendable {
    public let name: String
    public let form: String
    /// What holds without the key; "required" where there is nothing.
    public let standard: String
    public let meaning: String

    public init(name: String, form: String, standard: String, meaning: String) {
        self.name = name
        self.form = form
        self.standard = standard
        self.meaning = meaning
    }
}

/// The keys of one mapping.
public struct SchemaSection: Sendable {
    /// As printed in the reference: `phases[]`.
    public let path: String
    /// As printed in errors.
    public let label: String
    public let about: String
    public let keys: [SchemaKey]

    /// Without a `label` errors print the path.
    public init(path: String, label: String? = nil, about: String, keys: [SchemaKey]) {
        self.path = path
        self.label = label ?? path
        self.about = about
        self.keys = keys
    }

    public var names: [String] { keys.map(\.name) }

    /// The section of the reference page, as Markdown.
    public var reference: String {
        var text = "### `\(path)`\n\n"
        if !about.isEmpty { text += "\(about)\n\n" }
        text += "| key | form | without it | meaning |\n|---|---|---|---|\n"
        for key in keys { text += "| `\(key.name)` | \(key.form) | \(key.standard) | \(key.meaning) |\n" }
        return text + "\n"
    }
}
