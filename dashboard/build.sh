#!/usr/bin/env bash
# Builds the dashboard and writes it as C++: installs the pinned npm packages unless they are there, then
# runs Vite. Called by CMake when something in this folder has changed.
#
#   dashboard/build.sh DIST OUT.cpp
set -euo pipefail
cd "$(dirname "$0")"
dist=$1
out=$2
mkdir -p ../build
# Two builds of one checkout, such as dev and release, share the packages.
exec 9>../build/.dashboard-building
flock 9
# The tests' packages hold these too (tests/lib/npm.sh).
if ! cmp -s package-lock.json node_modules/.carillon-lock && ! cmp -s package-lock.json node_modules/.carillon-build; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! npm ci --omit=dev --prefer-offline --no-audit --no-fund --ignore-scripts --loglevel=error >"$log" 2>&1; then
    cat "$log" >&2
    echo "dashboard: npm ci failed, see above. It needs a registry, or npm's cache of an earlier run;" >&2
    echo "cmake -DCARILLON_DASHBOARD=OFF builds the hub without its dashboard" >&2
    exit 1
  fi
  cp package-lock.json node_modules/.carillon-build
fi
node node_modules/vite/bin/vite.js build --outDir "$dist" --logLevel warn
node embed.mjs "$dist" "$out"
