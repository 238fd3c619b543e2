// The floor: the least that any single-threaded POP3 server on epoll must do. It parses nothing but the first
// letters of a line and answers from canned buffers, so whatever Poplar's server costs above it is Poplar's own.
// System calls per session of USER PASS STAT RETR QUIT: 1 accept4, 1 epoll_ctl, 6 writes (the greeting and five
// replies), 5 reads, 1 close, and a share of an epoll_wait. What is left out on purpose: accounts, state, limits,
// deadlines, maildrops. What a socket does not take stays where it lies: nothing is copied, large messages included.
// The last reply goes out with MSG_MORE, so that close() sends it and the FIN in one segment.
#define _GNU_SOURCE
#include "canned.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// What a connection keeps between reads: nothing, save in the two rare cases of a partial line or a short write.
struct connection {
    struct iovec *unsent; // malloc'ed; the parts that the socket did not take, pointing into the canned replies
    unsigned unsent_count;
    unsigned partial_size;
    char closing;         // close once `unsent` is gone
    char partial[max_line];
};

static struct connection connections[max_descriptors];
static int poller;

static void drop(int fd) {
    struct connection *connection = &connections[fd];
    free(connection->unsent);
    connection->unsent = NULL;
    connection->unsent_count = 0;
    connection->partial_size = 0;
    connection->closing = 0;
    close(fd);
}

// Takes `sent` octets off the front of `parts`; answers how many parts are left, moved to the front.
static int advance(struct iovec *parts, int count, size_t sent) {
    int whole = 0;
    while (whole < count && sent >= parts[whole].iov_len) sent -= parts[whole++].iov_len;
    memmove(parts, parts + whole, (size_t)(count - whole) * sizeof *parts);
    if (whole < count) {
        parts->iov_base = (char *)parts->iov_base + sent;
        parts->iov_len -= sent;
    }
    return count - whole;
}

static void listen_for(int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
}

// The socket is full: keep the rest, and wait until it can be written.
static void keep(int fd, const struct iovec *parts, int count) {
    struct connection *connection = &connections[fd];
    unsigned total = connection->unsent_count + (unsigned)count;
    struct iovec *all = realloc(connection->unsent, total * sizeof *all);
    if (all == NULL) die("realloc");
    memcpy(all + connection->unsent_count, parts, (size_t)count * sizeof *all);
    if (connection->unsent_count == 0) listen_for(fd, EPOLLOUT);
    connection->unsent = all;
    connection->unsent_count = total;
}

// Sends the replies of one read in one call. Answers 0 when the connection is gone.
static int transmit(int fd, struct iovec *parts, int count, int closing) {
    struct connection *connection = &connections[fd];
    if (connection->unsent_count > 0) {
        connection->closing = (char)closing;
        keep(fd, parts, count);
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
    if (sent < 0 && errno != EAGAIN) {
        drop(fd);
        return 0;
    }
    int left = advance(parts, count, sent < 0 ? 0 : (size_t)sent);
    if (left > 0) {
        connection->closing = (char)closing;
        keep(fd, parts, left);
        return 1;
    }
    if (!closing) return 1;
    drop(fd);
    return 0;
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
    int count = (int)connection->unsent_count;
    ssize_t sent = writev(fd, connection->unsent, count < max_gather ? count : max_gather);
    if (sent < 0) {
        if (errno != EAGAIN) drop(fd);
        return;
    }
    connection->unsent_count = (unsigned)advance(connection->unsent, count, (size_t)sent);
    if (connection->unsent_count > 0) return;
    free(connection->unsent);
    connection->unsent = NULL;
    if (connection->closing) drop(fd);
    else listen_for(fd, EPOLLIN);
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

int main(int count, char **arguments) {
    long port = 0, bytes = 2048, messages = 10;
    const struct option_number known[] = {
        {"--port", &port, 0, 65535}, {"--bytes", &bytes, 4, 1 << 24}, {"--messages", &messages, 0, max_messages}, {0}};
    if (!parse_numbers(count, arguments, known)) {
        fprintf(stderr, "usage: %s [--port N] [--bytes N] [--messages N]\n", arguments[0]);
        return 64;
    }
    settle_process();
    prepare(messages, bytes);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) die("epoll_create1");
    int listener = open_listener(port, "pop3");
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
            else if (connections[fd].unsent_count > 0) writable(fd);
            else readable(fd);
        }
        // Last in the turn: a descriptor closed above can come back only now, when no stale event is left.
        if (callers) {
            int turns = ready > 4 ? max_accepts : 1;
            while (turns-- > 0 && admit(listener)) {}
        }
    }
}
