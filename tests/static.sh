#!/bin/sh
# The binary that install.sh builds is static, at most 3 MB, and works in a root
# that holds nothing but the docker CLI.
set -eu

[ $# = 2 ] || { echo 'usage: static.sh DOCKER_HOST CACHE' >&2; exit 2; }
host=$1
cache=$2
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d /tmp/dss.XXXXXX)
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

is_small() {
    size=$(wc -c <"$plugin")
    printf '      %s bytes\n' "$size"
    [ "$size" -le 3000000 ]
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

in_root() {
    env -i PATH=/bin DOCKER_CONFIG=/config DOCKER_HOST=unix:///docker.sock \
        "$(command -v chroot)" "$work/root" /bin/docker "$@"
}

runs_in_empty_root() {
    in_root sandbox run --rm sandbox-test:latest dmesg >"$work/out" 2>"$work/err" || { cat "$work/err"; return 1; }
    grep -q 'Starting gVisor' "$work/out" && [ ! -s "$work/err" ]
}

returns_codes_in_empty_root() {
    code=0
    in_root sandbox run --rm sandbox-test:latest sh -c 'exit 7' || code=$?
    [ "$code" = 7 ]
}

refuses_in_empty_root() {
    code=0
    in_root sandbox run --rm --runtime=runc sandbox-test:latest true 2>"$work/err" || code=$?
    [ "$code" = 125 ] && grep -q 'is not gVisor' "$work/err"
}

make_root
check 'the installed binary is static' is_static
check 'the installed binary has at most 3 MB' is_small
check 'it runs a container in gVisor from an empty root' runs_in_empty_root
check "it returns the container's exit code from an empty root" returns_codes_in_empty_root
check 'it refuses from an empty root' refuses_in_empty_root
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
