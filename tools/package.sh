#!/usr/bin/env bash
# Makes what a release is made of, in BUILD/package: the Debian packages of a built tree, the source archive, the list of parts.
#
#   tools/package.sh BUILD       such as build/release, where `carillon` and the client libraries are built
#   tools/package.sh --source    the source archive alone, to standard output
#
# The source archive and the list follow from the last commit and the machine's packages, byte by byte.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
version=$(sed -n 's/^project(carillon VERSION \([0-9.]*\).*/\1/p' "$top/CMakeLists.txt")
source_archive() { git -C "$top" archive --format=tar --prefix="carillon-$version/" HEAD | gzip -n -9; }
[ "$1" != --source ] || { source_archive; exit; }
build=$(cd "$1" && pwd)
out=$build/package
SOURCE_DATE_EPOCH=$(git -C "$top" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
rm -rf "$out"
mkdir -p "$out"
(cd "$build" && umask 022 && cpack -G DEB -B "$out" >"$out/cpack.log") || { tail -n 30 "$out/cpack.log" >&2; exit 1; }
rm -rf "$out/_CPack_Packages" "$out/cpack.log"
source_archive >"$out/carillon-$version.tar.gz"
"$top/tools/sbom.mjs" "$build/carillon" "$version" >"$out/carillon-$version.cdx.json"
(cd "$out" && sha256sum -- * >SHA256SUMS)
(cd "$out" && ls -l)
