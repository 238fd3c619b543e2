#!/usr/bin/env bash
# The steps of `make test`, after the release build: the hot path in the binary, a debug build that refuses undeclared
# imports, the unit tests, attacks on the server, hostile servers for the generator, and the same scripts at other servers.
# Every step runs even if one before it failed, except that no test runs without a build.
# The last lines say what failed, what was SKIPPED and why, and how long it took. Exits 1 if anything failed.
set -uo pipefail
cd "$(dirname "$0")/.."

# Where scripts/setup.sh could install them: Python with the libraries that ours are compared with.
[ ! -x .build/oracles/bin/python ] || export POPLAR_PYTHON=$PWD/.build/oracles/bin/python

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=()
passed=0
SECONDS=0

step() {
    local name=$1
    shift
    echo "== $name"
    if "$@" 2>&1 | tee -a "$log"; then
        passed=$((passed + 1))
    else
        failed+=("$name")
        return 1
    fi
}

checked=(--explicit-target-dependency-import-check error)
step "hot path" scripts/hot-path.sh
# Sanitizers and libFuzzer have builds of their own; here every check of a debug build is on.
if step "build, imports declared" swift build --build-tests --disable-xctest --enable-swift-testing "${checked[@]}"; then
    step "tests" swift test --skip-build --disable-xctest --enable-swift-testing "${checked[@]}"
fi

step "attack" python3 Tests/Attack quick

step "hostile" python3 Tests/Hostile quick

# Where Debian's servers could be unpacked and a namespace can be made; it says so itself where not.
step "peers" python3 Tests/Peers

# A test that this machine cannot run says so: scripts by a line of their own, swift-testing by its word for it.
skipped=$(grep -E '^SKIPPED |^.{0,4}(Test|Suite) .* skipped[.:]' "$log" | sed -E 's/^.{0,4}((Test|Suite) .*) skipped:? ?"?(SKIPPED: )?/SKIPPED \1: /; s/"$//' | sort -u)
count=0
[ -n "$skipped" ] && count=$(grep -c . <<<"$skipped")

echo
echo "== summary"
[ "$count" -eq 0 ] || echo "$skipped"
grep -E 'Test run with [0-9]+ tests?' "$log" | tail -n 1
echo "steps passed: $passed, failed: ${#failed[@]}${failed:+ (${failed[*]})}; checks SKIPPED: $count; ${SECONDS} s"
[ ${#failed[@]} -eq 0 ]
