// A POP3 server of one till: sessions are served one at a time, in the order in which their connections were accepted, each for a
// time drawn ahead (exponential or constant), and every arrival, beginning and end is logged in nanoseconds. What a session waits
// is then known from the log alone, by Lindley's recursion, whatever the client says. A thread accepts and stamps at once; the
// other one serves: greeting, USER, PASS, QUIT, answered at once, and the service time spent before the greeting. A session's
// service lasts until the till could take the next one, its close included: what is left out of the log would be missing from
// every wait behind it. The log is kept in memory and written when the client's run is over (SIGTERM), so that writing it holds up
// nobody. Its lines: arrival, beginning, last reply, free again.
// Usage: stub exponential|constant MEAN_US SEED LOG      prints "ready pop3=127.0.0.1:PORT"
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE = 65536, LOG = 1 << 20 };
static struct { int fd; uint64_t at; } queue[QUEUE];
static unsigned head, tail;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static int listener;
static struct entry { uint64_t at, begun, ended, free; } entries[LOG];
static volatile unsigned count;
static int exponential;
static double mean;
static uint64_t state;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void *accepting(void *unused) {
    (void)unused;
    prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        uint64_t at = now();
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pthread_mutex_lock(&lock);
        queue[tail % QUEUE].fd = fd;
        queue[tail % QUEUE].at = at;
        tail++;
        pthread_cond_signal(&filled);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static double unit(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

// Answers until QUIT; false when the client went away.
static int converse(int fd) {
    char line[1024];
    size_t used = 0;
    if (send(fd, "+OK ready\r\n", 11, MSG_NOSIGNAL) < 0) return 0;
    for (;;) {
        ssize_t got = recv(fd, line + used, sizeof line - used, 0);
        if (got <= 0) return 0;
        used += (size_t)got;
        char *end;
        while ((end = memchr(line, '\n', used))) {
            int quits = line[0] == 'Q';
            const char *reply = line[0] == 'S' ? "+OK 0 0\r\n" : "+OK\r\n";
            if (send(fd, reply, strlen(reply), MSG_NOSIGNAL) < 0) return 0;
            used -= (size_t)(end + 1 - line);
            memmove(line, end + 1, used);
            if (quits) return 1;
        }
        if (used == sizeof line) return 0;
    }
}

static void *serving(void *unused) {
    (void)unused;
    prctl(PR_SET_TIMERSLACK, 1);
    while (count < LOG) {
        double length = exponential ? -log1p(-unit(&state)) * mean : mean;
        pthread_mutex_lock(&lock);
        while (head == tail) pthread_cond_wait(&filled, &lock);
        int fd = queue[head % QUEUE].fd;
        struct entry *entry = &entries[count];
        entry->at = queue[head % QUEUE].at;
        head++;
        pthread_mutex_unlock(&lock);
        entry->begun = now();
        uint64_t due = entry->begun + (uint64_t)length;
        struct timespec until = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
        converse(fd);
        entry->ended = now();
        close(fd);
        entry->free = now();
        count++;
    }
    return NULL;
}

int main(int words, char **word) {
    if (words != 5) return 64;
    exponential = word[1][0] == 'e';
    mean = atof(word[2]) * 1000;
    state = strtoull(word[3], NULL, 10);
    // Touched now, so that no page of it is missing later.
    memset(entries, 1, sizeof entries);
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    pthread_t thread;
    if (pthread_create(&thread, NULL, accepting, NULL) || pthread_create(&thread, NULL, serving, NULL)) return 1;
    printf("ready pop3=127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int signal;
    sigwait(&ends, &signal);
    FILE *log = fopen(word[4], "w");
    if (!log) return 1;
    for (unsigned i = 0; i < count; i++) {
        struct entry *e = &entries[i];
        fprintf(log, "%llu %llu %llu %llu\n", (unsigned long long)e->at, (unsigned long long)e->begun,
                (unsigned long long)e->ended, (unsigned long long)e->free);
    }
    return fclose(log) ? 1 : 0;
}
