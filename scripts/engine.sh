#!/bin/sh
# Private Docker engines from Debian packages: nothing is installed, and nothing of the system's Docker is touched.
# Each engine has its own network and mount namespace, socket and folders, so several versions run side by side.
set -eu
# shellcheck disable=SC2016 # apt's format strings are not the shell's.
target_format='$(REPO_URI) $(RELEASE) $(COMPONENT)'

usage() {
    cat <<'USAGE'
Usage: engine.sh fetch SUITE CACHE
       engine.sh start DIR SUITE CACHE [--runtimes LIST] [--uplink]
       engine.sh stop DIR
       engine.sh exec DIR COMMAND [ARG...]
       engine.sh image DOCKER_HOST NAME [CACHE]
       engine.sh clis CACHE

fetch   downloads dockerd, containerd, runc, runsc and the docker CLI into CACHE and prints the folder they are in.
start   starts dockerd on DIR/docker.sock (root), waits until it answers and prints DOCKER_HOST=unix://DIR/docker.sock.
stop    stops that engine, also after a crash, and removes DIR (root).
exec    runs a command in the engine's network and mount namespaces: where its bridge and published ports are (root).
image   makes a small busybox image on the engine at DOCKER_HOST; `-` is the one that the docker command itself uses.
clis    prints "VERSION PATH" for each docker CLI in CACHE and for the one on PATH.

SUITE   bookworm (Docker 20.10), trixie (Docker 26.1) or system (this distribution's own packages).
        fetch also takes busybox: no engine, only what image needs.
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

# --- fetch -----------------------------------------------------------------------------------------------------------

distribution() { # distribution KEY
    sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" /etc/os-release
}

# The machine's own sources tell which mirror to ask; other vendors' sources are left out, so that one that does not
# answer delays nothing.
sources() { # sources SUITE
    id=$(distribution ID)
    codename=$(distribution VERSION_CODENAME)
    keyrings=/usr/share/keyrings
    if [ "$1" = system ] || [ "$1" = busybox ] || [ "$1" = "$codename" ]; then
        case $id in
        debian | ubuntu) ;;
        *) fail "\`$id\` is neither Debian nor Ubuntu" "use the suite bookworm or trixie and name a mirror in ENGINE_MIRROR" ;;
        esac
        apt-get indextargets --format "$target_format" 'Created-By: Packages' 2>/dev/null |
            sort -u | while read -r uri release component; do
            case $release in
            "$codename" | "$codename"-updates | "$codename"-security)
                printf 'deb [signed-by=%s/%s-archive-keyring.gpg] %s %s %s\n' "$keyrings" "$id" "$uri" "$release" "$component"
                ;;
            esac
        done
        return
    fi
    mirror=${ENGINE_MIRROR:-}
    if [ -z "$mirror" ] && [ "$id" = debian ]; then
        mirror=$(apt-get indextargets --format "$target_format" 'Created-By: Packages' 2>/dev/null |
            awk -v release="$codename" '$2 == release { print $1; exit }')
    fi
    [ -n "$mirror" ] || fail "no Debian mirror known on this machine" "use the suite system, or name a mirror in ENGINE_MIRROR"
    [ -e "$keyrings/debian-archive-keyring.gpg" ] ||
        fail "Debian's archive keys are missing" "apt-get install debian-archive-keyring"
    printf 'deb [signed-by=%s/debian-archive-keyring.gpg] %s %s main\n' "$keyrings" "$mirror" "$1"
}

# Everything apt would write goes to the folder $apt; the machine's proxy settings stay in force, its hooks do not.
apt_prepare() { # apt_prepare SUITE
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    sources "$1" >"$apt/sources.list"
    [ -s "$apt/sources.list" ] || fail "apt knows no source of this distribution" "check /etc/apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
    APT_CONFIG=$apt/apt.conf apt-get -qq -c "$apt/apt.conf" update >"$apt/log" 2>&1 || {
        cat "$apt/log" >&2
        fail "cannot read the package lists of \`$1\`" "check this machine's network and apt sources"
    }
}

apt_unpack() { # apt_unpack ROOT PACKAGE...
    root=$1
    shift
    rm -rf "$apt/debs"
    mkdir -p "$apt/debs" "$root"
    (cd "$apt/debs" && apt-get -qq -c "$apt/apt.conf" download "$@") >"$apt/log" 2>&1 || {
        cat "$apt/log" >&2
        fail "cannot download $*" "check this machine's network and apt sources"
    }
    unpacking=''
    for deb in "$apt/debs"/*.deb; do
        dpkg -x "$deb" "$root" &
        unpacking="$unpacking $!"
    done
    for child in $unpacking; do wait "$child"; done
    rm -rf "$apt/debs"
}

apt_has() { # apt_has PACKAGE
    apt-cache -c "$apt/apt.conf" show "$1" >/dev/null 2>&1
}

missing_libraries() { # missing_libraries ROOT: whether one of its programs does not find a library
    for program in "$1"/usr/sbin/dockerd "$1"/usr/bin/containerd "$1"/usr/sbin/runc; do
        if ldd "$program" 2>/dev/null | grep -q '=> not found'; then return 0; fi
    done
    return 1
}

# The shared libraries that packages name; what those need in turn, apt itself needs too, so it is there.
libraries_of() { # libraries_of PACKAGE...
    apt-cache -c "$apt/apt.conf" depends --important "$@" |
        sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p' | grep -v -e '^libc6' -e '^libgcc' | sort -u
}

fetch() { # fetch SUITE CACHE; prints the folder
    suite=$1
    cache=$2
    folder=$cache/$suite
    case $suite in
    bookworm | trixie | system | busybox) ;;
    *) wrong "unknown suite: \`$suite\` (bookworm, trixie or system)" ;;
    esac
    for tool in apt-get dpkg flock unshare; do
        command -v "$tool" >/dev/null || fail "\`$tool\` is missing" "engines come from Debian packages: use Debian or Ubuntu"
    done
    mkdir -p "$cache"
    # The lock is held until the subshell ends; the rename at its end is what makes a fetch complete.
    (
        flock 9
        [ ! -d "$folder" ] || exit 0
        new=$cache/.new
        apt=$new/apt
        rm -rf "$new"
        apt_prepare "$suite"
        packages='busybox-static'
        if [ "$suite" != busybox ]; then packages="$packages docker.io containerd runc runsc tini"; fi
        # Debian 13 splits the command line client off.
        if [ "$suite" != busybox ] && apt_has docker-cli; then packages="$packages docker-cli"; fi
        # shellcheck disable=SC2086 # A list of words.
        apt_unpack "$new/root" $packages

        # runc of a newer suite wants a newer libc than this distribution's; the one of this distribution serves as well.
        # iptables and libraries must be this distribution's anyway.
        programs='' libraries=''
        if missing_libraries "$new/root"; then libraries='docker.io runc'; fi
        if [ -x "$new/root/usr/sbin/runc" ] && ! "$new/root/usr/sbin/runc" --version >/dev/null 2>&1; then programs=runc; fi
        if [ "$suite" != busybox ] && ! has_iptables; then programs="$programs iptables" libraries="$libraries iptables"; fi
        if [ -n "$programs$libraries" ]; then
            case $suite in
            system | busybox | "$(distribution VERSION_CODENAME)") ;;
            *)
                rm -rf "$apt"
                apt_prepare system
                ;;
            esac
            # shellcheck disable=SC2046,SC2086 # Lists of words.
            apt_unpack "$new/native" $programs $(libraries_of $libraries)
            if [ -x "$new/native/usr/sbin/runc" ]; then
                mv -f "$new/native/usr/sbin/runc" "$new/root/usr/sbin/runc"
            fi
        fi
        rm -rf "$apt"
        for busybox in bin/busybox usr/bin/busybox; do
            [ ! -x "$new/root/$busybox" ] || ln -s "$busybox" "$new/root/busybox"
        done
        mv "$new" "$folder"
    ) 9>"$cache/.lock"
    [ -d "$folder" ] || exit 1
    printf '%s\n' "$folder/root"
}

has_iptables() {
    PATH=$PATH:/usr/sbin:/sbin command -v iptables >/dev/null
}

# --- start -----------------------------------------------------------------------------------------------------------

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
            if [ -n "$3" ] && [ "$program" = "$real" ]; then arguments="$arguments${arguments:+, }\"$3\""; fi
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
exec unshare -m sh -c 'mount -t tmpfs none /proc/sys/net && exec $1/root/usr/bin/runsc ${2:+$2 }"\$@"' sh "\$@"
WRAPPER
    chmod 755 "$1/bin/runsc"
}

# dpkg -x leaves out the links that the package's installation would have made.
link_iptables() { # link_iptables DIR
    native=$(readlink "$1/root")
    native=${native%/root}/native
    libraries=$(echo "$native"/usr/lib/*-linux-*)
    for kind in nft legacy; do
        program=$native/usr/sbin/xtables-$kind-multi
        [ -x "$program" ] || continue
        for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
            ln -sf "$program" "$1/bin/$name"
        done
        # Which of the two the kernel has, only trying tells.
        if LD_LIBRARY_PATH=$libraries XTABLES_LIBDIR=$libraries/xtables unshare -n "$1/bin/iptables" -t nat -S >/dev/null 2>&1; then return; fi
    done
    fail 'neither kind of iptables works here' "look at: iptables -t nat -S"
}

# The way out for an engine is one pair of interfaces, its address translation, and nothing of the system Docker's.
plan_uplink() { # plan_uplink DIR: its interface here, both addresses, and what ip_forward was
    sum=$(printf '%s' "$1" | cksum | cut -d' ' -f1)
    third=$((sum / 64 % 256))
    fourth=$((sum % 64 * 4))
    printf '%s %s %s %s\n' "$uplink_prefix$((sum % 100000000))" "10.213.$third.$((fourth + 1))" "10.213.$third.$((fourth + 2))" \
        "$(cat /proc/sys/net/ipv4/ip_forward)" >"$1/uplink"
}

uplink_prefix=dsu

uplink_rules() { # uplink_rules ACTION INTERFACE ADDRESS: -I or -D
    iptables -w -t nat "$1" POSTROUTING -s "$3" ! -o "$2" -j MASQUERADE &&
        iptables -w "$1" FORWARD -i "$2" -j ACCEPT &&
        iptables -w "$1" FORWARD -o "$2" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
}

connect_uplink() { # connect_uplink DIR
    read -r interface near far _ <"$1/uplink"
    "$1/root/busybox" ip address add "$near/30" dev "$interface" &&
        "$1/root/busybox" ip link set "$interface" up &&
        uplink_rules -I "$interface" "$far" &&
        echo 1 >/proc/sys/net/ipv4/ip_forward
}

disconnect_uplink() { # disconnect_uplink DIR
    read -r interface _ far forward <"$1/uplink"
    while uplink_rules -D "$interface" "$far" 2>/dev/null; do :; done
    "$1/root/busybox" ip link delete "$interface" 2>/dev/null || :
    # Whoever else needs forwarding by now keeps it.
    if [ "$forward" = 0 ] && [ ! -e /sys/class/net/docker0 ]; then
        for other in /sys/class/net/"$uplink_prefix"*; do
            [ ! -e "$other" ] || return 0
        done
        echo 0 >/proc/sys/net/ipv4/ip_forward
    fi
}

# runsc insists on these controllers of cgroup v2. A container that an engine is started in may not have them, or may not
# hand them on while it has processes in its topmost group.
cgroups_serve_runsc() {
    [ -e /sys/fs/cgroup/cgroup.controllers ] || return 0
    echo '+cpu +cpuset +io +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || return 1
}

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
    [ -n "$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$1/daemon.json" || return 1
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

# Runs in the new namespaces and becomes dockerd.
become_dockerd() { # become_dockerd DIR STORAGE STARTER RUNTIMES
    busybox=$1/root/busybox
    "$busybox" ip link set lo up
    if [ -e "$1/uplink" ]; then
        read -r interface near far _ <"$1/uplink"
        # The kernel names the other end, busybox cannot; in a namespace this young there is only one.
        "$busybox" ip link add uplink type veth
        "$busybox" ip link set veth0 name "$interface"
        "$busybox" ip link set "$interface" netns "$3"
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
    option=''
    if ! cgroups_serve_runsc; then option=--ignore-cgroups; fi
    write_runsc_wrapper "$1" "$option"
    write_daemon_json "$1" "$4" "$option"
    exec dockerd --config-file "$1/daemon.json" --host "unix://$1/docker.sock" --pidfile "$1/docker.pid" \
        --data-root "$1/data" --exec-root "$1/x" --storage-driver "$2" \
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

start() { # start DIR SUITE CACHE RUNTIMES UPLINK
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
    if [ "$5" = yes ]; then plan_uplink "$1"; fi
    storage=vfs
    if overlay_works "$1"; then storage=overlay2; fi

    # In a session of its own: a Ctrl-C meant for the caller must not end the engine.
    setsid unshare -m -n "$0" become-dockerd "$1" "$storage" "$$" "$4" >"$1/dockerd.log" 2>&1 </dev/null &
    child=$!
    if ! wait_for 60 answers_or_died "$1" "$child" || ! docker_of "$1" info >/dev/null 2>&1; then
        tail -n 20 "$1/dockerd.log" >&2
        fail "dockerd in \`$1\` does not answer" "read $1/dockerd.log"
    fi
    if [ "$5" = yes ] && ! connect_uplink "$1"; then
        printf 'engine.sh: warning: the containers of this engine cannot reach other machines: %s\n' "$1" >&2
    fi
    printf 'DOCKER_HOST=unix://%s/docker.sock\n' "$1"
}

answers_or_died() { # answers_or_died DIR PID
    docker_of "$1" info >/dev/null 2>&1 || ! kill -0 "$2" 2>/dev/null
}

# --- stop ------------------------------------------------------------------------------------------------------------

# The engine's processes, told by what no other process has: its cgroup, or its folder in the arguments of a daemon.
processes_of() { # processes_of DIR
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

# --- image, clis -----------------------------------------------------------------------------------------------------

find_busybox() { # find_busybox SOCKET CACHE
    for candidate in "${1%/docker.sock}/root/busybox" "$2"/*/root/busybox /bin/busybox /usr/bin/busybox; do
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

# --- arguments -------------------------------------------------------------------------------------------------------

takes() { # takes LEAST MOST GOT COMMAND
    [ "$3" -ge "$1" ] && [ "$3" -le "$2" ] || wrong "wrong number of arguments for \`$4\`: $3"
}

[ $# -gt 0 ] || wrong 'no command given'
command=$1
shift
case $command in
fetch)
    takes 2 2 $# fetch
    fetch "$1" "$(plain_folder "$2")"
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
    stop "$dir"
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
become-dockerd) become_dockerd "$@" ;;
-h | --help | help) usage ;;
*) wrong "unknown command: \`$command\`" ;;
esac
