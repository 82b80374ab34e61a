#!/bin/sh
# Measures what docker-sandbox costs beside plain docker: pairs of commands in turn on a real engine, medians and ratios.
# Then it runs hundreds of commands, and kills some, and counts what is left. These are figures of the machine they were taken on; only the ratios travel.
set -eu

usage() {
    cat <<'USAGE'
Usage: ./bench.sh [--pairs N] [--only WORD] [--save]

  --pairs N   how many pairs each row is measured with (default: 30); those that write much, with a tenth of it
  --only WORD measure only the rows with that word in them, and count nothing
  --save      write the table into docs/performance.md as well
  -h, --help  show this

Uses a private engine from the distribution's packages (root), or the engine at DOCKER_HOST if that is set.
USAGE
}

here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd)
pairs=30
save=no
only=
while [ $# -gt 0 ]; do
    case $1 in
    --pairs)
        [ $# -gt 1 ] || { echo 'bench.sh: --pairs needs a number' >&2; exit 2; }
        pairs=$2
        shift
        ;;
    --only)
        [ $# -gt 1 ] || { echo 'bench.sh: --only needs a word' >&2; exit 2; }
        only=$2
        shift
        ;;
    --save) save=yes ;;
    -h | --help) usage; exit 0 ;;
    *) printf 'bench.sh: unknown argument: %s\nhint: ./bench.sh --help\n' "$1" >&2; exit 2 ;;
    esac
    shift
done
case $pairs in '' | *[!0-9]* | 0) echo "bench.sh: --pairs takes a number from 1: $pairs" >&2; exit 2 ;; esac

work=$(mktemp -d /tmp/dsb.XXXXXX)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/docker-sandbox-test
cleanup() {
    if [ -n "${made:-}" ]; then
        docker volume rm "$things" >/dev/null || :
        docker network rm "$things" >/dev/null || :
    fi
    [ ! -e "$work/e/docker.pid" ] || "$here/scripts/engine.sh" stop "$work/e" >&2 || :
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

if [ -z "${DOCKER_HOST:-}" ]; then
    "$here/scripts/engine.sh" fetch trixie "$cache" >/dev/null
    "$here/scripts/engine.sh" start "$work/e" trixie "$cache" --runtimes runsc >/dev/null
    DOCKER_HOST=unix://$work/e/docker.sock
    export DOCKER_HOST
    command -v docker >/dev/null 2>&1 || PATH=$cache/trixie/root/usr/bin:$PATH
fi
image=docker-sandbox-bench:latest
things=docker-sandbox-bench
"$here/scripts/engine.sh" image "$DOCKER_HOST" "$image" "$cache" >/dev/null

# The cargo home stays the user's; everything that the plugin reads and writes is private.
CARGO_HOME=${CARGO_HOME:-$HOME/.cargo}
RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
HOME=$work/home
DOCKER_CONFIG=$HOME/.docker
export CARGO_HOME RUSTUP_HOME HOME DOCKER_CONFIG
mkdir -p "$DOCKER_CONFIG" "$work/folder"
"$here/install.sh" >&2
rustc --edition 2024 -O -o "$work/pairs" "$here/benches/pairs.rs"

runsc="docker run --rm --runtime=runsc $image true"
direct="$DOCKER_CONFIG/cli-plugins/docker-sandbox"
tab=$(printf '\t')
cat >"$work/rows" <<ROWS
\`docker sandbox run\`${tab}docker sandbox run --rm $image true${tab}\`docker run --runtime=runsc\`${tab}$runsc
\`docker-sandbox run\` (called directly)${tab}$direct run --rm $image true${tab}\`docker run --runtime=runsc\`${tab}$runsc
\`docker sandbox run\`, output of 10 MB${tab}docker sandbox run --rm $image dd if=/dev/zero bs=1M count=10 status=none${tab}\`docker run --runtime=runsc\`, the same${tab}docker run --rm --runtime=runsc $image dd if=/dev/zero bs=1M count=10 status=none
\`docker sandbox run -v FOLDER\`, held against every rule${tab}docker sandbox run --rm -v $work/folder:/w:ro -e A=b -w /w $image true${tab}\`docker run --runtime=runsc\`, the same${tab}docker run --rm --runtime=runsc -v $work/folder:/w:ro -e A=b -w /w $image true
\`docker sandbox run -v VOLUME\`, which asks about the volume${tab}docker sandbox run --rm -v $things:/w $image true${tab}\`docker run --runtime=runsc\`, the same${tab}docker run --rm --runtime=runsc -v $things:/w $image true
\`docker sandbox run --network MINE\`, with names that resolve${tab}docker sandbox run --rm --network $things $image true${tab}\`docker run --runtime=runsc\`, the same, without${tab}docker run --rm --runtime=runsc --network $things $image true
the metadata answer${tab}$direct docker-cli-plugin-metadata${tab}\`docker --version\`${tab}docker --version
\`docker run --runtime=runsc\` (gVisor itself)${tab}$runsc${tab}\`docker run\` (runc)${tab}docker run --rm --runtime=runc $image true
ROWS

# One command: what `do` sets, in plain words.
limits="--cpus 2 --memory 4g --memory-swap 4g --pids-limit 512 --cap-drop ALL --security-opt no-new-privileges"
places="--read-only --tmpfs /tmp:exec,mode=1777 --tmpfs /home/sandbox:exec,mode=1777 --network none"
same="docker run --rm -i --runtime=runsc $limits $places --mount type=bind,src=$work/folder,dst=$work/folder,readonly -w $work/folder $image true"
one="do --image $image"
# Spares are made in the background; a command that finds none starts cold.
cat >"$work/ready" <<READY
#!/bin/sh
tries=0
until ls "$HOME"/.local/share/docker-sandbox/do/*/spares/*.ready >/dev/null 2>&1; do
    tries=\$((tries + 1))
    [ \$tries -lt 1000 ] || { echo 'bench.sh: no spare in 20 s' >&2; exit 1; }
    sleep 0.02
done
READY
chmod +x "$work/ready"
cat >>"$work/rows" <<ROWS
\`docker-sandbox do\` (called directly)${tab}$direct $one true${tab}the same by \`docker run --runtime=runsc\`${tab}$same
\`docker sandbox do\`${tab}docker sandbox $one true${tab}the same by \`docker run --runtime=runsc\`${tab}$same
\`docker-sandbox do --warm 1\` (called directly)${tab}$direct $one --warm 1 true${tab}the same by \`docker run --runtime=runsc\`${tab}$same${tab}$work/ready
\`docker sandbox do --write\`${tab}docker sandbox $one --write true${tab}\`docker sandbox do\`${tab}docker sandbox $one true
\`docker sandbox do --write --warm 1\`${tab}docker sandbox $one --write --warm 1 true${tab}\`docker sandbox do --write\`${tab}docker sandbox $one --write true${tab}$work/ready
\`docker sandbox do --warm 1\`${tab}docker sandbox $one --warm 1 true${tab}the same by \`docker run --runtime=runsc\`${tab}$same${tab}$work/ready
\`docker-sandbox do --warm 1\` (called directly)${tab}$direct $one --warm 1 true${tab}\`docker run\` (runc), without limits${tab}docker run --rm -i $image true${tab}$work/ready
ROWS

# What is written, and applied, beside the same in a directory that is mounted writable.
cat >"$work/folder/many" <<'MANY'
cd "$(mktemp -d ./XXXXXX)" || exit
for d in $(seq 100); do mkdir $d; for f in $(seq 500); do echo $f >$d/$f; done; done
MANY
cat >"$work/folder/change" <<'CHANGE'
for f in old/*/*; do echo x >>$f; done
CHANGE
cat >"$work/folder/large" <<'LARGE'
dd if=/dev/zero of="$(mktemp ./XXXXXX)" bs=1M count=1024 2>/dev/null
LARGE
mkdir "$work/folder/old"
(cd "$work/folder/old" && for d in $(seq 10); do mkdir "$d"; for f in $(seq 500); do echo "$f" >"$d/$f"; done; done)
cat >"$work/clean" <<CLEAN
#!/bin/sh
find "$work/folder" -mindepth 1 -maxdepth 1 -name '??????' ! -name change -exec rm -rf {} +
# What the disk still has to do for that is not the next command's.
sync
CLEAN
chmod +x "$work/clean"
written="docker run --rm -i --runtime=runsc $limits $places --mount type=bind,src=$work/folder,dst=$work/folder -w $work/folder $image sh"
for script in many:'50,000 new files' large:'1 GiB' change:'5,000 files changed'; do
    printf '%s\t%s\t%s\t%s\t%s\n' "\`docker sandbox do --write\`, ${script#*:}" "docker sandbox $one --write --timeout 30m sh ${script%%:*}" \
        "the same by \`docker run --runtime=runsc\`, mounted writable" "$written ${script%%:*}" "$work/clean"
done >"$work/large"
few=$((pairs / 10 > 3 ? pairs / 10 : 3))

if [ -n "$only" ]; then
    for rows in rows large; do
        grep -e "$only" "$work/$rows" >"$work/some" || :
        mv "$work/some" "$work/$rows"
    done
    [ -s "$work/rows" ] || [ -s "$work/large" ] || { printf 'bench.sh: no row has: %s\n' "$only" >&2; exit 2; }
fi

made=yes
docker volume create "$things" >/dev/null
docker network create "$things" >/dev/null

version=$(docker version --format 'CLI {{.Client.Version}}, engine {{.Server.Version}}')
{
    printf 'Docker %s; Linux %s; %s processors; %s pairs a row.\n\n' "$version" \
        "$(uname -r | cut -d- -f1)" "$(getconf _NPROCESSORS_ONLN)" "$pairs"
    # The first spare; where \`do\` is, the working folder is mounted.
    (cd "$work/folder" && "$direct" "do" --image "$image" --warm 1 true </dev/null >&2)
    (cd "$work/folder" && "$work/pairs" "$pairs" "$work/rows" && "$work/pairs" "$few" "$work/large" | sed 1,2d)
    [ -n "$only" ] || { echo; (cd "$work/folder" && "$here/scripts/endurance.sh" "$direct" "$image"); }
} >"$work/table"
cat "$work/table"

if [ "$save" = yes ]; then
    page=$here/docs/performance.md
    awk -v table="$work/table" '
        /<!-- bench -->/ { print; print ""; while ((getline line < table) > 0) print line; print ""; inside = 1; next }
        /<!-- \/bench -->/ { inside = 0 }
        !inside { print }
    ' "$page" >"$work/page"
    cat "$work/page" >"$page"
    echo "written into docs/performance.md" >&2
fi
