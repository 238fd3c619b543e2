// The key and certificate of the TLS floor: read from PEM files, so that both servers of a race use the same, or made
// at start (ECDSA P-256, self-signed, as Poplar makes its own).
#pragma once
#include <openssl/ssl.h>

// Ends the process, with OpenSSL's words, where it cannot.
void install_certificate(SSL_CTX *context, const char *certificate, const char *key);
_Noreturn void die_tls(const char *what);
