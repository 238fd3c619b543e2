// A load client for the races of Benchmarks/race: one thread, a fixed number of POP3 sessions in flight, one command
// outstanding (or as --pipeline and --pipeline-messages say), until the server closes. It knows no server: every reply
// must begin with +OK (+ inside AUTH) and every message end in its terminator.
// Prints one line of JSON. A session counts when all its replies were right and the server closed after QUIT.
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { input_size = 65536, max_events = 256, stall_ms = 10000 };

static struct session table[max_flight];
static int poller;
static long started, finished, failed, open_count, messages_read;
static unsigned long long payload;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void begin(struct session *session) {
    *session = (struct session){
        .fd = -1, .user = (unsigned)(started % options.users), .ticket = session->ticket, .challenge = session->challenge};
    started++;
    // Under TLS the client speaks first: it must know that the connection stands.
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (options.tls == tls_off ? SOCK_NONBLOCK : 0), 0);
    if (fd < 0) die("socket");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&options.target, sizeof options.target) != 0 && errno != EINPROGRESS) die("connect");
    session->fd = fd;
    open_count++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = session};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
    if (options.tls == tls_off) return;
    if (ioctl(fd, FIONBIO, &on) != 0) die("FIONBIO");
    tls_begin(session);
    tls_shake(session);
}

static void end(struct session *session, int good) {
    if (session->ssl != NULL) tls_end(session);
    close(session->fd);
    session->fd = -1;
    open_count--;
    if (good) finished++;
    else failed++;
}

// Sends what the replies so far allow. A script is far smaller than a socket buffer: a short write is a failure.
static int advance(struct session *session) {
    static char text[max_script];
    int next = session->replies - 1, last = next;
    if (options.pipeline) {
        if (next > 0) return 1;
        last = command_count() - 1;
    } else if (options.pipeline_messages && is_retrieval(next)) {
        if (is_retrieval(next - 1)) return 1;
        while (is_retrieval(last + 1)) last++;
    }
    size_t size = 0;
    for (int index = next; index <= last; index++) {
        size_t added = command(session, index, text + size, sizeof text - size);
        if (added == 0) return 0;
        size += added;
    }
    ssize_t sent = session->ssl != NULL ? tls_transmit(session, text, size) : send(session->fd, text, size, MSG_NOSIGNAL);
    return sent == (ssize_t)size;
}

// Keeps the line that carries NTLM's challenge. Answers 0 where it is too long.
static int keep_challenge(struct session *session, const char *text, size_t size) {
    if (session->line_size + size >= max_challenge) return 0;
    memcpy(session->challenge + session->line_size, text, size);
    session->challenge[session->line_size + size] = 0;
    return 1;
}

// Takes one line (or what there is of it). Answers -1 for a wrong reply, 1 when a reply became complete.
static int take(struct session *session, const char *text, size_t size, int ended) {
    if (session->line_size == 0) session->first = text[0];
    if (needs_challenge(session->replies) && !keep_challenge(session, text, size)) return -1;
    session->line_size += (unsigned)size;
    if (!ended) return 0;
    unsigned length = session->line_size;
    session->line_size = 0;
    if (session->in_message) {
        if (session->first == '.' && length == 3) {
            session->in_message = 0;
            messages_read++;
            return 1;
        }
        payload += length;
        return 0;
    }
    if (session->first != '+') return -1;
    session->in_message = is_retrieval(session->replies - 1);
    return session->in_message ? 0 : 1;
}

// Takes what one read brought. Answers 0 when the session is over.
static int feed(struct session *session, const char *input, size_t got) {
    int total = command_count() + 1;
    for (const char *line = input, *stop = input + got; line < stop;) {
        const char *feed_at = memchr(line, '\n', (size_t)(stop - line));
        const char *next = feed_at != NULL ? feed_at + 1 : stop;
        int result = session->replies < total ? take(session, line, (size_t)(next - line), feed_at != NULL) : -1;
        line = next;
        if (result == 0) continue;
        if (result > 0) session->replies++;
        if (result < 0 || (session->replies < total && !advance(session))) {
            end(session, 0);
            return 0;
        }
    }
    return 1;
}

static void serve(struct session *session, unsigned events) {
    static char input[input_size];
    int total = command_count() + 1;
    if (session->ssl != NULL && !session->shaken) {
        int state = tls_shake(session);
        if (state < 0) end(session, 0);
        if (state <= 0) return;
    }
    // OpenSSL may hold more than one record of what the socket gave: under TLS, until it wants more.
    do {
        ssize_t got = session->ssl != NULL ? tls_receive(session, input, sizeof input) : read(session->fd, input, sizeof input);
        if (got < 0 && errno == EAGAIN && !(events & (EPOLLERR | EPOLLHUP))) return;
        if (got <= 0) {
            end(session, session->replies == total && got == 0);
            return;
        }
        if (!feed(session, input, (size_t)got)) return;
        // The reply to QUIT and the FIN come in one segment: the event says so, and no further read is needed.
        if (session->replies == total && (events & EPOLLRDHUP) && got < input_size) {
            end(session, 1);
            return;
        }
    } while (session->ssl != NULL);
}

static double cpu(const struct timeval *time) { return (double)time->tv_sec + (double)time->tv_usec * 1e-6; }

static void prepare(void) {
    signal(SIGPIPE, SIG_IGN);
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) die("epoll_create1");
    if (options.tls != tls_off) tls_prepare();
    for (long index = 0; index < options.flight; index++) {
        table[index].fd = -1;
        if (options.ntlm && (table[index].challenge = malloc(max_challenge)) == NULL) die("malloc");
    }
}

int main(int count, char **arguments) {
    parse_options(count, arguments);
    prepare();
    double start = now(), stop = start + options.seconds;
    int more = 1;
    for (long index = 0; index < options.flight; index++) {
        if (options.sessions == 0 || started < options.sessions) begin(&table[index]);
    }
    while (open_count > 0) {
        static struct epoll_event events[max_events];
        int ready = epoll_wait(poller, events, max_events, stall_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) die("epoll_wait");
        if (ready == 0) {
            fprintf(stderr, "floor-client: nothing arrived for %d ms\n", stall_ms);
            failed += open_count;
            break;
        }
        if (options.sessions == 0 && more) more = now() < stop;
        for (int index = 0; index < ready; index++) {
            struct session *session = events[index].data.ptr;
            serve(session, events[index].events);
            // A server that refuses everybody must not be hammered without end.
            if (failed > 1000) more = 0;
            if (session->fd < 0 && more && (options.sessions == 0 || started < options.sessions)) begin(session);
        }
    }
    double seconds = now() - start;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"sessions\": %ld, \"messages\": %ld, \"payload_bytes\": %llu, \"errors\": %ld, \"seconds\": %.6f, "
           "\"cpu_user_s\": %.6f, \"cpu_sys_s\": %.6f, \"resumed\": %ld, \"suite\": \"%s\"}\n",
           finished, messages_read, payload, failed, seconds, cpu(&usage.ru_utime), cpu(&usage.ru_stime), resumed, tls_suite());
    return failed > 0 ? 1 : 0;
}
