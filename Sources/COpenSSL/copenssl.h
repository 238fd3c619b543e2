// OpenSSL 3 for Swift: its headers, and a static inline function or constant for each macro that
// Swift's importer cannot see. Integer types are fixed here, since the macros' own are mixed.
// The low-level digests stay because they neither allocate nor fetch (the EVP layer does both per call).
#ifndef POPLAR_COPENSSL_H
#define POPLAR_COPENSSL_H

#define OPENSSL_SUPPRESS_DEPRECATED 1
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md5.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static const uint64_t copenssl_op_no_renegotiation = SSL_OP_NO_RENEGOTIATION;
static const uint64_t copenssl_op_no_compression = SSL_OP_NO_COMPRESSION;
static const uint64_t copenssl_op_cipher_server_preference = SSL_OP_CIPHER_SERVER_PREFERENCE;
static const uint64_t copenssl_op_cleanse_plaintext = SSL_OP_CLEANSE_PLAINTEXT;
static const uint64_t copenssl_op_no_ticket = SSL_OP_NO_TICKET;
static const uint64_t copenssl_op_ignore_unexpected_eof = SSL_OP_IGNORE_UNEXPECTED_EOF;

static inline long copenssl_ctx_set_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_set_mode(ctx, mode); }
static inline long copenssl_ctx_set_min_version(SSL_CTX *ctx, int version) { return SSL_CTX_set_min_proto_version(ctx, version); }
static inline long copenssl_ctx_set_max_version(SSL_CTX *ctx, int version) { return SSL_CTX_set_max_proto_version(ctx, version); }
static inline long copenssl_ctx_set_session_cache_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_set_session_cache_mode(ctx, mode); }
static inline int copenssl_ctx_set_groups(SSL_CTX *ctx, const char *list) { return (int)SSL_CTX_set1_groups_list(ctx, list); }
static inline int copenssl_ctx_new_index(CRYPTO_EX_free *release) {
    return SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, release);
}
/* Keys a ticket's HMAC-SHA-256; 1 on success. */
static inline int copenssl_mac_set_key(EVP_MAC_CTX *mac, unsigned char *key, size_t count) {
    OSSL_PARAM params[3] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, count),
                            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                            OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params);
}
static inline long copenssl_set_host_name(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, (char *)name); }
static inline long copenssl_min_version(SSL *ssl) { return SSL_get_min_proto_version(ssl); }
static inline long copenssl_max_version(SSL *ssl) { return SSL_get_max_proto_version(ssl); }
/* Whether the last reading of PEM ended because no block began any more, so not in the middle of one. */
static inline int copenssl_ended_between_blocks(void) {
    unsigned long code = ERR_peek_last_error();
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}
/* The alert of an info callback where it is a fatal one that was sent; else -1. */
static inline int copenssl_sent_alert(int where, int value) {
    return where == SSL_CB_WRITE_ALERT && (value >> 8) == SSL3_AL_FATAL ? value & 0xff : -1;
}
static inline EVP_PKEY *copenssl_generate_ec_p256(void) { return EVP_EC_gen("P-256"); }
static inline void copenssl_bio_set_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void copenssl_bio_set_retry_write(BIO *bio) { BIO_set_retry_write(bio); }
static inline void copenssl_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }
static inline long copenssl_bio_data(BIO *bio, char **data) { return BIO_get_mem_data(bio, data); }
/* A BIO that holds a copy of the bytes, or NULL: one over the bytes themselves would outlive the pointer that Swift lends. */
static inline BIO *copenssl_bio_copy(const uint8_t *bytes, size_t count) {
    BIO *bio = BIO_new(BIO_s_mem());
    size_t written = 0;
    if (bio == NULL) return NULL;
    if (count > 0 && (BIO_write_ex(bio, bytes, count, &written) != 1 || written != count)) {
        BIO_free(bio);
        return NULL;
    }
    return bio;
}
static inline void copenssl_free(void *memory) { OPENSSL_free(memory); }
static inline const char *copenssl_version_text(void) { return OPENSSL_VERSION_TEXT; }

#endif
