# shellcheck shell=sh
# Part of engine.sh: podman's service, which speaks Docker's API and is no Docker Engine.

# It has its own network and mount namespaces; /run, /var/lib and /var/tmp are its own too, so that nothing of it is seen
# or left behind outside of DIR.

podman_packages='podman conmon netavark'

fetch_podman() { # fetch_podman CACHE; prints the folder
    folder=$1/podman
    mkdir -p "$1"
    (
        flock 9
        [ ! -d "$folder" ] || exit 0
        new=$1/.new
        apt=$new/apt
        rm -rf "$new"
        apt_prepare system
        # shellcheck disable=SC2046,SC2086 # Lists of words.
        apt_unpack "$new/root" $podman_packages $(libraries_of $podman_packages)
        rm -rf "$apt"
        mv "$new" "$folder"
    ) 9>"$1/.lock"
    [ -d "$folder" ] || exit 1
    printf '%s\n' "$folder/root"
}

podman_pid() { # podman_pid DIR: the service, if it is alive and really that one
    pid=$(cat "$1/podman.pid" 2>/dev/null) || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "unix://$1/docker.sock" || return 1
    printf '%s\n' "$pid"
}

write_podman_configuration() { # write_podman_configuration DIR ROOT: for runc and runsc of DIR/root
    mkdir -p "$1/home/.config/containers"
    printf '{"default": [{"type": "insecureAcceptAnything"}]}\n' >"$1/home/.config/containers/policy.json"
    printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/data"\nrunroot = "%s/x"\n' "$1" "$1" >"$1/storage.conf"
    : >"$1/registries.conf"
    # conmon gives its children no environment.
    write_program "$1/bin/runc" "$1/root/usr/sbin/runc"
    write_program "$1/bin/conmon" "$2/usr/bin/conmon"
    write_runsc "$1" '' ''
    cat >"$1/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
conmon_path = ["$1/bin/conmon"]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
helper_binaries_dir = ["$2/usr/lib/podman"]
tmp_dir = "$1/tmp"
[engine.runtimes]
runc = ["$1/bin/runc"]
runsc = ["$1/bin/runsc"]
[network]
network_backend = "netavark"
network_config_dir = "$1/networks"
CONF
}

write_program() { # write_program FILE PROGRAM: one that finds its libraries
    printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s"\nexec %s "$@"\n' "${LD_LIBRARY_PATH:-}" "$2" >"$1"
    chmod 755 "$1"
}

# Runs in the new namespaces and becomes podman.
become_podman() { # become_podman DIR ROOT
    "$1/root/busybox" ip link set lo up
    for private in /run /var/lib /var/tmp; do mount -t tmpfs none "$private"; done
    if ! grep -q ' /sys/fs/cgroup[/ ]' /proc/self/mounts; then mount -t cgroup2 none /sys/fs/cgroup; fi
    echo $$ >"$1/podman.pid"
    export HOME="$1/home" TMPDIR="$1/tmp" CONTAINERS_CONF="$1/containers.conf" CONTAINERS_STORAGE_CONF="$1/storage.conf" \
        CONTAINERS_REGISTRIES_CONF="$1/registries.conf"
    cd /
    exec "$2/usr/bin/podman" --root "$1/data" --runroot "$1/x" --tmpdir "$1/tmp" --cgroup-manager cgroupfs \
        system service --time 0 "unix://$1/docker.sock"
}

podman_answers_or_died() { # podman_answers_or_died DIR PID
    docker_of "$1" version >/dev/null 2>&1 || ! kill -0 "$2" 2>/dev/null
}

start_podman() { # start_podman DIR CACHE
    if podman_pid "$1" >/dev/null; then fail "podman is already running in \`$1\`" "$0 stop $1"; fi
    root=$(fetch trixie "$2")
    podman=$(fetch_podman "$2")
    if [ -e "$1" ]; then stop_podman "$1"; fi
    mkdir -p "$1/bin" "$1/tmp"
    chmod 755 "$1"
    ln -s "$root" "$1/root"
    triplet=$(cd "$podman/usr/lib" && echo *-linux-*)
    export LD_LIBRARY_PATH="$podman/usr/lib/$triplet:$podman/lib/$triplet"
    use_programs "$1"
    write_podman_configuration "$1" "$podman"
    setsid unshare -m -n "$0" become-podman "$1" "$podman" >"$1/podman.log" 2>&1 </dev/null &
    child=$!
    if ! wait_for 60 podman_answers_or_died "$1" "$child" || ! docker_of "$1" version >/dev/null 2>&1; then
        tail -n 20 "$1/podman.log" >&2
        fail "podman in \`$1\` does not answer" "read $1/podman.log"
    fi
    printf 'DOCKER_HOST=unix://%s/docker.sock\n' "$1"
}

# What it started, told by what no other process has: its folder in the arguments, or a container of its own as cgroup.
podman_processes() { # podman_processes DIR
    {
        grep -l -s -a -F "$1/" /proc/[0-9]*/cmdline || :
        for container in "$1"/data/vfs-containers/*/; do grep -l -s -F "/libpod-$(basename "$container")" /proc/[0-9]*/cgroup || :; done
    } | cut -d/ -f3 | sort -u | while read -r pid; do
        # Whoever only names the folder, this script say, is not meant.
        case $(cat "/proc/$pid/comm" 2>/dev/null) in
        '' | sh | engine.sh) ;;
        podman | conmon | runc* | runsc* | netavark | aardvark-dns | exe) printf '%s\n' "$pid" ;;
        *) if grep -q -s libpod "/proc/$pid/cgroup"; then printf '%s\n' "$pid"; fi ;;
        esac
    done
}

no_podman_processes() { # no_podman_processes DIR
    [ -z "$(podman_processes "$1")" ]
}

stop_podman() { # stop_podman DIR
    if podman_pid "$1" >/dev/null; then
        containers=$(timeout 10 "$1/root/usr/bin/docker" -H "unix://$1/docker.sock" ps -aq 2>/dev/null) || containers=''
        # shellcheck disable=SC2086 # A list of ids.
        [ -z "$containers" ] || timeout 60 "$1/root/usr/bin/docker" -H "unix://$1/docker.sock" rm -f $containers >/dev/null 2>&1 || :
        kill "$(podman_pid "$1")" 2>/dev/null || :
    fi
    tries=20
    while ! wait_for 1 no_podman_processes "$1"; do
        [ "$tries" -gt 0 ] || fail "processes of \`$1\` do not end" "look at: $(podman_processes "$1" | tr '\n' ' ')"
        tries=$((tries - 1))
        # shellcheck disable=SC2046 # A list of numbers.
        kill -KILL $(podman_processes "$1") 2>/dev/null || :
    done
    # Its groups are empty by now. Those that are not are another podman's, and stay.
    for group in /sys/fs/cgroup/libpod_parent /sys/fs/cgroup/*/libpod_parent; do
        if [ -d "$group" ]; then find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || :; fi
    done
    rm -rf "$1"
}
