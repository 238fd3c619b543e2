// What a session sends: USER PASS, or AUTH NTLM and its two messages; then STAT, the RETRs, QUIT.
#define _GNU_SOURCE
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

static int logon_size(void) { return options.ntlm ? 3 : 2; }

int command_count(void) { return logon_size() + (int)options.retrievals + 2; }

int is_retrieval(int index) { return index > logon_size() && index <= logon_size() + options.retrievals; }

int needs_challenge(int index) { return options.ntlm && index == 2; }

static size_t logon(const struct session *session, int index, char *text, size_t room) {
    char user[96];
    snprintf(user, sizeof user, "%s%05u", options.prefix, session->user);
    if (!options.ntlm) {
        return index == 0 ? (size_t)snprintf(text, room, "USER %s\r\n", user)
                          : (size_t)snprintf(text, room, "PASS %s\r\n", options.password);
    }
    if (index == 0) return (size_t)snprintf(text, room, "AUTH NTLM\r\n");
    if (index == 1) return (size_t)snprintf(text, room, "%s\r\n", ntlm_negotiate());
    size_t size = ntlm_authenticate(session->challenge, user, text, room - 2);
    if (size == 0) return 0;
    text[size] = '\r';
    text[size + 1] = '\n';
    return size + 2;
}

size_t command(const struct session *session, int index, char *text, size_t room) {
    size_t size;
    int first = logon_size();
    if (index < first) size = logon(session, index, text, room);
    else if (index == first) size = (size_t)snprintf(text, room, "STAT\r\n");
    else if (is_retrieval(index)) size = (size_t)snprintf(text, room, "RETR %ld\r\n", (index - first - 1) % options.messages + 1);
    else size = (size_t)snprintf(text, room, "QUIT\r\n");
    if (size >= room) {
        fprintf(stderr, "floor-client: the script does not fit\n");
        exit(64);
    }
    return size;
}
