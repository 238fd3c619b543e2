// The constructor of cstartup.h. It runs after the dynamic linker and before main, so it calls nothing but system
// calls.
//
// Descriptors: where 0, 1 or 2 is closed, the next open(2) would get its number, and a message for standard error would
// end in a file of results. Each gap is filled with /dev/null, opened so that it fails like the closed descriptor did:
// what cannot be written is still an error.
// Signals: the default action of SIGHUP and SIGUSR1 ends the process. A server that is told to reload while it starts
// must not die of it, so both wait until it reads them. A signal that the parent ignored is left alone.
#include "cstartup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

// A bit for each signal that was ignored at the start.
static uint64_t ignored_signals;

static bool is_ignored(int signal) {
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void fill_standard_descriptors(void) {
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest free number is this one, since those below it are open.
        int filler = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        // Without /dev (a bare chroot) anything that is no file of ours will do.
        if (filler < 0) filler = open("/", O_RDONLY | O_DIRECTORY);
        if (filler < 0) _exit(71);
    }
}

static void early_set(sigset_t *set) {
    sigemptyset(set);
    if (!is_ignored(SIGHUP)) sigaddset(set, SIGHUP);
    if (!is_ignored(SIGUSR1)) sigaddset(set, SIGUSR1);
}

__attribute__((constructor)) static void prepare(void) {
    sigset_t set;
    early_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int signal = 1; signal < 64; signal++)
        if (is_ignored(signal)) ignored_signals |= (uint64_t)1 << signal;
    fill_standard_descriptors();
}

void cstartup_release_signals(void) {
    sigset_t set;
    early_set(&set);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool cstartup_was_ignored(int signal) {
    return signal > 0 && signal < 64 && (ignored_signals >> signal & 1) != 0;
}
