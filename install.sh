#!/bin/sh
# Puts the docker-sandbox plugin where Docker's CLI looks for it.
# Plain POSIX sh, so that it runs wherever there is a shell: dash, busybox ash, bash.
# shellcheck disable=SC2016 # Backticks in messages quote values, and commands to paste expand later.
set -eu

usage() {
    cat <<'USAGE'
Usage: ./install.sh [--binary FILE] [--system] [--force]
       ./install.sh --uninstall [--system] [--force]

Builds docker-sandbox and installs it as a Docker CLI plugin: `docker sandbox run …`.

  --binary FILE  install FILE instead of building from source
  --system       for all users, into /usr/local/lib/docker/cli-plugins (default: for you alone, into
                 ${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins)
  --force        replace another vendor's docker-sandbox; a backup is kept, which --uninstall puts back
  --uninstall    remove the plugin
  -h, --help     show this

DESTDIR, if set, is put before the folder of --system, for those who make packages.

Root runs nothing that another user could change. So --system builds as the user whose source code it is, and needs
root only for the last step: run it without sudo, and it prints the command that is run with it.
USAGE
}

say() {
    printf '%s\n' "$*"
}

note() {
    printf '%s\n' "$*" >&2
}

# fail MESSAGE [SENTENCE COMMAND]...: each hint is a sentence and the command that carries it out.
fail() {
    note "install.sh: $1"
    shift
    while [ $# -gt 1 ]; do
        note "hint: $1:"
        note "    $2"
        shift 2
    done
    exit "${code:-1}"
}

wrong() { # wrong MESSAGE
    code=2
    fail "$1" 'the arguments are explained by' "$self --help"
}

quoted() { # quoted WORD: as it can be pasted into a shell
    case $1 in
    '' | *[!A-Za-z0-9/._+=:@%,-]*) printf "'%s'\n" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# --- what root may run -----------------------------------------------------------------------------------------------

# `command -p` looks where the system has its own programs, whatever PATH is: sudo may have left root the user's.
is_root() {
    [ "$(command -p id -u)" = 0 ]
}

# Whether this, a line of `ls -ldn`, is root's and nobody else may write to it. Others may add to a sticky directory,
# unless a path ends there.
roots() { # roots LINE [end]
    ends=${2:-}
    set -f
    # shellcheck disable=SC2086 # Mode, links, owner, group, and more that does not matter.
    set -- $1
    set +f
    [ "${3:-}" = 0 ] || return 1
    case $ends$1 in
    l* | d????????[tT]*) return 0 ;;
    esac
    case $1 in
    ????????w*) return 1 ;;
    ?????w*) [ "$4" = 0 ] ;;
    esac
}

# Whether nobody but root can change what is at PATH, which is absolute: each directory on the way, each link and the
# file itself. What is not there yet is its directory's matter. A subshell, for it calls itself for what a link leads to.
only_roots() ( # only_roots PATH [LINKS]
    left=$1 at='' links=${2:-0}
    [ "$links" -lt 40 ] || exit 1
    while :; do
        about=$(command -p ls -ldn "${at:-/}" 2>/dev/null) || exit 1
        while [ "$left" != "${left#/}" ]; do left=${left#/}; done
        part=${left%%/*} left=${left#"${left%%/*}"}
        case $part in
        '') break ;;
        .) continue ;;
        ..) exit 1 ;;
        esac
        roots "$about" || exit 1
        next=$at/$part
        if [ -L "$next" ]; then
            roots "$(command -p ls -ldn "$next")" || exit 1
            target=$(command -p readlink "$next") || exit 1
            # Leading dots only: behind a name they depend on whether that is a link.
            case $target in /*) from='' ;; *) from=$at ;; esac
            while :; do
                case $target in
                ../*) from=${from%/*} target=${target#../} ;;
                ./*) target=${target#./} ;;
                *) break ;;
                esac
            done
            only_roots "$from/$target$left" $((links + 1))
            exit
        elif [ -d "$next" ]; then
            at=$next
        elif there "$next"; then
            roots "$(command -p ls -ldn "$next")" end
            exit
        else
            break
        fi
    done
    roots "$about" end
)

may_run() { # may_run PROGRAM: root what only root can change, anybody else what they like
    ! is_root || only_roots "$1"
}

roots_path() { # PATH without what others could put programs into
    printf '%s\n' "$PATH" | command -p tr ':' '\n' | while read -r place; do
        case $place in
        /*) if only_roots "$place"; then printf '%s:' "$place"; fi ;;
        esac
    done
}

refuse_users_folder() { # what root puts there, another user could exchange for what root runs next
    if ! is_root || only_roots "$folder"; then return; fi
    if [ "$system" = no ]; then
        fail "other users than root can change \`$folder\`; nothing was changed" \
            'install into your own home folder without sudo' "$again"
    fi
    fail "other users than root can change \`$folder\`; nothing was changed" \
        'see which part of it is whose, and give that to root' "namei -l $(quoted "$folder")"
}

# The first folder on the way to FOLDER that others may add to, else FOLDER: cargo looks in each for its configuration.
outermost() { # outermost FOLDER
    place=$1
    while [ "$place" != / ]; do
        place=$(dirname "$place")
        if ! only_roots "${place%/}/.cargo"; then
            printf '%s\n' "${place%/}"
            return
        fi
    done
    printf '%s\n' "$1"
}

# Building runs what the source code, cargo's folders and the compiler say.
refuse_users_source() {
    # Root alone, in a container say, builds what it likes for itself.
    if ! is_root || { [ "$system" = no ] && [ "${SUDO_UID:-0}" = 0 ]; }; then return; fi
    foreign=$(command -p find "$source" \( ! -user 0 -o -perm -002 -o -perm -020 ! -group 0 \) ! -type l -print 2>/dev/null |
        head -n 1)
    for place in "$source" "${foreign:-/}" "${CARGO_TARGET_DIR:-$source/target}" "${CARGO_HOME:-${HOME:-/root}/.cargo}" \
        "${RUSTUP_HOME:-${HOME:-/root}/.rustup}" "$(command -v cargo)" "$(outermost "$source")/.cargo"; do
        case $place in /*) ;; *) place=$PWD/$place ;; esac
        only_roots "$place" || fail "other users than root can change \`$place\`, and building runs what is in there" \
            'build as the user whose it is, without sudo; that ends with the command for the last step' "$base"
    done
}

# --- whose is it -----------------------------------------------------------------------------------------------------

# The one place where our vendor's name stands is what the plugin itself answers with.
vendor_in() { # vendor_in < metadata
    sed -n 's/.*"Vendor"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' | head -n 1 | tr -d '[:cntrl:]'
}

bounded() { # bounded COMMAND...: a plugin that hangs must not hang the installation
    if command -v timeout >/dev/null 2>&1; then timeout 10 "$@"; else "$@"; fi
}

vendor_of() { # vendor_of PLUGIN: nothing if it does not say
    bounded "$1" docker-cli-plugin-metadata 2>/dev/null </dev/null | vendor_in
}

there() { # there PATH: also a link to nothing is there
    [ -e "$1" ] || [ -L "$1" ]
}

# Sets `owner` to ours, nobody, or a description of whoever else has put something at PATH.
find_owner() { # find_owner PATH
    if ! there "$1"; then
        owner=nobody
        return
    fi
    if [ -d "$1" ]; then
        owner='a folder'
        return
    fi
    if ! may_run "$1"; then
        owner='one that other users than root can change, so it was not asked whose it is'
        return
    fi
    vendor=$(vendor_of "$1") || vendor=''
    if [ "$vendor" = "$our_vendor" ]; then
        owner=ours
    elif [ -L "$1" ]; then
        target=$(readlink "$1" | tr -d '[:cntrl:]') || target='?'
        # Docker Desktop leaves such a link, which dangles once Docker Desktop is gone.
        owner="a link to \`$target\`"
    elif [ -n "$vendor" ]; then
        owner="by \`$vendor\`"
    else
        owner='by a vendor it does not name'
    fi
}

# --- what Docker would take instead ----------------------------------------------------------------------------------

extra_folders() { # cliPluginsExtraDirs of config.json, one a line; there may be no jq
    if ! [ -f "$config/config.json" ] || ! may_run "$config/config.json"; then return; fi
    # The line ends with a newline again: what comes next must not be glued to it.
    { tr '\n\t' '  ' <"$config/config.json" && echo; } |
        sed -n 's/.*"cliPluginsExtraDirs"[ ]*:[ ]*\[\([^]]*\)\].*/\1/p' |
        tr ',' '\n' | sed -n 's/^[ ]*"\(.*\)"[ ]*$/\1/p' | sed 's/\\\(.\)/\1/g'
}

same_folder() { # same_folder A B
    [ "$(CDPATH="" cd -- "$1" 2>/dev/null && pwd -P)" = "$(CDPATH="" cd -- "$2" 2>/dev/null && pwd -P)" ]
}

# Sets `shadow` to the plugin that Docker finds before the one in `folder`, if there is one.
find_shadow() {
    shadow=''
    folders=$(
        extra_folders
        printf '%s\n' "$config/cli-plugins" /usr/local/lib/docker/cli-plugins /usr/local/libexec/docker/cli-plugins \
            /usr/lib/docker/cli-plugins /usr/libexec/docker/cli-plugins
    )
    # A here-document and not a pipe: a loop behind a pipe could set nothing here.
    while read -r candidate; do
        if same_folder "$candidate" "$folder"; then return; fi
        if [ -e "$candidate/docker-sandbox" ]; then
            shadow=$candidate/docker-sandbox
            return
        fi
    done <<FOLDERS
$folders
FOLDERS
}

# --- install ---------------------------------------------------------------------------------------------------------

# Whether a static program links with these options, and runs here.
links() { # links OPTION...
    probe=$(mktemp -d) || return 1
    echo 'int main(void) { return 0; }' >"$probe/main.c"
    runs=no
    if (
        cd "$source" && cc -static-pie -Wl,--fatal-warnings "$@" -o "$probe/main" "$probe/main.c" && "$probe/main"
    ) >/dev/null 2>&1; then runs=yes; fi
    rm -rf "$probe"
    [ "$runs" = yes ]
}

build() { # build: sets `binary`
    [ -f "$source/Cargo.toml" ] || fail "there is no source code in \`$source\`" \
        'run install.sh from the repository, or install a binary that you have' "$self --binary FILE"
    command -v cargo >/dev/null 2>&1 || fail '`cargo` is not on PATH, and building needs it' \
        'install Rust from https://rustup.rs, then put it on PATH' '. "$HOME/.cargo/env"' \
        'or install a binary that you have' "$self --binary FILE"
    refuse_users_source
    triple=$(rustc -vV | sed -n 's/^host: //p')
    target=${CARGO_TARGET_DIR:-$source/target}
    # A static binary runs wherever the CLI does. The target is named because without it the flags would also apply to
    # build scripts and procedural macros, which cannot be static.
    # Rolled loops check a download of 60 MB in two thirds of a second instead of one third, and are 25 kB smaller.
    flags=${RUSTFLAGS:-}
    case $triple in
    *-linux-*)
        flags="$flags -C target-feature=+crt-static --cfg sha2_backend_soft=\"compact\""
        # 80 kB less. It needs glibc 2.36: an older one does not unpack them, and the program dies at its start.
        packed=-Wl,-z,pack-relative-relocs
        if links "$packed"; then flags="$flags -C link-arg=$packed"; fi
        # 310 kB less. The script is found from the source's folder, where the linker runs, and needs GNU's.
        bare=-Wl,-T,scripts/no-unwinding.ld
        if links -fuse-ld=bfd "$bare"; then flags="$flags -C link-arg=-fuse-ld=bfd -C link-arg=$bare"; fi
        ;;
    esac
    note "building docker-sandbox for $triple"
    (cd "$source" && RUSTFLAGS=$flags cargo build --release --locked --target "$triple" --target-dir "$target") ||
        fail 'the build failed' 'its messages stand above; to see them again, run' \
            "cd $(quoted "$source") && cargo build --release --locked"
    binary=$target/$triple/release/docker-sandbox
}

refuse_other() { # refuse_other ACTION
    if [ "$owner" = 'a folder' ]; then
        fail "\`$plugin\` is a folder; nothing was changed" 'move it out of the way' \
            "mv $(quoted "$plugin") $(quoted "$plugin.old")"
    fi
    if [ "$1" = install ]; then
        fail "\`$plugin\` is another docker-sandbox, $owner; nothing was changed" \
            "replace it and keep a backup, which --uninstall puts back" "$again --force"
    fi
    fail "\`$plugin\` is another docker-sandbox, $owner; nothing was changed" \
        'remove it all the same' "rm $(quoted "$plugin")"
}

refuse_unwritable() {
    nearest=$folder
    while ! there "$nearest"; do nearest=$(dirname "$nearest"); done
    if [ ! -d "$nearest" ]; then
        fail "\`$nearest\` is in the way: it is no folder" 'move it' "mv $(quoted "$nearest") $(quoted "$nearest.old")"
    fi
    if [ "$system" = yes ]; then
        fail "\`$folder\` is not writable" 'install for all users as root' \
            "sudo $self --system$([ "$force" = no ] || printf ' --force') --binary $(quoted "$binary")"
    fi
    fail "\`$folder\` is not writable" 'make the folder yours' "sudo chown -R \"\$(id -un)\" $(quoted "$nearest")"
}

install_plugin() {
    refuse_users_folder
    find_owner "$plugin"
    case $owner in
    ours | nobody) ;;
    *)
        if [ "$force" = no ] || [ "$owner" = 'a folder' ]; then refuse_other install; fi
        if there "$backup"; then
            fail "there is a backup already, \`$backup\`" 'remove it if you do not need it' "rm $(quoted "$backup")"
        fi
        ;;
    esac

    if [ -n "$binary" ]; then
        [ -f "$binary" ] || fail "no such file: \`$binary\`" 'build one from source' "$self"
        [ -r "$binary" ] || fail "cannot read \`$binary\`" 'make it readable' "sudo chmod a+r $(quoted "$binary")"
    else
        build
    fi

    if [ "$system" = yes ]; then umask 022; fi
    mkdir -p "$folder" 2>/dev/null || refuse_unwritable
    # In the same folder, so that the last step is a rename: whoever starts the plugin meanwhile gets the old or the new.
    temporary=$(mktemp "$folder/.docker-sandbox.XXXXXX" 2>/dev/null) || refuse_unwritable
    trap 'rm -f "$temporary"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    cat "$binary" >"$temporary" || fail "cannot write to \`$folder\`" 'see whether the disk is full' "df $(quoted "$folder")"
    chmod 755 "$temporary"
    if [ "$(vendor_of "$temporary")" != "$our_vendor" ]; then
        fail "\`$binary\` does not run here or is no docker-sandbox; nothing was changed" 'see what it says' \
            "$(quoted "$binary") docker-cli-plugin-metadata" 'build one for this machine' "$self"
    fi

    case $owner in
    ours | nobody) ;;
    *)
        mv "$plugin" "$backup"
        say "kept the other one as $backup"
        ;;
    esac
    mv -f "$temporary" "$plugin"
    say "installed $plugin"
    show_version
}

show_version() {
    if [ -n "${DESTDIR:-}" ] && [ "$system" = yes ]; then return; fi
    find_shadow
    if [ -n "$shadow" ]; then
        find_owner "$shadow"
        case $owner in
        ours) whose='an older installation of ours, or another copy' ;;
        *) whose="another vendor's, $owner" ;;
        esac
        note "install.sh: warning: Docker finds \`$shadow\` first: $whose"
        note "hint: to use the one just installed, move the other out of the way:"
        note "    mv $(quoted "$shadow") $(quoted "$(dirname "$shadow")/.docker-sandbox.old")"
    elif ! command -v docker >/dev/null 2>&1; then
        note 'install.sh: `docker` is not on PATH yet; with it, the plugin is `docker sandbox`'
    elif ! may_run "$(command -v docker)" || ! may_run "$config"; then
        # Docker runs each plugin that it finds, to ask it for its name.
        note "install.sh: \`docker\` was not started: as root it would run what other users can put into \`$config\`"
    elif docker sandbox version; then
        return
    else
        note 'install.sh: warning: `docker sandbox version` failed; the plugin itself answers:'
    fi
    "$plugin" version || fail "\`$plugin version\` failed" 'remove the plugin' "$base --uninstall"
}

# --- uninstall -------------------------------------------------------------------------------------------------------

uninstall_plugin() {
    refuse_users_folder
    find_owner "$plugin"
    case $owner in
    nobody)
        there "$backup" || say "not installed: $plugin"
        ;;
    ours)
        rm -f "$plugin" 2>/dev/null || fail "cannot remove \`$plugin\`" 'remove it as root' "sudo $base --uninstall"
        say "removed $plugin"
        ;;
    *)
        # One of ours that does not run any more cannot say so; --force is for it.
        if [ "$force" = no ] || [ "$owner" = 'a folder' ]; then refuse_other uninstall; fi
        rm -f "$plugin" 2>/dev/null || fail "cannot remove \`$plugin\`" 'remove it as root' "sudo $base --uninstall --force"
        say "removed $plugin"
        ;;
    esac
    if there "$backup"; then
        mv "$backup" "$plugin"
        say "put back $plugin"
    fi
}

# --- arguments -------------------------------------------------------------------------------------------------------

if is_root; then
    PATH=$(roots_path)
    PATH=${PATH%:}
    PATH=${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}
    export PATH
fi
self=$(quoted "$0")
source=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd)
metadata=$source/plugin-metadata/metadata.json
our_vendor=docker-sandbox
if [ -r "$metadata" ]; then our_vendor=$(vendor_in <"$metadata"); fi

binary='' system=no force=no uninstall=no
while [ $# -gt 0 ]; do
    case $1 in
    --binary)
        [ $# -gt 1 ] || wrong '`--binary` takes a file'
        binary=$2
        shift
        ;;
    --binary=*) binary=${1#*=} ;;
    --system) system=yes ;;
    --force) force=yes ;;
    --uninstall) uninstall=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *) wrong "unknown argument: \`$1\`" ;;
    esac
    shift
done
[ "$uninstall" = no ] || [ -z "$binary" ] || wrong '`--uninstall` and `--binary` exclude each other'

config=${DOCKER_CONFIG:-${HOME:+$HOME/.docker}}
if [ "$system" = yes ]; then
    folder=${DESTDIR:-}/usr/local/lib/docker/cli-plugins
else
    [ -n "$config" ] || fail 'neither DOCKER_CONFIG nor HOME is set' 'say where your home folder is' "HOME=/path/to/home $self"
    folder=$config/cli-plugins
fi
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
case $config in /* | '') ;; *) config=$PWD/$config ;; esac
plugin=$folder/docker-sandbox
# Docker takes no file for a plugin whose name does not start with `docker-`.
backup=$folder/.docker-sandbox.backup
base=$self$([ "$system" = no ] || printf ' --system')
again=$base${binary:+ --binary $(quoted "$binary")}

if [ "$uninstall" = yes ]; then uninstall_plugin; else install_plugin; fi
