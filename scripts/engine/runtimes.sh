# shellcheck shell=sh
# Part of engine.sh: the runtimes that an engine registers.

write_daemon_json() { # write_daemon_json DIR LIST RUNSC-OPTION IMAGE-STORE
    real=$(runsc_of "$1") wrapped=$1/bin/runsc
    [ -e "$wrapped" ] || wrapped=$real
    separator=''
    {
        printf '{\n'
        if [ "$4" = containerd ]; then printf '  "features": {"containerd-snapshotter": true},\n'; fi
        printf '  "runtimes": {'
        for runtime in $(printf '%s' "$2" | tr ',' ' '); do
            program=$real arguments=''
            case $runtime in
            none) continue ;;
            runsc) program=$wrapped ;;
            runsc-hostnet) arguments='"--network=host"' ;;
            runsc-kvm) program=$wrapped arguments='"--platform=kvm"' ;;
            impostor) program=runc ;;
            esac
            case $program in
            runc) option='' ;;
            "$real") option=$3 ;;
            # The wrapper has it in itself; a rootless daemon's runtimes name it, as `setup` registers them.
            *) if is_rootless "$1"; then option=$3; else option=''; fi ;;
            esac
            if [ -n "$option" ]; then arguments="$arguments${arguments:+, }\"$option\""; fi
            printf '%s\n    "%s": {"path": "%s"%s}' "$separator" "$(printf '%s' "$runtime" | sed 's/^impostor$/runsc/')" \
                "$program" "${arguments:+, \"runtimeArgs\": [$arguments]}"
            separator=,
        done
        printf '\n  }\n}\n'
    } >"$1/daemon.json"
}

check_runtimes() { # check_runtimes LIST
    [ -n "$1" ] || wrong 'no runtimes given (none is a word)'
    for runtime in $(printf '%s' "$1" | tr ',' ' '); do
        case $runtime in
        runsc | runsc-hostnet | runsc-broken | runsc-kvm | impostor | none) ;;
        *) wrong "unknown runtime: \`$runtime\`" ;;
        esac
    done
    case ,$1, in
    *,runsc,*,impostor,* | *,impostor,*,runsc,*) wrong 'runsc and impostor are the same name: give one of them' ;;
    esac
}

check_runsc() { # check_runsc PATH; prints it, absolute
    [ -e "$1" ] || fail "there is no runsc at \`$1\`" 'give the path of one, of an unpacked gvisor.tar.bz2 say'
    if [ ! -f "$1" ] || [ ! -x "$1" ]; then fail "not a program: \`$1\`" "chmod +x $1"; fi
    path=$(CDPATH="" cd -- "$(dirname -- "$1")" && pwd)/$(basename -- "$1")
    case $path in
    *[!A-Za-z0-9/._-]*) wrong "not usable as the path of runsc: \`$path\` (letters, digits, / . _ - only)" ;;
    esac
    case $("$path" --version 2>&1) in
    *runsc*) printf '%s\n' "$path" ;;
    *) fail "not a runsc of this machine's kind: \`$path\`" "look at: $path --version" ;;
    esac
}

runsc_of() { # runsc_of DIR: the runsc of an engine, as it was packaged or given
    if [ -L "$1/runsc" ]; then readlink "$1/runsc"; else printf '%s\n' "$1/root/usr/bin/runsc"; fi
}

# What predates release-20240807.0, as all of Debian's does, gives up where Linux shows rmem_default in every network
# namespace; it starts where it cannot see that file. A given one is wrapped only if it does not start without.
write_runsc() { # write_runsc DIR GIVEN RUNSC-OPTION
    if [ -n "$2" ]; then
        ln -s "$2" "$1/runsc"
        if runsc_starts "$1" "$2"; then return; fi
    fi
    real=$(runsc_of "$1")
    cat >"$1/bin/runsc" <<WRAPPER
#!/bin/sh
# Questions about itself need no network, and whoever asks may not be root.
case \$* in --version | *" flags" | *features) exec $real "\$@" ;; esac
exec unshare -m sh -c 'mount -t tmpfs none /proc/sys/net && exec $real ${3:+$3 }"\$@"' sh "\$@"
WRAPPER
    chmod 755 "$1/bin/runsc"
    if [ -n "$2" ] && ! runsc_starts "$1" "$1/bin/runsc"; then
        cat "$1/trial.log" >&2
        fail "the given runsc does not start here: \`$2\`" 'see what it says above'
    fi
}

# Whether a runsc runs a container with a network of its own; $DIR/trial.log says why not.
runsc_starts() { # runsc_starts DIR PROGRAM
    bundle=$1/trial
    mkdir -p "$bundle/rootfs"
    cp -L "$1/root/busybox" "$bundle/rootfs/busybox"
    rm -f "$bundle/config.json"
    started=0
    (cd "$bundle" && "$2" spec -- /busybox true && "$2" --root "$bundle/state" --ignore-cgroups run trial) \
        >"$1/trial.log" 2>&1 </dev/null || started=1
    rm -rf "$bundle"
    return "$started"
}

# runsc insists on these controllers of cgroup v2. A container that an engine is started in may not have them, or may not
# hand them on while it has processes in its topmost group.
cgroups_serve_runsc() {
    [ -e /sys/fs/cgroup/cgroup.controllers ] || return 0
    echo '+cpu +cpuset +io +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || return 1
}
