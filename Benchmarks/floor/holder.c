// Holds idle connections for the races that count them: beside a busy client, or to weigh one. It obeys lines on stdin:
// "open N" opens connections one after the other until N are held, "close" closes them all; it answers "held N". Each is
// brought to a state: greeted, named (after USER), logged on (every one as another user), or TLS 1.3 after CAPA. Source
// addresses are 127.0.1.1 and up, 10,000 connections each, so that the busy client's ports stay its own.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { max_held = 60000, ports_per_source = 10000, wait_s = 30 };
enum state { greeted, named, logged_on, encrypted };

static struct { int fd; SSL *ssl; } held[max_held];
static long count;
static struct sockaddr_in target;
static enum state state;
static SSL_CTX *context;

static _Noreturn void die(const char *what) {
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

// Reads one reply, which must be a good one and end as `end` says: a line, or CAPA's list.
static void expect(long index, const char *end) {
    char line[4096];
    size_t size = 0, end_size = strlen(end);
    while (size < end_size || memcmp(line + size - end_size, end, end_size) != 0) {
        int got = held[index].ssl != NULL ? SSL_read(held[index].ssl, line + size, (int)(sizeof line - size))
                                          : (int)read(held[index].fd, line + size, sizeof line - size);
        if (got <= 0 || (size += (size_t)got) == sizeof line) die("no reply");
    }
    if (line[0] == '+') return;
    fprintf(stderr, "holder: refused: %.*s", (int)size, line);
    exit(1);
}

static void say(long index, const char *text, const char *end) {
    int size = (int)strlen(text);
    int sent = held[index].ssl != NULL ? SSL_write(held[index].ssl, text, size)
                                       : (int)send(held[index].fd, text, (size_t)size, MSG_NOSIGNAL);
    if (sent != size) die("send");
    expect(index, end);
}

static void open_one(long index) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    int on = 1;
    struct timeval patience = {.tv_sec = wait_s};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(0x7F000101u + (uint32_t)(index / ports_per_source));
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0) die("bind");
    if (connect(fd, (struct sockaddr *)&target, sizeof target) != 0) die("connect");
    held[index].fd = fd;
    held[index].ssl = NULL;
    if (state == encrypted) {
        held[index].ssl = SSL_new(context);
        if (held[index].ssl == NULL || SSL_set_fd(held[index].ssl, fd) != 1) die("SSL_new");
        if (SSL_connect(held[index].ssl) != 1) die("SSL_connect");
    }
    expect(index, "\n");
    char text[64];
    snprintf(text, sizeof text, "USER user%05ld\r\n", index);
    if (state == named || state == logged_on) say(index, text, "\n");
    if (state == logged_on) say(index, "PASS secret\r\n", "\n");
    if (state == encrypted) say(index, "CAPA\r\n", "\r\n.\r\n");
}

static void close_all(void) {
    while (count > 0) {
        count--;
        SSL_free(held[count].ssl);
        close(held[count].fd);
    }
}

static int parse(int arguments_count, char **arguments) {
    char host[64];
    unsigned port;
    if (arguments_count != 3 || sscanf(arguments[1], "%63[0-9.]:%u", host, &port) != 2 || port > 65535) return 0;
    target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const char *names[] = {[greeted] = "greeted", [named] = "named", [logged_on] = "logged-on", [encrypted] = "encrypted"};
    while (state <= encrypted && strcmp(arguments[2], names[state]) != 0) state++;
    return state <= encrypted && inet_pton(AF_INET, host, &target.sin_addr) == 1;
}

int main(int arguments_count, char **arguments) {
    if (!parse(arguments_count, arguments)) {
        fprintf(stderr, "usage: holder 127.0.0.1:PORT greeted|named|logged-on|encrypted\n");
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit descriptors;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) die("SSL_CTX_new");
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        long wanted;
        if (sscanf(line, "open %ld", &wanted) == 1 && wanted <= max_held) {
            for (; count < wanted; count++) open_one(count);
        } else {
            close_all();
        }
        printf("held %ld\n", count);
        fflush(stdout);
    }
    return 0;
}
