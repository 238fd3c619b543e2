#!/usr/bin/env bash
# Disassembles the release binary and looks at the calls inside the hot functions of Tests/hot-functions.txt: one that
# counts references, allocates objects, checks exclusivity or asks the runtime for metadata fails the check, and so does
# a pattern that no longer matches any function. Usage: scripts/hot-path.sh [BINARY] [LIST]
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-.build/release/poplar}
list=${2:-Tests/hot-functions.txt}

skip() { echo "SKIPPED hot-path: $1"; exit 0; }
command -v objdump >/dev/null || skip "no objdump on this machine (Debian: binutils)"
command -v python3 >/dev/null || skip "no python3 on this machine"
[ -x "$binary" ] || skip "$binary is not built (make build)"

exec python3 scripts/hot_path.py "$binary" "$list"
