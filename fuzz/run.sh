#!/bin/bash
# Runs each fuzz target of a build for FUZZ_SECONDS (60) on a copy of its corpus.
# usage: fuzz/run.sh BUILD_DIR [TARGET...]; what was found lies in BUILD_DIR/fuzz/findings/.
set -u
build=${1:?usage: fuzz/run.sh BUILD_DIR [TARGET...]}
shift
here=$(cd "$(dirname "$0")" && pwd)
seconds=${FUZZ_SECONDS:-60}
# The sanitizer keeps freed memory for a while; within the limit below it must not keep much.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=64}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for program in "$build"/fuzz/fuzz_*; do
        [ -x "$program" ] && [ -f "$program" ] && targets+=("${program##*/fuzz_}")
    done
fi
if [ ${#targets[@]} -eq 0 ]; then
    echo "no fuzz target in $build/fuzz" >&2
    exit 1
fi

failed=()
for target in "${targets[@]}"; do
    corpus=$build/fuzz/running/$target
    findings=$build/fuzz/findings/$target
    rm -rf "$corpus"
    mkdir -p "$corpus" "$findings"
    if ! cp "$here/corpus/$target"/* "$corpus"/; then
        failed+=("$target (no corpus)")
        continue
    fi
    log=$build/fuzz/$target.log
    if "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=5 \
        -artifact_prefix="$findings/" -print_final_stats=1 "$corpus" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "$target: $runs runs in $seconds s, nothing found"
    else
        tail -n 40 "$log"
        failed+=("$target (see $log)")
    fi
done

if [ ${#failed[@]} -gt 0 ]; then
    printf 'failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
