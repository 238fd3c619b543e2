#!/usr/bin/env bash
# Installs what the named groups need: build (default), test, bench, instructions, fuzz, scan, peers, proof. Debian packages through apt, with
# sudo only when not root; what is there already is left alone, so that a second run is instant and needs no network. The
# servers of the group peers are not installed but unpacked below .build/peers: nothing of the system changes, no daemon starts.
# Swift is checked and never installed: which toolchain a machine carries is its owner's decision.
set -euo pipefail

required_swift=6.2

packages_of() {
    case $1 in
    build) echo libssl-dev zlib1g-dev libjemalloc-dev pkg-config git ;;
    test) echo curl fetchmail mpop python3 python3-venv openssl strace binutils ;;
    bench) echo gcc libc6-dev libssl-dev python3 strace util-linux openssl dovecot-pop3d ;;
    attack) echo gcc libc6-dev python3 ;;
    hostile) echo python3 openssl ;;
    fuzz) echo lld ;;
    scan) echo testssl.sh sslscan openssl python3 ;;
    instructions) echo gcc libc6-dev libssl-dev valgrind binutils ;;
    peers) echo python3 openssl util-linux perl ;;
    proof) echo python3 util-linux postal jmeter jmeter-mail default-jre-headless ;;
    *)
        echo "setup: unknown group '$1' (build, test, bench, instructions, attack, hostile, fuzz, scan, peers, proof)" >&2
        exit 64
        ;;
    esac
}

# A command that does a package's work, wherever it came from, is as good as the package.
substitute() {
    case $1 in
    lld) swift_tool ld.lld || command -v ld.lld ;;
    python3 | curl | git | gcc | openssl | strace | perl) command -v "$1" ;;
    util-linux) command -v unshare ;;
    pkg-config) command -v pkg-config ;;
    default-jre-headless) command -v java ;;
    python3-venv) python3 -c 'import venv, ensurepip' ;;
    *) false ;;
    esac
}

# A tool that lies beside the Swift compiler.
swift_tool() { [ -x "$(dirname "$(readlink -f "$(command -v swift || echo /nowhere)")")/$1" ]; }

check_swift() {
    local version
    if ! command -v swift >/dev/null; then
        echo "setup: Swift is not on the PATH. Poplar needs Swift $required_swift or later:" >&2
        advise_swift
    fi
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1)
    if [ -z "$version" ] || [ "$(printf '%s\n%s\n' "$required_swift" "$version" | sort -V | head -n 1)" != "$required_swift" ]; then
        echo "setup: this is Swift ${version:-of an unknown version} ($(command -v swift)). Poplar needs $required_swift or later:" >&2
        advise_swift
    fi
}

advise_swift() {
    cat >&2 <<'TEXT'
  1. take the toolchain for your distribution from https://www.swift.org/install/linux/ (swiftly, or the tarball)
  2. put its usr/bin first on the PATH:  export PATH=/path/to/swift/usr/bin:$PATH
  3. check it:  swift --version
TEXT
    exit 1
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    elif command -v sudo >/dev/null; then
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    else
        echo "setup: neither root nor sudo; please install: $missing" >&2
        exit 1
    fi
}

install_missing() {
    as_root apt-get -qq -o DPkg::Lock::Timeout=120 update &&
        as_root apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install $missing >&2
}

# Dovecot is wanted as a program alone, with a configuration of the benchmark's own; Debian's package starts a service.
quiet_services() {
    case " $missing " in *" dovecot-pop3d "*) ;; *) return ;; esac
    if [ -d /run/systemd/system ]; then
        as_root systemctl -q disable --now dovecot.service dovecot.socket >&2 || true
    else
        as_root service dovecot stop >/dev/null 2>&1 || true
    fi
}

# Other people's implementations that tests compare ours with, in a virtual environment beside the build products. Where
# PyPI cannot be reached the tests that need them are SKIPPED, and say so.
install_oracles() {
    local folder
    folder=$(dirname "$0")/../.build/oracles
    "$folder/bin/python" -c 'import hdrh, jsonschema' 2>/dev/null && return
    mkdir -p "$(dirname "$folder")"
    echo "setup: installing hdrhistogram and jsonschema from PyPI into .build/oracles" >&2
    { python3 -m venv "$folder" && "$folder/bin/python" -m pip -q --disable-pip-version-check install hdrhistogram jsonschema; } >&2 ||
        echo "setup: they could not be installed; the tests that need them will be SKIPPED" >&2
}

# Debian's other POP3 servers with those of their libraries that few machines have.
unpack_peers() {
    local folder name
    folder=$(cd "$(dirname "$0")/.." && pwd)/.build/peers
    while read -r name packages; do
        [ -e "$folder/$name/complete" ] && continue
        echo "setup: unpacking $name into .build/peers" >&2
        rm -rf "${folder:?}/$name" "$folder/download"
        mkdir -p "$folder/$name" "$folder/download"
        # shellcheck disable=SC2086
        if command -v apt-get >/dev/null && (cd "$folder/download" && apt-get -qq -o APT::Sandbox::User=root download $packages >&2 </dev/null) &&
            (for package in "$folder"/download/*.deb; do dpkg-deb -x "$package" "$folder/$name" || exit 1; done); then
            touch "$folder/$name/complete"
        else
            echo "setup: $name could not be unpacked; the comparison with it will be SKIPPED" >&2
        fi
        rm -rf "$folder/download"
    done <<'TEXT'
dovecot dovecot-core dovecot-pop3d libsodium23 libunwind8
courier courier-pop courier-base courier-authlib courier-authdaemon courier-authlib-userdb libcourier-unicode4 libidn12 libltdl7
TEXT
}

missing=
for group in "${@:-build}"; do
    for package in $(packages_of "$group"); do
        substitute "$package" >/dev/null 2>&1 || installed "$package" || missing="$missing $package"
    done
done
check_swift
finish() {
    for group in "$@"; do
        [ "$group" != test ] || install_oracles
        [ "$group" != peers ] || unpack_peers
    done
    exit 0
}
[ -n "$missing" ] || finish "$@"

if ! command -v apt-get >/dev/null; then
    echo "setup: this system has no apt; please install what corresponds to Debian's:$missing" >&2
    exit 1
fi
echo "setup: installing$missing" >&2
install_missing || { sleep 5 && install_missing; } || {
    echo "setup: apt could not install:$missing" >&2
    exit 1
}
quiet_services
finish "$@"
