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

// The statistics are a snapshot, taken anew when the epoch is written.
static void refresh(void) {
    uint64_t epoch = 1;
    size_t size = sizeof epoch;
    mallctl("epoch", &epoch, &size, &epoch, size);
}

static bool statistic(const char *name, uint64_t *value) {
    size_t octets = 0;
    size_t size = sizeof octets;
    if (mallctl(name, &octets, &size, NULL, 0) != 0) return false;
    *value = octets;
    return true;
}

uint64_t cjemalloc_resident_bytes(void) {
    uint64_t resident = 0;
    refresh();
    return statistic("stats.resident", &resident) ? resident : 0;
}

bool cjemalloc_read(cjemalloc_figures *figures) {
    refresh();
    return statistic("stats.allocated", &figures->allocated) && statistic("stats.active", &figures->active) &&
           statistic("stats.resident", &figures->resident) && statistic("stats.mapped", &figures->mapped);
}

void cjemalloc_purge(void) {
    unsigned arena = 0;
    size_t size = sizeof arena;
    char name[40];
    mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
    if (mallctl("thread.arena", &arena, &size, NULL, 0) != 0) return;
    snprintf(name, sizeof name, "arena.%u.purge", arena);
    mallctl(name, NULL, NULL, NULL, 0);
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
#include <malloc.h>
#include <stddef.h>

bool cjemalloc_read(cjemalloc_figures *figures) {
    struct mallinfo2 info = mallinfo2();
    figures->allocated = info.uordblks + info.hblkhd;
    figures->active = 0;
    figures->resident = 0;
    figures->mapped = info.arena + info.hblkhd;
    return true;
}

void cjemalloc_purge(void) { malloc_trim(0); }
bool cjemalloc_is_live(void) { return false; }
const uint64_t *cjemalloc_thread_allocated(void) { return NULL; }
uint64_t cjemalloc_resident_bytes(void) { return 0; }
const char *cjemalloc_description(void) { return "glibc"; }
#endif
