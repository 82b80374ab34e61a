#!/bin/sh
# From a fresh Debian or Ubuntu to a container in gVisor: builds and installs the plugin, finds or starts an engine that
# has gVisor, runs a container in it and shows whose kernel answers.
# shellcheck disable=SC2016 # Backticks in messages quote values.
set -eu

usage() {
    cat <<'USAGE'
Usage: ./try.sh [--suite SUITE]
       ./try.sh --clean

Needs cargo, and root or sudo. If the Docker of this machine has no gVisor, a private engine from the distribution's
packages is started, with a socket and folders of its own; nothing is installed, and the machine's Docker is not touched.
Root starts it from a folder of root's own: from a copy of scripts/engine.sh, and from packages that root has fetched.

  --suite SUITE  whose packages: system (default: this distribution's), bookworm or trixie
  --clean        undo it all: engine, image, plugin, downloads
  -h, --help     show this
USAGE
}

step() {
    printf '\n==> %s\n' "$1"
}

fail() { # fail MESSAGE [SENTENCE COMMAND]
    printf 'try.sh: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf 'hint: %s:\n    %s\n' "$2" "$3" >&2; fi
    exit "${code:-1}"
}

wrong() { # wrong MESSAGE
    code=2
    fail "$1" 'the arguments are explained by' './try.sh --help'
}

as_root() {
    if [ "$user" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Nothing that root runs may lie where this user, or a container with a folder of this user's, can write. So root gets a
# copy of the scripts once, and runs that, also for --clean.
give_root_the_scripts() {
    as_root /bin/sh -c 'umask 022 && rm -rf "$2/scripts" && mkdir -p "$2/scripts" &&
        cp -R "$1/engine.sh" "$1/engine" "$2/scripts"' sh "$here/scripts" "$library"
}

root_engine() { # root_engine ARG...: engine.sh by root, whose programs are the system's
    as_root /usr/bin/env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        ENGINE_MIRROR="${ENGINE_MIRROR:-}" /bin/sh -c 'umask 022 && exec "$@"' sh "$library/scripts/engine.sh" "$@"
}

# --- what is there ---------------------------------------------------------------------------------------------------

# Whether the docker on PATH is Docker's and its daemon has gVisor. What else it may be is the plugin's to judge.
machine_has_gvisor() {
    docker --version 2>/dev/null | grep -q '^Docker version' || return 1
    # podman's service lists runtimes that it does not have, and none of containerd's.
    timeout 10 docker info --format '{{json .Runtimes}}' 2>/dev/null | grep 'io\.containerd\.' |
        grep -q -e '"runsc"' -e '/runsc"' -e 'io\.containerd\.runsc\.v1'
}

# The private engine's own socket counts as the machine's Docker only if somebody else has made it.
is_private() {
    [ "${DOCKER_HOST:-}" = "unix://$engine/docker.sock" ]
}

engine_answers() {
    timeout 10 "$packages/$suite/root/usr/bin/docker" -H "unix://$engine/docker.sock" info >/dev/null 2>&1
}

remember() { # remember NAME VALUE: for --clean
    printf '%s\n' "$2" >"$state/$1"
}

recall() { # recall NAME
    cat "$state/$1" 2>/dev/null || :
}

# --- the way there ---------------------------------------------------------------------------------------------------

provide_engine() {
    step 'No Docker with gVisor on this machine: starting a private engine'
    command -v apt-get >/dev/null 2>&1 || fail 'the private engine comes from Debian packages, and there is no `apt-get`' \
        'install gVisor for the Docker you have, then' './try.sh'
    if [ "$user" != 0 ] && ! command -v sudo >/dev/null 2>&1; then
        fail 'starting an engine needs root, and there is no `sudo`' 'run it as root' 'su -c ./try.sh'
    fi
    echo "packages of the suite $suite, unpacked into $packages/$suite"
    give_root_the_scripts
    remember library "$library"
    root_engine fetch "$suite" "$packages" >/dev/null
    remember engine "$engine"
    if engine_answers; then
        echo "it is running already, in $engine"
    else
        root_engine start "$engine" "$suite" "$packages" --runtimes runsc --uplink >/dev/null
        echo "it runs in $engine"
    fi
    # Docker gives its socket to root and the group docker, which a private engine has no members of.
    [ "$user" = 0 ] || as_root chown "$user" "$engine/docker.sock"
    unset DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH
    export DOCKER_HOST="unix://$engine/docker.sock"
}

# A machine without Docker gets the command line client of the engine's packages; so does one whose client is too new for
# that engine, or is another program by that name.
provide_docker() {
    if docker --version 2>/dev/null | grep -q '^Docker version' && docker info >/dev/null 2>&1; then return; fi
    mkdir -p "$state/bin"
    ln -sf "$packages/$suite/root/usr/bin/docker" "$state/bin/docker"
    PATH=$state/bin:$PATH
    export PATH
    path_note="export PATH=\"$state/bin:\$PATH\""
}

install_plugin() {
    step 'Building and installing the plugin'
    # What was there before stays there: --clean removes what this made.
    if [ -z "$(recall plugin)" ]; then
        if [ -e "$plugins/docker-sandbox" ]; then
            remember plugin kept
        elif [ -d "$plugins" ]; then
            remember plugin installed
        else
            remember plugin installed-with-folder
        fi
        if [ ! -e "$sandbox_cache" ]; then remember sandbox-cache new; fi
    fi
    "$here/install.sh"
}

make_image() {
    step "Making a small image, $image"
    if [ -z "${DOCKER_HOST:-}" ] || ! is_private; then
        "$here/scripts/engine.sh" fetch busybox "$state/packages" >/dev/null
        remember image machine
        "$here/scripts/engine.sh" image - "$image" "$state/packages"
    else
        "$here/scripts/engine.sh" image "$DOCKER_HOST" "$image"
    fi
}

show_gvisor() {
    environment="${path_note:+PATH=$PATH }${DOCKER_HOST:+DOCKER_HOST=$DOCKER_HOST }"
    step "docker sandbox run --rm $image dmesg"
    docker sandbox run --rm "$image" dmesg >"$state/dmesg" ||
        fail 'the container did not run' 'see more of it' "${environment}docker sandbox run --verbose --rm $image dmesg"
    cat "$state/dmesg"
    # The one line that gVisor always prints first; the others are jokes, and chosen at random.
    grep -q 'Starting gVisor' "$state/dmesg" ||
        fail 'these are not the boot lines of gVisor' 'see what decided so' "${environment}docker sandbox config"
    printf '\nThat kernel is gVisor. This machine runs Linux %s; the container sees %s.\n' \
        "$(uname -r)" "$(docker sandbox run --rm "$image" uname -r)"
}

show_next() {
    step 'How to go on'
    if [ -n "$path_note" ]; then printf '    %s\n' "$path_note"; fi
    if [ -n "${DOCKER_HOST:-}" ] && is_private; then
        printf '    export DOCKER_HOST=%s\n' "$DOCKER_HOST"
    fi
    printf '    docker sandbox run --rm -it %s\n' "$image"
    if [ -e "$engine/uplink" ]; then
        printf '\nPublished ports (-p) of this engine are at %s.\n' "$(cut -d' ' -f3 "$engine/uplink")"
    fi
    printf '\nWhat was put where:\n'
    printf '    %-12s %s\n' plugin "$plugins/docker-sandbox"
    if [ -n "${DOCKER_HOST:-}" ] && is_private; then
        printf '    %-12s %s\n' engine "$engine (running)"
    fi
    printf '    %-12s %s\n' downloads "$state"
    if [ -d "$library" ]; then printf '    %-12s %s\n' "root's" "$library"; fi
    printf '    %-12s %s\n' image "$image"
    printf '\nTo remove it all:\n    %s/try.sh --clean\n' "$here"
}

# --- the way back ----------------------------------------------------------------------------------------------------

clean() {
    if [ ! -d "$state" ]; then
        echo 'there is nothing to remove'
        return
    fi
    if [ "$(recall image)" = machine ] && docker image inspect "$image" >/dev/null 2>&1; then
        docker image rm --force "$image" >/dev/null
        echo "removed the image $image"
    fi
    started=$(recall engine)
    if [ -n "$started" ] && [ "$started" != "$engine" ]; then
        fail "the engine to remove is noted as \`$started\`, and only $engine can be this user's" \
            'look at it, and stop it by hand if it is one' "sudo $here/scripts/engine.sh stop DIR"
    fi
    if [ -n "$started" ] && [ -e "$started" ]; then
        case $(readlink "$started/root") in
        "$library"/*) ;;
        *)
            fail "the engine in \`$started\` was started from \`$(readlink "$started/root")\`, and root runs nothing from there" \
                'have it use programs of root'"'"'s' "sudo ln -sfn $library/packages/$suite/root $started/root"
            ;;
        esac
        [ -x "$library/scripts/engine.sh" ] || give_root_the_scripts
        root_engine stop "$started"
        echo "stopped and removed the engine in $started"
    fi
    if [ -n "$(recall library)" ] && [ -e "$library" ]; then
        as_root rm -rf "$library"
        echo "removed $library"
    fi
    case $(recall plugin) in
    installed*) "$here/install.sh" --uninstall ;;
    kept) echo "kept $plugins/docker-sandbox, which was there before" ;;
    esac
    if [ "$(recall plugin)" = installed-with-folder ]; then
        rmdir "$plugins" "$(dirname "$plugins")" 2>/dev/null || :
    fi
    if [ "$(recall sandbox-cache)" = new ]; then rm -rf "$sandbox_cache"; fi
    rm -rf "$state"
    echo "removed $state"
    if [ -d "$here/target" ]; then printf 'What cargo has built is still in %s; to remove it: cargo clean\n' "$here/target"; fi
}

# --- arguments -------------------------------------------------------------------------------------------------------

here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd)
suite=system action=go
while [ $# -gt 0 ]; do
    case $1 in
    --suite)
        [ $# -gt 1 ] || wrong '`--suite` takes system, bookworm or trixie'
        suite=$2
        shift
        ;;
    --suite=*) suite=${1#*=} ;;
    --clean) action=clean ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) wrong "unknown argument: \`$1\`" ;;
    esac
    shift
done
case $suite in
system | bookworm | trixie) ;;
*) wrong "unknown suite: \`$suite\`" ;;
esac

[ -n "${HOME:-}" ] || fail 'HOME is not set' 'say where your home folder is' 'HOME=/path/to/home ./try.sh'
user=$(id -u)
if [ "$user" = 0 ] && [ "${SUDO_UID:-0}" != 0 ]; then
    fail 'with sudo it would build and install as root what is another user'"'"'s; it asks for root where it needs it' \
        'run it without sudo' './try.sh'
fi
state=${XDG_CACHE_HOME:-$HOME/.cache}/docker-sandbox-try
sandbox_cache=${XDG_CACHE_HOME:-$HOME/.cache}/docker-sandbox
plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
# Not below the home folder, which may have a long name: a socket has at most 107 bytes.
engine=/var/lib/docker-sandbox-try$([ "$user" = 0 ] || printf -- '-%s' "$user")
# What root runs, and only root can write to.
library=/var/cache/docker-sandbox-try$([ "$user" = 0 ] || printf -- '-%s' "$user")
packages=$library/packages
image=sandbox-try:latest
path_note=''

if [ "$action" = clean ]; then
    clean
    exit
fi
mkdir -p "$state"
if is_private || ! machine_has_gvisor; then
    provide_engine
    provide_docker
else
    step "This machine's Docker has gVisor: using it"
fi
install_plugin
make_image
show_gvisor
show_next
