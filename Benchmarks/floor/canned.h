// What the two floor servers share: the canned replies of a POP3 session, the listener, and how they start and end.
// A reply is chosen by the first letters of a line; nothing here knows accounts, states or limits.
#pragma once
#include <stddef.h>

enum {
    max_descriptors = 1 << 16,
    max_line = 512,       // octets kept of a line that has not ended yet
    max_events = 256,     // per epoll_wait
    max_accepts = 16,     // per turn
    max_gather = 64,      // replies per write
    read_size = 16384,
    max_messages = 1000,
};

struct reply {
    const char *text;
    size_t size;
};

extern struct reply greeting, farewell;

_Noreturn void die(const char *what);

// A line without its LF. &farewell means: close after it.
const struct reply *answer(const char *line, size_t size);

// A long option of its own, with the number behind it. Answers 0 where the arguments are not such a list.
struct option_number {
    const char *name;
    long *value, least, most;
};
int parse_numbers(int count, char **arguments, const struct option_number *known);

// Fills the canned replies; `messages` different messages of `bytes` octets each lie in memory in their wire form.
void prepare(long messages, long bytes);

// Listens at 127.0.0.1:`port` and says so on stdout: "ready NAME=127.0.0.1:PORT". TCP_NODELAY is set here, and inherited.
int open_listener(long port, const char *name);

// Quiet ends (SIGTERM, SIGINT), no SIGPIPE, and as many descriptors as the machine lets us have.
void settle_process(void);
