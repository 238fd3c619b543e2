// A client that often gives up: whole POP3 sessions (USER PASS STAT RETR QUIT), some of them ended in the middle of the
// logon, for the leak and the attack cases of Tests/Attack. One thread, closed loop, --in-flight seats, each resting for
// --pause-ms after a session. Which session gives up and how comes from one seed. --flood lets each connection repeat
// commands before a logon instead, --depth at a time. Prints one line of JSON with the latencies of the whole sessions.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { max_flight = 16384, input_size = 65536, max_events = 256, max_samples = 1 << 22, sources = 32, max_flood = 65536 };

// The ways to end a session that is no whole one. Each says its script and then leaves, by FIN or by RST.
enum way { whole, at_once, greeted, named, wrong, plain_open, plain_cancelled, ntlm_open, cram_open, half_line, hello, way_count };

static struct seat {
    int fd;
    unsigned user;
    enum way way;
    int step;       // complete replies so far
    unsigned size;  // octets of the current line
    char first, in_message;
    double began, wakes;
} seats[max_flight];

static struct {
    struct sockaddr_in target, encrypted;
    long sessions, flight, users, abort_percent, pause_ms, retrievals, depth;
    double seconds;
    const char *flood;
    unsigned char hello[2048];
    size_t hello_size;
} options = {.flight = 64, .users = 1000, .retrievals = 1, .depth = 100};

static int poller;
static long begun, finished, aborted, failed, open_count, sample_count, sleeping_first, sleeping_count, replies;
static uint32_t *samples;
static int sleeping[max_flight];
static uint64_t state = 0x9E3779B97F4A7C15u;
static char flood_text[max_flood];
static size_t flood_size;

static _Noreturn void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void end(struct seat *seat, int reset) {
    if (reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(seat->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(seat->fd);
    seat->fd = -1;
    open_count--;
    seat->wakes = now() + (double)options.pause_ms * 1e-3;
    sleeping[(sleeping_first + sleeping_count++) % max_flight] = (int)(seat - seats);
}

static void give_up(struct seat *seat) {
    aborted++;
    end(seat, (int)(draw() & 1));
}

static void fail(struct seat *seat) {
    failed++;
    end(seat, 1);
}

static void complete(struct seat *seat) {
    finished++;
    if (sample_count < max_samples) samples[sample_count++] = (uint32_t)((now() - seat->began) * 1e6);
    end(seat, 0);
}

static void begin(struct seat *seat) {
    enum way way = whole;
    if (options.flood == NULL && (long)(draw() % 100) < options.abort_percent) {
        way = 1 + (enum way)(draw() % (options.hello_size > 0 ? way_count - 1 : hello - 1));
    }
    *seat = (struct seat){.fd = -1, .user = (unsigned)(begun % options.users), .way = way, .began = now()};
    begun++;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0) die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // Many source addresses: aborted sessions leave TIME_WAIT on this side.
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7F000201u + (uint32_t)(begun % sources))};
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0) die("bind");
    const struct sockaddr_in *target = way == hello ? &options.encrypted : &options.target;
    if (connect(fd, (const struct sockaddr *)target, sizeof *target) != 0 && errno != EINPROGRESS) die("connect");
    seat->fd = fd;
    open_count++;
    struct epoll_event event = {.events = way == hello ? EPOLLOUT : EPOLLIN | EPOLLRDHUP, .data.ptr = seat};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

static int say(struct seat *seat, const char *text, size_t size) {
    return send(seat->fd, text, size, MSG_NOSIGNAL) == (ssize_t)size;
}

// The next command of a whole session; 0 when the last reply was the last.
static size_t script(const struct seat *seat, char *text, size_t room) {
    int index = seat->step - 1, last = 3 + (int)options.retrievals;
    if (index == 0) return (size_t)snprintf(text, room, "USER user%05u\r\n", seat->user);
    if (index == 1) return (size_t)snprintf(text, room, "PASS secret\r\n");
    if (index == 2) return (size_t)snprintf(text, room, "STAT\r\n");
    if (index < last) return (size_t)snprintf(text, room, "RETR %d\r\n", index - 2);
    return index == last ? (size_t)snprintf(text, room, "QUIT\r\n") : 0;
}

// What a session says that will give up, after reply `step`; NULL: it gives up now.
static const char *give_up_script(enum way way, int step) {
    static const char *const scripts[way_count][4] = {
        [named] = {"USER user00000\r\n"},
        [wrong] = {"USER user00001\r\n", "PASS wrong\r\n"},
        [plain_open] = {"AUTH PLAIN\r\n"},
        [plain_cancelled] = {"AUTH PLAIN\r\n", "*\r\n"},
        [ntlm_open] = {"AUTH NTLM\r\n", "TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAGAbEdAAAADw==\r\n"},
        [cram_open] = {"AUTH CRAM-MD5\r\n"},
    };
    return step >= 1 && step <= 3 ? scripts[way][step - 1] : NULL;
}

static void advance(struct seat *seat) {
    seat->step++;
    if (options.flood != NULL) {
        replies++;
        if (seat->step > 1 && (seat->step - 1) % (int)options.depth != 0) return;
        if (!say(seat, flood_text, flood_size)) fail(seat);
        return;
    }
    if (seat->way == half_line) {
        say(seat, "USER us", 7);
        return give_up(seat);
    }
    char buffer[64];
    if (seat->way != whole) {
        const char *text = give_up_script(seat->way, seat->step);
        if (text == NULL || !say(seat, text, strlen(text))) give_up(seat);
        return;
    }
    size_t size = script(seat, buffer, sizeof buffer);
    if (size > 0 && !say(seat, buffer, size)) fail(seat);
}

static void take(struct seat *seat, const char *text, size_t size, int ended) {
    if (seat->size == 0) seat->first = text[0];
    seat->size += (unsigned)size;
    if (!ended) return;
    unsigned length = seat->size;
    seat->size = 0;
    if (seat->in_message) {
        if (seat->first != '.' || length != 3) return;
        seat->in_message = 0;
    } else if (seat->way == whole && options.flood == NULL) {
        if (seat->first != '+') return fail(seat);
        if (seat->step >= 4 && seat->step < 4 + options.retrievals) {
            seat->in_message = 1;
            return;
        }
    }
    advance(seat);
}

static void serve(struct seat *seat, unsigned events) {
    static char input[input_size];
    if (seat->way == at_once) return give_up(seat);
    if (seat->way == hello) {
        if (events & EPOLLOUT) say(seat, (const char *)options.hello, 1 + draw() % options.hello_size);
        return give_up(seat);
    }
    ssize_t got = read(seat->fd, input, sizeof input);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        if (options.flood != NULL) return end(seat, 0);
        if (seat->way != whole) return give_up(seat);
        return got == 0 && seat->step == 5 + (int)options.retrievals ? complete(seat) : fail(seat);
    }
    if (seat->way == greeted) return give_up(seat);
    for (const char *line = input, *stop = input + got; line < stop && seat->fd >= 0;) {
        const char *feed_at = memchr(line, '\n', (size_t)(stop - line));
        const char *next = feed_at != NULL ? feed_at + 1 : stop;
        take(seat, line, (size_t)(next - line), feed_at != NULL);
        line = next;
    }
    if (seat->fd >= 0 && options.flood == NULL && seat->way == whole && (events & EPOLLRDHUP) &&
        seat->step == 5 + (int)options.retrievals && got < input_size) {
        complete(seat);
    }
}

static int take_target(const char *value, struct sockaddr_in *target) {
    char host[64];
    unsigned port;
    if (sscanf(value, "%63[0-9.]:%u", host, &port) != 2 || port > 65535) return 0;
    *target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &target->sin_addr) == 1;
}

static int take_hello(const char *value) {
    unsigned octet;
    for (; sscanf(value, "%2x", &octet) == 1 && options.hello_size < sizeof options.hello; value += 2) {
        options.hello[options.hello_size++] = (unsigned char)octet;
    }
    return *value == 0;
}

// `NOOP|CAPA`: the commands of a flood, repeated up to --depth lines.
static void fill_flood(void) {
    const char *word = options.flood;
    for (long line = 0; line < options.depth; line++) {
        size_t size = strcspn(word, "|");
        if (flood_size + size + 2 > sizeof flood_text) break;
        memcpy(flood_text + flood_size, word, size);
        memcpy(flood_text + flood_size + size, "\r\n", 2);
        flood_size += size + 2;
        word = word[size] == '|' ? word + size + 1 : options.flood;
    }
}

static void parse(int count, char **arguments) {
    int good = 1;
    for (int index = 1; index + 1 < count && good; index += 2) {
        const char *name = arguments[index], *value = arguments[index + 1];
        if (strcmp(name, "--pop3") == 0) good = take_target(value, &options.target);
        else if (strcmp(name, "--pop3s") == 0) good = take_target(value, &options.encrypted);
        else if (strcmp(name, "--hello") == 0) good = take_hello(value);
        else if (strcmp(name, "--flood") == 0) options.flood = value;
        else if (strcmp(name, "--depth") == 0) options.depth = atol(value);
        else if (strcmp(name, "--sessions") == 0) options.sessions = atol(value);
        else if (strcmp(name, "--seconds") == 0) options.seconds = atof(value);
        else if (strcmp(name, "--in-flight") == 0) options.flight = atol(value);
        else if (strcmp(name, "--users") == 0) options.users = atol(value);
        else if (strcmp(name, "--abort") == 0) options.abort_percent = atol(value);
        else if (strcmp(name, "--pause-ms") == 0) options.pause_ms = atol(value);
        else if (strcmp(name, "--retrievals") == 0) options.retrievals = atol(value);
        else good = 0;
    }
    if (count % 2 == 0 || options.target.sin_port == 0 || options.flight < 1 || options.flight > max_flight || options.depth < 1 ||
        options.users < options.flight || (options.sessions == 0) == (options.seconds == 0)) good = 0;
    if (good) return;
    fputs("usage: abort-client --pop3 127.0.0.1:PORT (--sessions N | --seconds S) [--in-flight 64] [--users 1000] [--abort PERCENT]\n"
          "       [--pause-ms 0] [--retrievals 1] [--pop3s 127.0.0.1:PORT --hello HEX] [--flood 'NOOP|CAPA' --depth 100]\n", stderr);
    exit(64);
}

static int compare(const void *left, const void *right) {
    uint32_t first = *(const uint32_t *)left, second = *(const uint32_t *)right;
    return (first > second) - (first < second);
}

static uint32_t percentile(long permille) {
    return sample_count > 0 ? samples[(sample_count - 1) * permille / 1000] : 0;
}

// Begins again on the seats that have rested. Answers the milliseconds until the next wakes, -1 for none.
static int wake(double stop) {
    double time = now();
    while (sleeping_count > 0) {
        struct seat *seat = &seats[sleeping[sleeping_first]];
        if (options.sessions > 0 ? begun >= options.sessions : time >= stop) return -1;
        if (seat->wakes > time) return 1 + (int)((seat->wakes - time) * 1e3);
        sleeping_first = (sleeping_first + 1) % max_flight;
        sleeping_count--;
        begin(seat);
    }
    return -1;
}

int main(int count, char **arguments) {
    parse(count, arguments);
    if (options.flood != NULL) fill_flood();
    signal(SIGPIPE, SIG_IGN);
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    poller = epoll_create1(EPOLL_CLOEXEC);
    samples = malloc(sizeof *samples * max_samples);
    if (poller < 0 || samples == NULL) die("set-up");
    double start = now(), stop = start + options.seconds;
    for (int index = 0; index < options.flight; index++) sleeping[sleeping_count++] = index;
    int quiet = wake(stop);
    while (open_count > 0 || quiet >= 0) {
        static struct epoll_event events[max_events];
        int wait = quiet >= 0 ? quiet : 10000, ready = epoll_wait(poller, events, max_events, wait);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        if (ready == 0 && quiet < 0) {
            failed += open_count;
            break;
        }
        for (int index = 0; index < ready; index++) {
            struct seat *seat = events[index].data.ptr;
            if (seat->fd >= 0) serve(seat, events[index].events);
            if (options.flood != NULL && seat->fd >= 0 && now() >= stop) end(seat, 1);
        }
        if (failed > 1000) break;
        quiet = wake(stop);
    }
    qsort(samples, (size_t)sample_count, sizeof *samples, compare);
    printf("{\"sessions\": %ld, \"aborted\": %ld, \"failed\": %ld, \"replies\": %ld, \"seconds\": %.3f, \"p50_us\": %u, \"p99_us\": %u, "
           "\"max_us\": %u}\n", finished, aborted, failed, replies, now() - start, percentile(500), percentile(990), percentile(1000));
    return failed > 0;
}
