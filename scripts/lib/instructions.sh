# shellcheck shell=bash
# Instructions a request on each hot path, counted by callgrind.

stored=crates/testkit/benches/instructions.tsv

instructions() {
    stage "cargo bench, built"
    run cargo bench --no-run --locked --package testkit --bench hot_paths
    stage "instructions a request"
    count_instructions >"$work/instructions.tsv"
    if [[ ${CUSTODIA_WRITE:-} == 1 ]]; then
        cp "$work/instructions.tsv" "$stored"
        cat "$stored"
        return
    fi
    compare_instructions "$stored" "$work/instructions.tsv" ||
        fail "A hot path takes over 5 % more instructions than $stored says. If it has to: CUSTODIA_WRITE=1 scripts/instructions"
}

# count_instructions: a line for each path, its name and the instructions that one request takes.
# Counts are written down at each end, so the paths and the files of counts come in the same order.
count_instructions() {
    local valgrind='["valgrind", "--quiet", "--tool=callgrind", "--zero-before=*hot_paths::begin*", "--dump-before=*hot_paths::end*", "--callgrind-out-file='$work/counts'"]'
    run cargo --config "target.'cfg(all())'.runner = $valgrind" \
        bench --quiet --locked --package testkit --bench hot_paths >"$work/paths.tsv"
    local name requests number=0
    while IFS=$'\t' read -r name requests; do
        number=$((number + 1))
        awk -v name="$name" -v requests="$requests" \
            '/^totals:/ { printf "%s\t%.0f\n", name, $2 / requests; found = 1 } END { exit !found }' "$work/counts.$number"
    done <"$work/paths.tsv"
    ((number > 0))
}

# compare_instructions STORED COUNTED: print both, and fail for a path that takes over 5 % more or that only one of them has.
compare_instructions() {
    awk -F '\t' '
        FNR == NR { stored[$1] = $2; next }
        {
            verdict = !($1 in stored) ? "not stored" : $2 > stored[$1] * 1.05 ? "TOO MANY" : \
                $2 < stored[$1] * 0.95 ? "far fewer: CUSTODIA_WRITE=1 keeps it so" : "as before"
            if (verdict == "TOO MANY" || verdict == "not stored") failed = 1
            printf "%-20s %10d, stored %10d, %+6.2f %%  %s\n", $1, $2, stored[$1], ($1 in stored) ? ($2 / stored[$1] - 1) * 100 : 0, verdict
            delete stored[$1]
        }
        END {
            for (name in stored) { print name " is stored, and was not counted"; failed = 1 }
            exit failed
        }' "$1" "$2"
}
