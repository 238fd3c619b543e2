// What has to hold before the first line of Swift runs: descriptors 0 to 2 are open, and a SIGHUP that comes early does
// not end the process. A constructor sees to both when the executable is loaded; this header is for what follows.
#ifndef POPLAR_CSTARTUP_H
#define POPLAR_CSTARTUP_H

#include <stdbool.h>

// Unblocks SIGHUP and SIGUSR1, which the constructor blocked, for a command that reads no signals. One that came
// meanwhile takes effect now, as it would have done.
void cstartup_release_signals(void);

// Whether `signal` was ignored when the process began, as nohup(1) and a shell's background jobs have it.
bool cstartup_was_ignored(int signal);

#endif
