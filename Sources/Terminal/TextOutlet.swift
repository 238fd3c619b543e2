// The way out for every text of a command: standard output, standard error. Whoever adds a text never waits. A thread
// writes it, so a terminal that is held up (Ctrl-S), a full pipe or a dead reader holds up that thread and nobody else.
// Invariant: texts come out whole and in the order in which they were added, or are counted in `lost`.

import Glibc

public final class TextOutlet: @unchecked Sendable {
    private struct Text {
        let descriptor: Int32
        let bytes: [UInt8]
    }

    // Guarded by `lock`, as far as `lostTexts`.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var waiting: [Text] = []
    private var waitingBytes = 0
    private var isWriting = false
    private var hasThread = false
    private var lostTexts: UInt64 = 0
    private var refusal: Int32 = 0
    /// Losses that standard error has not been told of; only the thread uses it.
    private var untold: UInt64 = 0
    private let room: Int

    /// An outlet in which at most `room` bytes may wait. Its thread starts with the first text and ends with the
    /// process.
    public init(room: Int) {
        self.room = room
        lock = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        // The thread keeps the outlet alive, so there is none.
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        changed.deallocate()
        lock.deallocate()
    }

    /// Takes a text for `descriptor`; what a terminal would obey in it is spelled out. A text that finds no room is
    /// dropped and counted.
    public func add(_ text: String, to descriptor: Int32) { add(Array(TerminalText.safe(text).utf8), to: descriptor) }

    /// Takes whole lines of a log, which spells such characters out itself.
    public func add(_ bytes: [UInt8], to descriptor: Int32) {
        guard !bytes.isEmpty else { return }
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        if !hasThread { hasThread = startThread() }
        guard hasThread, waitingBytes + bytes.count <= room else {
            lostTexts &+= 1
            return
        }
        waiting.append(Text(descriptor: descriptor, bytes: bytes))
        waitingBytes += bytes.count
        pthread_cond_broadcast(changed)
    }

    /// Whether every text has been written or lost.
    public var isIdle: Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return waiting.isEmpty && !isWriting
    }

    /// Texts that found no room or could not be written, since the start.
    public var lost: UInt64 {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return lostTexts
    }

    /// The errno of the last text that could not be written, other than for a reader that has gone or was never there;
    /// 0 without one.
    public var refusedBy: Int32 {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return refusal
    }

    /// Waits until every text has been written or lost, at most `timeoutMs` milliseconds. Returns whether it has.
    @discardableResult
    public func flush(timeoutMs: Int) -> Bool {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        deadline.tv_sec += timeoutMs / 1000
        deadline.tv_nsec += timeoutMs % 1000 * 1_000_000
        if deadline.tv_nsec >= 1_000_000_000 {
            deadline.tv_sec += 1
            deadline.tv_nsec -= 1_000_000_000
        }
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while !waiting.isEmpty || isWriting {
            if pthread_cond_timedwait(changed, lock, &deadline) == ETIMEDOUT { return waiting.isEmpty && !isWriting }
        }
        return true
    }

    // MARK: The thread

    private func startThread() -> Bool {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        // A thread inherits the mask. Signals are for the thread that reads them.
        pthread_sigmask(SIG_BLOCK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let me = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<TextOutlet>.fromOpaque(argument).takeRetainedValue().work()
                return nil
            }, me.toOpaque())
        guard status == 0 else {
            me.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private func work() {
        while true {
            let texts = take()
            for text in texts {
                let code = write(text)
                if code != 0 { count(code) }
            }
        }
    }

    private func take() -> [Text] {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        isWriting = false
        if waiting.isEmpty { pthread_cond_broadcast(changed) }
        while waiting.isEmpty { pthread_cond_wait(changed, lock) }
        let texts = waiting
        waiting.removeAll()
        waitingBytes = 0
        isWriting = true
        untold &+= lostTexts &- counted
        counted = lostTexts
        return texts
    }

    /// What `untold` has taken over of `lostTexts`.
    private var counted: UInt64 = 0

    private func count(_ code: Int32) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        lostTexts &+= 1
        // A reader that has gone, and a descriptor that was closed at the start, are what somebody wanted.
        if code != EPIPE, code != EBADF { refusal = code }
    }

    /// Returns 0, or the errno of a text that is lost.
    private func write(_ text: Text) -> Int32 {
        // Standard output may be read by a program, so only people are told.
        if text.descriptor == STDERR_FILENO, untold > 0 {
            let note = "poplar: \(untold) messages could not be written and are lost\n"
            if Self.write(Array(note.utf8), to: STDERR_FILENO) == 0 { untold = 0 }
        }
        return Self.write(text.bytes, to: text.descriptor)
    }

    /// Writes all of `bytes`, waiting as long as the descriptor takes none. Returns 0, or the errno when it will not
    /// take them.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count, let base = buffer.baseAddress {
                let step = Glibc.write(descriptor, base + done, buffer.count - done)
                if step > 0 {
                    done += step
                } else if step < 0, errno == EAGAIN {
                    // Somebody made the terminal or the pipe non-blocking.
                    var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&entry, 1, -1)
                } else if step == 0 {
                    return EIO
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
    }
}
