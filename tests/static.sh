#!/bin/sh
# The binary that install.sh builds is static, at most 4 MB, and works in a root
# that holds nothing but the docker CLI.
set -eu

[ $# = 2 ] || { echo 'usage: static.sh DOCKER_HOST CACHE' >&2; exit 2; }
host=$1
cache=$2
here=$(CDPATH="" cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d /tmp/dss.XXXXXX)
backtrace=
passed=0
failed=0

cleanup() {
    umount "$work/root/docker.sock" 2>/dev/null || :
    rm -rf "$work"
}
trap cleanup EXIT

check() { # check NAME COMMAND...
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        printf 'ok    %s\n' "$name"
    else
        failed=$((failed + 1))
        printf 'FAIL  %s\n' "$name"
    fi
}

DOCKER_CONFIG=$work/config "$here/install.sh" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
plugin=$work/config/cli-plugins/docker-sandbox

is_static() {
    ! ldd "$plugin" 2>/dev/null | grep -q '=>'
}

# NSS loads what the machine's nsswitch.conf names, built for another glibc.
has_no_nss() {
    ! grep -q nsswitch.conf "$plugin"
}

is_small() {
    size=$(wc -c <"$plugin")
    printf '      %s bytes\n' "$size"
    [ "$size" -le 4000000 ]
}

# The CLI with the libraries it needs, the plugin beside it, and the engine's socket. No /dev, no /proc, no /etc, no shell.
make_root() {
    root=$work/root
    mkdir -p "$root/bin" "$root/config/cli-plugins"
    cli=$cache/trixie/root/usr/bin/docker
    cp "$cli" "$root/bin/docker"
    for library in $(ldd "$cli" 2>/dev/null | grep -o '/[^ )]*'); do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
    cp "$plugin" "$root/config/cli-plugins/docker-sandbox"
    : >"$root/docker.sock"
    mount --bind "${host#unix://}" "$root/docker.sock"
}

in_root() { # in_root PROGRAM ARGS...
    env -i PATH=/bin DOCKER_CONFIG=/config DOCKER_HOST=unix:///docker.sock ${backtrace:+"RUST_BACKTRACE=$backtrace"} \
        "$(command -v chroot)" "$work/root" "$@"
}

runs() { # runs PROGRAM ARGS...: those before `run`
    in_root "$@" run --rm sandbox-test:latest dmesg >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
    grep -q 'Starting gVisor' "$work/out" && [ ! -s "$work/err" ]
}

returns_codes() {
    code=0
    in_root "$@" run --rm sandbox-test:latest sh -c 'exit 7' || code=$?
    [ "$code" = 7 ]
}

refuses() {
    code=0
    in_root "$@" run --rm --runtime=runc sandbox-test:latest true 2>"$work/err" || code=$?
    [ "$code" = 125 ] && grep -q 'is not gVisor' "$work/err"
}

make_root
check 'the installed binary is static' is_static
check 'the installed binary loads no libraries to find out who the user is' has_no_nss
check 'the installed binary has at most 4 MB' is_small
direct=/config/cli-plugins/docker-sandbox
check 'called directly, it runs a container in gVisor from an empty root' runs "$direct"
check "called directly, it returns the container's exit code from an empty root" returns_codes "$direct"
check 'called directly, it refuses from an empty root' refuses "$direct"
# It has no tables for unwinding: install.sh.
backtrace=1
check 'and where backtraces are asked for' refuses "$direct"
backtrace=
# The docker CLI itself starts no plugin without it.
mkdir "$work/root/dev"
mknod -m 666 "$work/root/dev/null" c 1 3
check 'through docker, it runs a container in gVisor beside nothing but the docker CLI' runs docker sandbox
check "through docker, it returns the container's exit code beside nothing but the docker CLI" returns_codes docker sandbox
check 'through docker, it refuses beside nothing but the docker CLI' refuses docker sandbox
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
