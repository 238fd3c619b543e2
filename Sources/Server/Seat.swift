// A connection with its socket: what a worker's slab holds. The flags remember what an event brought and could not be taken
// at once, since with edge-triggered epoll nobody says it twice. Invariant: the socket is closed when the seat ends.

import Reactor

struct Seat: ~Copyable {
    let socket: Socket
    var connection: Connection
    /// Where the client is.
    let peer: SocketAddress
    /// Where its source is counted, while it has not logged on and the cap is on.
    var place: SourceTable.Place?
    /// Waiting for the socket to take output; input is not read meanwhile.
    var isBlocked = false
    /// In the ready queue.
    var isReady = false
    /// In the list of those that have not logged on.
    var isPending = false
    /// Came through an encrypted listener.
    var isFromEncrypted = false
    /// The socket may hold input: an event said so, and no read has come back short since.
    var mayRead = false
    /// The client has finished sending; what it sent before may still lie in the socket.
    var peerEnded = false

    /// Input lay in the socket when the session was over: the client was still sending.
    var isLate = false
    /// The session is over and its end has been sent; what the client still sends is thrown away.
    var isLingering = false

    @inline(__always)
    init(socket: consuming Socket, connection: consuming Connection, peer: SocketAddress) {
        self.socket = socket
        self.connection = connection
        self.peer = peer
    }
}
