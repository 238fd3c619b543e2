// The canned replies of the floor servers, see canned.h.
#define _GNU_SOURCE
#include "canned.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct reply greeting, farewell;
static struct reply ok, stat_reply, capabilities, refusal, messages[max_messages];
static long message_count;

_Noreturn void die(const char *what) {
    perror(what);
    exit(1);
}

static void stop(int signal_number) {
    (void)signal_number;
    _exit(0);
}

static struct reply canned(const char *text) { return (struct reply){text, strlen(text)}; }

// "+OK n octets", then `bytes` octets of message in lines of 78, CRLF included, then the terminator.
static struct reply canned_message(long bytes, char letter) {
    char *text = malloc((size_t)bytes + 64);
    if (text == NULL) die("malloc");
    size_t size = (size_t)sprintf(text, "+OK %ld octets\r\n", bytes);
    for (long left = bytes; left > 0;) {
        long line = left >= 160 ? 80 : left > 80 ? left / 2 : left;
        memset(text + size, letter, (size_t)line);
        text[size + (size_t)line - 2] = '\r';
        text[size + (size_t)line - 1] = '\n';
        size += (size_t)line;
        left -= line;
    }
    memcpy(text + size, ".\r\n", 3);
    return (struct reply){text, size + 3};
}

// "RETR n": the messages are different memory, so that they go through the caches as a server's own do.
static const struct reply *message(const char *line, size_t size) {
    long number = 0;
    for (size_t index = 5; index < size && index < 10 && line[index] >= '0' && line[index] <= '9'; index++) {
        number = number * 10 + (line[index] - '0');
    }
    return number >= 1 && number <= message_count ? &messages[number - 1] : &refusal;
}

const struct reply *answer(const char *line, size_t size) {
    if (size < 4) return &refusal;
    switch (line[0] & 0xDF) {
    case 'U':
    case 'P': return &ok;
    case 'S': return &stat_reply;
    case 'R': return (line[2] & 0xDF) == 'T' ? message(line, size) : &ok;
    case 'C': return &capabilities;
    case 'Q': return &farewell;
    default: return &refusal;
    }
}

int parse_numbers(int count, char **arguments, const struct option_number *known) {
    for (int index = 1; index < count; index += 2) {
        const struct option_number *option = known;
        while (option->name != NULL && strcmp(option->name, arguments[index]) != 0) option++;
        if (option->name == NULL || index + 1 >= count) return 0;
        char *end = NULL;
        long value = strtol(arguments[index + 1], &end, 10);
        if (end == arguments[index + 1] || *end != 0 || value < option->least || value > option->most) return 0;
        *option->value = value;
    }
    return 1;
}

void prepare(long count, long bytes) {
    static char maildrop[64];
    snprintf(maildrop, sizeof maildrop, "+OK %ld %ld\r\n", count, count * bytes);
    greeting = canned("+OK POP3 floor ready\r\n");
    ok = canned("+OK\r\n");
    stat_reply = canned(maildrop);
    farewell = canned("+OK bye\r\n");
    capabilities = canned("+OK\r\nUSER\r\nPIPELINING\r\n.\r\n");
    refusal = canned("-ERR not here\r\n");
    message_count = count;
    for (long index = 0; index < count; index++) messages[index] = canned_message(bytes, (char)('a' + index % 26));
}

int open_listener(long port, const char *name) {
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
    printf("ready %s=127.0.0.1:%d\n", name, ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

void settle_process(void) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    struct rlimit descriptors = {max_descriptors, max_descriptors};
    if (setrlimit(RLIMIT_NOFILE, &descriptors) != 0 && getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
}
