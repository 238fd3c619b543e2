#!/usr/bin/env bash
# AddressSanitizer (with LeakSanitizer) or ThreadSanitizer over the tests, and then over a server under 200 clients that log
# on by every method, give up in the middle, and are there while SIGHUP reloads. Any report fails. Usage: scripts/sanitize.sh
# [address|thread]... (both). Sanitizers and jemalloc both replace malloc, so these builds use glibc's, in .build-asan and
# .build-tsan.
set -uo pipefail
cd "$(dirname "$0")/.."
release=.build/release/poplar
client=Benchmarks/floor/bin/abort-client
seconds=${SECONDS_OF_LOAD:-20}
export POPLAR_ALLOCATOR=glibc
# Without this a report would wait for a debugger that nobody asked for.
export SWIFT_BACKTRACE=enable=no

# Left out: tests that start other people's programs, which are not instrumented and whose patience is not a sanitizer's
# (what runs in process covers the same code); the release binary's disassembly; the allocator's figures, which a sanitizer's
# allocator does not keep; starts under a limit on addresses, of which a sanitizer takes terabytes; and the idle server, in
# which a sanitizer's own thread is awake. One test at a time, since each is a few times slower.
skipped='CurlTests|MpopTests|FetchmailTests|PoplibTests|HotPathTests|FigureTests/sums|StartMemoryTests|SignalTests/idle'

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

reports() { cat "$work"/report.* "$work/tests" "$work/err" 2>/dev/null | grep -cE '^(==[0-9]+==ERROR|WARNING: ThreadSanitizer|SUMMARY: )'; }

serve_under_load() {
    local poplar=$1 pop3 pop3s statuses=0
    "$poplar" serve --pop3 127.0.0.1:0 --pop3s 127.0.0.1:0 --metrics 127.0.0.1:0 --workers 2 --ntlm-level 2 --log-level debug \
        --log "$work/log" --population users=12000,messages=10,bytes=2048 >"$work/out" 2>"$work/err" &
    server=$!
    for _ in $(seq 300); do grep -q ^ready "$work/out" && break; sleep 0.1; done
    pop3=$(sed -n 's/^ready pop3=\([^ ]*\) .*/\1/p' "$work/out")
    pop3s=$(sed -n 's/^ready .*pop3s=\([^ ]*\).*/\1/p' "$work/out")
    [ -n "$pop3" ] || { cat "$work/err"; return 1; }
    # Users of their own for both loads: a maildrop that the other one has locked would be no fault of the server.
    python3 - >"$work/users.csv" <<'PY'
print("account,password,nt_domain,nt_user,nt_password,membership_user,membership_password")
for number in range(8000, 10000):
    print(f"user{number + 2000:05d},secret,POPLAR,user{number:05d},secret,member{number:05d},secret")
PY
    # 200 clients that give up often, and the mix of methods beside them. Their own reports are not judged here.
    "$client" --pop3 "$pop3" --pop3s "$pop3s" --hello "$(python3 Tests/Attack/hello.py)" --seconds "$seconds" --in-flight 200 \
        --users 8000 --abort 30 >"$work/client" &
    local aborting=$!
    "$release" run exchange-mixed --pop3 "$pop3" --pop3s "$pop3s" --users "$work/users.csv" --rate 40 --duration "$seconds" --out "$work/run" >"$work/mix" 2>&1 &
    local mixing=$!
    for _ in $(seq "$((seconds * 2))"); do
        kill -HUP "$server"
        python3 - "$work/out" <<'PY'
import re, sys, urllib.request
place = re.search(r"metrics=(\S+)", open(sys.argv[1]).read())[1]
urllib.request.urlopen(f"http://{place}/metrics", timeout=20).read()
PY
        sleep 0.5
    done
    wait "$aborting" || statuses=1
    wait "$mixing"
    kill -TERM "$server"
    wait "$server" || { echo "the server ended with $?"; statuses=1; }
    server=
    return "$statuses"
}

run() {
    local kind=$1 folder=$2 left_out=$skipped
    # A limit on the size of files, by which that test fills the disk, also stops this sanitizer from setting up its own shadow: it ends
    # by SIGBUS before the program begins.
    [ "$kind" != thread ] || left_out="$skipped|ExitCodeTests/fullDisk"
    rm -rf "${work:?}"/*
    echo "== $kind"
    swift build --build-tests --disable-xctest --enable-swift-testing --sanitize="$kind" --scratch-path "$folder" 2>&1 | tail -n 1
    export ASAN_OPTIONS="detect_leaks=1 abort_on_error=0 allocator_may_return_null=1 log_path=$work/report.asan"
    export LSAN_OPTIONS="suppressions=$PWD/scripts/leaks.txt print_suppressions=0"
    export TSAN_OPTIONS="halt_on_error=0 second_deadlock_stack=1 allocator_may_return_null=1 log_path=$work/report.tsan"
    swift test --skip-build --disable-xctest --enable-swift-testing --sanitize="$kind" --scratch-path "$folder" --no-parallel --skip "$left_out" \
        >"$work/tests" 2>&1
    local status=$? tests
    tests=$(sed -n 's/.*Test run with \([0-9]*\) test.*/\1/p' "$work/tests" | tail -n 1)
    [ "$status" -eq 0 ] || grep -E '✘|error:' "$work/tests" | head -n 40
    local first sessions
    first=$(reports)
    serve_under_load "$folder/debug/poplar" || status=1
    sessions=$(($(sed -n 's/.*"sessions": \([0-9]*\), "aborted": \([0-9]*\).*/\1 + \2/p' "$work/client" | head -n 1)))
    local second=$(($(reports) - first))
    [ $((first + second)) -eq 0 ] || { status=1; head -n 60 "$work"/report.* 2>/dev/null; }
    echo "$kind: tests ${tests:-0}, reports $first; 200-client run sessions $sessions, reports $second"
    return "$status"
}

failed=0
scripts/setup.sh build attack
[ -x "$release" ] || { echo "sanitize: $release, the load, is not built (make build)" >&2; exit 1; }
gcc -std=c11 -O2 -Wall -Wextra -o "$client" Benchmarks/floor/abort-client.c || exit 1
for kind in "${@:-address thread}"; do
    for one in $kind; do
        case $one in
        address) run address .build-asan || failed=1 ;;
        thread) run thread .build-tsan || failed=1 ;;
        *) echo "usage: scripts/sanitize.sh [address|thread]..." >&2; exit 64 ;;
        esac
    done
done
exit "$failed"
