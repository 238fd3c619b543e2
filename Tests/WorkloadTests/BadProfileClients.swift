// Profiles whose clients could not log on as they are told to: by their persona, the switches of the server, or the target.

/// Rules that join a client with the server and the target.
let clientCases: [BadProfile] = [
    BadProfile(
        "weights of clients do not add up to 0",
        "    weight: 2\n  - persona: basic-ssl",
        "    weight: 0\n  - {persona: basic-ssl, weight: 0}",
        "6:1 the weights of the clients add up to 0 | give at least one client a weight above 0"),
    BadProfile(
        "weights of a mapping do not add up to 0",
        "",
        "ntlm_variants: {v2: 0, v2-mic: 0}\n",
        "13:1 the weights of 'ntlm_variants' add up to 0 | give at least one of them a weight above 0"),
    BadProfile(
        "a membership client needs the membership switch",
        "  - persona: basic-ssl",
        "  - persona: membership\nserver: {methods: [basic, ntlm]}",
        "9:14 the client 'membership' needs membership on pop3, which server.methods leaves off | add 'membership' to "
            + "server.methods, or remove the client"),
    BadProfile(
        "a method needs its switch",
        "",
        "server: {methods: [basic, basic-ssl]}\n",
        "7:14 the client 'internet-mail-3' needs ntlm on pop3, which server.methods leaves off | add 'ntlm' to "
            + "server.methods, or remove the client"),
    BadProfile(
        "NTLMv1 needs a level below 5",
        "",
        "ntlm_variants: {v1: 1, v2: 1}\n",
        "13:16 the client 'internet-mail-3' sends v1, which the server refuses at ntlm_level 5 | set server.ntlm_level to "
            + "4 or less, or send v2"),
    BadProfile(
        "a channel binding needs a channel",
        "",
        "ntlm_variants: v2-channel-binding\n",
        "13:16 the client 'internet-mail-3' sends v2-channel-binding over pop3, which has no TLS channel to bind to | give "
            + "the client ntlm_variants of its own, or move it to pop3s"),
    BadProfile(
        "a persona keeps to its transports",
        "  - persona: basic-ssl",
        "  - persona: basic-ssl\n    transport: pop3",
        "10:16 the persona 'basic-ssl' does not use pop3 | valid: pop3s"),
    BadProfile(
        "only a persona with a fallback falls back",
        "  - persona: basic-ssl",
        "  - persona: basic-ssl\n    ntlm_failure_share: 10%",
        "10:5 the persona 'basic-ssl' has nothing to fall back to | use wrong_password_share for logons that are to be refused"),
    BadProfile(
        "a persona that gives up after a refusal has no fallback",
        "  - persona: basic-ssl",
        "  - persona: curl\n    ntlm_failure_share: 10%",
        "10:5 the persona 'curl' has nothing to fall back to | use wrong_password_share for logons that are to be refused"),
    BadProfile(
        "an NTLM logon can fail only where NTLM comes first",
        "  - persona: basic-ssl",
        "  - {persona: mailkit, ntlm_failure_share: 10%}",
        "9:44 the client 'mailkit' logs on by apop first on pop3, so that no NTLM logon can fail | remove the key, or change "
            + "server.methods"),
    BadProfile(
        "fetchmail speaks NTLMv1",
        "  - persona: basic-ssl",
        "  - persona: fetchmail",
        "9:14 the client 'fetchmail' sends v1, which the server refuses at ntlm_level 5 | set server.ntlm_level to 4 or less, or "
            + "send v2"),
    BadProfile(
        "a client that tries what is listed needs one method that is on",
        "  - persona: basic-ssl",
        "  - {persona: curl, transport: pop3s}\nserver: {methods: [basic, ntlm]}",
        "9:32 the client 'curl' finds no method on pop3s that server.methods has on | add one of its methods to server.methods, "
            + "or remove the client"),
    BadProfile(
        "after STLS the switches of an encrypted channel hold",
        "  - persona: basic-ssl",
        "  - {persona: basic, transport: stls}\nserver: {methods: [basic, ntlm]}",
        "9:33 the client 'basic' needs basic on stls, which server.methods leaves off | add 'basic-ssl' to server.methods, or "
            + "remove the client"),
    BadProfile(
        "STLS goes to the clear port of the target",
        "  - persona: basic-ssl",
        "  - {persona: basic, transport: stls}\ntarget: {pop3s: 127.0.0.1:995}",
        "7:14 the client 'internet-mail-3' uses pop3, for which 'target' has no address | add 'target.pop3'",
        "9:33 the client 'basic' uses stls, for which 'target' has no address | add 'target.pop3'"),
    BadProfile(
        "only an NTLM persona has variants",
        "  - persona: basic-ssl",
        "  - persona: basic-ssl\n    ntlm_variants: v2",
        "10:5 the persona 'basic-ssl' does not use NTLM | remove the key"),
    BadProfile(
        "shares of outcomes add up to at most 100%",
        "    weight: 2",
        "    ntlm_failure_share: 60%\n    wrong_password_share: 60%",
        "9:5 ntlm_failure_share and wrong_password_share add up to more than 100%"),
    BadProfile(
        "a target has the addresses that clients need",
        "",
        "target: {pop3: '127.0.0.1:110'}\n",
        "9:14 the client 'basic-ssl' uses pop3s, for which 'target' has no address | add 'target.pop3s'"),
]
