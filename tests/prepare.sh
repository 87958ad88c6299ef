#!/usr/bin/env bash
# Builds build/dev and meanwhile installs what the tests use: nothing that is compiled needs that, and to install keeps no
# processor busy.
#
#   tests/prepare.sh JOBS
set -euo pipefail
cd "$(dirname "$0")/.."
log=build/test-packages.log
install() { tools/setup.sh test && tests/packages.sh build/dev; }

installing=
if [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; then
  install >"$log" 2>&1 </dev/null &
  installing=$!
else
  install  # It may ask for a password, and is alone then.
fi
code=0
cmake --preset dev >build/configure-dev.log || { cat build/configure-dev.log; code=1; }
[ $code -ne 0 ] || cmake --build --preset dev --parallel "$1" || code=$?
if [ -n "$installing" ]; then
  ! kill -0 "$installing" 2>/dev/null || echo "waiting for the packages that tests use; how far that is stands in $log"
  wait "$installing" || { cat "$log" >&2; code=1; }
fi
exit $code
