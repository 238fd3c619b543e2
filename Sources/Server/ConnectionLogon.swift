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
        forgetUser(&resources)
        let isShort = name.count <= UserName.shortSize
        guard let chunk = isShort ? resources.shortNamePool.borrow() : resources.namePool.borrow() else {
            return refuse(.temporaryFailure, &resources)
        }
        user = UserName(name, in: chunk)
        guard user != nil else {
            resources.namePool.giveBack(chunk)
            return refuse(.badArguments, &resources)
        }
        reply(.userAccepted, &resources)
    }

    private mutating func forgetUser(_ resources: inout Resources) {
        guard let user else { return }
        if user.isShort { resources.shortNamePool.giveBack(user.chunk) } else { resources.namePool.giveBack(user.chunk) }
        self.user = nil
    }

    mutating func basicLogon(password: Span<UInt8>, _ resources: inout Resources) {
        guard let user else { return refuse(.userFirst, &resources) }
        resources.work.spend(WorkBudget.password)
        let name = user.octets
        let result = resources.snapshot.accounts.basicLogon(name: name.span, password: password)
        finish(result, .basic, Attempt(name.span), &resources)
    }

    // MARK: APOP

    mutating func apopLogon(name: Span<UInt8>, digest: Span<UInt8>, _ resources: inout Resources) {
        guard let timestamp else { return refuse(.apopDisabled, &resources) }
        resources.work.spend(WorkBudget.password)
        let result = withUnsafeTemporaryAllocation(byteCount: APOPTimestamp.size, alignment: 8) { room in
            var writer = ByteWriter(room)
            timestamp.write(into: &writer)
            let text = writer.written.bindMemory(to: UInt8.self)
            return resources.snapshot.accounts.apopLogon(name: name, timestamp: text.span, digest: digest)
        }
        finish(result, .apop, Attempt(name), &resources)
    }

    // MARK: AUTH

    mutating func beginExchange(
        _ name: Span<UInt8>, initial: Range<Int>?, line: Span<UInt8>, _ resources: inout Resources
    ) {
        guard let mechanism = Mechanism(name: name) else { return refuse(.mechanismUnknown, &resources) }
        if let refusal = refusal(of: mechanism, channel(resources)) { return refuse(refusal, &resources) }
        guard borrowExchange(&resources) else { return refuse(.temporaryFailure, &resources) }
        resources.work.spend(WorkBudget.exchange &+ line.count / WorkBudget.octets)
        var exchange = SASL.ServerExchange(mechanism: mechanism)
        guard let initial else {
            var writer = challengeWriter()
            let random = exchange.needsRandom && mechanism == .cramMD5 ? System.randomWord() : 0
            var step = ServerStep.failed(.outOfSequence)
            if let memory = self.exchange {
                let host: StaticString = "poplar"
                let octets = UnsafeBufferPointer(start: host.utf8Start, count: host.utf8CodeUnitCount)
                step = exchange.begin(
                    randomChallenge: random, nowFileTime: FileTime.now(), host: octets.span, memory: memory.mechanism,
                    into: &writer)
            }
            sasl = self.exchange?.begin(exchange)
            if mechanism == .ntlm, resources.snapshot.behaviour.ntlmReply == .ok {
                session.awaitResponse()
                return reply(.done, &resources)
            }
            return act(on: step, writer, &resources)
        }
        sasl = self.exchange?.begin(exchange)
        let text = line.extracting(initial)
        if text.count == 1, text[0] == 61 {
            self.exchange?.decodeEmpty()
        } else if self.exchange?.decode(text) != true {
            return fail(&resources)
        }
        step(&resources)
    }

    /// Why a mechanism cannot be begun on this channel; nil when it can.
    private func refusal(of mechanism: Mechanism, _ channel: Channel) -> ServerReply? {
        switch mechanism {
        case .plain: channel.offer.contains(.plain) ? nil : basicRefusal(channel)
        case .login: channel.offer.contains(.login) ? nil : basicRefusal(channel)
        case .ntlm: channel.offer.contains(.ntlm) ? nil : .ntlmDisabled
        case .cramMD5: channel.offer.contains(.cramMD5) ? nil : .mechanismDisabled
        case .scramSHA256: channel.offer.contains(.scramSHA256) ? nil : .mechanismDisabled
        }
    }

    /// Basic may be on without its mechanisms: Exchange has none of them.
    private func basicRefusal(_ channel: Channel) -> ServerReply { channel.methods.basic ? .mechanismDisabled : .basicDisabled }

    mutating func cancelExchange(_ resources: inout Resources) {
        tellLogon(method, .malformed, Attempt(), &resources)
        refuse(.exchangeCancelled, &resources)
        countFailure(resources)
    }

    mutating func continueExchange(_ line: Span<UInt8>, _ resources: inout Resources) {
        resources.work.spend(WorkBudget.exchange &+ line.count / WorkBudget.octets)
        guard exchange?.decode(line) == true else { return fail(&resources) }
        step(&resources)
    }

    private mutating func step(_ resources: inout Resources) {
        guard let memory = exchange, let sasl else { return fail(&resources) }
        let random = sasl.pointee.needsRandom ? System.randomWord() : 0
        let response = memory.response
        var writer = challengeWriter()
        let step = sasl.pointee.step(
            response.span, settings: resources.snapshot.ntlm, randomChallenge: random, nowFileTime: FileTime.now(),
            memory: memory.mechanism, into: &writer)
        act(on: step, writer, &resources)
    }

    /// Challenges are put together behind the place where their base64 goes, in the same chunk.
    private func challengeWriter() -> ByteWriter {
        let free = output.writer()
        guard let base = free.written.baseAddress else { return free }
        let room = UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(mutating: base), count: free.capacity)
        let start = min(room.count, OutputQueue.challengeBytes)
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
            finish(.refused, .ntlm, Attempt(), &resources)
        case .verifyCRAMMD5(let claim): verifyCRAM(claim, &resources)
        case .lookUpSCRAM(let user): challengeSCRAM(user, &resources)
        case .acceptedSCRAM(let user): acceptSCRAM(user, &resources)
        case .failed(.wrongProof), .failed(.authorization):
            finish(.refused, method, Attempt(), &resources)
        case .failed(.malformed), .failed(.tooLong), .failed(.badName), .failed(.outOfSequence), .failed(.ntlm),
            .failed(.channelBinding):
            fail(&resources)
        }
    }

    private mutating func verifyPassword(_ claim: PasswordClaim, _ resources: inout Resources) {
        guard let memory = exchange else { return fail(&resources) }
        let whole = UnsafeRawBufferPointer(memory.mechanism).bindMemory(to: UInt8.self)
        let bytes = whole.span
        guard claim.user.upperBound <= bytes.count, claim.password.upperBound <= bytes.count,
            claim.authorization.upperBound <= bytes.count
        else { return fail(&resources) }
        let user = bytes.extracting(claim.user)
        // Acting for somebody else is named in the account name itself (DOMAIN\account\alias), not here.
        let authorization = bytes.extracting(claim.authorization)
        let method = method
        guard authorization.count == 0 || Bytes.equalsIgnoringCase(authorization, user) else {
            return finish(.refused, method, Attempt(user), &resources)
        }
        let result = resources.snapshot.accounts.basicLogon(name: user, password: bytes.extracting(claim.password))
        finish(result, method, Attempt(user), &resources)
    }

    // MARK: CRAM-MD5 and SCRAM

    private mutating func verifyCRAM(_ claim: DigestClaim, _ resources: inout Resources) {
        guard let memory = exchange else { return fail(&resources) }
        let whole = UnsafeRawBufferPointer(memory.mechanism).bindMemory(to: UInt8.self)
        let bytes = whole.span
        guard claim.user.upperBound <= bytes.count, claim.challenge.upperBound <= bytes.count else { return fail(&resources) }
        let user = bytes.extracting(claim.user)
        let result = resources.snapshot.accounts.cramLogon(
            name: user, challenge: bytes.extracting(claim.challenge), digest: claim.digest)
        finish(result, .cramMD5, Attempt(user), &resources)
    }

    /// The verifier of the user, or of nobody, decides what the challenge says; the exchange does not tell which it was.
    private mutating func challengeSCRAM(_ range: Range<Int>, _ resources: inout Resources) {
        guard let memory = exchange, range.upperBound <= memory.mechanism.count else { return fail(&resources) }
        let name = UnsafeRawBufferPointer(rebasing: memory.mechanism[range]).bindMemory(to: UInt8.self)
        let verifier = resources.snapshot.accounts.scramVerifier(name: name.span)
        var writer = challengeWriter()
        let step =
            sasl?.pointee.challengeSCRAM(
                verifier, random: (System.randomWord(), System.randomWord()), memory: memory.mechanism, into: &writer)
            ?? .failed(.outOfSequence)
        guard step == .challenge else { return fail(&resources) }
        act(on: step, writer, &resources)
    }

    private mutating func acceptSCRAM(_ range: Range<Int>, _ resources: inout Resources) {
        guard let memory = exchange, range.upperBound <= memory.mechanism.count else { return fail(&resources) }
        let name = UnsafeRawBufferPointer(rebasing: memory.mechanism[range]).bindMemory(to: UInt8.self)
        finish(resources.snapshot.accounts.scramLogon(name: name.span), .scramSHA256, Attempt(name.span), &resources)
    }

    // MARK: NTLM and the membership system

    private mutating func verifyNTLM(domain: Range<Int>, user: Range<Int>, isUnicode: Bool, _ resources: inout Resources) {
        guard let memory = exchange, let sasl else { return fail(&resources) }
        let response = memory.response
        let bytes = response.span
        guard domain.upperBound <= bytes.count, user.upperBound <= bytes.count else {
            return fail(&resources)
        }
        let identity = NTLMIdentity.resolve(
            domain: bytes.extracting(domain), user: bytes.extracting(user), isUnicode: isUnicode,
            methods: channel(resources).methods, accounts: resources.snapshot.accounts)
        let hash = identity.account.flatMap { resources.snapshot.accounts.hash($0) }
        let lmHash = identity.account.flatMap { resources.snapshot.accounts.lmHash($0) }
        let verdict = sasl.pointee.verifyNTLM(
            bytes, hash: hash, lmHash: lmHash, channelBinding: channelBinding,
            settings: resources.snapshot.ntlm, nowFileTime: FileTime.now(), memory: UnsafeRawBufferPointer(memory.mechanism))
        let attempt = Attempt(bytes.extracting(user), isUTF16: isUnicode, verdict: verdict)
        guard verdict == .accepted, let account = identity.account else {
            return finish(.refused, identity.method, attempt, &resources)
        }
        // A client cannot name a mailbox here: the account's own is opened (seed.md).
        finish(.granted(mailbox: resources.snapshot.accounts.mailbox(of: account)), identity.method, attempt, &resources)
    }

    // MARK: The end of a logon

    mutating func finish(
        _ result: LogonResult, _ method: LogonMethod, _ attempt: Attempt, _ resources: inout Resources
    ) {
        let refusal: ServerReply
        let outcome: LogonOutcome
        switch result {
        case .granted(let mailbox):
            switch openMaildrop(mailbox, &resources) {
            case .opened:
                tellLogon(method, .granted, attempt, &resources)
                endExchange(&resources)
                session.logonSucceeded()
                return reply(.loggedOn, &resources)
            case .inUse:
                resources.counters.inUse &+= 1
                (refusal, outcome) = (.inUse, .inUse)
            case .tooSoon:
                resources.counters.tooSoon &+= 1
                (refusal, outcome) = (.loginDelay, .tooSoon)
            case .shortage: (refusal, outcome) = (.temporaryFailure, .unavailable)
            }
        case .refused: (refusal, outcome) = (.logonFailure, .refused)
        case .mailboxUnavailable: (refusal, outcome) = (.mailboxUnavailable, .noMailbox)
        case .ambiguousAlias: (refusal, outcome) = (.ambiguousAlias, .ambiguousAlias)
        }
        // Told before the memory is given back, where the name lies.
        tellLogon(method, outcome, attempt, &resources)
        endExchange(&resources)
        if refusal == .logonFailure, let delay = failureDelayNs(resources.snapshot.limits) {
            held = refusal
            heldUntilNs = resources.nowNs &+ delay
            return
        }
        refuse(refusal, &resources)
        countFailure(resources)
    }

    /// How long the next wrong password is held back: doubled for each one before it on this connection.
    private func failureDelayNs(_ limits: borrowing Limits) -> UInt64? {
        guard limits.failureDelayMs > 0 else { return nil }
        let doubled = UInt64(limits.failureDelayMs) << UInt64(min(logonFailures, 16))
        return min(doubled, UInt64(max(limits.failureDelayMs, limits.failureDelayMaximumMs))) &* 1_000_000
    }

    /// The time of a held refusal has come: it is answered, and what the client sent meanwhile is taken.
    mutating func releaseHeld(_ resources: inout Resources) {
        guard let refusal = held else { return }
        held = nil
        guard output.prepare(&resources.outputPool) else { return close(.shortage) }
        refuse(refusal, &resources)
        countFailure(resources)
        process(&resources)
    }

    private mutating func countFailure(_ resources: borrowing Resources) {
        logonFailures &+= logonFailures < .max ? 1 : 0
        if Int(logonFailures) >= resources.snapshot.limits.logonFailures { close(.logonFailures) }
    }

    private enum MaildropOpening {
        case opened
        case inUse
        case tooSoon
        case shortage
    }

    private mutating func openMaildrop(_ mailbox: UInt32, _ resources: inout Resources) -> MaildropOpening {
        var memory: UnsafeMutableRawPointer?
        if OpenMaildrop.markMemorySize(resources.snapshot.population) > 0 {
            memory = resources.markPool.borrow()
            guard memory != nil else { return .shortage }
        }
        let opening = OpenMaildrop.open(
            resources.snapshot.population, mailbox: mailbox, markMemory: memory, nowMs: max(1, resources.nowNs / 1_000_000),
            loginDelayMs: UInt64(resources.snapshot.limits.loginDelayS) &* 1000)
        switch opening {
        case .opened(let open):
            spendWords(&resources)
            maildrop = open
            // No password comes after this one.
            cipher?.passwordHasCome()
            return .opened
        case .inUse, .tooSoon:
            if let memory { resources.markPool.giveBack(memory) }
            if case .tooSoon = opening { return .tooSoon }
            return .inUse
        }
    }

    /// A line that belongs to no exchange ended the one under way: it counts as a bad command, and nothing of it is kept.
    mutating func spoilExchange(_ resources: inout Resources) {
        tellLogon(method, .malformed, Attempt(), &resources)
        endExchange(&resources)
    }

    /// The exchange was no exchange.
    private mutating func fail(_ resources: inout Resources) {
        tellLogon(method, .malformed, Attempt(), &resources)
        refuse(.malformedExchange, &resources)
        countFailure(resources)
    }

    private mutating func refuse(_ refusal: ServerReply, _ resources: inout Resources) {
        endExchange(&resources)
        session.logonFailed()
        reply(refusal, &resources)
    }

    private mutating func borrowExchange(_ resources: inout Resources) -> Bool {
        if exchange == nil { exchange = resources.exchangePool.borrow().map { ExchangeMemory($0) } }
        return exchange != nil
    }

    mutating func endExchange(_ resources: inout Resources) {
        forgetUser(&resources)
        guard let memory = exchange else { return }
        memory.wipe(sasl?.pointee.mechanism)
        sasl = nil
        resources.exchangePool.giveBack(memory.chunk)
        exchange = nil
    }
}
