// The load client's parts: client.c runs the sessions, client-script.c says what they send, client-options.c reads the
// command line, client-tls.c and client-ntlm.c add encryption and NTLMv2.
#pragma once
#include <netinet/in.h>
#include <stddef.h>
#include <sys/types.h>

enum { max_flight = 4096, max_script = 65536, max_challenge = 2048 };

enum tls_mode { tls_off, tls_full, tls_resumed };

struct options {
    struct sockaddr_in target;
    long sessions, flight, retrievals, users, messages;
    double seconds;
    const char *prefix, *password;
    int pipeline;           // the whole session in one write
    int pipeline_messages;  // the RETRs in one write, everything else one by one
    int ntlm;               // AUTH NTLM instead of USER and PASS
    enum tls_mode tls;
};
extern struct options options;

struct ssl_st;
struct ssl_session_st;

// Reply 0 is the greeting, reply n answers command n - 1.
struct session {
    int fd;
    unsigned user;
    int replies;                   // complete replies so far
    unsigned line_size;            // octets of the current line so far
    char first;                    // its first octet
    char in_message;               // between the status line and the terminator of RETR
    char shaken;                   // the TLS handshake is over
    struct ssl_st *ssl;
    struct ssl_session_st *ticket; // of the session before in this slot
    char *challenge;               // NTLM: the server's line
};

void parse_options(int count, char **arguments);

// The script: how many commands, whether command `index` is a RETR or answers the challenge, and its text with CRLF.
int command_count(void);
int is_retrieval(int index);
int needs_challenge(int index);
// Appends at `text`; answers the size, 0 where the challenge was none.
size_t command(const struct session *session, int index, char *text, size_t room);

// NTLM (MS-NLMP): the first message, and the answer to a challenge line ("+ base64"), both in base64.
const char *ntlm_negotiate(void);
size_t ntlm_authenticate(const char *challenge, const char *user, char *text, size_t room);

// TLS. receive and transmit behave as read and send do on a socket that never blocks.
extern long resumed;
void tls_prepare(void);
void tls_begin(struct session *session);
int tls_shake(struct session *session); // 1 done, 0 wants more, -1 failed
ssize_t tls_receive(struct session *session, char *into, size_t room);
ssize_t tls_transmit(struct session *session, const char *from, size_t size);
void tls_end(struct session *session);
const char *tls_suite(void); // of the last handshake, "" before it
