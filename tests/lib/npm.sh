#!/usr/bin/env bash
# Installs the npm packages that a folder's package-lock.json pins, unless they are there already.
#
#   tests/lib/npm.sh FOLDER
set -euo pipefail
cd "$1"
stamp=node_modules/.carillon-lock
if cmp -s package-lock.json "$stamp"; then exit 0; fi
echo "installing the npm packages of $(basename "$PWD") as package-lock.json pins them"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! npm ci --prefer-offline --no-audit --no-fund --ignore-scripts --loglevel=error >"$log" 2>&1; then
  cat "$log" >&2
  echo "npm ci failed, see above; it needs a registry, or npm's cache of an earlier run" >&2
  exit 1
fi
cp package-lock.json "$stamp"
