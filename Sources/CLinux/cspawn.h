// Starting a child process, for the command line alone: fork(2) is withheld from Swift. A module of its own, since its
// headers would otherwise claim read(2) and its kin from Glibc's overlay (see clinux.h).
#ifndef POPLAR_CSPAWN_H
#define POPLAR_CSPAWN_H

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

int sched_setaffinity(int pid, size_t size, const void *mask);

// Starts `path` in a process group of its own, its standard output and error on the descriptors given (which must be
// close-on-exec and above 2), on the CPUs of `mask`, with no signal blocked, SIGPIPE as it is by default, and killed by
// `death_signal` as soon as this thread's process is gone. Returns the pid, or -1 with errno.
static inline int clinux_spawn(const char *path, char *const argv[], int out, int err, const void *mask, size_t mask_size,
                               int death_signal) {
    int parent = getpid();
    int pid = fork();
    if (pid != 0) return pid;
    sigset_t none;
    sigemptyset(&none);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0);
    if (getppid() != parent) _exit(127);
    if (mask_size > 0) sched_setaffinity(0, mask_size, mask);
    if (dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(127);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, 0);
    execv(path, argv);
    _exit(127);
}

#endif
