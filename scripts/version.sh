#!/bin/sh
# Prints the abbreviated git commit of the checkout, "-dirty" appended when tracked files differ from it, and
# "unknown" outside a checkout. The Makefile hands it to Package.swift as POPLAR_COMMIT.
cd "$(dirname "$0")/.." || exit 1
commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || { echo unknown; exit 0; }
git diff-index --quiet HEAD -- 2>/dev/null || commit=$commit-dirty
echo "$commit"
