// Reads jemalloc's mallctl tree. Linking this file with -ljemalloc is what makes it the process's allocator.
#include "cjemalloc.h"

#ifdef POPLAR_JEMALLOC
#include <jemalloc/jemalloc.h>
#include <stddef.h>
#include <stdio.h>

bool cjemalloc_is_live(void) { return true; }

const uint64_t *cjemalloc_thread_allocated(void) {
    uint64_t *counter = NULL;
    size_t size = sizeof counter;
    return mallctl("thread.allocatedp", &counter, &size, NULL, 0) == 0 ? counter : NULL;
}

uint64_t cjemalloc_resident_bytes(void) {
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    mallctl("epoch", &epoch, &size, &epoch, size);
    size_t resident = 0;
    size = sizeof resident;
    return mallctl("stats.resident", &resident, &size, NULL, 0) == 0 ? resident : 0;
}

const char *cjemalloc_description(void) {
    static char text[96];
    const char *version = "unknown";
    size_t size = sizeof version;
    mallctl("version", &version, &size, NULL, 0);
    snprintf(text, sizeof text, "jemalloc %s", version);
    return text;
}
#else
#include <stddef.h>
bool cjemalloc_is_live(void) { return false; }
const uint64_t *cjemalloc_thread_allocated(void) { return NULL; }
uint64_t cjemalloc_resident_bytes(void) { return 0; }
const char *cjemalloc_description(void) { return "glibc"; }
#endif
