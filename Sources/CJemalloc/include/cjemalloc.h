// jemalloc's statistics for Swift. Built with POPLAR_ALLOCATOR=glibc, every function is inert:
// it answers 0 and cjemalloc_is_live says so, so that a zero is never mistaken for a measurement.
#ifndef POPLAR_CJEMALLOC_H
#define POPLAR_CJEMALLOC_H

#include <stdbool.h>
#include <stdint.h>

// Whether this binary allocates through jemalloc.
bool cjemalloc_is_live(void);

// Address of the calling thread's count of bytes ever allocated; NULL when inert. Valid for the thread's life.
const uint64_t *cjemalloc_thread_allocated(void);

// Bytes in active pages mapped by the allocator, refreshed by the call; 0 when inert.
uint64_t cjemalloc_resident_bytes(void);

// Bytes of the heap: handed out; in pages with any of them; in physical memory; mapped. glibc knows the first and the last
// (mallinfo2) and leaves the others 0.
typedef struct {
    uint64_t allocated;
    uint64_t active;
    uint64_t resident;
    uint64_t mapped;
} cjemalloc_figures;

// Fills in the figures of this moment; false when the allocator has none to give.
bool cjemalloc_read(cjemalloc_figures *figures);

// Hands memory that the calling thread has freed back to the kernel at once. jemalloc does so by itself only while it
// is called.
void cjemalloc_purge(void);

// "jemalloc 5.3.0-..." or "glibc".
const char *cjemalloc_description(void);

#endif
