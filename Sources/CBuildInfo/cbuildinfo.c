// The texts of cbuildinfo.h, fixed when this file is compiled.
// Invariant: nothing here is computed at run time, so that asking costs nothing and cannot fail.
// The commit comes from the Makefile by way of Package.swift; a bare `swift build` has none.
#include "cbuildinfo.h"

#ifndef POPLAR_COMMIT
#define POPLAR_COMMIT "unknown"
#endif
#ifndef POPLAR_SWIFT
#define POPLAR_SWIFT "unknown"
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POPLAR_SANITIZER " address-sanitizer"
#elif __has_feature(thread_sanitizer)
#define POPLAR_SANITIZER " thread-sanitizer"
#endif
#endif
#ifndef POPLAR_SANITIZER
#define POPLAR_SANITIZER ""
#endif

#ifdef POPLAR_RELEASE
#define POPLAR_CONFIGURATION "release"
#else
#define POPLAR_CONFIGURATION "debug"
#endif

const char *cbuildinfo_version(void) { return "0.1.0"; }
const char *cbuildinfo_commit(void) { return POPLAR_COMMIT; }
const char *cbuildinfo_swift(void) { return POPLAR_SWIFT; }
const char *cbuildinfo_flags(void) { return POPLAR_CONFIGURATION POPLAR_SANITIZER; }

bool cbuildinfo_is_optimised(void) {
#ifdef POPLAR_RELEASE
    return true;
#else
    return false;
#endif
}
