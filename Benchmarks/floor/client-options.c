// The load client's command line.
#define _GNU_SOURCE
#include "client.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {.flight = 32, .users = 1000, .messages = 10, .prefix = "user", .password = "secret"};

static const char usage[] =
    "usage: floor-client --pop3 127.0.0.1:PORT (--sessions N | --seconds S) [--in-flight 32] [--retrievals 0] [--messages 10]\n"
    "       [--users 1000] [--prefix user] [--password secret] [--pipeline | --pipeline-messages]\n"
    "       [--tls full|resumed] [--auth ntlm]\n";

static int take_target(const char *value) {
    char host[64];
    unsigned port;
    if (sscanf(value, "%63[0-9.]:%u", host, &port) != 2 || port > 65535) return 0;
    options.target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &options.target.sin_addr) == 1;
}

static int take_word(const char *name, const char *value) {
    if (strcmp(name, "--pop3") == 0) return take_target(value);
    if (strcmp(name, "--prefix") == 0 && strlen(value) <= 64) {
        options.prefix = value;
    } else if (strcmp(name, "--password") == 0) {
        options.password = value;
    } else if (strcmp(name, "--auth") == 0 && (strcmp(value, "ntlm") == 0 || strcmp(value, "basic") == 0)) {
        options.ntlm = value[0] == 'n';
    } else if (strcmp(name, "--tls") == 0 && (strcmp(value, "full") == 0 || strcmp(value, "resumed") == 0)) {
        options.tls = value[0] == 'f' ? tls_full : tls_resumed;
    } else {
        return 0;
    }
    return 1;
}

static int take_number(const char *name, const char *value) {
    char *end = NULL;
    double number = strtod(value, &end);
    if (end == value || *end != 0 || !(number >= 0 && number <= 1e9)) return 0;
    if (strcmp(name, "--sessions") == 0) options.sessions = (long)number;
    else if (strcmp(name, "--seconds") == 0) options.seconds = number;
    else if (strcmp(name, "--in-flight") == 0 && number >= 1 && number <= max_flight) options.flight = (long)number;
    else if (strcmp(name, "--retrievals") == 0 && number <= 1000) options.retrievals = (long)number;
    else if (strcmp(name, "--messages") == 0 && number >= 1) options.messages = (long)number;
    else if (strcmp(name, "--users") == 0 && number >= 1) options.users = (long)number;
    else return 0;
    return 1;
}

void parse_options(int count, char **arguments) {
    int good = 1;
    for (int index = 1; index < count && good; index++) {
        const char *name = arguments[index];
        if (strcmp(name, "--pipeline") == 0) options.pipeline = 1;
        else if (strcmp(name, "--pipeline-messages") == 0) options.pipeline_messages = 1;
        else if (++index >= count) good = 0;
        else good = take_word(name, arguments[index]) || take_number(name, arguments[index]);
    }
    if (options.target.sin_port == 0 || (options.sessions == 0) == (options.seconds == 0)) good = 0;
    if (options.pipeline && (options.ntlm || options.pipeline_messages)) good = 0;
    // The hash of the one password is a constant of client-ntlm.c.
    if (options.ntlm && strcmp(options.password, "secret") != 0) good = 0;
    if (!good) {
        fputs(usage, stderr);
        exit(64);
    }
    if (options.users < options.flight) {
        fprintf(stderr, "floor-client: --users must be at least --in-flight, since a maildrop is exclusive\n");
        exit(64);
    }
}
