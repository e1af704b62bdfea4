# shellcheck shell=bash
# Stages with their times, jobs that can be interrupted, and one tidy end for all of them.

# Each job is a process group of its own, so that it can be stopped with everything it started.
set -m

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
logs=$target/test-logs
work=           # a fresh directory, gone at the end
times=()        # "NAME: Ns" of every stage that has ended
stage_name=
stage_start=0
job=            # the process that `run` is waiting for
endings=()      # what to do at the end, last one first

# open_house: make the work directory and see to it that nothing outlives the script.
open_house() {
    cd "$root" || exit
    mkdir -p "$logs"
    work=$(mktemp -d "${TMPDIR:-/tmp}/custodia.XXXXXX")
    chmod 711 "$work" # the cluster's own user looks for its directory in here
    trap close_house EXIT
    trap 'exit 130' INT
    trap 'exit 129' HUP
    trap 'exit 143' TERM
}

close_house() {
    local status=$? ending
    trap '' INT HUP TERM
    set +e
    ((status == 0)) && end_stage
    [[ -n $job ]] && disown "$job" && stop_group "$job" 5
    for ((ending = ${#endings[@]} - 1; ending >= 0; ending--)); do
        ${endings[ending]}
    done
    rm -rf "$work"
    report "$status"
    exit "$status"
}

report() {
    local line
    ((${#times[@]} == 0)) || say "Stages:"
    for line in "${times[@]}"; do
        say "  $line"
    done
    if (($1 == 0)); then
        say "All of them passed, in ${SECONDS}s."
    elif [[ -n $stage_name ]]; then
        say "FAILED ($1) in '$stage_name', after $((SECONDS - stage_start))s of it. Servers' logs: $logs"
    else
        say "FAILED ($1)."
    fi
}

# at_end COMMAND: a command without arguments, run when the script ends, however it ends.
at_end() { endings+=("$1"); }

# stage NAME: one ends, the next begins.
stage() {
    end_stage
    stage_name=$1
    stage_start=$SECONDS
    say "==> $stage_name"
}

end_stage() {
    [[ -n $stage_name ]] || return 0
    times+=("$stage_name: $((SECONDS - stage_start))s")
    say "<== ${times[-1]}"
    stage_name=
}

# run COMMAND...: run it to its end, yet let a signal stop it at once.
run() {
    local status=0
    "$@" </dev/null &
    job=$!
    wait "$job" || status=$?
    job=
    return "$status"
}

# stop_group LEADER SECONDS: ask a job and its children to end, then make them.
stop_group() {
    local tries
    kill -TERM -- "-$1" 2>/dev/null || return 0
    for ((tries = $2 * 20; tries > 0; tries--)); do
        kill -0 -- "-$1" 2>/dev/null || return 0
        sleep 0.05
    done
    kill -KILL -- "-$1" 2>/dev/null
}

# free_port: a port of 127.0.0.1 on which nothing listens, below those the kernel gives out itself.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null || break
    done
    echo "$port"
}

# wait_until SECONDS PID COMMAND...: until the command succeeds; fail when time is up or the process has gone.
wait_until() {
    local deadline=$((SECONDS + $1)) pid=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || return 1
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

say() { printf '%s\n' "$*"; }

fail() {
    say "$*" >&2
    exit 1
}
