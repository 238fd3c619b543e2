// Logons: USER and PASS, and the AUTH exchanges. The five switches decide here, once for each attempt, which table the
// credentials are checked against; the POP3 machine and the mechanisms know nothing of them. Whatever is refused leaves
// nothing behind, and the connection is as usable as before.

import Accounts
import Administration
import Digest
import Maildrop
import NTLM
import POP3
import PoplarCore
import Reactor
import SASL

extension Connection {
    // MARK: Basic

    mutating func rememberUser(_ name: Span<UInt8>, _ resources: inout Resources) {
        guard borrowExchange(&resources) else { return refuse(.temporaryFailure) }
        guard exchange?.keepUser(name) == true else { return refuse(.badArguments) }
        reply(.userAccepted)
    }

    mutating func basicLogon(password: Span<UInt8>, _ resources: inout Resources) {
        guard let memory = exchange else { return refuse(.userFirst) }
        let user = memory.user
        let result = resources.snapshot.accounts.basicLogon(name: user.span, password: password)
        finish(result, .basic, &resources)
    }

    // MARK: AUTH

    mutating func beginExchange(
        _ name: Span<UInt8>, initial: Range<Int>?, line: Span<UInt8>, _ resources: inout Resources
    ) {
        guard let mechanism = Mechanism(name: name) else { return refuse(.mechanismUnknown) }
        let offer = channel(resources).offer
        switch mechanism {
        case .plain: guard offer.contains(.plain) else { return refuse(.basicDisabled) }
        case .login: guard offer.contains(.login) else { return refuse(.basicDisabled) }
        case .ntlm: guard offer.contains(.ntlm) else { return refuse(.ntlmDisabled) }
        }
        guard borrowExchange(&resources) else { return refuse(.temporaryFailure) }
        var exchange = SASL.ServerExchange(mechanism: mechanism)
        guard let initial else {
            var writer = challengeWriter()
            let step = exchange.begin(into: &writer)
            sasl = exchange
            return act(on: step, writer, &resources)
        }
        sasl = exchange
        let text = line.extracting(initial)
        if text.count == 1, text[0] == 61 {
            self.exchange?.decodeEmpty()
        } else if self.exchange?.decode(text) != true {
            return refuse(.malformedExchange, &resources)
        }
        step(&resources)
    }

    mutating func continueExchange(_ line: Span<UInt8>, _ resources: inout Resources) {
        guard exchange?.decode(line) == true else { return refuse(.malformedExchange, &resources) }
        step(&resources)
    }

    private mutating func step(_ resources: inout Resources) {
        guard let memory = exchange, sasl != nil else { return refuse(.malformedExchange, &resources) }
        let random = sasl?.needsRandom == true ? System.randomWord() : 0
        let response = memory.response
        var writer = challengeWriter()
        let step =
            sasl?.step(
                response.span, settings: resources.snapshot.ntlm, randomChallenge: random, nowFileTime: FileTime.now(),
                memory: memory.mechanism, into: &writer) ?? .failed(.outOfSequence)
        act(on: step, writer, &resources)
    }

    /// Challenges are put together behind the place where their base64 goes, in the same chunk.
    private func challengeWriter() -> ByteWriter {
        let free = output.writer()
        guard let base = free.written.baseAddress else { return free }
        let room = UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(mutating: base), count: free.capacity)
        let start = min(room.count, 2048)
        return ByteWriter(UnsafeMutableRawBufferPointer(rebasing: room[start...]))
    }

    private mutating func act(on step: ServerStep, _ challenge: borrowing ByteWriter, _ resources: inout Resources) {
        switch step {
        case .challenge:
            let octets = challenge.written
            write { ReplyWriter.challenge(octets, into: &$0) }
            session.awaitResponse()
        case .verifyPassword(let claim):
            verifyPassword(claim, &resources)
        case .verifyNTLM(let domain, let user, let isUnicode):
            verifyNTLM(domain: domain, user: user, isUnicode: isUnicode, &resources)
        case .failed(.anonymous):
            finish(.refused, .ntlm, &resources)
        case .failed(.malformed), .failed(.tooLong), .failed(.badName), .failed(.outOfSequence), .failed(.ntlm):
            refuse(.malformedExchange, &resources)
        }
    }

    private mutating func verifyPassword(_ claim: PasswordClaim, _ resources: inout Resources) {
        guard let memory = exchange else { return refuse(.malformedExchange, &resources) }
        let whole = UnsafeRawBufferPointer(memory.mechanism).bindMemory(to: UInt8.self)
        let bytes = whole.span
        guard claim.user.upperBound <= bytes.count, claim.password.upperBound <= bytes.count,
            claim.authorization.upperBound <= bytes.count
        else { return refuse(.malformedExchange, &resources) }
        let user = bytes.extracting(claim.user)
        // Acting for somebody else is named in the account name itself (DOMAIN\account\alias), not here.
        let authorization = bytes.extracting(claim.authorization)
        guard authorization.count == 0 || Bytes.equalsIgnoringCase(authorization, user) else {
            return finish(.refused, .basic, &resources)
        }
        let result = resources.snapshot.accounts.basicLogon(name: user, password: bytes.extracting(claim.password))
        finish(result, .basic, &resources)
    }

    // MARK: NTLM and the membership system

    private mutating func verifyNTLM(domain: Range<Int>, user: Range<Int>, isUnicode: Bool, _ resources: inout Resources) {
        guard let memory = exchange, let sasl else { return refuse(.malformedExchange, &resources) }
        let response = memory.response
        let bytes = response.span
        guard domain.upperBound <= bytes.count, user.upperBound <= bytes.count else {
            return refuse(.malformedExchange, &resources)
        }
        let identity = NTLMIdentity.resolve(
            domain: bytes.extracting(domain), user: bytes.extracting(user), isUnicode: isUnicode,
            methods: channel(resources).methods, accounts: resources.snapshot.accounts)
        let hash = identity.account.map { resources.snapshot.accounts.hash($0) }
        let lmHash = identity.account.flatMap { resources.snapshot.accounts.lmHash($0) }
        let verdict = sasl.verifyNTLM(
            bytes, hash: hash, lmHash: lmHash, channelBinding: channelBinding,
            settings: resources.snapshot.ntlm, nowFileTime: FileTime.now(), memory: UnsafeRawBufferPointer(memory.mechanism))
        guard verdict == .accepted, let account = identity.account else { return finish(.refused, identity.method, &resources) }
        // A client cannot name a mailbox here: the account's own is opened (seed.md).
        finish(.granted(mailbox: resources.snapshot.accounts.mailbox(of: account)), identity.method, &resources)
    }

    // MARK: The end of a logon

    private mutating func finish(_ result: LogonResult, _ method: LogonMethod, _ resources: inout Resources) {
        endExchange(&resources)
        let refusal: ServerReply
        switch result {
        case .granted(let mailbox):
            if openMaildrop(mailbox, &resources) {
                resources.counters.logons.count(method, granted: true)
                session.logonSucceeded()
                return reply(.loggedOn)
            }
            resources.counters.inUse &+= 1
            refusal = .inUse
        case .refused: refusal = .logonFailure
        case .mailboxUnavailable: refusal = .mailboxUnavailable
        case .ambiguousAlias: refusal = .ambiguousAlias
        }
        resources.counters.logons.count(method, granted: false)
        refuse(refusal)
        logonFailures &+= 1
        if Int(logonFailures) >= resources.snapshot.limits.logonFailures { close() }
    }

    private mutating func openMaildrop(_ mailbox: UInt32, _ resources: inout Resources) -> Bool {
        var memory: UnsafeMutableRawPointer?
        if OpenMaildrop.markMemorySize(resources.snapshot.population) > 0 {
            memory = resources.markPool.borrow()
            guard memory != nil else { return false }
        }
        maildrop = OpenMaildrop.open(resources.snapshot.population, mailbox: mailbox, markMemory: memory)
        if maildrop == nil, let memory { resources.markPool.giveBack(memory) }
        return maildrop != nil
    }

    private mutating func refuse(_ refusal: ServerReply) {
        session.logonFailed()
        reply(refusal)
    }

    private mutating func refuse(_ refusal: ServerReply, _ resources: inout Resources) {
        endExchange(&resources)
        refuse(refusal)
    }

    private mutating func borrowExchange(_ resources: inout Resources) -> Bool {
        if exchange == nil { exchange = resources.exchangePool.borrow().map { ExchangeMemory($0) } }
        return exchange != nil
    }

    mutating func endExchange(_ resources: inout Resources) {
        sasl = nil
        guard let memory = exchange else { return }
        resources.exchangePool.giveBack(memory.chunk)
        exchange = nil
    }
}
