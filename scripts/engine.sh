#!/bin/sh
# Private Docker engines from Debian packages: nothing is installed, and nothing of the system's Docker is touched.
# Each engine has its own network and mount namespace, socket and folders, so several versions run side by side.
set -eu

usage() {
    cat <<'USAGE'
Usage: engine.sh fetch SUITE CACHE
       engine.sh start DIR SUITE CACHE [--runtimes LIST] [--runsc PATH] [--image-store STORE] [--without-kvm] [--uplink]
       engine.sh podman DIR CACHE
       engine.sh stop DIR
       engine.sh exec DIR COMMAND [ARG...]
       engine.sh image DOCKER_HOST NAME [CACHE]
       engine.sh versions DIR
       engine.sh clis CACHE
       engine.sh composes CACHE

fetch   downloads dockerd, containerd, runc, runsc and the docker CLI into CACHE and prints the folder they are in.
start   starts dockerd on DIR/docker.sock (root), waits until it answers and prints DOCKER_HOST=unix://DIR/docker.sock.
podman  starts podman's service there instead, from this distribution's packages, with Debian 13's docker and runsc (root).
stop    stops that engine, also after a crash, and removes DIR (root).
exec    runs a command in the engine's network and mount namespaces: where its bridge and published ports are (root).
image   makes a small busybox image on the engine at DOCKER_HOST; `-` is the one that the docker command itself uses.
versions  prints in one line what an engine is made of: docker, containerd, runc and runsc (root).
clis    prints "VERSION PATH" for each docker CLI in CACHE and for the one on PATH.
composes  prints "VERSION PATH" for each docker-compose in CACHE.

SUITE   bookworm (Docker 20.10), trixie (Docker 26.1), sid (Docker 28.5 in 2026-11; it moves) or system (this
        distribution's own packages). What is in CACHE is not fetched again: remove CACHE/sid to get a newer one.
        rootless is trixie's Docker without root: a user's, who exists only for that daemon; DIR/home is its home. It
        takes --runtimes and no other option.
        fetch also takes busybox (no engine, only what image needs), podman, compose-trixie and compose-sid
        (docker-compose).
LIST    comma list, or none; default: runsc,runsc-hostnet,runsc-broken,runsc-kvm
          runsc          gVisor with its own network stack
          runsc-hostnet  gVisor with --network=host
          runsc-broken   runsc without what makes it work: too old for the network of Linux 6.11 and newer
          runsc-kvm      gVisor with --platform=kvm
          impostor       the name runsc, but the program is runc (instead of runsc)
--runsc PATH    registers this runsc instead of the suite's; it gets no wrapper if it starts without one here.
--image-store STORE  classic (default) or containerd, the default of Docker 29.
--without-kvm   hides /dev/kvm from the engine, as on a machine that has none.
--uplink  lets the engine's containers reach other machines, by NAT; without it they reach only each other.
USAGE
}

fail() { # fail MESSAGE [HINT]
    printf 'engine.sh: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf 'hint: %s\n' "$2" >&2; fi
    exit 1
}

wrong() { # wrong MESSAGE
    printf 'engine.sh: %s\nhint: for the usage, run: %s --help\n' "$1" "$0" >&2
    exit 2
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "\`$1\` needs root" "sudo $0 $1 …"
}

# Folders end up in JSON, in mount options and in a command line that is matched at the end, so only plain names do.
plain_folder() { # plain_folder PATH
    case $1 in
    '' | / | *[!A-Za-z0-9/._-]*) wrong "not usable as a folder here: \`$1\` (letters, digits, / . _ - only)" ;;
    /*) printf '%s\n' "${1%/}" ;;
    *) printf '%s/%s\n' "$(pwd)" "${1%/}" ;;
    esac
}

wait_for() { # wait_for SECONDS COMMAND...: 0 as soon as the command succeeds, 1 when the time is over
    tries=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd)
for part in packages runtimes network start stop rootless image podman; do
    # shellcheck source=/dev/null
    . "$here/engine/$part.sh"
done

takes() { # takes LEAST MOST GOT COMMAND
    if [ "$3" -lt "$1" ] || [ "$3" -gt "$2" ]; then wrong "wrong number of arguments for \`$4\`: $3"; fi
}

[ $# -gt 0 ] || wrong 'no command given'
command=$1
shift
case $command in
fetch)
    takes 2 2 $# fetch
    if [ "$1" = podman ]; then fetch_podman "$(plain_folder "$2")"; else fetch "$1" "$(plain_folder "$2")"; fi
    ;;
start)
    runtimes=runsc,runsc-hostnet,runsc-broken,runsc-kvm
    dir='' suite='' cache='' uplink=no runsc='' image_store=classic kvm=yes
    while [ $# -gt 0 ]; do
        case $1 in
        --runtimes)
            [ $# -gt 1 ] || wrong '--runtimes takes a list'
            runtimes=$2
            shift
            ;;
        --runtimes=*) runtimes=${1#*=} ;;
        --runsc)
            [ $# -gt 1 ] || wrong '--runsc takes a path'
            runsc=$2
            shift
            ;;
        --runsc=*) runsc=${1#*=} ;;
        --image-store)
            [ $# -gt 1 ] || wrong '--image-store takes classic or containerd'
            image_store=$2
            shift
            ;;
        --image-store=*) image_store=${1#*=} ;;
        --without-kvm) kvm=no ;;
        --uplink) uplink=yes ;;
        -*) wrong "unknown option: \`$1\`" ;;
        *)
            if [ -z "$dir" ]; then dir=$(plain_folder "$1")
            elif [ -z "$suite" ]; then suite=$1
            elif [ -z "$cache" ]; then cache=$(plain_folder "$1")
            else wrong "one argument too many: \`$1\`"; fi
            ;;
        esac
        shift
    done
    [ -n "$cache" ] || wrong 'start takes DIR SUITE CACHE'
    check_runtimes "$runtimes"
    if [ -n "$runsc" ]; then runsc=$(check_runsc "$runsc"); fi
    case $image_store in
    classic | containerd) ;;
    *) wrong "unknown image store: \`$image_store\` (classic or containerd)" ;;
    esac
    need_root start
    if [ "$suite" = rootless ]; then
        start_rootless "$dir" "$cache" "$runtimes"
    else
        start "$dir" "$suite" "$cache" "$runtimes" "$runsc" "$image_store" "$kvm" "$uplink"
    fi
    ;;
stop)
    takes 1 1 $# stop
    dir=$(plain_folder "$1")
    need_root stop
    if [ -e "$dir/podman.pid" ]; then stop_podman "$dir"; else stop "$dir"; fi
    ;;
exec)
    [ $# -gt 1 ] || wrong 'exec takes DIR COMMAND'
    dir=$(plain_folder "$1")
    shift
    need_root exec
    pid=$(pid_of "$dir") || fail "no engine is running in \`$dir\`" "$0 start $dir SUITE CACHE"
    # The network namespace only: the files are the caller's, as they are for a client of the daemon.
    exec nsenter -t "$pid" -n "$@"
    ;;
image)
    takes 2 3 $# image
    image "$1" "$2" "${3:-/nonexistent}"
    ;;
versions)
    takes 1 1 $# versions
    versions "$(plain_folder "$1")"
    ;;
clis)
    takes 1 1 $# clis
    clis "$(plain_folder "$1")"
    ;;
composes)
    takes 1 1 $# composes
    composes "$(plain_folder "$1")"
    ;;
podman)
    takes 2 2 $# podman
    need_root podman
    start_podman "$(plain_folder "$1")" "$(plain_folder "$2")"
    ;;
become-dockerd) become_dockerd "$@" ;;
become-rootless) become_rootless "$@" ;;
become-podman) become_podman "$@" ;;
-h | --help | help) usage ;;
*) wrong "unknown command: \`$command\`" ;;
esac
