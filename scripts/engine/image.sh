# shellcheck shell=sh
# Part of engine.sh: an image without a registry, and the command line clients.

find_busybox() { # find_busybox SOCKET CACHE
    # One that does not move first: programs of glibc 2.42 and newer ask for a terminal by TCGETS2, which gVisor 20240729
    # does not know, so a busybox of sid sees none.
    for candidate in "$2/bookworm/root/busybox" "$2/trixie/root/busybox" "${1%/docker.sock}/root/busybox" "$2"/*/root/busybox /bin/busybox /usr/bin/busybox; do
        # Only a static one runs in an image that has nothing else.
        if [ -x "$candidate" ] && ! ldd "$candidate" >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail 'no static busybox found' "give the folder of an earlier fetch: $0 image DOCKER_HOST NAME CACHE"
}

find_docker() { # find_docker SOCKET CACHE
    for candidate in "${1%/docker.sock}/root/usr/bin/docker" "$(command -v docker)" "$2"/*/root/usr/bin/docker; do
        if [ -x "$candidate" ]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail 'no docker command found' "$0 fetch system CACHE"
}

image() { # image DOCKER_HOST NAME CACHE
    host=$1
    busybox=$(find_busybox "${host#unix://}" "$3")
    docker=$(find_docker "${host#unix://}" "$3")
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # Everybody in the container must be able to read what is made here.
    umask 022
    tree=$work/tree
    mkdir -p "$tree/bin" "$tree/dev" "$tree/etc" "$tree/home/user" "$tree/proc" "$tree/root" "$tree/sys" "$tree/tmp" "$tree/var"
    chmod 700 "$tree/root"
    chmod 1777 "$tree/tmp"
    cp -L "$busybox" "$tree/bin/busybox"
    for applet in $("$tree/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
    done
    cat >"$tree/etc/passwd" <<'FILE'
root:x:0:0:root:/root:/bin/sh
user:x:1000:1000:user:/home/user:/bin/sh
FILE
    printf 'root:x:0:\nuser:x:1000:\n' >"$tree/etc/group"
    tar -C "$tree" --owner=0 --group=0 --exclude=./home/user -cf "$work/tar" .
    tar -C "$tree" --owner=1000 --group=1000 -rf "$work/tar" ./home/user
    [ "$host" = - ] || export DOCKER_HOST="$host"
    "$docker" import --change 'CMD ["sh"]' \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$work/tar" "$2" ||
        fail "cannot make the image \`$2\`" 'see whether the daemon answers: docker info'
}

clis() { # clis CACHE
    for program in "$1"/*/root/usr/bin/docker "$(command -v docker)"; do
        [ -x "$program" ] || continue
        printf '%s %s\n' "$("$program" --version | sed 's/^Docker version \([^,+ ]*\).*/\1/')" "$program"
    done
}

composes() { # composes CACHE
    for program in "$1"/compose-*/root/usr/libexec/docker/cli-plugins/docker-compose; do
        [ -x "$program" ] || continue
        printf '%s %s\n' "$("$program" version --short)" "$program"
    done
}
