#!/usr/bin/env bash
# Scans the TLS of a `poplar serve` on loopback with sslscan and testssl.sh: the TLS port, and STLS where the server offers
# it. Prints each finding of MEDIUM or above, those of the allow list below with their reason, and exits 1 on any other.
# Usage: scripts/tls-scan.sh [poplar]     default: .build/release/poplar
set -euo pipefail
cd "$(dirname "$0")/.."

poplar=$(realpath "${1:-.build/release/poplar}")
work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

# Findings that a certificate made for one test cannot do without: testssl's id, and why.
allowed() {
    case $1 in
    cert_revocation) echo "the scan's own authority, made a moment ago, publishes no revocation list" ;;
    *) return 1 ;;
    esac
}

# An authority and a certificate for localhost, so that the chain of trust is checked too.
(
    umask 077
    cd "$work"
    ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    openssl req -x509 "${ec[@]}" -keyout ca.key -out ca.pem -days 200 -subj "/CN=Poplar scan authority" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    openssl req "${ec[@]}" -keyout key.pem -out request.pem -subj /CN=localhost
    printf '%s\n' subjectAltName=DNS:localhost,IP:127.0.0.1 extendedKeyUsage=serverAuth \
        keyUsage=critical,digitalSignature basicConstraints=CA:FALSE >extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 190 -extfile extensions -out own.pem
    cat own.pem ca.pem >chain.pem
) 2>"$work/openssl.log" || { cat "$work/openssl.log" >&2; exit 1; }

"$poplar" serve --pop3 127.0.0.1:0 --pop3s 127.0.0.1:0 --cert "$work/chain.pem" --key "$work/key.pem" \
    >"$work/out" 2>"$work/err" &
server=$!
for _ in $(seq 100); do grep -q ^ready "$work/out" && break; sleep 0.1; done
pop3=$(sed -n 's/^ready pop3=127.0.0.1:\([0-9]*\).*/\1/p' "$work/out")
pop3s=$(sed -n 's/^ready .*pop3s=127.0.0.1:\([0-9]*\).*/\1/p' "$work/out")
[ -n "$pop3s" ] || { cat "$work/err" >&2; exit 1; }

name_of() { command -v "$1" || command -v "${1%.sh}"; }
testssl=$(name_of testssl.sh)

# scan NAME PORT [testssl's and sslscan's words for STLS]
scan() {
    local name=$1 port=$2
    timeout 600 "$testssl" --quiet --color 0 --warnings off --openssl-timeout 10 --add-ca "$work/ca.pem" \
        --jsonfile "$work/$name.json" ${3:+--starttls pop3} "localhost:$port" >"$work/$name.testssl" 2>&1 || true
    timeout 120 sslscan --no-colour ${3:+--starttls-pop3} "127.0.0.1:$port" >"$work/$name.sslscan" 2>&1 || true
}

scans=(pop3s)
scan pop3s "$pop3s" & jobs=($!)
if printf 'CAPA\r\nQUIT\r\n' | timeout 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$pop3; cat >&3; cat <&3" | grep -q '^STLS'; then
    scans+=(stls)
    scan stls "$pop3" starttls & jobs+=($!)
else
    echo "SKIPPED tls-scan of STLS: the server does not offer it"
fi
wait "${jobs[@]}"

# What sslscan must say, line by line: versions, suites and groups, as Sources/TLS/TLSContext.swift sets them.
expected() {
    cat <<'TEXT'
SSLv2 disabled
SSLv3 disabled
TLSv1.0 disabled
TLSv1.1 disabled
TLSv1.2 enabled
TLSv1.3 enabled
Session renegotiation not supported
Server supports TLS Fallback SCSV
Preferred TLSv1.3 128 bits TLS_AES_128_GCM_SHA256 Curve 25519 DHE 253
Accepted TLSv1.3 256 bits TLS_AES_256_GCM_SHA384 Curve 25519 DHE 253
Accepted TLSv1.3 256 bits TLS_CHACHA20_POLY1305_SHA256 Curve 25519 DHE 253
Preferred TLSv1.2 128 bits ECDHE-ECDSA-AES128-GCM-SHA256 Curve 25519 DHE 253
Accepted TLSv1.2 256 bits ECDHE-ECDSA-AES256-GCM-SHA384 Curve 25519 DHE 253
Accepted TLSv1.2 256 bits ECDHE-ECDSA-CHACHA20-POLY1305 Curve 25519 DHE 253
TEXT
}

status=0
for name in "${scans[@]}"; do
    sed -nE 's/ +/ /g; s/ $//; /^(SSLv|TLSv1\.[0-9] (en|dis)abled|Preferred|Accepted|Session reneg|Server supp)/p' \
        "$work/$name.sslscan" >"$work/$name.lines"
    if diff <(expected | sort) <(sort "$work/$name.lines") >"$work/diff"; then
        echo "$name: sslscan: versions, suites, renegotiation and fallback as set ($(wc -l <"$work/$name.lines") lines)"
    else
        status=1
        echo "$name: sslscan: not as set (< wanted, > found):"
        cat "$work/diff"
    fi
    # A scan that broke off has no findings: it must have come to the last of its tests.
    if ! grep -q '"id" *: "\(clientsimulation-[^"]*\|RC4\)"' "$work/$name.json" 2>/dev/null; then
        status=1
        echo "$name: testssl did not finish:"
        tail -n 5 "$work/$name.testssl"
        continue
    fi
    python3 - "$work/$name.json" >"$work/$name.findings" <<'PYTHON'
import json, sys
for entry in json.load(open(sys.argv[1])):
    if entry["severity"] not in ("OK", "INFO", "LOW", "DEBUG", "WARN"):
        print(entry["id"], entry["severity"], entry["finding"], sep="\t")
PYTHON
    total=$(grep -c '"severity"' "$work/$name.json")
    unexplained=0
    while IFS=$'\t' read -r id severity finding; do
        if reason=$(allowed "$id"); then
            echo "$name: testssl: $severity $id: $finding (allowed: $reason)"
        else
            unexplained=$((unexplained + 1))
            echo "$name: testssl: $severity $id: $finding"
        fi
    done <"$work/$name.findings"
    echo "$name: testssl: $total checks, findings of MEDIUM or above that nothing explains: $unexplained"
    [ "$unexplained" -eq 0 ] || status=1
done
exit $status
