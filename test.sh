#!/bin/sh
# Every check and every test tier. What a tier needs and a fresh Debian or Ubuntu lacks is installed or fetched here.
set -eu

usage() {
    cat <<'USAGE'
Usage: ./test.sh [TIER...]

  lint      formatting, clippy, shellcheck, licences
  unit      unit and property tests of the library
  cli       the plugin against a fake docker; docs and their console blocks
  scripts   install.sh under three shells; the alias functions in bash, zsh and fish
  requests  generated command lines, judged by real docker CLIs against a recording daemon
  engine    scenarios on real Docker engines with real gVisor (root)
  static    the release binary: static, small, and working in an empty root (root)

Without a TIER: all of them. DOCKER_SANDBOX_CASES=N sets how many command lines `requests` generates.
DOCKER_SANDBOX_TEST_RUNSC=PATH adds an engine to `engine` that has this runsc, of any release.
USAGE
}

here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd)
given=${DOCKER_SANDBOX_TEST_RUNSC:-}
case $given in '' | /*) ;; *) given=$(pwd)/$given ;; esac
if [ -n "$given" ] && { [ ! -f "$given" ] || [ ! -x "$given" ]; }; then
    printf 'test.sh: DOCKER_SANDBOX_TEST_RUNSC: no program at %s\n' "$given" >&2
    printf 'hint: unpack gvisor.tar.bz2 of a release and name the runsc in it: DOCKER_SANDBOX_TEST_RUNSC=PATH ./test.sh engine\n' >&2
    exit 2
fi
cd "$here"
all='lint unit cli scripts requests engine static'
tiers=''
for tier; do
    case " $all " in
    *" $tier "*) tiers="$tiers $tier" ;;
    *)
        case $tier in
        -h | --help) usage; exit 0 ;;
        *) printf 'test.sh: there is no such tier: %s\nhint: ./test.sh --help\n' "$tier" >&2; exit 2 ;;
        esac
        ;;
    esac
done
tiers=${tiers:-$all}

wanted() { # wanted TIER
    case " $tiers " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

step() {
    printf '\n==> %s (%s s)\n' "$1" "$(($(date +%s) - began))"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# need PROGRAM PACKAGE: installs what is missing.
need() {
    command -v "$1" >/dev/null 2>&1 && return
    printf 'installing %s\n' "$2" >&2
    as_root apt-get install -qy "$2" >/dev/null 2>&1 || {
        as_root apt-get update -q >/dev/null
        as_root apt-get install -qy "$2" >/dev/null
    }
}

began=$(date +%s)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/docker-sandbox-test
# Sockets are in there, and the path of a socket has at most 107 bytes.
work=$(mktemp -d /tmp/dst.XXXXXX)

# The engines: NAME SUITE [OPTION...], as `scripts/engine.sh start` takes them. Which scenarios run where is in
# CONTRIBUTING.md, and in tests/engine/stage/engines.rs.
engines() {
    cat <<LIST
bookworm   bookworm
trixie     trixie
bare       trixie    --runtimes none
rootless   rootless
sid        sid
sid-store  sid       --image-store containerd
LIST
    if [ -n "$given" ]; then printf 'given trixie --runsc %s\n' "$given"; fi
}

# What moves may be gone tomorrow, or may not start on this machine: then the tier goes on without it, and says so.
moves() { # moves SUITE
    [ "$1" = sid ]
}

stop_engines() {
    for engine in "$work"/*; do
        [ ! -L "$engine/root" ] || as_root scripts/engine.sh stop "$engine" || :
    done
    # Engines of tests that were killed before they could stop them: /tmp/dse-PID-NUMBER.
    for engine in /tmp/dse-*; do
        owner=${engine#/tmp/dse-}
        [ ! -e "$engine" ] || [ -e "/proc/${owner%%-*}" ] || as_root scripts/engine.sh stop "$engine" || :
    done
}

# The last words of a run in which an engine was absent.
report_absent() {
    for absent in "$work"/*.absent; do
        [ -e "$absent" ] || continue
        name=$(basename "$absent" .absent)
        printf '\n!!! NOT TESTED: engine %s, which could not be made ready on this machine:\n' "$name"
        sed 's/^/!!!   /' "$absent"
        printf '!!! what did not run on it:\n'
        { sed -n "s/^$name //p" "$work/not-run" 2>/dev/null || :; } | sort -u | sed 's/^/!!!   /'
    done >&2
}

# What was found of a gVisor that was given, rule by rule.
report_given() {
    [ -e "$work/given/rules.txt" ] || return 0
    printf '\nThe rules, with the runsc that was given:\n'
    sort -u "$work/given/rules.txt" | sed 's/^/    /'
} >&2

cleanup() {
    status=$?
    report_given
    stop_engines
    report_absent
    if [ "$status" = 0 ]; then rm -rf "$work"; else printf 'test.sh: what is left to look at: %s\n' "$work" >&2; fi
    exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

start_engine() { # start_engine [OPTION...]: the engine `name` of `suite`, with its image
    as_root scripts/engine.sh start "$work/$name" "$suite" "$cache" "$@" >"$work/log" 2>&1 &&
        as_root scripts/engine.sh image "unix://$work/$name/docker.sock" sandbox-test:latest "$cache" >>"$work/log" 2>&1
}

# make_ready NAME SUITE [OPTION...]: an engine that runs, or NAME.absent with the reason.
make_ready() {
    name=$1 suite=$2
    shift 2
    # Six daemons start one after the other, on a machine that may be busy.
    if start_engine "$@" || start_engine "$@"; then
        printf '%s: %s\n' "$name" "$(as_root scripts/engine.sh versions "$work/$name")"
    elif moves "$suite"; then
        cp "$work/log" "$work/$name.absent"
        [ ! -L "$work/$name/root" ] || as_root scripts/engine.sh stop "$work/$name" || :
        printf '%s: absent\n' "$name"
    else
        cat "$work/log" >&2
        exit 1
    fi
}

start_engines() {
    step 'real engines'
    # Rootless Docker's user gets to its files through it.
    chmod 755 "$work"
    # Tests start it themselves.
    scripts/engine.sh fetch podman "$cache" >/dev/null
    engines >"$work/engines"
    while read -r line; do
        # shellcheck disable=SC2086 # A list of words.
        make_ready $line </dev/null
    done <"$work/engines"
    DOCKER_SANDBOX_TEST_ENGINES=$work
    export DOCKER_SANDBOX_TEST_ENGINES
}

list_clis() {
    scripts/engine.sh fetch bookworm "$cache" >/dev/null
    scripts/engine.sh fetch trixie "$cache" >/dev/null
    scripts/engine.sh fetch sid "$cache" >/dev/null 2>"$work/log" || cat "$work/log" >&2
    scripts/engine.sh clis "$cache" >"$work/clis"
    DOCKER_SANDBOX_TEST_CLIS=$work/clis
    DOCKER_SANDBOX_TEST_CACHE=$cache
    export DOCKER_SANDBOX_TEST_CLIS DOCKER_SANDBOX_TEST_CACHE
}

nextest() { # nextest ARGS...: the faster runner where it is there
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --locked "$@"
    else
        cargo test --locked --no-fail-fast "$@"
    fi
}

if wanted lint; then
    step 'formatting, clippy, shellcheck, licences'
    cargo fmt --check
    # No part of the crate, and so unknown to cargo.
    rustfmt --check --edition 2024 guard/main.rs build.rs
    cargo clippy --locked --all-targets -- -D warnings
    need shellcheck shellcheck
    # shellcheck disable=SC2046 # No file of ours has a blank in its name.
    shellcheck $(git ls-files '*.sh' .ci/run tests/fakes/docker)
    if command -v cargo-deny >/dev/null 2>&1; then
        cargo deny check licenses bans sources
        # The list of advisories comes from the network.
        cargo deny check advisories || echo 'cargo deny: the advisories were not checked, or see above' >&2
    else
        echo 'not run: cargo deny is not installed (cargo install cargo-deny)' >&2
    fi
fi

tests=''
if wanted unit; then tests="$tests --lib"; fi
if wanted cli; then tests="$tests --test cli --test docs"; fi
if wanted requests; then tests="$tests --test requests"; fi
if wanted engine; then tests="$tests --test engine"; fi
if wanted requests || wanted engine || wanted cli || wanted static || wanted scripts; then
    step 'Docker command lines'
    need busybox busybox-static
    if wanted engine; then need strace strace; fi
    list_clis
    cat "$work/clis"
fi
if wanted engine || wanted static; then start_engines; fi

if [ -n "$tests" ]; then
    step "tests:$tests"
    # shellcheck disable=SC2086 # A list of words.
    nextest $tests
fi

if wanted scripts; then
    step 'scripts'
    tests/scripts.sh
    need zsh zsh
    need fish fish
    cargo build --locked
    tests/shells.sh
fi

if wanted static; then
    step 'the release binary'
    tests/static.sh "unix://$work/trixie/docker.sock" "$cache"
fi

step 'all of it passed'
