# shellcheck shell=sh
# Part of engine.sh: the end of an engine, with all that it left behind.

# The engine's processes, told by what no other process has: its cgroup, or its folder in the arguments of a daemon.
processes_of() { # processes_of DIR
    if is_rootless "$1"; then
        rootless_processes "$1"
        return
    fi
    cgroup=$(cgroup_of "$1")
    {
        grep -l -s -F "/$cgroup" /proc/[0-9]*/cgroup || :
        grep -l -s -a -F "$1/" /proc/[0-9]*/cmdline || :
    } | cut -d/ -f3 | sort -u | while read -r pid; do
        comm=$(cat "/proc/$pid/comm" 2>/dev/null) || continue
        case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null) in
        '' | Z* | X*) continue ;;
        esac
        if grep -q -s -F "/$cgroup" "/proc/$pid/cgroup"; then
            printf '%s\n' "$pid"
        else
            case $comm in
            dockerd | containerd* | runc* | runsc* | exe | docker-proxy) printf '%s\n' "$pid" ;;
            esac
        fi
    done
}

dockerd_is_gone() { # dockerd_is_gone DIR
    ! pid_of "$1" >/dev/null
}

no_processes_of() { # no_processes_of DIR
    [ -z "$(processes_of "$1")" ]
}

# A group is not empty before the last of its dead processes has been waited for.
remove_cgroups() { # remove_cgroups DIR
    for group in /sys/fs/cgroup/"$(cgroup_of "$1")" /sys/fs/cgroup/*/"$(cgroup_of "$1")"; do
        if [ -d "$group" ]; then find "$group" -depth -type d -exec rmdir {} \; ; fi
        [ ! -d "$group" ] || return 1
    done
}

stop() { # stop DIR
    [ -e "$1" ] || return 0
    [ -L "$1/root" ] || [ -z "$(ls -A "$1")" ] || fail "not the folder of an engine: \`$1\`" "give another one, or empty it"
    if pid=$(pid_of "$1"); then
        containers=$(timeout 10 "$1/root/usr/bin/docker" -H "unix://$1/docker.sock" ps -q 2>/dev/null) || containers=''
        # shellcheck disable=SC2086 # A list of ids.
        [ -z "$containers" ] || timeout 20 "$1/root/usr/bin/docker" -H "unix://$1/docker.sock" kill $containers >/dev/null 2>&1 || :
        kill "$pid" 2>/dev/null || :
        wait_for 20 dockerd_is_gone "$1" || :
    fi
    # What a crash left behind, or what did not listen.
    tries=20
    while pids=$(processes_of "$1") && [ -n "$pids" ]; do
        [ "$tries" -gt 0 ] || fail "processes of \`$1\` do not end: $(echo "$pids" | tr '\n' ' ')" "look at: ps -fp $(echo "$pids" | tr '\n' ',')"
        tries=$((tries - 1))
        # shellcheck disable=SC2086 # A list of numbers.
        kill -KILL $pids 2>/dev/null || :
        wait_for 1 no_processes_of "$1" || :
    done
    if [ -e "$1/uplink" ]; then (use_programs "$1" && disconnect_uplink "$1"); fi
    # Its mounts are in its own namespace and went with it, unless a test has mounted something here.
    awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do
        umount -l "$mount"
    done
    wait_for 10 remove_cgroups "$1" || :
    rm -rf "$1"
    remove_shared_folders
}
