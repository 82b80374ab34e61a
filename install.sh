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
    [ -f "$config/config.json" ] || return 0
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
    elif docker sandbox version; then
        return
    else
        note 'install.sh: warning: `docker sandbox version` failed; the plugin itself answers:'
    fi
    "$plugin" version || fail "\`$plugin version\` failed" 'remove the plugin' "$base --uninstall"
}

# --- uninstall -------------------------------------------------------------------------------------------------------

uninstall_plugin() {
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
plugin=$folder/docker-sandbox
# Docker takes no file for a plugin whose name does not start with `docker-`.
backup=$folder/.docker-sandbox.backup
base=$self$([ "$system" = no ] || printf ' --system')
again=$base${binary:+ --binary $(quoted "$binary")}

if [ "$uninstall" = yes ]; then uninstall_plugin; else install_plugin; fi
