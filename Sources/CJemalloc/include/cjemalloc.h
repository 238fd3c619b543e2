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

// "jemalloc 5.3.0-..." or "glibc".
const char *cjemalloc_description(void);

#endif
