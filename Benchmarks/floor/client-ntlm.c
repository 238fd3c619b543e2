// NTLMv2 for the load client (MS-NLMP 3.3.2): the response is HMAC-MD5 over the server's challenge and a blob that repeats
// its target information. No MIC, no key exchange, no LMv2 response: the least that a server at level 5 must check.
// OpenSSL keeps MD4 in its legacy provider, so the NT hash of the one password is a constant here.
#define _GNU_SOURCE
#include "client.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { header_size = 64, max_name = 256, max_pairs = 1024, blob_head = 28 };

// MD4 of "secret" in UTF-16LE.
static const unsigned char password_hash[16] = {
    0x87, 0x8d, 0x80, 0x14, 0x60, 0x6c, 0xda, 0x29, 0x67, 0x7a, 0x44, 0xef, 0xa1, 0x35, 0x3f, 0xc7};
static const char domain[] = "POPLAR";
// UNICODE, REQUEST_TARGET, NTLM, ALWAYS_SIGN, extended session security, 128 and 56 bit.
static const uint32_t flags = 0xA0088205;

static void put16(unsigned char *at, unsigned value) {
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
}

static void put32(unsigned char *at, uint32_t value) {
    put16(at, value & 0xFFFF);
    put16(at + 2, value >> 16);
}

static unsigned get16(const unsigned char *at) { return at[0] | (unsigned)at[1] << 8; }

static uint32_t get32(const unsigned char *at) { return get16(at) | (uint32_t)get16(at + 2) << 16; }

static size_t wide(unsigned char *into, const char *text, int upper) {
    size_t size = 0;
    for (; *text != 0; text++) {
        into[size++] = (unsigned char)(upper ? toupper((unsigned char)*text) : *text);
        into[size++] = 0;
    }
    return size;
}

const char *ntlm_negotiate(void) {
    static char text[64];
    if (text[0] == 0) {
        unsigned char message[32] = "NTLMSSP";
        put32(message + 8, 1);
        put32(message + 12, flags);
        EVP_EncodeBlock((unsigned char *)text, message, sizeof message);
    }
    return text;
}

// FILETIME, little-endian: 100 ns steps since 1601.
static void put_time(unsigned char *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t steps = ((uint64_t)now.tv_sec + 11644473600u) * 10000000u + (uint64_t)now.tv_nsec / 100;
    put32(at, (uint32_t)steps);
    put32(at + 4, (uint32_t)(steps >> 32));
}

// The server's own time, where its target information has one (MsvAvTimestamp, 7).
static void copy_time(unsigned char *at, const unsigned char *pairs, size_t size) {
    for (size_t index = 0; index + 4 <= size;) {
        unsigned name = get16(pairs + index), length = get16(pairs + index + 2);
        if (name == 7 && length == 8 && index + 12 <= size) memcpy(at, pairs + index + 4, 8);
        if (name == 0) return;
        index += 4 + length;
    }
}

// Lays the NT response out at `response`: 16 octets of proof, then the blob. Answers its size.
static size_t respond(unsigned char *response, const unsigned char *challenge, const char *user, const unsigned char *pairs,
                      size_t pairs_size) {
    unsigned char names[2 * max_name], key[16], keyed[8 + blob_head + max_pairs + 4];
    size_t names_size = wide(names, user, 1);
    names_size += wide(names + names_size, domain, 0);
    unsigned length = 16;
    HMAC(EVP_md5(), password_hash, sizeof password_hash, names, names_size, key, &length);
    unsigned char *blob = response + 16;
    size_t blob_size = blob_head + pairs_size + 4;
    memset(blob, 0, blob_size);
    blob[0] = blob[1] = 1;
    put_time(blob + 8);
    copy_time(blob + 8, pairs, pairs_size);
    RAND_bytes(blob + 16, 8);
    memcpy(blob + blob_head, pairs, pairs_size);
    memcpy(keyed, challenge, 8);
    memcpy(keyed + 8, blob, blob_size);
    HMAC(EVP_md5(), key, sizeof key, keyed, 8 + blob_size, response, &length);
    return 16 + blob_size;
}

// Appends a field's octets and notes where they lie.
static void field(unsigned char *message, size_t *end, size_t at, const void *bytes, size_t size) {
    memcpy(message + *end, bytes, size);
    put16(message + at, (unsigned)size);
    put16(message + at + 2, (unsigned)size);
    put32(message + at + 4, (uint32_t)*end);
    *end += size;
}

size_t ntlm_authenticate(const char *line, const char *user, char *text, size_t room) {
    unsigned char challenge[max_challenge];
    size_t encoded = strlen(line);
    while (encoded > 0 && (line[encoded - 1] == '\n' || line[encoded - 1] == '\r')) encoded--;
    if (encoded < 2 + 64 || encoded - 2 > max_challenge) return 0;
    if (line[0] != '+' || line[1] != ' ' || strlen(user) >= max_name / 2) return 0;
    int decoded = EVP_DecodeBlock(challenge, (const unsigned char *)line + 2, (int)encoded - 2);
    if (decoded < 48 || memcmp(challenge, "NTLMSSP", 8) != 0 || get32(challenge + 8) != 2) return 0;
    size_t pairs_size = get16(challenge + 40), pairs_at = get32(challenge + 44);
    if (pairs_size == 0 || pairs_size > max_pairs) return 0;
    if (pairs_at > (size_t)decoded || pairs_size > (size_t)decoded - pairs_at) return 0;

    unsigned char response[16 + blob_head + max_pairs + 4], wides[2 * max_name], message[2048] = "NTLMSSP";
    static const unsigned char no_lm[24];
    size_t end = header_size;
    put32(message + 8, 3);
    field(message, &end, 28, wides, wide(wides, domain, 0));
    field(message, &end, 36, wides, wide(wides, user, 0));
    field(message, &end, 44, wides, wide(wides, "BENCH", 0));
    field(message, &end, 12, no_lm, sizeof no_lm);
    field(message, &end, 20, response, respond(response, challenge + 24, user, challenge + pairs_at, pairs_size));
    field(message, &end, 52, "", 0);
    put32(message + 60, get32(challenge + 20) & flags);
    if ((end + 2) / 3 * 4 >= room) return 0;
    return (size_t)EVP_EncodeBlock((unsigned char *)text, message, (int)end);
}
