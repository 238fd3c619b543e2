// The floor: the least that any single-threaded POP3 server on epoll must do. It parses nothing but the first
// letters of a line and answers from canned buffers, so whatever Poplar's server costs above it is Poplar's own.
// System calls per session of USER PASS STAT RETR QUIT: 1 accept4, 1 epoll_ctl, 6 writes (the greeting and five
// replies), 5 reads, 1 close, and a share of an epoll_wait. What is left out on purpose: accounts, state, limits,
// deadlines, maildrops. TCP_NODELAY is set once, on the listener, and inherited.
// The last reply goes out with MSG_MORE, so that close() sends it and the FIN in one segment.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    max_descriptors = 1 << 16,
    max_line = 512,       // octets kept of a line that has not ended yet
    max_events = 256,     // per epoll_wait
    max_accepts = 16,     // per turn
    max_gather = 64,      // replies per write
    read_size = 16384,
};

// What a connection keeps between reads: nothing, save in the two rare cases of a partial line or a short write.
struct connection {
    char *unsent;         // malloc'ed copy of what the socket did not take
    size_t unsent_size;
    unsigned partial_size;
    char closing;         // close once `unsent` is gone
    char partial[max_line];
};

struct reply {
    const char *text;
    size_t size;
};

static struct connection connections[max_descriptors];
static struct reply greeting, ok, stat_reply, message, farewell, refusal;
static int poller;

static void stop(int signal_number) {
    (void)signal_number;
    _exit(0);
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static struct reply canned(const char *text) { return (struct reply){text, strlen(text)}; }

// "+OK n octets", then `bytes` octets of message in lines of 78, CRLF included, then the terminator.
static struct reply canned_message(long bytes) {
    char *text = malloc((size_t)bytes + 64);
    if (text == NULL) die("malloc");
    size_t size = (size_t)sprintf(text, "+OK %ld octets\r\n", bytes);
    for (long left = bytes; left > 0;) {
        long line = left >= 160 ? 80 : left > 80 ? left / 2 : left;
        for (long index = 0; index < line; index++) text[size + (size_t)index] = index == line - 2 ? '\r' : index == line - 1 ? '\n' : 'x';
        size += (size_t)line;
        left -= line;
    }
    memcpy(text + size, ".\r\n", 3);
    return (struct reply){text, size + 3};
}

static const struct reply *answer(const char *line, size_t size) {
    if (size < 4) return &refusal;
    switch (line[0] & 0xDF) {
    case 'U':
    case 'P': return &ok;
    case 'S': return &stat_reply;
    case 'R': return (line[2] & 0xDF) == 'T' ? &message : &ok;
    case 'Q': return &farewell;
    default: return &refusal;
    }
}

static void drop(int fd) {
    struct connection *connection = &connections[fd];
    free(connection->unsent);
    connection->unsent = NULL;
    connection->unsent_size = 0;
    connection->partial_size = 0;
    connection->closing = 0;
    close(fd);
}

// The socket is full: keep the rest, and wait until it can be written.
static void keep(int fd, struct iovec *parts, int count, size_t sent) {
    struct connection *connection = &connections[fd];
    size_t total = 0;
    for (int index = 0; index < count; index++) total += parts[index].iov_len;
    char *rest = malloc(connection->unsent_size + total - sent);
    if (rest == NULL) die("malloc");
    if (connection->unsent_size > 0) memcpy(rest, connection->unsent, connection->unsent_size);
    size_t size = connection->unsent_size;
    for (int index = 0; index < count; index++) {
        size_t skip = sent < parts[index].iov_len ? sent : parts[index].iov_len;
        memcpy(rest + size, (char *)parts[index].iov_base + skip, parts[index].iov_len - skip);
        size += parts[index].iov_len - skip;
        sent -= skip;
    }
    free(connection->unsent);
    connection->unsent = rest;
    connection->unsent_size = size;
    struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
}

// Sends the replies of one read in one call. Answers 0 when the connection is gone.
static int transmit(int fd, struct iovec *parts, int count, int closing) {
    struct connection *connection = &connections[fd];
    if (connection->unsent_size > 0) {
        connection->closing = (char)closing;
        keep(fd, parts, count, 0);
        return 1;
    }
    ssize_t sent;
    if (closing) {
        struct msghdr header = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        sent = count == 1 ? send(fd, parts->iov_base, parts->iov_len, MSG_MORE | MSG_NOSIGNAL)
                          : sendmsg(fd, &header, MSG_MORE | MSG_NOSIGNAL);
    } else {
        sent = count == 1 ? write(fd, parts->iov_base, parts->iov_len) : writev(fd, parts, count);
    }
    size_t total = 0;
    for (int index = 0; index < count; index++) total += parts[index].iov_len;
    if (sent == (ssize_t)total) {
        if (!closing) return 1;
        drop(fd);
        return 0;
    }
    if (sent < 0 && errno != EAGAIN) {
        drop(fd);
        return 0;
    }
    connection->closing = (char)closing;
    keep(fd, parts, count, sent < 0 ? 0 : (size_t)sent);
    return 1;
}

static void readable(int fd) {
    static char input[max_line + read_size];
    struct connection *connection = &connections[fd];
    size_t held = connection->partial_size;
    if (held > 0) memcpy(input, connection->partial, held);
    ssize_t got = read(fd, input + held, read_size);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        drop(fd);
        return;
    }
    connection->partial_size = 0;
    struct iovec parts[max_gather];
    int count = 0;
    char *line = input, *end = input + held + got;
    for (char *feed; (feed = memchr(line, '\n', (size_t)(end - line))) != NULL; line = feed + 1) {
        const struct reply *reply = answer(line, (size_t)(feed - line));
        parts[count++] = (struct iovec){(void *)reply->text, reply->size};
        if (reply == &farewell) {
            transmit(fd, parts, count, 1);
            return;
        }
        if (count == max_gather) {
            if (!transmit(fd, parts, count, 0)) return;
            count = 0;
        }
    }
    size_t rest = (size_t)(end - line);
    if (rest > max_line) {
        drop(fd);
        return;
    }
    if (rest > 0) {
        memcpy(connection->partial, line, rest);
        connection->partial_size = (unsigned)rest;
    }
    if (count > 0) transmit(fd, parts, count, 0);
}

static void writable(int fd) {
    struct connection *connection = &connections[fd];
    ssize_t sent = write(fd, connection->unsent, connection->unsent_size);
    if (sent < 0) {
        if (errno != EAGAIN) drop(fd);
        return;
    }
    connection->unsent_size -= (size_t)sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_size);
    if (connection->unsent_size > 0) return;
    free(connection->unsent);
    connection->unsent = NULL;
    if (connection->closing) {
        drop(fd);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
}

// One accept4 per event when the server is idle; when a turn is busy, more callers probably wait, and each spared
// epoll_wait is worth the accept4 that finds nothing. Answers 0 when there was nobody.
static int admit(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return 0;
    if (fd >= max_descriptors) {
        close(fd);
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
    struct iovec part = {(void *)greeting.text, greeting.size};
    transmit(fd, &part, 1, 0);
    return 1;
}

static int open_listener(long port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) die("socket");
    int on = 1;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) die("SO_REUSEADDR");
    if (setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) die("TCP_NODELAY");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
    if (listen(listener, 4096) != 0) die("listen");
    socklen_t size = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &size) != 0) die("getsockname");
    printf("ready pop3=127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments) {
    long port = 0, bytes = 2048, messages = 10;
    for (int index = 1; index < count; index += 2) {
        const char *name = arguments[index];
        char *end = NULL;
        long value = index + 1 < count ? strtol(arguments[index + 1], &end, 10) : -1;
        if (end == NULL || *end != 0 || value < 0) goto usage;
        if (strcmp(name, "--port") == 0 && value < 65536) port = value;
        else if (strcmp(name, "--bytes") == 0 && value >= 4 && value <= 1 << 24) bytes = value;
        else if (strcmp(name, "--messages") == 0) messages = value;
        else goto usage;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    struct rlimit descriptors = {max_descriptors, max_descriptors};
    if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0 && getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }

    static char maildrop[64];
    snprintf(maildrop, sizeof maildrop, "+OK %ld %ld\r\n", messages, messages * bytes);
    greeting = canned("+OK POP3 floor ready\r\n");
    ok = canned("+OK\r\n");
    stat_reply = canned(maildrop);
    farewell = canned("+OK bye\r\n");
    refusal = canned("-ERR not here\r\n");
    message = canned_message(bytes);

    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) die("epoll_create1");
    int listener = open_listener(port);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) != 0) die("epoll_ctl");
    for (;;) {
        static struct epoll_event events[max_events];
        int ready = epoll_wait(poller, events, max_events, -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        int callers = 0;
        for (int index = 0; index < ready; index++) {
            int fd = events[index].data.fd;
            if (fd == listener) callers = 1;
            else if (connections[fd].unsent_size > 0) writable(fd);
            else readable(fd);
        }
        // Last in the turn: a descriptor closed above can come back only now, when no stale event is left.
        if (callers) {
            int turns = ready > 4 ? max_accepts : 1;
            while (turns-- > 0 && admit(listener)) {}
        }
    }

usage:
    fprintf(stderr, "usage: %s [--port N] [--bytes N] [--messages N]\n", arguments[0]);
    return 64;
}
