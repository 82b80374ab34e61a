# shellcheck shell=sh
# Part of engine.sh: what engines are made of, from Debian packages.

# shellcheck disable=SC2016 # apt's format strings are not the shell's.
target_format='$(REPO_URI) $(RELEASE) $(COMPONENT)'

# What engines are made of. `sid` moves; `system` is this distribution's own packages.
engine_suites='bookworm trixie sid system'
# What fetch takes besides: no engine, but what image needs, and docker-compose as a suite has it.
tool_suites='busybox compose-trixie compose-sid rootless'

distribution() { # distribution KEY
    sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" /etc/os-release
}

# The machine's own sources tell which mirror to ask; other vendors' sources are left out, so that one that does not
# answer delays nothing.
sources() { # sources SUITE
    id=$(distribution ID)
    codename=$(distribution VERSION_CODENAME)
    keyrings=/usr/share/keyrings
    if [ "$1" = system ] || [ "$1" = busybox ] || [ "$1" = rootless ] || [ "$1" = "$codename" ]; then
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
    suites=${1#compose-}
    # For the runsc of the one or the other, see gvisor_package.
    [ "$1" != sid ] || suites='sid trixie'
    for release in $suites; do
        printf 'deb [signed-by=%s/debian-archive-keyring.gpg] %s %s main\n' "$keyrings" "$mirror" "$release"
    done
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

# Sid has the gVisor of Debian 13, built anew by a Go that this gVisor does not know: its kernel panics ("running on
# goroutine 0", seen of 0.0~20240729.0-7+b1). So sid's engine has Debian 13's until sid has another release.
gvisor_package() { # gvisor_package SUITE
    gvisor_in() {
        apt-cache -c "$apt/apt.conf" madison runsc | sed -n "s|^ *runsc *. *\([^ ]*\)-[^ ]* .* $1/main .*|\1|p" | head -n 1
    }
    if [ "$1" = sid ] && [ "$(gvisor_in sid)" = "$(gvisor_in trixie)" ]; then echo runsc/trixie; else echo runsc; fi
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
    case " $engine_suites $tool_suites " in
    *" $suite "*) ;;
    *) wrong "unknown suite: \`$suite\` ($(printf '%s' "$engine_suites" | sed 's/ /, /g'))" ;;
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
        is_engine=no
        case $suite in
        busybox) packages='busybox-static' ;;
        compose-*) packages='docker-compose' ;;
        # This distribution's, with the libraries that they need: slirp4netns has one that nothing else has.
        rootless)
            packages='rootlesskit slirp4netns uidmap'
            # shellcheck disable=SC2086 # A list of words.
            packages="$packages $(libraries_of $packages)"
            ;;
        *)
            is_engine=yes packages="busybox-static docker.io containerd runc tini $(gvisor_package "$suite")"
            # Newer suites split these off: the command line client, and the docker-init that runs in any image.
            for split in docker-cli tini-static; do
                if apt_has "$split"; then packages="$packages $split"; fi
            done
            ;;
        esac
        # shellcheck disable=SC2086 # A list of words.
        apt_unpack "$new/root" $packages

        # runc of a newer suite wants a newer libc than this distribution's; the one of this distribution serves as well.
        # iptables and libraries must be this distribution's anyway.
        programs='' libraries=''
        if missing_libraries "$new/root"; then libraries='docker.io runc'; fi
        if [ -x "$new/root/usr/sbin/runc" ] && ! "$new/root/usr/sbin/runc" --version >/dev/null 2>&1; then programs=runc; fi
        if [ "$is_engine" = yes ] && ! has_iptables; then programs="$programs iptables" libraries="$libraries iptables"; fi
        if [ -n "$programs$libraries" ]; then
            case $suite in
            system | "$(distribution VERSION_CODENAME)") ;;
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
