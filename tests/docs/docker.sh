#!/bin/sh
# The `docker` of the guides' console blocks. It hands `docker sandbox …` to the plugin, as Docker's CLI does, and
# answers what the plugin then asks it. `--context NAME` chooses which daemon it plays. What is not scripted here fails.
# shellcheck disable=SC2016 # Backticks and braces are text.
set -eu

nobody_scripted() {
    printf 'docs docker: nobody scripted: %s\n' "$*" >&2
    exit 99
}

# --- Docker's CLI ----------------------------------------------------------------------------------------------------

context=default
before=''
while [ $# -gt 0 ]; do
    case $1 in
    --context)
        context=$2
        before="--context $2"
        shift 2
        ;;
    -D) before="$before -D"; shift ;;
    *) break ;;
    esac
done

case ${1:-} in
sandbox)
    # shellcheck disable=SC2086 # A list of words.
    PATH=$DOCS_BIN:/usr/bin:/bin DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND=docker exec "$DOCS_PLUGIN" $before "$@"
    ;;
esac

# --- the daemon ------------------------------------------------------------------------------------------------------

name=workstation system='Debian GNU/Linux 13 (trixie)' kind=linux security='"name=seccomp,profile=builtin"'
endpoint=unix:///var/run/docker.sock
runc='"runc":{"path":"runc"},"io.containerd.runc.v2":{"path":"runc"}'
runtimes="{$runc}"
case $context in
default) runtimes="{$runc,\"runsc\":{\"path\":\"/usr/bin/runsc\"}}" ;;
renamed) runtimes="{$runc,\"gvisor\":{\"path\":\"/opt/gvisor/runsc\"}}" ;;
impostor) runtimes="{$runc,\"runsc\":{\"path\":\"/usr/bin/runc\"}}" ;;
plain) name=plain ;;
office) name=office endpoint=ssh://office ;;
desktop) name=docker-desktop system='Docker Desktop' ;;
orbstack) name=orbstack system=OrbStack ;;
colima) name=colima system='Ubuntu 24.04.2 LTS' ;;
rootless) security='"name=rootless"' ;;
windows) kind=windows ;;
down | slow | denied) ;;
*) nobody_scripted "--context $context" ;;
esac

# The container's side: what the program in it prints, by the kernel under it.
start() { # start WORDS…
    kernel=6.12.48+deb13-amd64
    for word; do
        if [ "$word" = --runtime=runsc ] || [ "$word" = --runtime=gvisor ]; then kernel=4.19.0-gvisor; fi
    done
    case $* in
    *'alpine uname -r') echo "$kernel" ;;
    *'alpine sh -c exit 42') exit 42 ;;
    *'alpine dmesg')
        [ "$kernel" = 4.19.0-gvisor ] || nobody_scripted "$@"
        echo '[    0.000000] Starting gVisor...'
        echo '[    0.497543] Digging up root...'
        echo '[    3.858536] Ready!'
        ;;
    *'alpine true') ;;
    *) nobody_scripted "$@" ;;
    esac
}

case $* in
'version --format {{.Server.Arch}}') echo amd64 ;;
# The proof that these daemons start their containers in gVisor: none is a dockerd of this machine.
*docker-sandbox-proof*)
    case $1 in
    create) echo 0000000000000000000000000000000000000000000000000000000000000000 ;;
    inspect) echo 'true 0 0 ' ;;
    logs) printf 'Starting gVisor...\nLinux\0%384s\n' '' ;;
    esac
    ;;
--version) echo 'Docker version 28.2.2, build e6534b4' ;;
'context inspect --format {{.Endpoints.docker.Host}}') echo "$endpoint" ;;
'info --format '*)
    case $context in
    down)
        echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2
        exit 1
        ;;
    denied)
        echo 'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock' >&2
        exit 1
        ;;
    slow) exec sleep 60 ;;
    esac
    case $3 in
    '{{json .Runtimes}}') printf '%s\n' "$runtimes" ;;
    '{{json .}}')
        printf '{"Name":"%s","OperatingSystem":"%s","OSType":"%s","Architecture":"x86_64","ServerVersion":"28.2.2",' \
            "$name" "$system" "$kind"
        printf '"DefaultRuntime":"runc","SecurityOptions":[%s],"Runtimes":%s}\n' "$security" "$runtimes"
        ;;
    *) nobody_scripted "$@" ;;
    esac
    ;;
'run --help' | 'create --help') printf '      --rm   Automatically remove the container\n' ;;
'run '*) start "$@" ;;
'create '*) echo 3d1f0c7ae5c4b4d6c0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7 ;;
*) nobody_scripted "$@" ;;
esac
