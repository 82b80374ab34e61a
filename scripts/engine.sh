#!/bin/sh
# Private Docker engines from Debian packages: nothing is installed, and nothing of the system's Docker is touched.
# Each engine has its own network and mount namespace, socket and folders, so several versions run side by side.
set -eu

usage() {
    cat <<'USAGE'
Usage: engine.sh fetch SUITE CACHE
       engine.sh start DIR SUITE CACHE [--runtimes LIST] [--uplink]
       engine.sh podman DIR CACHE
       engine.sh stop DIR
       engine.sh exec DIR COMMAND [ARG...]
       engine.sh image DOCKER_HOST NAME [CACHE]
       engine.sh clis CACHE

fetch   downloads dockerd, containerd, runc, runsc and the docker CLI into CACHE and prints the folder they are in.
start   starts dockerd on DIR/docker.sock (root), waits until it answers and prints DOCKER_HOST=unix://DIR/docker.sock.
podman  starts podman's service there instead, from this distribution's packages, with Debian 13's docker and runsc (root).
stop    stops that engine, also after a crash, and removes DIR (root).
exec    runs a command in the engine's network and mount namespaces: where its bridge and published ports are (root).
image   makes a small busybox image on the engine at DOCKER_HOST; `-` is the one that the docker command itself uses.
clis    prints "VERSION PATH" for each docker CLI in CACHE and for the one on PATH.

SUITE   bookworm (Docker 20.10), trixie (Docker 26.1) or system (this distribution's own packages).
        fetch also takes busybox: no engine, only what image needs; and podman.
LIST    comma list, or none; default: runsc,runsc-hostnet,runsc-broken,runsc-kvm
          runsc          gVisor with its own network stack
          runsc-hostnet  gVisor with --network=host
          runsc-broken   runsc as packaged; too old for the network of Linux 6.11 and newer
          runsc-kvm      gVisor with --platform=kvm
          impostor       the name runsc, but the program is runc (instead of runsc)
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
for part in packages runtimes network start stop image podman; do
    # shellcheck source=/dev/null
    . "$here/engine/$part.sh"
done

takes() { # takes LEAST MOST GOT COMMAND
    [ "$3" -ge "$1" ] && [ "$3" -le "$2" ] || wrong "wrong number of arguments for \`$4\`: $3"
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
    dir='' suite='' cache='' uplink=no
    while [ $# -gt 0 ]; do
        case $1 in
        --runtimes)
            [ $# -gt 1 ] || wrong '--runtimes takes a list'
            runtimes=$2
            shift
            ;;
        --runtimes=*) runtimes=${1#*=} ;;
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
    need_root start
    start "$dir" "$suite" "$cache" "$runtimes" "$uplink"
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
clis)
    takes 1 1 $# clis
    clis "$(plain_folder "$1")"
    ;;
podman)
    takes 2 2 $# podman
    need_root podman
    start_podman "$(plain_folder "$1")" "$(plain_folder "$2")"
    ;;
become-dockerd) become_dockerd "$@" ;;
become-podman) become_podman "$@" ;;
-h | --help | help) usage ;;
*) wrong "unknown command: \`$command\`" ;;
esac
