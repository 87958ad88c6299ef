#!/usr/bin/env bash
# Runs every test of a build, after installing the npm packages that some of them use.
#
#   tests/run.sh BUILD_DIR [CTEST_ARGUMENT...]      such as: tests/run.sh build/dev -L unit
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: tests/run.sh BUILD_DIR [CTEST_ARGUMENT...]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
build=$1
shift

"$here/lib/npm.sh" "$here/demo"
"$here/lib/npm.sh" "$here/sdk/ga"
"$here/lib/npm.sh" "$here/sdk/legacy"
"$here/lib/npm.sh" "$here/sdk/eventhubs"
"$here/lib/npm.sh" "$here/sdk/dps"
"$here/lib/npm.sh" "$here/openapi"
"$here/lib/npm.sh" "$here/mcp"
"$here/lib/npm.sh" "$here/routes"
"$here/lib/npm.sh" "$here/package"
python=usr/lib/python3/dist-packages/azure
"$here/lib/deb.sh" python3-azure "$build/python3-azure" $python/core $python/eventhub
"$here/lib/deb.sh" prometheus "$build/prometheus" usr/bin/promtool
[ ! -f "$build/dashboard/dashboard_files.cpp" ] || "$here/lib/npm.sh" "$here/../dashboard"

# Libraries of the distribution are not built with the thread sanitizer, so what they do unseen is not judged.
export TSAN_OPTIONS="suppressions=$here/tsan.supp:ignore_noninstrumented_modules=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

# Each test has addresses, ports and directories of its own, and nothing they claim depends on how fast they are.
# Three quarters of their time they wait, so there are three for each processor.
ctest --test-dir "$build" --output-on-failure --parallel "${TEST_JOBS:-$((3 * $(nproc)))}" "$@"
