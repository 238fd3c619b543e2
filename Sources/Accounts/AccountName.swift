// The grammar of a Basic account name (Exchange 5.x; KB161116, KB161118, KB322825, KB173283):
//
//   alias  |  DOMAIN\account  |  DOMAIN\account\alias
//
// with `/` as good as `\`. Only the first two separators split: an alias may hold separators of its own, and then
// domain and account must be given. A doubled separator counts as one, as Netscape's users had to type it.

import PoplarCore

/// The parts of a name, as ranges into it. What is not given is nil.
public struct AccountName: Equatable, Sendable {
    /// Nil: every domain is searched, and the first that holds the account wins.
    public let domain: Range<Int>?
    public let account: Range<Int>
    /// Nil: the mailbox is called like the account.
    public let alias: Range<Int>?

    /// Reads `name`; nil when a part is empty.
    public static func parse(_ name: Span<UInt8>) -> AccountName? {
        guard let (firstEnd, accountStart) = separator(name, from: 0) else {
            return name.count > 0 ? AccountName(domain: nil, account: 0..<name.count, alias: nil) : nil
        }
        guard firstEnd > 0, accountStart < name.count else { return nil }
        guard let (secondEnd, aliasStart) = separator(name, from: accountStart) else {
            return AccountName(domain: 0..<firstEnd, account: accountStart..<name.count, alias: nil)
        }
        guard secondEnd > accountStart, aliasStart < name.count else { return nil }
        return AccountName(domain: 0..<firstEnd, account: accountStart..<secondEnd, alias: aliasStart..<name.count)
    }

    /// Where the next separator stands and where the part after it begins.
    private static func separator(_ name: Span<UInt8>, from start: Int) -> (end: Int, next: Int)? {
        guard let distance = Bytes.firstIndex(of: 92, or: 47, in: name.extracting(start..<name.count)) else { return nil }
        let end = start &+ distance
        let doubled = end &+ 1 < name.count && name[end &+ 1] == name[end]
        return (end, end &+ (doubled ? 2 : 1))
    }
}
