// The floor under TLS: the same canned POP3 on epoll as floor-server.c, behind OpenSSL. It reads once per event into one
// shared buffer, lets OpenSSL take its records from there, gathers all that OpenSSL writes (the flight, the ticket and the
// greeting, say) and sends it in one call: a connection has no buffers of its own. One ticket a handshake, no session
// cache, SSL_MODE_RELEASE_BUFFERS, as in Poplar. The last reply, close_notify and the FIN leave in one segment.
#define _GNU_SOURCE
#include "canned.h"
#include "tls-certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { output_size = 1 << 20 };

struct connection {
    SSL *ssl;
    char *unsent;         // malloc'ed copy of the records that the socket did not take
    char *partial;        // malloc'ed: a line that has not ended yet
    unsigned unsent_size, partial_size;
    char closing;         // close once `unsent` is gone
};

static struct connection connections[max_descriptors];
static int poller;
static SSL_CTX *context;
static BIO_METHOD *window;

// The memory that the connection at hand works on.
static char input[read_size], output[output_size];
static size_t input_at, input_end, output_end;

static int window_read(BIO *bio, char *into, size_t room, size_t *got) {
    BIO_clear_retry_flags(bio);
    *got = input_end - input_at < room ? input_end - input_at : room;
    if (*got == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(into, input + input_at, *got);
    input_at += *got;
    return 1;
}

static int window_write(BIO *bio, const char *from, size_t size, size_t *took) {
    BIO_clear_retry_flags(bio);
    // The benchmark never asks for more than fits; a connection that did would be dropped by the failed write.
    if (output_size - output_end < size) return 0;
    memcpy(output + output_end, from, size);
    output_end += size;
    *took = size;
    return 1;
}

static long window_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int window_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static void make_window(void) {
    window = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "window");
    if (window == NULL || BIO_meth_set_read_ex(window, window_read) != 1 || BIO_meth_set_write_ex(window, window_write) != 1 ||
        BIO_meth_set_ctrl(window, window_control) != 1 || BIO_meth_set_create(window, window_create) != 1) {
        die_tls("BIO_meth_new");
    }
}

static void drop(int fd) {
    struct connection *connection = &connections[fd];
    // Without this, freeing a session whose peer closed first makes its ticket's session "not resumable".
    SSL_set_shutdown(connection->ssl, SSL_SENT_SHUTDOWN);
    SSL_free(connection->ssl);
    free(connection->unsent);
    free(connection->partial);
    *connection = (struct connection){0};
    close(fd);
}

static void listen_for(int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event) != 0) die("epoll_ctl");
}

// Sends what OpenSSL wrote this turn.
static void flush(int fd, int closing) {
    struct connection *connection = &connections[fd];
    ssize_t sent = output_end == 0 ? 0 : send(fd, output, output_end, (closing ? MSG_MORE : 0) | MSG_NOSIGNAL);
    if ((sent < 0 && errno != EAGAIN) || (sent == (ssize_t)output_end && closing)) {
        drop(fd);
        return;
    }
    size_t done = sent < 0 ? 0 : (size_t)sent;
    if (done == output_end) return;
    connection->unsent_size = (unsigned)(output_end - done);
    connection->unsent = malloc(connection->unsent_size);
    if (connection->unsent == NULL) die("malloc");
    memcpy(connection->unsent, output + done, connection->unsent_size);
    connection->closing = (char)closing;
    listen_for(fd, EPOLLOUT);
}

// Encrypts a reply from where it lies. Answers 0 where that failed.
static int say(SSL *ssl, const struct reply *reply) {
    for (size_t at = 0, took; at < reply->size; at += took) {
        if (SSL_write_ex(ssl, reply->text + at, reply->size - at, &took) != 1) return 0;
    }
    return 1;
}

// Answers the lines of `text`. 1: go on; 0: close; -1: drop.
static int converse(struct connection *connection, char *text, size_t size) {
    char *line = text, *end = text + size;
    for (char *feed; (feed = memchr(line, '\n', (size_t)(end - line))) != NULL; line = feed + 1) {
        const struct reply *reply = answer(line, (size_t)(feed - line));
        if (!say(connection->ssl, reply)) return -1;
        if (reply == &farewell) {
            SSL_shutdown(connection->ssl);
            return 0;
        }
    }
    size_t rest = (size_t)(end - line);
    if (rest > max_line) return -1;
    if (rest > 0) {
        connection->partial = malloc(rest);
        if (connection->partial == NULL) die("malloc");
        memcpy(connection->partial, line, rest);
        connection->partial_size = (unsigned)rest;
    }
    return 1;
}

// Carries the handshake on and greets at its end. Answers as converse does.
static int shake(SSL *ssl) {
    int result = SSL_do_handshake(ssl);
    if (result == 1) return say(ssl, &greeting) ? 1 : -1;
    return SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ ? 1 : -1;
}

static void readable(int fd) {
    static char plain[max_line + read_size];
    struct connection *connection = &connections[fd];
    ssize_t got = read(fd, input, sizeof input);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) drop(fd);
        return;
    }
    input_at = output_end = 0;
    input_end = (size_t)got;
    int state = SSL_is_init_finished(connection->ssl) ? 1 : shake(connection->ssl);
    while (state == 1 && input_at < input_end && SSL_is_init_finished(connection->ssl)) {
        size_t held = connection->partial_size, size = 0;
        if (held > 0) memcpy(plain, connection->partial, held);
        int result = SSL_read_ex(connection->ssl, plain + held, read_size, &size);
        if (result != 1) {
            if (SSL_get_error(connection->ssl, result) != SSL_ERROR_WANT_READ) state = -1;
            break;
        }
        free(connection->partial);
        connection->partial = NULL;
        connection->partial_size = 0;
        state = converse(connection, plain, held + size);
    }
    if (state < 0) {
        ERR_clear_error();
        drop(fd);
    } else {
        flush(fd, state == 0);
    }
}

static void writable(int fd) {
    struct connection *connection = &connections[fd];
    ssize_t sent = write(fd, connection->unsent, connection->unsent_size);
    if (sent < 0) {
        if (errno != EAGAIN) drop(fd);
        return;
    }
    connection->unsent_size -= (unsigned)sent;
    memmove(connection->unsent, connection->unsent + sent, connection->unsent_size);
    if (connection->unsent_size > 0) return;
    free(connection->unsent);
    connection->unsent = NULL;
    if (connection->closing) drop(fd);
    else listen_for(fd, EPOLLIN);
}

// As in floor-server.c, save that the client speaks first.
static int admit(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return 0;
    SSL *ssl = fd < max_descriptors ? SSL_new(context) : NULL;
    BIO *bio = ssl != NULL ? BIO_new(window) : NULL;
    if (bio == NULL) {
        SSL_free(ssl);
        close(fd);
        return 1;
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    connections[fd].ssl = ssl;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
    return 1;
}

static void make_context(const char *certificate, const char *key, int only13) {
    context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) die_tls("SSL_CTX_new");
    SSL_CTX_set_min_proto_version(context, only13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // The suite that Poplar puts first: both sides must do the same cryptography, or the race is one of suites.
    if (SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") != 1)
        die_tls("SSL_CTX_set_ciphersuites");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"floor", 5);
    install_certificate(context, certificate, key);
}

int main(int count, char **arguments) {
    long port = 0, bytes = 2048, messages = 10, only13 = 0;
    const char *certificate = NULL, *key = NULL;
    const struct option_number known[] = {{"--port", &port, 0, 65535}, {"--bytes", &bytes, 4, 1 << 24},
        {"--messages", &messages, 0, max_messages}, {"--tls13-only", &only13, 0, 1}, {0}};
    if (count > 4 && strcmp(arguments[1], "--cert") == 0 && strcmp(arguments[3], "--key") == 0) {
        certificate = arguments[2];
        key = arguments[4];
        arguments += 4;
        count -= 4;
    }
    if (!parse_numbers(count, arguments, known)) {
        fprintf(stderr, "usage: tls-server [--cert FILE --key FILE] [--port N] [--bytes N] [--messages N] [--tls13-only 1]\n");
        return 64;
    }
    settle_process();
    prepare(messages, bytes);
    make_window();
    make_context(certificate, key, (int)only13);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) die("epoll_create1");
    int listener = open_listener(port, "pop3s");
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
        if (callers) {
            int turns = ready > 4 ? max_accepts : 1;
            while (turns-- > 0 && admit(listener)) {}
        }
    }
}
