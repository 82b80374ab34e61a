# shellcheck shell=sh
# Part of engine.sh: the way from a folder to a daemon that answers.

overlay_works() { # overlay_works DIR
    mkdir -p "$1/o/l" "$1/o/u" "$1/o/w" "$1/o/m"
    # Mounted in a namespace of its own, so there is nothing to undo.
    if unshare -m mount -t overlay none -o "lowerdir=$1/o/l,upperdir=$1/o/u,workdir=$1/o/w" "$1/o/m" 2>/dev/null; then
        rm -rf "$1/o"
        return 0
    fi
    rm -rf "$1/o"
    return 1
}

cgroup_of() { # cgroup_of DIR: the one cgroup above all its containers, by which stop finds them
    printf 'docker-sandbox-engine-%s\n' "$(printf '%s' "$1" | cksum | cut -d' ' -f1)"
}

pid_of() { # pid_of DIR: the engine's dockerd, if it is alive and really that one
    pid=$(cat "$1/docker.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "unix://$1/docker.sock" || return 1
    printf '%s\n' "$pid"
}

docker_of() { # docker_of DIR ARG...
    engine=$1
    shift
    "$engine/root/usr/bin/docker" -H "unix://$engine/docker.sock" "$@"
}

shared_folders='/run/containerd /run/docker /etc/docker /opt/containerd'

# Removing a folder also removes what other namespaces have mounted on it, so the last engine does it.
remove_shared_folders() {
    (
        flock 9
        for shared in $shared_folders; do
            if grep -q -s -F " $shared " /proc/[0-9]*/mountinfo || dpkg -S "$shared" >/dev/null 2>&1; then continue; fi
            rmdir "$shared" 2>/dev/null || :
        done
    ) 9</run
}

# What a machine without /dev/kvm has, for the mount namespace that this is called in: a /dev of all the others.
hide_kvm() { # hide_kvm DIR
    [ -e /dev/kvm ] || return 0
    mkdir "$1/dev"
    mount -t tmpfs -o mode=755 none "$1/dev"
    for node in /dev/*; do
        if [ "$node" = /dev/kvm ]; then continue; fi
        if [ -d "$node" ] && [ ! -L "$node" ]; then
            mkdir "$1$node"
            mount --rbind "$node" "$1$node"
        else
            cp -a "$node" "$1$node"
        fi
    done
    mount --move "$1/dev" /dev
    rmdir "$1/dev"
}

# Runs in the new namespaces and becomes dockerd.
become_dockerd() { # become_dockerd DIR STARTER RUNTIMES RUNSC IMAGE-STORE KVM
    busybox=$1/root/busybox
    "$busybox" ip link set lo up
    if [ -e "$1/uplink" ]; then
        read -r interface near far _ <"$1/uplink"
        # The kernel names the other end, busybox cannot; in a namespace this young there is only one.
        "$busybox" ip link add uplink type veth
        "$busybox" ip link set veth0 name "$interface"
        "$busybox" ip link set "$interface" netns "$2"
        "$busybox" ip address add "$far/30" dev uplink
        "$busybox" ip link set uplink up
        "$busybox" ip route add default via "$near"
        # systemd-resolved listens on the machine's own loopback, which is not this one.
        if [ -s /run/systemd/resolve/resolv.conf ] && grep -q '^nameserver 127\.' /etc/resolv.conf; then
            mount --bind /run/systemd/resolve/resolv.conf /etc/resolv.conf
        fi
    fi
    # What engines would share, and leave behind: containerd's shims listen in the first, dockerd makes a folder in the
    # second, Docker 20.10 writes a key into the third, and containerd makes the last.
    (
        flock 9
        for shared in $shared_folders; do
            mkdir -p "$shared" "$1/private$shared"
            mount --bind "$1/private$shared" "$shared"
        done
    ) 9</run
    if ! grep -q ' /sys/fs/cgroup[/ ]' /proc/self/mounts; then mount -t cgroup2 none /sys/fs/cgroup; fi
    if [ "$6" = no ]; then hide_kvm "$1"; fi
    option=''
    if ! cgroups_serve_runsc; then option=--ignore-cgroups; fi
    write_runsc "$1" "$4" "$option"
    write_daemon_json "$1" "$3" "$option" "$5"
    storage=vfs
    if overlay_works "$1"; then storage=overlay2; fi
    # containerd's snapshotters have names of their own.
    case $5:$storage in
    containerd:vfs) storage=native ;;
    containerd:overlay2) storage=overlayfs ;;
    esac
    exec dockerd --config-file "$1/daemon.json" --host "unix://$1/docker.sock" --pidfile "$1/docker.pid" \
        --data-root "$1/data" --exec-root "$1/x" --storage-driver "$storage" \
        --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$(cgroup_of "$1")"
}

# Sets what makes programs run that were unpacked and not installed.
use_programs() { # use_programs DIR
    root=$(readlink "$1/root")
    native=${root%/root}/native
    PATH=$1/bin:$root/usr/bin:$root/usr/sbin:$PATH:/usr/sbin:/usr/bin:/sbin:/bin
    if missing_libraries "$root" || [ -e "$1/bin/iptables" ]; then
        triplet=$(cd "$native/usr/lib" && echo *-linux-*)
        export LD_LIBRARY_PATH="$native/usr/lib/$triplet:$native/lib/$triplet" XTABLES_LIBDIR="$native/usr/lib/$triplet/xtables"
    fi
}

start() { # start DIR SUITE CACHE RUNTIMES RUNSC IMAGE-STORE KVM UPLINK
    # The longest socket is DIR/x/containerd/containerd.sock.ttrpc, and the kernel takes 107 bytes.
    [ "${#1}" -le 60 ] || fail "the folder's name is too long for the sockets in it: \`$1\`" 'use a short one, /run/NAME say'
    if pid_of "$1" >/dev/null; then fail "an engine is already running in \`$1\`" "$0 stop $1"; fi
    root=$(fetch "$2" "$3")
    if [ -e "$1" ]; then stop "$1"; fi

    mkdir -p "$1/bin"
    # Whoever may use the socket must be able to reach it.
    chmod 755 "$1"
    ln -s "$root" "$1/root"
    if ! has_iptables; then link_iptables "$1"; fi
    use_programs "$1"
    if [ "$8" = yes ]; then plan_uplink "$1"; fi

    # In a session of its own: a Ctrl-C meant for the caller must not end the engine.
    setsid unshare -m -n "$0" become-dockerd "$1" "$$" "$4" "$5" "$6" "$7" >"$1/dockerd.log" 2>&1 </dev/null &
    child=$!
    if ! wait_for 60 answers_or_died "$1" "$child" || ! docker_of "$1" info >/dev/null 2>&1; then
        tail -n 20 "$1/dockerd.log" >&2
        fail "dockerd in \`$1\` does not answer" "read $1/dockerd.log"
    fi
    if [ "$8" = yes ] && ! connect_uplink "$1"; then
        printf 'engine.sh: warning: the containers of this engine cannot reach other machines: %s\n' "$1" >&2
    fi
    printf 'DOCKER_HOST=unix://%s/docker.sock\n' "$1"
}

answers_or_died() { # answers_or_died DIR PID
    docker_of "$1" info >/dev/null 2>&1 || ! kill -0 "$2" 2>/dev/null
}

versions() { # versions DIR
    docker=$(docker_of "$1" version --format '{{.Server.Version}}') || fail "the engine in \`$1\` does not answer" "read $1/dockerd.log"
    store=$(docker_of "$1" info --format '{{range .DriverStatus}}{{index . 1}} {{end}}')
    case $store in *io.containerd.snapshotter*) store=containerd ;; *) store=classic ;; esac
    root=$(readlink "$1/root")
    runsc=$(runsc_of "$1")
    printf 'docker %s, containerd %s, runc %s, runsc %s, %s image store\n' "$docker" \
        "$(version_in "$root/usr/bin/containerd")" "$(version_in "$root/usr/sbin/runc")" "$(version_in "$runsc")" "$store"
}

# The first word that begins like a version; `release-20240729.0` and `2.1.9+unknown` do, `containerd/v2` does not.
version_in() { # version_in PROGRAM
    ("$1" --version 2>&1 || :) | awk '
        { for (i = 1; i <= NF; i++) if ($i ~ /^(release-)?[0-9]/ || $i == "VERSION_MISSING") { print $i; exit } }
        { exit }' | grep . || echo unknown
}
