// What this binary was built from and how, for `poplar --version` and for every result's manifest.
// Package.swift passes the commit as a define of this one small target, so that a new commit recompiles
// one C file and relinks, and nothing else. Every text is static and never NULL.
#ifndef POPLAR_CBUILDINFO_H
#define POPLAR_CBUILDINFO_H

#include <stdbool.h>

// The released version, by semantic versioning.
const char *cbuildinfo_version(void);

// Abbreviated git commit, "-dirty" appended when files differed from it; "unknown" when not built by make.
const char *cbuildinfo_commit(void);

// Version of the Swift compiler, "6.3.1"; "unknown" when not built by make.
const char *cbuildinfo_swift(void);

// Whether the build was optimised (-c release). Results of any other build are not worth keeping.
bool cbuildinfo_is_optimised(void);

// "release" or "debug", and the sanitizer when there is one.
const char *cbuildinfo_flags(void);

#endif
