#!/bin/sh
# Tests of the shells' side: the functions that `docker sandbox alias` prints, and Docker's own completion scripts with
# our plugin behind them, in real bash, zsh and fish. Shells that are missing are installed; without them it fails.
# Usage: tests/shells.sh [PLUGIN]
# shellcheck disable=SC2016 # What is in single quotes is for the shells under test.
set -eu

repository=$(CDPATH="" cd -- "$(dirname -- "$0")/.." && pwd)
plugin=${1:-${CARGO_TARGET_DIR:-$repository/target}/debug/docker-sandbox}
[ -x "$plugin" ] || { printf 'shells.sh: no plugin at %s\nhint: cargo build\n' "$plugin" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

# --- what is needed --------------------------------------------------------------------------------------------------

need() { # need PATH PACKAGE
    command -v "$1" >/dev/null || [ -e "$1" ] || {
        root=''
        [ "$(id -u)" = 0 ] || root=sudo
        $root apt-get install -qy "$2" >/dev/null 2>&1 || { $root apt-get update -q && $root apt-get install -qy "$2"; } >/dev/null
    }
    command -v "$1" >/dev/null || [ -e "$1" ] || { printf 'shells.sh: %s cannot be had\n' "$2" >&2; exit 1; }
}

bash_completion=/usr/share/bash-completion/bash_completion
need bash bash
need zsh zsh
need fish fish
need "$bash_completion" bash-completion
docker=$(command -v docker) || { echo 'shells.sh: no docker CLI whose completion scripts could be tried' >&2; exit 1; }

# --- vocabulary ------------------------------------------------------------------------------------------------------

mkdir "$scratch/home" "$scratch/bin" "$scratch/real" "$scratch/real/cli-plugins"
ln -s "$plugin" "$scratch/real/cli-plugins/docker-sandbox"

# A docker that notes each call as a line of its words in brackets, and ends as it is told to.
cat >"$scratch/bin/docker" <<'DOCKER'
#!/bin/sh
case "$*" in 'sandbox alias '*) exec "$PLUGIN" "$@" ;; esac
{ for word; do printf '[%s]' "$word"; done; echo; } >>"$CALLS"
exit "${CODE:-0}"
DOCKER
chmod 755 "$scratch/bin/docker"

# within SHELL SCRIPT: runs SCRIPT in SHELL without anybody's configuration; sets status, out, err and calls.
within() {
    rm -f "$scratch/calls"
    status=0
    case $1 in
    bash) set -- "$2" bash --noprofile --norc ;;
    zsh) set -- "$2" zsh -f ;;
    fish) set -- "$2" fish --no-config ;;
    esac
    printf '%s\n' "$1" >"$scratch/script"
    shift
    env -i HOME="$scratch/home" PATH="$scratch/bin:/usr/bin:/bin" PLUGIN="$plugin" CALLS="$scratch/calls" \
        CODE="${code-0}" TERM=dumb LC_ALL=C.UTF-8 timeout 20 "$@" "$scratch/script" \
        >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
    calls=$(cat "$scratch/calls" 2>/dev/null || :)
}

check() { # check WHAT EXPECTED SEEN
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED [%s] %s\n  expected: %s\n  seen:     %s\n  exit code: %s, stderr: %s\n' \
            "$shell" "$1" "$2" "$3" "$status" "$(cat "$scratch/err")" >&2
    fi
}

load() { # load SHELL: the line that users put into their shell's configuration
    case $1 in
    fish) printf 'docker sandbox alias fish | source\n' ;;
    *) printf 'eval "$(docker sandbox alias %s)"\n' "$1" ;;
    esac
}

# becomes LINE CALL: in $shell, after $setup and with the function loaded, LINE calls docker once, as CALL.
setup=''
becomes() {
    within "$shell" "$setup
$(load "$shell")
$1"
    check "$1${setup:+ (after $setup)}" "$2" "$calls"
    check "$1: says nothing" '' "$(cat "$scratch/out" "$scratch/err")"
}

newline='
'

# --- the functions ---------------------------------------------------------------------------------------------------

try_function() {
    becomes 'docker run img' '[sandbox][run][img]'
    becomes 'docker create --name x img' '[sandbox][create][--name][x][img]'
    becomes 'docker container run --rm img true' '[sandbox][run][--rm][img][true]'
    becomes 'docker container create img' '[sandbox][create][img]'

    becomes 'docker -H x run img' '[-H][x][sandbox][run][img]'
    becomes 'docker --host x run img' '[--host][x][sandbox][run][img]'
    becomes 'docker --host=x run img' '[--host=x][sandbox][run][img]'
    becomes 'docker -Hx run img' '[-Hx][sandbox][run][img]'
    becomes 'docker -H=x run img' '[-H=x][sandbox][run][img]'
    becomes 'docker -Dl info run img' '[-Dl][info][sandbox][run][img]'
    becomes 'docker -DH x run img' '[-DH][x][sandbox][run][img]'
    becomes 'docker -DHx run img' '[-DHx][sandbox][run][img]'
    becomes 'docker -D -l debug --tls run img' '[-D][-l][debug][--tls][sandbox][run][img]'
    becomes 'docker --context x run img' '[--context][x][sandbox][run][img]'
    becomes 'docker --context run run img' '[--context][run][sandbox][run][img]'
    becomes 'docker -c run create img' '[-c][run][sandbox][create][img]'
    becomes 'docker --config /c --log-level warn container run img' '[--config][/c][--log-level][warn][sandbox][run][img]'
    becomes 'docker --tlscacert a --tlscert b --tlskey run create img' '[--tlscacert][a][--tlscert][b][--tlskey][run][sandbox][create][img]'
    becomes 'docker --tlsverify=false --debug run img' '[--tlsverify=false][--debug][sandbox][run][img]'

    becomes 'docker' ''
    becomes 'docker ps -a' '[ps][-a]'
    becomes 'docker compose run web run' '[compose][run][web][run]'
    becomes 'docker container ls' '[container][ls]'
    becomes 'docker container' '[container]'
    becomes 'docker container exec run create' '[container][exec][run][create]'
    becomes 'docker container container run img' '[container][container][run][img]'
    becomes 'docker container --help' '[container][--help]'
    becomes 'docker sandbox run img' '[sandbox][run][img]'
    becomes 'docker exec x docker run img' '[exec][x][docker][run][img]'
    becomes 'docker network create x' '[network][create][x]'
    becomes 'docker --version' '[--version]'
    becomes 'docker --context run' '[--context][run]'
    becomes 'docker help run' '[help][run]'
    becomes 'docker __complete run ""' '[__complete][run][]'

    becomes 'docker run -e "A=a  b" img "" " " "*" "?" "a;b" "c|d"' '[sandbox][run][-e][A=a  b][img][][ ][*][?][a;b][c|d]'
    becomes "docker run img 'a${newline}b' '\$HOME' '~' '-n' '--' 'run'" "[sandbox][run][img][a${newline}b][\$HOME][~][-n][--][run]"
    becomes 'docker -H "a b" run img' '[-H][a b][sandbox][run][img]'
    becomes 'docker "" run img' '[][run][img]'
    becomes 'docker "run " img' '[run ][img]'
    becomes 'docker run run run' '[sandbox][run][run][run]'
}

try_exit_code() {
    code=7
    within "$shell" "$(load "$shell")
docker run img"
    check 'the exit code is kept' 7 "$status"
    within "$shell" "$(load "$shell")
docker ps"
    check 'the exit code of other commands is kept' 7 "$status"
    code=0
}

# The function loads, and loads again through itself.
try_twice() {
    within "$shell" "$(load "$shell")
$(load "$shell")
docker -c x run img
docker ps"
    check 'evaluated twice, it still calls docker once each' "[-c][x][sandbox][run][img]${newline}[ps]" "$calls"
    check 'evaluated twice: says nothing' '' "$(cat "$scratch/out" "$scratch/err")"
}

# Nothing that the function uses inside is left behind, or taken from the user.
try_variables() {
    within "$shell" "$1
$(load "$shell")
docker -H x run img
$2"
    check 'variables are its own' 'mine' "$(cat "$scratch/out")"
}

for shell in bash zsh fish; do
    setup=''
    try_function
    try_exit_code
    try_twice
done

hard='docker -H "a b" container run -e "A=a  b" img "" "*" run'
hard_call='[-H][a b][sandbox][run][-e][A=a  b][img][][*][run]'
for shell in bash zsh; do
    for setup in 'set -u' 'set -e' 'set -eu' 'set -f' 'IFS=rn:' 'set -euo pipefail'; do
        becomes "$hard" "$hard_call"
        becomes 'docker ps' '[ps]'
    done
    setup='set -eu'
    becomes 'docker' ''
    becomes 'docker container' '[container]'
    code=3
    within "$shell" "set -e
$(load "$shell")
docker run img || echo code \$?
docker run img
echo not reached"
    check 'under set -e a failure is a failure' 'code 3' "$(cat "$scratch/out")"
    check 'under set -e the exit code is kept' 3 "$status"
    code=0
    try_variables '__word=mine __state=' 'echo "$__word$__state"'
done
shell=bash
for setup in 'set -o posix' 'shopt -s nullglob extglob' 'shopt -s failglob' 'alias docker=nothing'; do
    becomes "$hard" "$hard_call"
done
shell=zsh
for setup in 'setopt sh_word_split' 'setopt glob_subst' 'setopt ksh_arrays' 'emulate sh' 'emulate ksh' 'setopt null_glob' \
    'setopt no_unset err_exit' 'setopt warn_create_global' 'setopt extended_glob'; do
    becomes "$hard" "$hard_call"
done
shell=fish
setup=''
try_variables 'set before mine; set state; set rest; set word' 'echo "$before$state$rest$word"'
setup='set -g before x; set -g rest y'
becomes "$hard" "$hard_call"
setup=''

# --- completion, through Docker's own scripts ------------------------------------------------------------------------

# completed LINE: what the shell would offer for the command line LINE, a word on a line, sorted.
completed() {
    case $shell in
    bash)
        script='. '"$bash_completion"'
source <(docker completion bash)
COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9 COMP_KEY=9
read -ra COMP_WORDS <<<"$LINE"
[[ $LINE != *" " ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
__start_docker
printf "%s\n" "${COMPREPLY[@]%% *}"'
        run='bash --noprofile --norc'
        ;;
    zsh)
        script='compdef() { :; }
_describe() { print -rl -- "${completions[@]%%:*}"; }
eval "$(docker completion zsh)"
words=("${(@s: :)LINE}")
CURRENT=$#words
_docker'
        run='zsh -f'
        ;;
    fish)
        script='docker completion fish | source
complete -C "$LINE" | string split -f1 \t'
        run='fish --no-config'
        ;;
    esac
    printf '%s\n%s\n' "${setup:-}" "$script" >"$scratch/script"
    status=0
    # shellcheck disable=SC2086 # $run is words.
    env -i HOME="$scratch/home" PATH="$(dirname "$docker"):/usr/bin:/bin" DOCKER_CONFIG="$scratch/real" LINE="$1" TERM=dumb \
        DOCKER_HOST="unix://$scratch/none.sock" LC_ALL=C.UTF-8 timeout 30 $run "$scratch/script" \
        >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
    sort "$scratch/out" | tr '\n' ' '
}

offers() { # offers LINE WORDS
    seen=$(completed "$1")
    check "completes '$1'${setup:+ (after $setup)}" "$2 " "$seen"
}

has() { # has LINE WORD...: among other offers
    line=$1
    shift
    seen=" $(completed "$line")"
    for word; do
        case $seen in
        *" $word "*) check "completes '$line' to $word" ok ok ;;
        *) check "completes '$line' to $word" "$word" "$seen" ;;
        esac
    done
}

for shell in bash zsh fish; do
    for setup in '' alias; do
        [ -z "$setup" ] || setup=$(load "$shell")
        offers 'docker sandbox ' 'alias changes config create do doctor ls prune rm run setup stop trust untrust version'
        offers 'docker sandbox co' 'config'
        has 'docker sandbox run --' --name --no-sandbox --rm --sandbox --verbose
    done
    setup=''
    has 'docker sandbox create --' --name --detect-timeout
    has 'docker sandbox run --rm --na' --name
    has 'docker sandbox run --pull ' always missing never
    has 'docker sandbox run --verbose --sandbox none --pull ' always missing never
    offers 'docker sandbox run --sandbox ' 'none preferred required'
    offers 'docker sandbox run --sandbox p' 'preferred'
    offers 'docker sandbox alias ' 'bash fish zsh'
    offers 'docker sandbox config --format ' 'json table'
    has 'docker sand' sandbox
done
shell=fish
offers 'docker sandbox run --sandbox=p' '--sandbox=preferred'
shell=bash
offers 'docker sandbox run --sandbox=p' 'preferred'

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
