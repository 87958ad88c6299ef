#!/usr/bin/env bash
# Takes folders out of a Debian package without installing it, unless they are there already. For a package of which
# a test needs a few files: python3-azure has 500 MB, and compiling them takes minutes.
#
#   tests/lib/deb.sh PACKAGE DIRECTORY FOLDER...      such as: tests/lib/deb.sh python3-azure build/x usr/lib/…
set -euo pipefail
package=$1
directory=$2
shift 2
[ -e "$directory/.complete" ] && exit 0
mkdir -p "$directory"
cd "$directory"
echo "taking $package from the distribution"
# As root, apt would give up its rights and then not be allowed to write here.
apt-get download -q -o APT::Sandbox::User=root "$package" >download.log 2>&1 || {
  cat download.log >&2
  exit 1
}
dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x "${@/#/./}"
rm -f "$package"_*.deb download.log
touch .complete
