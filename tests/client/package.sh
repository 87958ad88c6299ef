#!/usr/bin/env bash
# Installs the clients of a build into a folder of their own, and builds and runs a program on them that knows
# nothing else of this repository.
#
#   tests/client/package.sh BUILD_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
directory=$(mktemp -d "${TMPDIR:-/tmp}/carillon-package-XXXXXX")
trap 'rm -rf "$directory"' EXIT

cmake --install "$build" --prefix "$directory/installed" --component client
# No header of ours may need what is not installed, and Boost is not of the interface.
if grep -rn 'boost/\|"base/\|"wire/\|"client/' "$directory/installed/include"; then
  echo "package: a public header includes what nobody outside has" >&2
  exit 1
fi
cmake -S "$here/consumer" -B "$directory/build" -DCMAKE_PREFIX_PATH="$directory/installed" \
  -DCMAKE_CXX_COMPILER="${CXX:-g++}" -DCMAKE_BUILD_TYPE=Debug
cmake --build "$directory/build"
for library in client client_static; do
  "$directory/build/consumer_of_$library"
  echo "consumer_of_$library: as the headers say"
done
# The other names stay inside.
if nm -DC --defined-only "$directory"/installed/lib*/libcarillon.so "$directory"/installed/lib*/*/libcarillon.so 2>/dev/null |
  grep -v ' carillon::\| \(typeinfo\|typeinfo name\|vtable\) for carillon::\|^$\|libcarillon.so:$'; then
  echo "package: the library gives away names that are not its own" >&2
  exit 1
fi
