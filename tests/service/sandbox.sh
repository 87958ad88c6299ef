#!/usr/bin/env bash
# The unit's exposure, as systemd-analyze reckons it from the file alone, is 2.0 at most, and the file has no mistake.
set -euo pipefail
unit=$1
command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not installed"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# It looks whether the program is there, which is not what this is about.
sed 's#/usr/bin/carillon#/bin/true#' "$unit" >"$folder/carillon.service"
found=$(systemd-analyze security --offline=true --threshold=20 --no-pager "$folder/carillon.service") ||
  { echo "$found" | grep '✗'; echo "$found" | tail -n 1; exit 1; }
echo "$found" | tail -n 1
wrong=$(systemd-analyze verify --man=no --recursive-errors=no "$folder/carillon.service" 2>&1 | grep carillon.service || true)
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
