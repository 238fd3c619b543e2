#!/usr/bin/env bash
# Builds Poplar in four ways, Swift's library linked in or not, jemalloc or glibc's malloc, each in a scratch folder of its
# own, and races them: session, message, TLS, and what a burst of TLS connections leaves resident. The first is what
# `make build` makes. Arguments go on to the race, e.g. --pairs 5 --out results/bench/variants.json
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh build bench
[ -x Benchmarks/floor/bin/holder ] || make --no-print-directory floor

export POPLAR_COMMIT POPLAR_SWIFT
POPLAR_COMMIT=$(scripts/version.sh)
POPLAR_SWIFT=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)

variants=()
for allocator in jemalloc glibc; do
    for linkage in static dynamic; do
        name=$linkage-$allocator
        flags=(-c release --scratch-path ".build-$name" --product poplar)
        [ "$linkage" = dynamic ] || flags+=(--static-swift-stdlib)
        echo "variants: building $name" >&2
        POPLAR_ALLOCATOR=$allocator swift build "${flags[@]}" >&2
        variants+=(--variant "$name=.build-$name/release/poplar")
    done
done
for name in static-jemalloc dynamic-jemalloc static-glibc dynamic-glibc; do
    printf '%-18s %s bytes\n' "$name" "$(stat -Lc %s ".build-$name/release/poplar")"
done
python3 Benchmarks/race "${variants[@]}" "$@"
