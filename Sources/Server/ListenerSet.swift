// The listeners of one worker. Every worker has its own on each address; the kernel spreads the connections.
// Invariant: indices are stable while the server lives, since an epoll event names its listener by one.

import Reactor

struct ListenerSet: ~Copyable {
    private let listeners: UnsafeMutablePointer<Listener>
    private let encrypted: UnsafeMutablePointer<Bool>
    private(set) var count = 0
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        listeners = .allocate(capacity: self.capacity)
        encrypted = .allocate(capacity: self.capacity)
    }

    deinit {
        listeners.deinitialize(count: count)
        listeners.deallocate()
        encrypted.deallocate()
    }

    mutating func add(_ listener: consuming Listener, isEncrypted: Bool) {
        precondition(count < capacity, "sized by the configuration")
        (listeners + count).initialize(to: listener)
        (encrypted + count).initialize(to: isEncrypted)
        count += 1
    }

    func descriptor(_ index: Int) -> Int32 { index >= 0 && index < count ? listeners[index].descriptor : -1 }
    func isEncrypted(_ index: Int) -> Bool { index >= 0 && index < count && encrypted[index] }
    func address(_ index: Int) -> SocketAddress? { index >= 0 && index < count ? listeners[index].address : nil }

    /// Has the kernel set up no new connections for any of them.
    func refuseNew() { for index in 0..<count { _ = listeners[index].refuseNew() } }

    /// Closes all of them; no index is valid any more.
    mutating func close() {
        listeners.deinitialize(count: count)
        count = 0
    }

    /// Every descriptor, for a table that must keep or close them.
    var descriptors: [Int32] { (0..<count).map { listeners[$0].descriptor } }

    func accept(_ index: Int) -> Listener.Accepted { index >= 0 && index < count ? listeners[index].accept() : .none }
}
