// A load client for the races of Benchmarks/race.py: one thread, a fixed number of POP3 sessions in flight, each
// USER PASS STAT RETR... QUIT with one command outstanding (or all in one write with --pipeline), until the
// server closes. It knows no server: every reply must begin with +OK and every message end in its terminator.
// Prints one line of JSON. A session counts when all its replies were right and the server closed after QUIT.
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
#include <time.h>
#include <unistd.h>

enum { max_flight = 4096, max_script = 65536, read_size = 65536, max_events = 256, stall_ms = 10000 };

// The commands of a session are 0 USER, 1 PASS, 2 STAT, 3... RETR, last QUIT; reply 0 is the greeting.
struct session {
    int fd;
    unsigned user;
    int replies;          // complete replies so far
    unsigned line_size;   // octets of the current line so far
    char first;           // its first octet
    char in_message;      // between the status line and the terminator of RETR
};

static struct {
    struct sockaddr_in target;
    long sessions, flight, retrievals, users, messages;
    double seconds;
    const char *prefix, *password;
    int pipeline;
} options = {.flight = 32, .users = 1000, .messages = 10, .prefix = "user", .password = "secret"};

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

static int last_command(void) { return (int)options.retrievals + 3; }

// Appends command `index` of the script at `text`; answers its size.
static size_t command(const struct session *session, int index, char *text, size_t room) {
    int size;
    if (index == 0) {
        size = snprintf(text, room, "USER %s%05u\r\n", options.prefix, session->user);
    } else if (index == 1) {
        size = snprintf(text, room, "PASS %s\r\n", options.password);
    } else if (index == 2) {
        size = snprintf(text, room, "STAT\r\n");
    } else if (index == last_command()) {
        size = snprintf(text, room, "QUIT\r\n");
    } else {
        size = snprintf(text, room, "RETR %ld\r\n", (index - 3) % options.messages + 1);
    }
    if (size < 0 || (size_t)size >= room) {
        fprintf(stderr, "floor-client: the script does not fit\n");
        exit(64);
    }
    return (size_t)size;
}

static void begin(struct session *session) {
    *session = (struct session){.fd = -1, .user = (unsigned)(started % options.users)};
    started++;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&options.target, sizeof options.target) != 0 && errno != EINPROGRESS) die("connect");
    session->fd = fd;
    open_count++;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = session};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

static void end(struct session *session, int good) {
    close(session->fd);
    session->fd = -1;
    open_count--;
    if (good) finished++;
    else failed++;
}

// Sends what the replies so far allow. A script is far smaller than a socket buffer: a short write is a failure.
static int advance(const struct session *session) {
    static char text[max_script];
    size_t size = 0;
    if (!options.pipeline) {
        size = command(session, session->replies - 1, text, sizeof text);
    } else if (session->replies == 1) {
        for (int index = 0; index <= last_command(); index++) size += command(session, index, text + size, sizeof text - size);
    } else {
        return 1;
    }
    return send(session->fd, text, size, MSG_NOSIGNAL) == (ssize_t)size;
}

// Takes one line (or what there is of it). Answers -1 for a wrong reply, 1 when a reply became complete.
static int take(struct session *session, const char *text, size_t size, int ended) {
    if (session->line_size == 0) session->first = text[0];
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
    // Reply n answers command n - 1; replies 4 ... R + 3 are the messages.
    session->in_message = session->replies >= 4 && session->replies < 4 + options.retrievals;
    return session->in_message ? 0 : 1;
}

static void serve(struct session *session, unsigned events) {
    static char input[read_size];
    ssize_t got = read(session->fd, input, sizeof input);
    if (got < 0 && errno == EAGAIN && !(events & (EPOLLERR | EPOLLHUP))) return;
    int total = last_command() + 2;
    if (got <= 0) {
        end(session, got == 0 && session->replies == total);
        return;
    }
    for (char *line = input, *stop = input + got; line < stop;) {
        char *feed = memchr(line, '\n', (size_t)(stop - line));
        char *next = feed != NULL ? feed + 1 : stop;
        int result = session->replies < total ? take(session, line, (size_t)(next - line), feed != NULL) : -1;
        line = next;
        if (result == 0) continue;
        if (result > 0) session->replies++;
        if (result < 0 || (session->replies < total && !advance(session))) {
            end(session, 0);
            return;
        }
    }
    // The reply to QUIT and the FIN come in one segment: the event says so, and no further read is needed.
    if (session->replies == total && (events & EPOLLRDHUP) && got < read_size) end(session, 1);
}

static double cpu(const struct timeval *time) { return (double)time->tv_sec + (double)time->tv_usec * 1e-6; }

static void parse(int count, char **arguments) {
    for (int index = 1; index < count; index++) {
        const char *name = arguments[index];
        if (strcmp(name, "--pipeline") == 0) {
            options.pipeline = 1;
            continue;
        }
        if (++index >= count) goto usage;
        const char *value = arguments[index];
        char *end = NULL;
        double number = strtod(value, &end);
        int whole = end != value && *end == 0 && number >= 0 && number <= 1e9;
        if (strcmp(name, "--pop3") == 0) {
            char host[64];
            unsigned port;
            if (sscanf(value, "%63[0-9.]:%u", host, &port) != 2 || port > 65535) goto usage;
            options.target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
            if (inet_pton(AF_INET, host, &options.target.sin_addr) != 1) goto usage;
        } else if (strcmp(name, "--prefix") == 0 && strlen(value) <= 64) {
            options.prefix = value;
        } else if (strcmp(name, "--password") == 0) {
            options.password = value;
        } else if (!whole) {
            goto usage;
        } else if (strcmp(name, "--sessions") == 0) {
            options.sessions = (long)number;
        } else if (strcmp(name, "--seconds") == 0) {
            options.seconds = number;
        } else if (strcmp(name, "--in-flight") == 0 && number >= 1 && number <= max_flight) {
            options.flight = (long)number;
        } else if (strcmp(name, "--retrievals") == 0 && number <= 1000) {
            options.retrievals = (long)number;
        } else if (strcmp(name, "--messages") == 0 && number >= 1) {
            options.messages = (long)number;
        } else if (strcmp(name, "--users") == 0 && number >= 1) {
            options.users = (long)number;
        } else {
            goto usage;
        }
    }
    if (options.target.sin_port == 0 || (options.sessions == 0) == (options.seconds == 0)) goto usage;
    if (options.users < options.flight) {
        fprintf(stderr, "floor-client: --users must be at least --in-flight, since a maildrop is exclusive\n");
        exit(64);
    }
    return;
usage:
    fprintf(stderr,
            "usage: %s --pop3 127.0.0.1:PORT (--sessions N | --seconds S) [--in-flight 32] [--retrievals 0] [--messages 10]\n"
            "       [--users 1000] [--prefix user] [--password secret] [--pipeline]\n",
            arguments[0]);
    exit(64);
}

int main(int count, char **arguments) {
    parse(count, arguments);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) die("epoll_create1");
    double start = now(), stop = start + options.seconds;
    int more = 1;
    for (long index = 0; index < options.flight; index++) {
        if (options.sessions == 0 || started < options.sessions) begin(&table[index]);
        else table[index].fd = -1;
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
           "\"cpu_user_s\": %.6f, \"cpu_sys_s\": %.6f}\n",
           finished, messages_read, payload, failed, seconds, cpu(&usage.ru_utime), cpu(&usage.ru_stime));
    return failed > 0 ? 1 : 0;
}
