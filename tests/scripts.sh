#!/bin/sh
# Tests of install.sh, under each POSIX shell of this machine: every test gets an empty HOME and a PATH of its own.
# Usage: tests/scripts.sh [SHELL...], e.g. tests/scripts.sh 'busybox sh'
# shellcheck disable=SC2016,SC2086 # Backticks in messages quote values; $absolute_shell and $environment are words.
set -eu

repository=$(CDPATH="" cd -- "$(dirname -- "$0")/.." && pwd)
vendor=$(sed -n 's/.*"Vendor": *"\([^"]*\)".*/\1/p' "$repository/plugin-metadata/metadata.json")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
passed=0 failed=0

# --- vocabulary ------------------------------------------------------------------------------------------------------

check() { # check WHAT COMMAND...: one assertion
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED [%s] %s: %s\n' "$shell" "$name" "$what" >&2
        printf '  expected: %s\n  exit code: %s\n  stdout: %s\n  stderr: %s\n' "$*" "$status" "$(cat "$home/out")" "$(cat "$home/err")" >&2
    fi
}

write_plugin() { # write_plugin PATH VENDOR VERSION: a stand-in that answers what the checks need
    mkdir -p "$(dirname "$1")"
    cat >"$1" <<PLUGIN
#!/bin/sh
case \$1 in
docker-cli-plugin-metadata) echo '{"SchemaVersion": "0.1.0", "Vendor": "$2", "Version": "$3"}' ;;
version) echo "stand-in $3" ;;
sandbox) echo "stand-in $3 through docker" ;;
esac
PLUGIN
    chmod 755 "$1"
}

# A stand-in for the CLI that looks for plugins in the one place that these tests install to.
write_docker() {
    cat >"$home/bin/docker" <<'DOCKER'
#!/bin/sh
exec "${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins/docker-sandbox" "$@"
DOCKER
    chmod 755 "$home/bin/docker"
}

begin() { # begin NAME
    name=$1
    home=$(mktemp -d "$scratch/home.XXXXXX")
    chmod 755 "$home"
    mkdir "$home/bin"
    # What install.sh uses and nothing else: no docker, no cargo, no curl, no bash, no python, no jq.
    for tool in awk cat chmod cp df dirname head id mkdir mktemp mv readlink rm sed sh timeout tr; do
        ln -s "$(command -v "$tool")" "$home/bin/$tool"
    done
    plugins=$home/.docker/cli-plugins
    write_plugin "$home/build/ours" "$vendor" 1.0
    environment=''
}

install() { # install ARG...: runs it under the shell in question; $environment is more variables, one word each
    status=0
    env -i HOME="$home" PATH="$home/bin" $environment $absolute_shell "$repository/install.sh" "$@" \
        >"$home/out" 2>"$home/err" </dev/null || status=$?
}

exits() { [ "$status" = "$1" ]; }
out_has() { grep -q -F -e "$1" "$home/out"; }
err_has() { grep -q -F -e "$1" "$home/err"; }
err_is_empty() { [ ! -s "$home/err" ]; }
last_err_line_is() { [ "$(tail -n 1 "$home/err")" = "    $1" ]; }
out_is() { [ "$(cat "$home/out")" = "$1" ]; }
absent() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
same() { cmp -s "$1" "$2"; }
mode_is() { [ "$(stat -c %a "$2")" = "$1" ]; }
holds_only() { [ "$(ls -A "$1")" = "$2" ]; }
links_to() { [ "$(readlink "$1")" = "$2" ]; }

# --- tests -----------------------------------------------------------------------------------------------------------

fresh_install() {
    begin 'a fresh install puts an executable plugin into the users folder and runs it through docker'
    write_docker
    install --binary "$home/build/ours"
    check 'succeeds' exits 0
    check 'the file is the one given' same "$plugins/docker-sandbox" "$home/build/ours"
    check 'the mode is 0755' mode_is 755 "$plugins/docker-sandbox"
    check 'nothing else is left' holds_only "$plugins" docker-sandbox
    check 'says where, then the version' out_is "installed $plugins/docker-sandbox
stand-in 1.0 through docker"
    check 'no complaint' err_is_empty
}

binary_of_another_mode() {
    begin 'the mode of the plugin does not depend on that of the binary'
    chmod 600 "$home/build/ours"
    install --binary="$home/build/ours"
    check 'succeeds' exits 0
    check 'the mode is 0755' mode_is 755 "$plugins/docker-sandbox"
}

docker_config_moves_it() {
    begin 'DOCKER_CONFIG moves the folder, which may have a space in its name'
    write_docker
    mkdir "$home/c d"
    status=0
    env -i HOME="$home" PATH="$home/bin" DOCKER_CONFIG="$home/c d" $absolute_shell "$repository/install.sh" \
        --binary "$home/build/ours" >"$home/out" 2>"$home/err" || status=$?
    check 'succeeds' exits 0
    check 'is there' same "$home/c d/cli-plugins/docker-sandbox" "$home/build/ours"
    check 'the home folder is left alone' absent "$home/.docker"
}

install_again() {
    begin 'installing again replaces our own without a question and without a backup'
    write_plugin "$plugins/docker-sandbox" "$vendor" 0.9
    install --binary "$home/build/ours"
    check 'succeeds' exits 0
    check 'is the new one' same "$plugins/docker-sandbox" "$home/build/ours"
    check 'nothing else is left' holds_only "$plugins" docker-sandbox
}

replaces_while_running() {
    begin 'the plugin is replaced by a rename, never written into'
    write_plugin "$plugins/docker-sandbox" "$vendor" 0.9
    ln "$plugins/docker-sandbox" "$home/old"
    install --binary "$home/build/ours"
    check 'the old file still has its content' grep -q 'stand-in 0.9' "$home/old"
}

other_vendor_is_refused() {
    begin 'another vendors plugin is not replaced silently'
    write_plugin "$plugins/docker-sandbox" 'Docker Inc.' 0.5
    cp "$plugins/docker-sandbox" "$home/before"
    install --binary "$home/build/ours"
    check 'fails' exits 1
    check 'names the vendor' err_has 'by `Docker Inc.`'
    check 'ends with the command that fixes it' last_err_line_is "$repository/install.sh --binary $home/build/ours --force"
    check 'it is untouched' same "$plugins/docker-sandbox" "$home/before"
    check 'nothing else is left' holds_only "$plugins" docker-sandbox
}

silent_plugin_is_refused() {
    begin 'a plugin that does not say whose it is counts as another vendors'
    mkdir -p "$plugins"
    printf 'not a program\n' >"$plugins/docker-sandbox"
    install --binary "$home/build/ours"
    check 'fails' exits 1
    check 'says so' err_has 'by a vendor it does not name'
}

dangling_link_is_refused() {
    begin 'a dangling link of Docker Desktop counts as another vendors'
    mkdir -p "$plugins"
    ln -s /Applications/Docker.app/docker-sandbox "$plugins/docker-sandbox"
    install --binary "$home/build/ours"
    check 'fails' exits 1
    check 'names the target' err_has 'a link to `/Applications/Docker.app/docker-sandbox`'
    check 'is still there' links_to "$plugins/docker-sandbox" /Applications/Docker.app/docker-sandbox

    install --binary "$home/build/ours" --force
    check 'force succeeds' exits 0
    check 'force replaces the link itself' same "$plugins/docker-sandbox" "$home/build/ours"
    install --uninstall
    check 'uninstall succeeds' exits 0
    check 'uninstall puts the link back' links_to "$plugins/docker-sandbox" /Applications/Docker.app/docker-sandbox
}

live_link_is_refused() {
    begin 'a link to another vendors plugin is refused, and its target never written to'
    write_plugin "$home/desktop/docker-sandbox" 'Docker Inc.' 0.5
    cp "$home/desktop/docker-sandbox" "$home/before"
    mkdir -p "$plugins"
    ln -s "$home/desktop/docker-sandbox" "$plugins/docker-sandbox"
    install --binary "$home/build/ours"
    check 'fails' exits 1
    install --binary "$home/build/ours" --force
    check 'force succeeds' exits 0
    check 'the target is untouched' same "$home/desktop/docker-sandbox" "$home/before"
}

force_and_back() {
    begin 'force keeps a backup, and uninstall puts it back'
    write_plugin "$plugins/docker-sandbox" 'Docker Inc.' 0.5
    cp "$plugins/docker-sandbox" "$home/before"
    install --binary "$home/build/ours" --force
    check 'force succeeds' exits 0
    check 'ours is there' same "$plugins/docker-sandbox" "$home/build/ours"
    check 'says where the backup is' out_has "$plugins/.docker-sandbox.backup"
    install --binary "$home/build/ours" --force
    check 'again succeeds' exits 0
    check 'the backup is still the others' same "$plugins/.docker-sandbox.backup" "$home/before"
    install --uninstall
    check 'uninstall succeeds' exits 0
    check 'the other one is back' same "$plugins/docker-sandbox" "$home/before"
    check 'it can be executed' test -x "$plugins/docker-sandbox"
    check 'the backup is gone' holds_only "$plugins" docker-sandbox
}

second_backup_is_refused() {
    begin 'force never throws an older backup away'
    write_plugin "$plugins/docker-sandbox" 'Docker Inc.' 0.5
    write_plugin "$plugins/.docker-sandbox.backup" 'Docker Inc.' 0.4
    cp "$plugins/.docker-sandbox.backup" "$home/before"
    install --binary "$home/build/ours" --force
    check 'fails' exits 1
    check 'the backup is untouched' same "$plugins/.docker-sandbox.backup" "$home/before"
    check 'ends with the command that fixes it' last_err_line_is "rm $plugins/.docker-sandbox.backup"
}

uninstall_undoes() {
    begin 'uninstall removes our plugin and nothing else'
    install --binary "$home/build/ours"
    printf '{}\n' >"$home/.docker/config.json"
    install --uninstall
    check 'succeeds' exits 0
    check 'is gone' absent "$plugins/docker-sandbox"
    check 'says what' out_is "removed $plugins/docker-sandbox"
    check 'the settings are kept' test -f "$home/.docker/config.json"
    install --uninstall
    check 'twice is no error' exits 0
    check 'and is said' out_is "not installed: $plugins/docker-sandbox"
}

uninstall_spares_others() {
    begin 'uninstall does not remove another vendors plugin'
    write_plugin "$plugins/docker-sandbox" 'Docker Inc.' 0.5
    install --uninstall
    check 'fails' exits 1
    check 'is still there' test -x "$plugins/docker-sandbox"
    check 'ends with the command that fixes it' last_err_line_is "rm $plugins/docker-sandbox"
}

folder_in_the_way() {
    begin 'a folder in the place of the plugin is refused, with force too'
    mkdir -p "$plugins/docker-sandbox"
    install --binary "$home/build/ours" --force
    check 'fails' exits 1
    check 'is still a folder, and empty' test -z "$(ls -A "$plugins/docker-sandbox")"
    check 'ends with the command that fixes it' last_err_line_is "mv $plugins/docker-sandbox $plugins/docker-sandbox.old"
}

shadowed_by_extra_folder() {
    begin 'a docker-sandbox that Docker finds first is told'
    write_docker
    write_plugin "$home/extra/docker-sandbox" 'Docker Inc.' 0.5
    mkdir -p "$home/.docker"
    cat >"$home/.docker/config.json" <<CONFIG
{
    "auths": {"registry.invalid": {"auth": "eA=="}},
    "cliPluginsExtraDirs": [
        "$home/nothing-here",
        "$home/extra"
    ],
    "detachKeys": "ctrl-e,e"
}
CONFIG
    install --binary "$home/build/ours"
    check 'succeeds' exits 0
    check 'is installed all the same' same "$plugins/docker-sandbox" "$home/build/ours"
    check 'names the other one and its vendor' err_has "\`$home/extra/docker-sandbox\` first: another vendor's, by \`Docker Inc.\`"
    check 'ends with the command that fixes it' last_err_line_is "mv $home/extra/docker-sandbox $home/extra/.docker-sandbox.old"
    check 'the version is that of ours' out_has 'stand-in 1.0'
    check 'and not that of docker, which would be the others' out_is "installed $plugins/docker-sandbox
stand-in 1.0"
}

not_shadowed() {
    begin 'a docker-sandbox that Docker finds later is not worth a word'
    write_docker
    # The same folder under another name is no other folder.
    ln -s "$plugins" "$home/same"
    mkdir -p "$home/.docker"
    printf '{"cliPluginsExtraDirs":["%s"]}' "$home/same" >"$home/.docker/config.json"
    install --binary "$home/build/ours"
    check 'succeeds' exits 0
    check 'no complaint' err_is_empty
}

system_install() {
    begin 'system installs below DESTDIR for everyone, whatever the umask'
    umask 077
    environment="DESTDIR=$home/root"
    install --system --binary "$home/build/ours"
    umask 022
    check 'succeeds' exits 0
    check 'is there' same "$home/root/usr/local/lib/docker/cli-plugins/docker-sandbox" "$home/build/ours"
    check 'the folder can be read by all' mode_is 755 "$home/root/usr/local/lib/docker/cli-plugins"
    check 'the home folder is left alone' absent "$home/.docker"
    install --system --uninstall
    check 'uninstall succeeds' exits 0
    check 'is gone' absent "$home/root/usr/local/lib/docker/cli-plugins/docker-sandbox"
}

missing_binary() {
    begin 'a binary that is not there is an error, and nothing is made'
    install --binary "$home/no such file"
    check 'fails' exits 1
    check 'names it' err_has "no such file: \`$home/no such file\`"
    check 'nothing is made' absent "$home/.docker"
}

broken_binary() {
    begin 'a binary that does not run here, or is another program, is not installed'
    write_plugin "$plugins/docker-sandbox" "$vendor" 0.9
    cp "$plugins/docker-sandbox" "$home/before"
    printf '\177ELF for another machine' >"$home/build/foreign"
    install --binary "$home/build/foreign"
    check 'foreign: fails' exits 1
    check 'foreign: says so' err_has 'does not run here'
    write_plugin "$home/build/compose" 'Docker Inc.' 2.0
    install --binary "$home/build/compose"
    check 'other program: fails' exits 1
    check 'ours is untouched' same "$plugins/docker-sandbox" "$home/before"
    check 'nothing else is left' holds_only "$plugins" docker-sandbox
}

unwritable_folder() {
    begin 'a folder that cannot be written to is an error with the way out'
    mkdir -p "$plugins"
    chmod 555 "$plugins"
    # Root writes everywhere, so the test becomes somebody else.
    if [ "$(id -u)" = 0 ]; then
        kept=$absolute_shell
        absolute_shell="$(command -v setpriv) --reuid 65534 --regid 65534 --clear-groups $kept"
        install --binary "$home/build/ours"
        absolute_shell=$kept
    else
        install --binary "$home/build/ours"
    fi
    check 'fails' exits 1
    check 'names it' err_has "\`$plugins\` is not writable"
    check 'ends with the command that fixes it' last_err_line_is "sudo chown -R \"\$(id -un)\" $plugins"
    check 'nothing is left' test -z "$(ls -A "$plugins")"
    chmod 755 "$plugins"
}

file_in_the_way() {
    begin 'a file in the place of the folder is told'
    printf 'x' >"$home/.docker"
    install --binary "$home/build/ours"
    check 'fails' exits 1
    check 'ends with the command that fixes it' last_err_line_is "mv $home/.docker $home/.docker.old"
}

no_docker() {
    begin 'without docker on PATH it is installed, with a note'
    install --binary "$home/build/ours"
    check 'succeeds' exits 0
    check 'says so' err_has '`docker` is not on PATH'
    check 'the plugin itself has answered' out_has 'stand-in 1.0'
}

failing_docker() {
    begin 'a docker that knows no plugins is told, and the plugin answers itself'
    printf '#!/bin/sh\nexit 1\n' >"$home/bin/docker"
    chmod 755 "$home/bin/docker"
    install --binary "$home/build/ours"
    check 'succeeds' exits 0
    check 'says so' err_has '`docker sandbox version` failed'
    check 'the plugin itself has answered' out_has 'stand-in 1.0'
}

no_cargo() {
    begin 'without cargo and without a binary the ways out are told'
    install
    check 'fails' exits 1
    check 'says what is missing' err_has '`cargo` is not on PATH'
    check 'ends with a command' last_err_line_is "$repository/install.sh --binary FILE"
    check 'nothing is made' absent "$home/.docker"
}

built_with() { # built_with FLAGS: what the last cargo was called with
    grep -qxF -e "$1|build --release --locked --target x86_64-unknown-linux-gnu --target-dir $home/target" "$home/cargo.log"
}

write_cc() { # write_cc CODE: a compiler whose programs end with that
    cat >"$home/bin/cc" <<CC
#!/bin/sh
while [ "\$1" != -o ]; do shift; done
printf '#!/bin/sh\nexit $1\n' >"\$2"
chmod 755 "\$2"
CC
    chmod 755 "$home/bin/cc"
}

builds_statically() {
    begin 'without a binary it builds one: release, locked, static, for the host named'
    cat >"$home/bin/rustc" <<'RUSTC'
#!/bin/sh
printf 'rustc 1.88.0\nhost: x86_64-unknown-linux-gnu\n'
RUSTC
    cat >"$home/bin/cargo" <<CARGO
#!/bin/sh
echo "\$RUSTFLAGS|\$*" >"$home/cargo.log"
mkdir -p "$home/target/x86_64-unknown-linux-gnu/release"
cp "$home/build/ours" "$home/target/x86_64-unknown-linux-gnu/release/docker-sandbox"
CARGO
    chmod 755 "$home/bin/rustc" "$home/bin/cargo"
    environment="CARGO_TARGET_DIR=$home/target RUSTFLAGS=--cfg=x"
    install
    check 'succeeds' exits 0
    check 'is installed' same "$plugins/docker-sandbox" "$home/build/ours"
    flags='--cfg=x -C target-feature=+crt-static --cfg sha2_backend_soft="compact"'
    check 'with these flags' built_with "$flags"

    packs='-C link-arg=-Wl,-z,pack-relative-relocs'
    bare='-C link-arg=-fuse-ld=bfd -C link-arg=-Wl,-T,scripts/no-unwinding.ld'
    write_cc 0
    install
    check 'smaller where that works' built_with "$flags $packs $bare"
    write_cc 139
    install
    check 'without them where such a program dies' built_with "$flags"
    echo 'exit 1' >>"$home/bin/cc"
    install
    check 'without them where such a program cannot be linked' built_with "$flags"

    printf '#!/bin/sh\nexit 101\n' >"$home/bin/cargo"
    install
    check 'a failed build fails' exits 1
    check 'and the plugin stays' same "$plugins/docker-sandbox" "$home/build/ours"
}

# --- as root: in a mount namespace, for --system writes below /usr/local/lib, with the home folder of another user -----

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

user=61234

plant() { # plant PATH: a program of that user's, which notes that it ran and answers as our plugin does
    write_plugin "$1" "$vendor" 9.9
    as_root sed -i "2i echo ran >>$home/ran" "$1"
}

begin_as_root() { # begin_as_root NAME
    begin "$1"
    theirs=$home/theirs
    plugins=$theirs/.docker/cli-plugins
    plant "$plugins/docker-sandbox"
    for tool in awk cat dirname docker id ls mktemp sed tr; do plant "$theirs/bin/$tool"; done
    write_docker
    as_root chown -R "$user:$user" "$theirs"
    # Root's, as what sudo starts.
    as_root chown -R 0:0 "$home/bin" "$home/build"
    as_root chown 0:0 "$scratch" "$home"
}

# Runs SOURCE/install.sh ARG... as root, with PATH and HOME of the other user; /usr/local/lib is copied to $home/system.
root_install() { # root_install SOURCE ARG...
    source=$1
    shift
    status=0
    as_root unshare -m sh -c 'mount -t tmpfs -o mode=755 none /usr/local/lib
        mkdir -p /usr/local/lib/docker/cli-plugins
        [ -z "$PLUGIN" ] || ln -s "$PLUGIN" /usr/local/lib/docker/cli-plugins/docker-sandbox
        status=0
        "$@" || status=$?
        rm -rf "$SYSTEM"
        cp -a /usr/local/lib/docker/cli-plugins "$SYSTEM"
        exit $status' sh \
        env -i HOME="$theirs" PATH="$theirs/bin:$home/bin" $absolute_shell "$source/install.sh" "$@" \
        >"$home/out" 2>"$home/err" </dev/null || status=$?
}

listed() { # listed FOLDER: what is in there, and whose
    as_root find "$1" -printf '%p %U %m %s\n' | sort
}

root_runs_no_users_plugin() {
    begin_as_root 'system: root runs nothing that another user could change'
    export SYSTEM="$home/system" PLUGIN=''
    before=$(listed "$theirs")
    root_install "$repository" --system --binary "$home/build/ours"
    check 'succeeds' exits 0
    check 'nothing of the users ran' absent "$home/ran"
    check 'the users folder is as it was' test "$before" = "$(listed "$theirs")"
    check 'is installed' same "$home/system/docker-sandbox" "$home/build/ours"
    check 'the plugin itself has answered' out_has 'stand-in 1.0'
    check 'the one that Docker finds first is named' err_has "Docker finds \`$plugins/docker-sandbox\` first"

    PLUGIN=$plugins/docker-sandbox
    root_install "$repository" --system --binary "$home/build/ours"
    check 'a link to the users: fails' exits 1
    check 'a link to the users: says why' err_has 'so it was not asked whose it is'
    root_install "$repository" --system --uninstall
    check 'uninstall of it: fails' exits 1
    check 'uninstall of it: it is still there' links_to "$home/system/docker-sandbox" "$plugins/docker-sandbox"
    check 'nothing of the users ran' absent "$home/ran"
    PLUGIN=''
}

root_leaves_a_users_folder_alone() {
    begin_as_root 'without --system, root writes nothing into the home folder of another user'
    export SYSTEM="$home/system" PLUGIN=''
    before=$(listed "$theirs")
    for arguments in "--binary $home/build/ours" '--uninstall' "--binary $home/build/ours --force"; do
        root_install "$repository" $arguments
        check "$arguments: fails" exits 1
        check "$arguments: says why" err_has "other users than root can change \`$plugins\`"
        check "$arguments: ends with the command that fixes it" last_err_line_is "$repository/install.sh$(
            case $arguments in --binary*) printf ' --binary %s' "$home/build/ours" ;; esac)"
    done
    check 'the users folder is as it was' test "$before" = "$(listed "$theirs")"
    check 'nothing of the users ran' absent "$home/ran"
}

root_builds_no_users_source() {
    begin_as_root 'system: root builds no source code that another user could change'
    export SYSTEM="$home/system" PLUGIN=''
    mkdir -p "$home/src/plugin-metadata"
    cp "$repository/install.sh" "$repository/Cargo.toml" "$home/src"
    cp "$repository/plugin-metadata/metadata.json" "$home/src/plugin-metadata"
    as_root cp "$theirs/.docker/cli-plugins/docker-sandbox" "$home/bin/cargo"
    as_root chown -R 0:0 "$home/src" "$home/bin"
    for change in "chown $user $home/src" "chown $user $home/src/Cargo.toml" "chmod 777 $home/src/plugin-metadata"; do
        as_root $change
        root_install "$home/src" --system
        check "$change: fails" exits 1
        check "$change: says why" err_has 'and building runs what is in there'
        check "$change: names it" err_has "can change \`$home/src"
        check "$change: ends with the command that fixes it" last_err_line_is "$home/src/install.sh --system"
        as_root chown -R 0:0 "$home/src"
        as_root chmod -R go-w "$home/src"
    done
    # Others can put a .cargo beside it.
    root_install "$home/src" --system
    check 'below a folder for all: fails' exits 1
    check 'below a folder for all: names it' err_has '/.cargo`, and building runs what is in there'
    check 'nothing ran' absent "$home/ran"
    check 'nothing is installed' test -z "$(ls -A "$home/system")"
}

try_starts_no_root_process_of_a_users() {
    begin 'try.sh: root runs a copy of its own, and packages that it has fetched itself'
    theirs=$home/theirs tree=$home/tree
    mkdir -p "$tree/scripts/engine" "$theirs"
    cp "$repository/try.sh" "$tree"
    # What is to be shown is what sudo is given, so it does nothing.
    printf '#!/bin/sh\necho "$*" | tr "\\n" " " >>%s\necho >>%s\n' "$home/root.log" "$home/root.log" >"$home/bin/sudo"
    printf '#!/bin/sh\nexit 0\n' >"$tree/install.sh"
    cp "$tree/install.sh" "$tree/scripts/engine.sh"
    cat >"$home/bin/docker" <<'DOCKER'
#!/bin/sh
case $1 in
--version) echo 'Docker version 1.0' ;;
sandbox) echo 'Starting gVisor...' ;;
esac
DOCKER
    : >"$home/root.log"
    chmod 755 "$home/bin/sudo" "$home/bin/docker" "$tree/install.sh" "$tree/scripts/engine.sh"
    chmod 666 "$home/root.log"
    for tool in apt-get cut env grep ln uname; do ln -s "$(command -v "$tool")" "$home/bin/$tool"; done
    status=0 drop=''
    if [ "$(id -u)" = 0 ]; then
        chown "$user:$user" "$theirs"
        drop="setpriv --reuid $user --regid $user --clear-groups"
    fi
    $drop env -i HOME="$theirs" PATH="$home/bin" $absolute_shell "$tree/try.sh" >"$home/out" 2>"$home/err" </dev/null || status=$?
    check 'succeeds' exits 0
    check 'root starts an engine' grep -q 'scripts/engine.sh start /var/lib/docker-sandbox-try' "$home/root.log"
    check 'nothing from the home folder' test -z "$(grep -F "$theirs" "$home/root.log")"
    check 'from the repository only the copy' test "$(grep -c -F "$tree" "$home/root.log")" = 1
    check 'which is a copy' grep -q "^/bin/sh -c .*cp -R.* sh $tree/scripts /var/cache/docker-sandbox-try" "$home/root.log"
    check 'and is what runs' test -z "$(grep -F engine.sh "$home/root.log" | grep -v -e cp -e ' /var/cache/docker-sandbox-try[-0-9]*/scripts/engine.sh ')"
}

no_home() {
    begin 'without HOME and DOCKER_CONFIG it does not guess'
    status=0
    env -i PATH="$home/bin" $absolute_shell "$repository/install.sh" --binary "$home/build/ours" >"$home/out" 2>"$home/err" || status=$?
    check 'fails' exits 1
    check 'says so' err_has 'neither DOCKER_CONFIG nor HOME is set'
}

bad_arguments() {
    begin 'bad arguments are wrong usage, and nothing is made'
    for arguments in --bogus file --binary '--uninstall --binary x'; do
        install $arguments
        check "$arguments: exit code 2" exits 2
        check "$arguments: ends with a command" last_err_line_is "$repository/install.sh --help"
    done
    check 'nothing is made' absent "$home/.docker"
}

help_is_on_stdout() {
    begin 'help is on stdout'
    install --help
    check 'succeeds' exits 0
    check 'names every option' out_has --uninstall
    check 'no complaint' err_is_empty
}

# --- run -------------------------------------------------------------------------------------------------------------

if [ $# = 0 ]; then
    set -- dash 'busybox sh' bash
fi
for shell in "$@"; do
    program=${shell%% *}
    if ! command -v "$program" >/dev/null; then
        # Counted as a failure: a shell that was not tried is not known to work.
        printf 'FAILED [%s] not on this machine; hint: apt-get install %s\n' "$shell" "$program" >&2
        failed=$((failed + 1))
        continue
    fi
    absolute_shell="$(command -v "$program")${shell#"$program"}"
    for test in fresh_install binary_of_another_mode docker_config_moves_it install_again replaces_while_running \
        other_vendor_is_refused silent_plugin_is_refused dangling_link_is_refused live_link_is_refused force_and_back \
        second_backup_is_refused uninstall_undoes uninstall_spares_others folder_in_the_way shadowed_by_extra_folder \
        not_shadowed system_install missing_binary broken_binary unwritable_folder file_in_the_way no_docker failing_docker \
        no_cargo builds_statically root_runs_no_users_plugin root_leaves_a_users_folder_alone root_builds_no_users_source \
        try_starts_no_root_process_of_a_users no_home bad_arguments help_is_on_stdout; do
        "$test"
    done
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
