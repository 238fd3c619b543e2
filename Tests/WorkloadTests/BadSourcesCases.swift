// Profiles whose source addresses are wrong: every error that each must give, with its place and its remedy.

import Testing

@Suite("Bad source addresses in a profile")
struct BadSourcesTests {
    @Test("each has its place, and what would be right", arguments: badSources)
    func golden(_ bad: BadProfile) {
        #expect(errors(of: bad.text) == bad.errors)
    }
}

private let forms = "write for example 127.0.0.2, ::1 or 127.0.0.1-127.0.0.8"
private let ofOne = "name an address that the machine has; without one the kernel chooses"

private let badSources: [BadProfile] = [
    BadProfile(
        "an address is four numbers or IPv6", "", "sources: [127.0.0.2, 127.0.0.256]\n",
        "13:22 '127.0.0.256' is no IP address, and no range of them | \(forms)"),
    BadProfile(
        "a name is no address", "", "sources:\n  - localhost\n",
        "14:5 'localhost' is no IP address, and no range of them | \(forms)"),
    BadProfile(
        "a source has no port", "", "sources: ['127.0.0.2:0']\n",
        "13:11 '127.0.0.2:0' is no IP address, and no range of them | \(forms)"),
    BadProfile(
        "nothing hides behind a NUL", "", "sources: [\"127.0.0.2\\0\"]\n",
        "13:11 '127.0.0.2\\u{0}' is no IP address, and no range of them | \(forms)"),
    BadProfile(
        "a range has two ends", "", "sources: [127.0.0.1-127.0.0.2-127.0.0.3]\n",
        "13:11 '127.0.0.1-127.0.0.2-127.0.0.3' is no IP address, and no range of them | \(forms)"),
    BadProfile(
        "a range goes upwards", "", "sources: [127.0.0.8-127.0.0.1]\n",
        "13:11 the range '127.0.0.8-127.0.0.1' ends before it begins | write '127.0.0.1-127.0.0.8'"),
    BadProfile(
        "a range is of one family", "", "sources: ['127.0.0.1-::1']\n",
        "13:11 the range '127.0.0.1-::1' begins as IPv4 and ends as IPv6 | write for example 127.0.0.1-127.0.0.8"),
    BadProfile(
        "the list is not empty", "", "sources: []\n",
        "13:10 the list 'sources' is empty | name an address, or leave the key out: then the kernel chooses"),
    BadProfile(
        "it is a list", "", "sources: 127.0.0.2\n",
        "13:10 'sources' must be a list, not '127.0.0.2' | write a list: sources: [\"127.0.0.2\"]"),
    BadProfile(
        "an item is a text", "", "sources: [[127.0.0.2]]\n",
        "13:11 'sources' must be a list of IP addresses and ranges of them, not a list"),
    BadProfile(
        "an address stands once", "", "sources: [127.0.0.2, 127.0.0.2]\n",
        "13:22 the source address 127.0.0.2 is named twice | name it once: the addresses take turns"),
    BadProfile(
        "in ranges too", "", "sources: [127.0.0.7-127.0.0.12, 127.0.0.1-127.0.0.8]\n",
        "13:33 the source address 127.0.0.7 is named twice | name it once: the addresses take turns"),
    BadProfile(
        "whatever its spelling", "", "sources: ['::1', '0:0::1']\n",
        "13:18 the source address ::1 is named twice | name it once: the addresses take turns"),
    BadProfile(
        "all are of one family", "", "sources: [127.0.0.2, '::1', 127.0.0.3]\n",
        "13:22 '::1' is IPv6, and the source addresses before it are IPv4 | name addresses of the target's family alone"),
    BadProfile(
        "any is no address", "", "sources: [0.0.0.0, 224.0.0.1, 255.255.255.255]\n",
        "13:11 0.0.0.0 is not the address of one interface | \(ofOne)",
        "13:20 224.0.0.1 is not the address of one interface | \(ofOne)",
        "13:31 255.255.255.255 is not the address of one interface | \(ofOne)"),
    BadProfile(
        "nor is a group's in IPv6", "", "sources: ['::', 'ff02::1']\n",
        "13:11 :: is not the address of one interface | \(ofOne)",
        "13:17 ff02::1 is not the address of one interface | \(ofOne)"),
    BadProfile(
        "there are at most 1024", "", "sources: [127.0.0.1-127.0.4.0, 127.1.0.1]\n",
        "13:32 more than 1024 source addresses | name fewer: each has ports of its own"),
    BadProfile(
        "however large a range is", "", "sources: ['1::-fe80::']\n",
        "13:11 more than 1024 source addresses | name fewer: each has ports of its own"),
    BadProfile(
        "they are of the target's family", "",
        "sources: [127.0.0.2]\ntarget: {pop3: '[::1]:110', pop3s: 'mail.example.org:995'}\n",
        "13:11 the source addresses are IPv4, and the target [::1]:110 is IPv6 | name IPv6 addresses, or an IPv4 target"),
    BadProfile(
        "and the other way round", "", "sources: ['::1']\ntarget: {pop3s: '127.0.0.1:995', pop3: '[::1]:110'}\n",
        "13:11 the source addresses are IPv6, and the target 127.0.0.1:995 is IPv4 | name IPv4 addresses, or an IPv6 target"),
]
