// What the Glibc overlay of Swift leaves out: declarations only, no logic.
// Invariant: <sys/socket.h> stays out, or its `iovec` would be taken for this module's
// (InternalImportsByDefault then refuses it in public signatures).
#ifndef POPLAR_CLINUX_H
#define POPLAR_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

// accept4(2), with opaque address arguments.
int accept4(int fd, void *address, unsigned int *length, int flags);

// sched_setaffinity(2) and sched_getaffinity(2) over a plain bit mask (bit n = CPU n).
int sched_setaffinity(int pid, size_t size, const void *mask);
int sched_getaffinity(int pid, size_t size, void *mask);

// pipe2(2), for close-on-exec pipes.
int pipe2(int fds[2], int flags);

// dup3(2), which replaces a descriptor in one step and keeps it close-on-exec.
int dup3(int old_fd, int new_fd, int flags);

// unshare(2) with CLONE_FILES: a descriptor table for the calling thread alone, a copy of the one that it shared.
int unshare(int flags);
static inline int clinux_unshare_descriptors(void) { return unshare(0x00000400); }

// pthread_timedjoin_np(3), with an opaque time argument: glibc hides it behind _GNU_SOURCE.
int pthread_timedjoin_np(unsigned long thread, void **result, const struct timespec *deadline);
static inline int clinux_timed_join(unsigned long thread, const struct timespec *deadline) {
    return pthread_timedjoin_np(thread, NULL, deadline);
}

// memfd_create(2), for a child's messages that are shown only when it fails.
int memfd_create(const char *name, unsigned int flags);

// The system-wide clock identifiers that arrive in Swift without a type.
static const int32_t clinux_clock_monotonic = 1;
static const int32_t clinux_clock_thread_cputime = 3;

// Socket options that glibc hides behind _GNU_SOURCE or that Swift does not import.
static const int32_t clinux_ip_bind_address_no_port = 24;
static const int32_t clinux_so_reuseport = 15;
static const int32_t clinux_tcp_user_timeout = 18;
static const int32_t clinux_tcp_notsent_lowat = 25;

// The calls of the hot path without glibc's cancellation points: nobody cancels a thread here, and in a process of several
// threads each point costs two locked instructions per call. errno is set as ever.
long syscall(long number, ...);
static inline ssize_t clinux_receive(int fd, void *buffer, size_t size) {
    return syscall(SYS_recvfrom, fd, buffer, size, 0, NULL, NULL);
}
static inline ssize_t clinux_send(int fd, const void *buffer, size_t size, int flags) {
    return syscall(SYS_sendto, fd, buffer, size, flags, NULL, 0);
}
static inline ssize_t clinux_send_message(int fd, const void *message, int flags) {
    return syscall(SYS_sendmsg, fd, message, flags);
}
static inline int clinux_accept(int fd, void *address, unsigned int *length, int flags) {
    return (int)syscall(SYS_accept4, fd, address, length, flags);
}
static inline int clinux_close(int fd) { return (int)syscall(SYS_close, fd); }
static inline int clinux_poller_wait(int fd, struct epoll_event *events, int count, int milliseconds) {
    return (int)syscall(SYS_epoll_pwait, fd, events, count, milliseconds, NULL, (size_t)8);
}

// close_range(2), Linux 5.9 and later.
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
static inline int clinux_close_range(unsigned int first, unsigned int last) {
    return (int)syscall(SYS_close_range, first, last, 0u);
}

// Lets a listening socket pass over new connections (SYN) while those that the kernel is setting up still arrive: a
// classic packet filter (SO_ATTACH_FILTER of socket(7)) over the flags in octet 13 of the TCP header. Returns 0, or -1
// with errno.
static inline int clinux_refuse_new_connections(int fd) {
    enum { flags_octet = 13, syn = 0x02, ack = 0x10, pass_all = 0xffff };
    struct instruction {
        uint16_t code;
        uint8_t if_true, if_false;
        uint32_t operand;
    } program[] = {
        {0x30, 0, 0, flags_octet},  // A = octet at the offset
        {0x54, 0, 0, syn | ack},    // A &= SYN | ACK
        {0x15, 0, 1, syn},          // SYN alone?
        {0x06, 0, 0, 0},            // drop
        {0x06, 0, 0, pass_all},     // take
    };
    struct {
        uint16_t count;
        struct instruction *instructions;
    } filter = {sizeof program / sizeof program[0], program};
    return (int)syscall(SYS_setsockopt, fd, 1 /* SOL_SOCKET */, 26 /* SO_ATTACH_FILTER */, &filter, (unsigned int)sizeof filter);
}

// prctl(2) takes variadic arguments, which Swift cannot call.
static inline int clinux_set_timer_slack(unsigned long nanoseconds) {
    return prctl(PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}
static inline int clinux_set_parent_death_signal(int signal) {
    return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
}
static inline int clinux_set_thread_name(const char *name) {
    return prctl(PR_SET_NAME, name, 0, 0, 0);
}

// sched_setattr(2) for the calling thread, the first layout of its structure: the slice of time that an ordinary thread asks for
// (Linux 6.12 and later; before that it is taken and changes nothing). Policy and nice value stay as they are.
static inline int clinux_set_time_slice(uint64_t nanoseconds) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attributes;
    if (syscall(SYS_sched_getattr, 0, &attributes, (unsigned int)sizeof attributes, 0u) != 0) return -1;
    attributes.runtime = nanoseconds;
    attributes.flags = 0;
    return (int)syscall(SYS_sched_setattr, 0, &attributes, 0u);
}

// The 64-bit payload of an event; the union arrives in Swift without stable accessors.
static inline uint64_t clinux_event_payload(const struct epoll_event *event) { return event->data.u64; }
static inline struct epoll_event clinux_event(uint32_t events, uint64_t payload) {
    struct epoll_event event;
    event.events = events;
    event.data.u64 = payload;
    return event;
}

#endif
