# shellcheck shell=sh
# Part of engine.sh: the runtimes that an engine registers.

write_daemon_json() { # write_daemon_json DIR LIST RUNSC-OPTION
    real=$1/root/usr/bin/runsc
    separator=''
    {
        printf '{\n  "runtimes": {'
        for runtime in $(printf '%s' "$2" | tr ',' ' '); do
            program=$real arguments=''
            case $runtime in
            none) continue ;;
            runsc) program=$1/bin/runsc ;;
            runsc-hostnet) arguments='"--network=host"' ;;
            runsc-kvm) program=$1/bin/runsc arguments='"--platform=kvm"' ;;
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

# Debian's runsc predates release-20240807.0 and gives up where Linux shows rmem_default in every network namespace;
# it starts where it cannot see that file.
write_runsc_wrapper() { # write_runsc_wrapper DIR RUNSC-OPTION
    cat >"$1/bin/runsc" <<WRAPPER
#!/bin/sh
# Questions about itself need no network, and whoever asks may not be root.
case \$* in --version | *" flags" | *features) exec $1/root/usr/bin/runsc "\$@" ;; esac
exec unshare -m sh -c 'mount -t tmpfs none /proc/sys/net && exec $1/root/usr/bin/runsc ${2:+$2 }"\$@"' sh "\$@"
WRAPPER
    chmod 755 "$1/bin/runsc"
}

# runsc insists on these controllers of cgroup v2. A container that an engine is started in may not have them, or may not
# hand them on while it has processes in its topmost group.
cgroups_serve_runsc() {
    [ -e /sys/fs/cgroup/cgroup.controllers ] || return 0
    echo '+cpu +cpuset +io +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || return 1
}
