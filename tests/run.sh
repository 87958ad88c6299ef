#!/usr/bin/env bash
# Runs every test of a build, after installing the npm packages that some of them use.
#
#   tests/run.sh BUILD_DIR [CTEST_ARGUMENT...]      such as: tests/run.sh build/dev -L unit
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: tests/run.sh BUILD_DIR [CTEST_ARGUMENT...]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
build=$1
shift

"$here/packages.sh" "$build"
[ ! -f "$build/dashboard/dashboard_files.cpp" ] || "$here/lib/npm.sh" "$here/../dashboard"

# Libraries of the distribution are not built with the thread sanitizer, so what they do unseen is not judged.
export TSAN_OPTIONS="suppressions=$here/tsan.supp:ignore_noninstrumented_modules=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

# Each test has addresses, ports and directories of its own, and nothing they claim depends on how fast they are.
# Three quarters of their time they wait, so there are three for each processor.
ctest --test-dir "$build" --output-on-failure --parallel "${TEST_JOBS:-$((3 * $(nproc)))}" "$@"
