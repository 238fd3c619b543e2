#!/usr/bin/env bash
# Runs the fuzz targets under libFuzzer and the address sanitizer, one after the other, and prints a line for each:
#   target: executions N, crashes N
# Usage: scripts/fuzz.sh [--seconds N] [target...]      default: 60 seconds each, all targets
# Exits 1 on any crash; the input that crashed stays in Tests/Fuzzing/.build/found/<target>.
set -u
cd "$(dirname "$0")/.."

seconds=60
targets=()
while [ $# -gt 0 ]; do
    case "$1" in
        --seconds) seconds="${2:-}"; shift 2 || shift ;;
        --help|-h) sed -n '2,6p' "$0"; exit 0 ;;
        -*) echo "fuzz.sh: unknown option $1" >&2; exit 64 ;;
        *) targets+=("$1"); shift ;;
    esac
done
case "$seconds" in ''|*[!0-9]*) echo "fuzz.sh: --seconds takes a number" >&2; exit 64 ;; esac

package=Tests/Fuzzing
export POPLAR_ALLOCATOR=glibc
# Optimised, and with every `assert` on: an impossible state that a release build would only count ends the fuzzer.
build=(swift build --package-path "$package" -c release --sanitize=address -Xswiftc -sanitize=fuzzer -Xswiftc -use-ld=lld
    -Xswiftc -assert-config -Xswiftc Debug)
log="$package/.build/build.log"
mkdir -p "$package/.build"
if ! "${build[@]}" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "fuzz.sh: the build failed" >&2
    exit 1
fi
program="$("${build[@]}" --show-bin-path 2>/dev/null)/fuzz"

known="$(POPLAR_FUZZ_TARGET= "$program" </dev/null)"
if [ ${#targets[@]} -eq 0 ]; then mapfile -t targets <<<"$known"; fi

status=0
for target in "${targets[@]}"; do
    if ! grep -qxF -- "$target" <<<"$known"; then
        echo "fuzz.sh: no target $target; there are:" $known >&2
        exit 64
    fi
    found="$package/.build/found/$target"
    work="$package/.build/corpus/$target"
    output="$package/.build/$target.log"
    mkdir -p "$found" "$work"
    # The crash handler of the Swift runtime can hang under the sanitizer, hence no backtrace, no stdin, and a hard limit.
    POPLAR_FUZZ_TARGET="$target" SWIFT_BACKTRACE=enable=no timeout -k 5 $((seconds + 60)) \
        "$program" -max_total_time="$seconds" -max_len=4096 -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$found/" "$work" "Tests/Corpus/$target" >"$output" 2>&1 </dev/null
    code=$?
    executions="$(sed -n 's/^stat::number_of_executed_units: *//p' "$output" | tail -1)"
    crashes=0
    if [ "$code" -ne 0 ]; then
        crashes=1
        status=1
    fi
    echo "$target: executions ${executions:-0}, crashes $crashes"
    if [ "$crashes" -ne 0 ]; then tail -40 "$output" >&2; fi
done
exit "$status"
