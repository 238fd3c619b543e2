#!/usr/bin/env bash
# Checks what a reader would stumble over: Swift sources against .swift-format, shell scripts that do not parse, python
# that does not compile, C that warns, and white space at line ends. Prints each finding with its place; exits 1 on any.
set -uo pipefail
cd "$(dirname "$0")/.."
status=0

swift format lint --strict --parallel --recursive Package.swift Sources Tests || {
    echo "lint: the format differs; \`make format\` mends what it can" >&2
    status=1
}
while IFS= read -r script; do
    bash -n "$script" || status=1
    [ -x "$script" ] || { echo "lint: $script is not executable" >&2; status=1; }
done < <(git ls-files 'scripts/*.sh' '.ci/run')
while IFS= read -r program; do
    python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$program" || status=1
done < <(git ls-files '*.py')
if command -v gcc >/dev/null; then
    for source in Benchmarks/floor/*.c; do gcc -std=c11 -O2 -Wall -Wextra -Wshadow -Werror -fsyntax-only "$source" || status=1; done
else
    echo "SKIPPED c-warnings: no gcc on this machine"
fi
if git grep -nIE '[[:blank:]]+$' -- '*.swift' '*.c' '*.h' '*.sh' '*.py' '*.md' '*.yaml' Makefile .ci/run; then
    echo "lint: white space at the end of these lines" >&2
    status=1
fi
exit $status
