#!/usr/bin/env bash
# Bytes that a worker of the release build allocates in the steady state, by jemalloc's own count for its thread: the
# server prints it on SIGUSR1, before and after a number of sessions. Plain sessions must cost nothing, with and without
# messages. TLS sessions show that the count is live: OpenSSL allocates for each. Exits 1 when a plain session allocates.
set -euo pipefail
cd "$(dirname "$0")/.."

poplar=${1:-.build/release/poplar}
client=Benchmarks/floor/bin/floor-client
sessions=${SESSIONS:-20000}
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; wait 2>/dev/null; rm -rf "$work"' EXIT

"$poplar" serve --pop3 127.0.0.1:0 --pop3s 127.0.0.1:0 --workers 1 >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 100); do grep -q ^ready "$work/out" && break; sleep 0.1; done
pop3=$(sed -n 's/^ready pop3=\([^ ]*\) .*/\1/p' "$work/out")
pop3s=$(sed -n 's/^ready .*pop3s=\([^ ]*\)$/\1/p' "$work/out")

reports=0
count() {
    reports=$((reports + 1))
    kill -USR1 "$server"
    for _ in $(seq 100); do
        [ "$(grep -c '^worker 0:' "$work/err")" -ge "$reports" ] && break
        sleep 0.1
    done
    grep '^worker 0:' "$work/err" | tail -n 1 | sed 's/.*thread_allocated_bytes=//'
}

load() { "$client" --pop3 "$pop3" --sessions "$1" --retrievals "$2" --in-flight "${3:-32}" >/dev/null; }

tls() {
    for _ in 1 2 3 4 5; do
        printf 'QUIT\r\n' | timeout 10 openssl s_client -quiet -connect "$pop3s" >/dev/null 2>&1 || true
    done
}

status=0
# Warm up with more at once than the measured load has: the pools grow to the concurrency that they meet, and stay.
for retrievals in 0 1 10 0; do load 10000 "$retrievals" 256; done
for retrievals in 0 1 10; do
    before=$(count); load "$sessions" "$retrievals"; after=$(count)
    bytes=$((after - before))
    echo "plain, $retrievals RETR: $bytes bytes allocated in $sessions sessions of $((retrievals + 4)) commands"
    [ "$bytes" -eq 0 ] || status=1
done
before=$(count); tls; after=$(count)
bytes=$((after - before))
echo "TLS: $bytes bytes allocated in 5 sessions: the count is live"
[ "$bytes" -gt 0 ] || { echo "the allocator's count does not move: is this a build with jemalloc?"; status=1; }
exit $status
