#!/usr/bin/env bash
# User instructions of the server, by callgrind: per plain session (USER, PASS, STAT, QUIT), per RETR, per NTLM logon, and
# per session after a TLS handshake. One worker, one session at a time, the difference of two counts of sessions, so that
# the start counts for nothing. With a second binary, the ratio stands beside each figure, and a ratio above 1.01 fails.
# Usage: scripts/instructions.sh [BINARY [BASE]]
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:-.build/release/poplar}
base=${2:-}
client=Benchmarks/floor/bin/floor-client
few=100
many=600
command -v valgrind >/dev/null || { echo "SKIPPED instructions: no valgrind on this machine (Debian: valgrind)"; exit 0; }
[ -x "$client" ] || { echo "instructions: $client is not built (make floor)" >&2; exit 64; }
work=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

# Instructions of a server that serves $2 sessions, the client's other words being the rest.
run() {
    local poplar=$1 sessions=$2 address
    shift 2
    rm -f "$work/counts"
    : >"$work/out"
    valgrind --tool=callgrind --callgrind-out-file="$work/counts" "$poplar" serve --pop3 127.0.0.1:0 --pop3s 127.0.0.1:0 \
        --workers 1 --limit connections=64 --population users=100 >"$work/out" 2>/dev/null &
    server=$!
    for _ in $(seq 600); do
        grep -q ^ready "$work/out" && break
        kill -0 "$server" 2>/dev/null || { echo "instructions: $poplar does not start under valgrind" >&2; exit 1; }
        sleep 0.1
    done
    case " $* " in
        *" --tls "*) address=$(sed -n 's/^ready .*pop3s=\([^ ]*\).*/\1/p' "$work/out") ;;
        *) address=$(sed -n 's/^ready pop3=\([^ ]*\).*/\1/p' "$work/out") ;;
    esac
    "$client" --pop3 "$address" --sessions "$sessions" --in-flight 1 --users 100 "$@" >/dev/null
    kill -TERM "$server"
    wait "$server" || true
    sed -n 's/^summary: //p' "$work/counts"
}

# Instructions per session.
session() {
    local first second poplar=$1
    shift
    first=$(run "$poplar" "$few" "$@")
    second=$(run "$poplar" "$many" "$@")
    echo $(((second - first) / (many - few)))
}

figures() {
    local plain retrievals ntlm tls
    # Valgrind cannot read the debug information that Swift writes.
    strip -g -o "$work/poplar" "$1"
    plain=$(session "$work/poplar")
    retrievals=$(session "$work/poplar" --retrievals 10)
    ntlm=$(session "$work/poplar" --auth ntlm)
    tls=$(session "$work/poplar" --tls resumed)
    echo "session $plain"
    echo "RETR $(((retrievals - plain) / 10))"
    echo "NTLM-session $ntlm"
    echo "TLS-session $tls"
}

figures "$binary" >"$work/ours"
if [ -z "$base" ]; then
    cat "$work/ours"
    exit 0
fi
figures "$base" >"$work/theirs"
# What OpenSSL does in a handshake varies with its numbers: that row is shown and judged by nobody.
paste -d' ' "$work/ours" "$work/theirs" | awk '{
    printf "%-14s %9d  base %9d  ratio %.4f\n", $1, $2, $4, $2 / $4
    if ($1 !~ /^TLS/ && $2 > 1.01 * $4) failed = 1
} END { exit failed }'
