#!/bin/sh
# Runs commands in sandboxes by the hundred, kills a hundred more at random, and says what is left of them: nothing, or it
# fails. Called by bench.sh, with HOME of its own and DOCKER_HOST: endurance.sh PLUGIN IMAGE
set -eu

plugin=$1
image=$2
state=$HOME/.local/share/docker-sandbox/do

now() { date +%s%N | cut -c1-13; }

containers() { docker ps -aq --filter label=docker-sandbox.id; }
networks() { docker network ls -q --filter label=docker-sandbox.id; }
files() { find "$state" -type f; }

# Waits until nothing is there any more, for so many seconds at the most.
settle() { # settle SECONDS
    tries=0
    while [ -n "$(containers)$(networks)$(files)" ] && [ $tries -lt $(($1 * 5)) ]; do
        tries=$((tries + 1))
        sleep 0.2
    done
}

left() { # left WHAT
    if [ -n "$(containers)$(networks)$(files)" ]; then
        printf 'endurance.sh: left behind by %s:\n' "$1" >&2
        docker ps -a --filter label=docker-sandbox.id >&2
        networks >&2
        files >&2
        exit 1
    fi
}

"$plugin" prune --force >/dev/null
settle 30

# What one spare costs: the memory that its control group has in use.
"$plugin" "do" --image "$image" --warm 1 true </dev/null
tries=0
until ls "$state"/*/spares/*.ready >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] || { echo 'endurance.sh: no spare' >&2; exit 1; }
    sleep 0.02
done
# shellcheck disable=SC2016 # Markdown
printf 'One spare uses %s of memory (`docker sandbox ls`).\n\n' "$("$plugin" ls --filter kind=spare --format '{{.Used}}')"
"$plugin" prune --force >/dev/null
settle 30
left 'a spare and a prune'

began=$(now)
count=0
while [ $count -lt 200 ]; do
    "$plugin" "do" --image "$image" true </dev/null
    count=$((count + 1))
done
took=$(($(now) - began))
settle 30
left '200 commands in a row'
printf '200 commands in a row: %s ms each; nothing left behind.\n\n' $((took / 200))

began=$(now)
# shellcheck disable=SC2016 # for the inner shell
seq 200 | xargs -P 8 -I{} sh -c '"$1" "do" --image "$2" --network isolated true </dev/null' sh "$plugin" "$image"
took=$(($(now) - began))
settle 60
left '200 commands, 8 at a time'
# shellcheck disable=SC2016 # Markdown
printf '200 commands, 8 at a time, on `--network isolated`: %s ms each; nothing left behind.\n\n' $((took / 200))

count=0
while [ $count -lt 100 ]; do
    for _ in 1 2 3 4; do
        "$plugin" "do" --image "$image" --timeout 5s --warm 1 sleep 4 </dev/null >/dev/null 2>&1 &
    done
    pids=$(jobs -p)
    # A random moment of the first second, by the random bytes that a shell can read.
    sleep "0.$(od -An -N2 -tu2 /dev/urandom | tr -d ' ' | cut -c1-3)"
    # shellcheck disable=SC2086 # several
    kill -9 $pids 2>/dev/null || :
    # shellcheck disable=SC2086
    wait $pids 2>/dev/null || :
    count=$((count + 4))
done
soon=$("$plugin" ls -q --filter kind=do | wc -l)
# The deadline, with what is granted after it.
sleep 20
"$plugin" prune --force >/dev/null
settle 30
left 'a hundred that were killed'
# shellcheck disable=SC2016 # Markdown
printf '100 commands killed (SIGKILL) within their first second: %s containers right afterwards, none after the deadline and one `prune`.\n' "$soon"
