# shellcheck shell=sh
# Part of engine.sh: rootless Docker, as dockerd-rootless.sh starts it for a user who is nobody else on this machine.
#
# The user is made up: a number, told to the daemon by files that only its mount namespace sees. The daemon has its files
# where rootless Docker has them: DIR is XDG_RUNTIME_DIR (docker.sock, docker.pid, docker/), DIR/home is HOME.

# The first of the numbers that users of engines have, and of those that they may map (subuid(5)): neither adduser nor
# systemd gives these to anybody (systemd's UIDS-GIDS). Each engine has numbers of its own, by which stop finds what runs.
rootless_first_user=2000000
rootless_first_range=1879048192
rootless_range=65536

rootless_slot() { # rootless_slot DIR: 0 to 999
    printf '%s\n' "$(($(printf '%s' "$1" | cksum | cut -d' ' -f1) % 1000))"
}

rootless_user() { # rootless_user DIR: the number of its user and group
    printf '%s\n' "$((rootless_first_user + $(rootless_slot "$1")))"
}

rootless_ids() { # rootless_ids DIR: the first of the numbers that its user may map
    printf '%s\n' "$((rootless_first_range + $(rootless_slot "$1") * rootless_range))"
}

is_rootless() { # is_rootless DIR
    [ -d "$1/debian" ]
}

# Everything that runs as the user of the engine, or as a number that it maps. All of it: a process of theirs that is no
# part of the engine was started by a test as that user.
rootless_processes() { # rootless_processes DIR
    awk -v user="$(rootless_user "$1")" -v first="$(rootless_ids "$1")" -v count="$rootless_range" '
        FNR == 1 { state = "" }
        $1 == "State:" { state = $2 }
        $1 == "Uid:" && state !~ /[ZX]/ && ($2 == user || $2 >= first && $2 < first + count) {
            split(FILENAME, path, "/")
            print path[3]
        }' /proc/[0-9]*/status 2>/dev/null || :
}

# What the engine's user may not read is shown to it at DIR/debian, read-only: the cache may be in root's home.
start_rootless() { # start_rootless DIR CACHE RUNTIMES
    fetch trixie "$2" >/dev/null
    fetch rootless "$2" >/dev/null
    if [ -e "$1" ]; then stop "$1"; fi
    [ -z "$(rootless_processes "$1")" ] || fail "processes run as the user $(rootless_user "$1")" 'give the engine another folder'
    mkdir -p "$1/debian" "$1/bin" "$1/home/.config/docker" "$1/private"
    mount --bind "$2" "$1/debian"
    mount -o remount,bind,ro "$1/debian"
    ln -s "$1/debian/trixie/root" "$1/root"
    if ! has_iptables; then link_iptables "$1"; fi
    write_runsc "$1" '' ''
    write_daemon_json "$1" "$3" --ignore-cgroups classic
    mv "$1/daemon.json" "$1/home/.config/docker/daemon.json"
    chmod 755 "$1"
    user=$(rootless_user "$1")
    chown "$user:$user" "$1" "$1/home" "$1/home/.config" "$1/home/.config/docker" "$1/home/.config/docker/daemon.json"

    setsid unshare -m "$0" become-rootless "$1" >"$1/dockerd.log" 2>&1 </dev/null &
    child=$!
    if ! wait_for 90 answers_or_died "$1" "$child" || ! docker_of "$1" info >/dev/null 2>&1; then
        tail -n 30 "$1/dockerd.log" >&2
        fail "rootless dockerd in \`$1\` does not answer" "read $1/dockerd.log"
    fi
    printf 'DOCKER_HOST=unix://%s/docker.sock\n' "$1"
}

# Runs in the new mount namespace as root, gives the user what a machine with such a user has, and becomes that user's
# daemon.
become_rootless() { # become_rootless DIR
    user=$(rootless_user "$1")
    use_programs "$1"
    tools=$1/debian/rootless/root
    libraries=$(echo "$tools"/usr/lib/*-linux-*)
    export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

    # On a file system of its own: where DIR and CACHE are, neither devices nor set-user-ID may count.
    mount -t tmpfs -o mode=755 none "$1/private"
    mkdir "$1/private/bin"
    cp -p "$tools/usr/bin/newuidmap" "$tools/usr/bin/newgidmap" "$1/private/bin/"
    chmod 4755 "$1/private/bin/newuidmap" "$1/private/bin/newgidmap"
    mkdir -p /dev/net
    mknod -m 666 "$1/private/tun" c 10 200
    mount -t tmpfs -o mode=755 none /dev/net
    : >/dev/net/tun
    mount --bind "$1/private/tun" /dev/net/tun

    cp /etc/passwd /etc/group "$1/private/"
    printf 'rootless:x:%s:%s::%s/home:/bin/sh\n' "$user" "$user" "$1" >>"$1/private/passwd"
    printf 'rootless:x:%s:\n' "$user" >>"$1/private/group"
    printf 'rootless:%s:%s\n' "$(rootless_ids "$1")" "$rootless_range" >"$1/private/subuid"
    cp "$1/private/subuid" "$1/private/subgid"
    for file in passwd group subuid subgid; do
        # Where newuidmap has never been installed, there is nothing to mount on.
        [ -e "/etc/$file" ] || mount_over_etc "$1"
        mount --bind "$1/private/$file" "/etc/$file"
    done

    cd "$1/home" || exit
    exec setpriv --reuid="$user" --regid="$user" --clear-groups --inh-caps=-all \
        env -u DOCKER_HOST HOME="$1/home" XDG_RUNTIME_DIR="$1" \
        PATH="$1/bin:$1/private/bin:$tools/usr/bin:$PATH" \
        "$1/root/usr/share/docker.io/contrib/dockerd-rootless.sh" --host "unix://$1/docker.sock"
}

# Puts a writable layer over /etc of this mount namespace.
mount_over_etc() { # mount_over_etc DIR
    mkdir "$1/private/upper" "$1/private/work"
    mount -t overlay none -o "lowerdir=/etc,upperdir=$1/private/upper,workdir=$1/private/work" /etc
    for file in subuid subgid; do [ -e "/etc/$file" ] || : >"/etc/$file"; done
}
