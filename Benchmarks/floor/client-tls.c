// TLS 1.3 for the load client: OpenSSL on the socket. With --tls resumed each session presents the ticket that the
// session before it in its slot was given, as a mail client that polls does; `resumed` counts what the server took.
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

long resumed;
static SSL_CTX *context;
static char suite[160];

static int keep_ticket(SSL *ssl, SSL_SESSION *ticket) {
    struct session *session = SSL_get_app_data(ssl);
    SSL_SESSION_free(session->ticket);
    session->ticket = ticket;
    return 1;
}

void tls_prepare(void) {
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_read_ahead(context, 1);
    if (options.tls == tls_resumed) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_ticket);
    }
}

void tls_begin(struct session *session) {
    session->ssl = SSL_new(context);
    if (session->ssl == NULL || SSL_set_fd(session->ssl, session->fd) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_set_app_data(session->ssl, session);
    SSL_set_connect_state(session->ssl);
    if (session->ticket != NULL) SSL_set_session(session->ssl, session->ticket);
}

int tls_shake(struct session *session) {
    ERR_clear_error();
    int result = SSL_do_handshake(session->ssl);
    if (result != 1) {
        int error = SSL_get_error(session->ssl, result);
        return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    session->shaken = 1;
    if (SSL_session_reused(session->ssl)) resumed++;
    if (suite[0] == 0) {
        EVP_PKEY *peer = NULL;
        const char *group = SSL_get_peer_tmp_key(session->ssl, &peer) == 1 ? EVP_PKEY_get0_type_name(peer) : "none";
        snprintf(suite, sizeof suite, "%s %s %s", SSL_get_version(session->ssl), SSL_get_cipher_name(session->ssl), group);
        EVP_PKEY_free(peer);
    }
    return 1;
}

static ssize_t outcome(struct session *session, int result, size_t size) {
    if (result == 1) return (ssize_t)size;
    int error = SSL_get_error(session->ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

ssize_t tls_receive(struct session *session, char *into, size_t room) {
    size_t got = 0;
    ERR_clear_error();
    int result = SSL_read_ex(session->ssl, into, room, &got);
    return outcome(session, result, got);
}

ssize_t tls_transmit(struct session *session, const char *from, size_t size) {
    size_t took = 0;
    ERR_clear_error();
    int result = SSL_write_ex(session->ssl, from, size, &took);
    return outcome(session, result, took);
}

void tls_end(struct session *session) {
    // As if its goodbye had been said, since OpenSSL forbids to resume a session freed without one.
    SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(session->ssl);
    session->ssl = NULL;
}

const char *tls_suite(void) { return suite; }
