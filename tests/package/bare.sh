#!/usr/bin/env bash
# Installs, upgrades, removes and purges the packages in a bare Debian 12, and runs the hub there as its service would be.
#
#   tests/package/bare.sh BUILD       as root; BUILD/package is what tools/package.sh made
#
# Not part of `make test`: it makes a root with debootstrap from the mirror this machine uses (some 500 MB in $TMPDIR or
# /var/tmp, removed at the end). There is no systemd in it: the service's command is run by hand, as its user.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
[ "$(id -u)" -eq 0 ] || { echo "bare: debootstrap and chroot need root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "bare: first run: apt install debootstrap" >&2; exit 1; }
package=$(ls "$build"/package/carillon_*.deb)
clients=$(ls "$build"/package/libcarillon-dev_*.deb)

# Mounts and processes end with this namespace, so that removing the root never reaches through a mount.
if [ -z "${BARE_INSIDE:-}" ]; then
  root=$(mktemp -d "${TMPDIR:-/var/tmp}/carillon-package.XXXXXX")
  trap 'rm -rf --one-file-system "$root"' EXIT
  BARE_INSIDE=$root unshare --mount --pid --fork "$0" "$@"
  exit
fi
root=$BARE_INSIDE
chmod 755 "$root"  # It is the / of a user who is not root.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Release: bookworm' | head -n 1)
echo "making a bare Debian 12"
debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
rm "$root.log"
# The way out of this machine, which is no part of Carillon: package sources, name servers, certificates.
cp -r /etc/apt/sources.list* "$root/etc/apt/"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
chroot "$root" update-ca-certificates >/dev/null 2>&1
for folder in sys dev; do mount --rbind "/$folder" "$root/$folder"; done
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
cp "$package" "$clients" "$root/tmp/"

say() { printf '%s\n' "- $*"; }
die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
# The last command of a background job, so that a signal meets the program and not this shell.
exec_in_root() { exec chroot "$root" env -i HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"; }
in_root() { (exec_in_root "$@"); }
apt_in_root() { in_root apt-get -y -q "$@" >"$root/tmp/apt.log" 2>&1 || { tail -n 30 "$root/tmp/apt.log" >&2; die "apt-get $*"; }; }
hub=
start() {
  in_root rm -f /tmp/ready
  exec_in_root setpriv --reuid carillon --regid carillon --clear-groups --inh-caps -all,+net_bind_service --ambient-caps -all,+net_bind_service \
    /usr/bin/carillon serve --config /etc/carillon/carillon.toml --data-dir /var/lib/carillon --ready-file /var/lib/carillon/ready \
    >"$root/tmp/hub.log" 2>&1 &
  hub=$!
  for _ in $(seq 600); do
    [ -e "$root/var/lib/carillon/ready" ] && return
    kill -0 $hub 2>/dev/null || { cat "$root/tmp/hub.log" >&2; die "the hub ended instead of serving"; }
    sleep 0.1
  done
  die "the hub does not serve"
}
stop() { kill -TERM $hub; wait $hub || die "the hub ends with $?"; }
cli() { in_root setpriv --reuid carillon --regid carillon --clear-groups sh -c \
  'CARILLON_LOGIN=$(carillon connection-string --data-dir /var/lib/carillon) CARILLON_CA=/var/lib/carillon/ca.pem; export CARILLON_LOGIN CARILLON_CA; exec carillon "$@"' cli "$@"; }

apt_in_root update
apt_in_root install "/tmp/$(basename "$package")"
grep -q 'systemctl enable --now carillon' "$root/tmp/apt.log" || die "the installation does not say what is next"
for file in usr/bin/carillon lib/systemd/system/carillon.service etc/carillon/carillon.toml usr/share/man/man1/carillon.1 \
  usr/share/bash-completion/completions/carillon usr/share/doc/carillon/copyright; do
  [ -s "$root/$file" ] || die "$file is not installed"
done
[ "$(in_root stat -c '%U:%G %a' /var/lib/carillon)" = 'carillon:carillon 700' ] ||
  die "/var/lib/carillon is not the service's alone"
[ -z "$(ls -A "$root/var/lib/carillon")" ] || die "something was started"
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/carillon.service" ] || die "the service is enabled though nobody configured it"
say "installed: files, user, nothing started"

start
cli device create -d kept >/dev/null
cli backup create /var/lib/carillon/before.tar 2>/dev/null
stop
say "serves as user carillon on ports 443 and 8883, with the capability alone"

echo 'log_level = "warn"' >"$root/tmp/changed"
{ cat "$root/tmp/changed"; cat "$root/etc/carillon/carillon.toml"; } >"$root/tmp/new" && cat "$root/tmp/new" >"$root/etc/carillon/carillon.toml"
# The same program as a later version.
in_root sh -c "cd /tmp && rm -rf later && dpkg-deb -R $(basename "$package") later && sed -i 's/^Version: .*/&+later1/' later/DEBIAN/control && dpkg-deb -b later later.deb >/dev/null"
apt_in_root install /tmp/later.deb
in_root dpkg-query -W '-f=${Version}' carillon | grep -q later1 || die "the later version is not installed"
grep -q '^log_level' "$root/etc/carillon/carillon.toml" || die "the upgrade took the operator's settings"
start
cli device show -d kept | grep -q kept || die "the upgraded hub lost a device"
stop
say "upgraded over data and changed settings"

apt_in_root remove carillon
[ -e "$root/var/lib/carillon/store/CURRENT" ] && [ -e "$root/etc/carillon/carillon.toml" ] || die "remove took data or settings"
[ ! -e "$root/usr/bin/carillon" ] || die "remove left the program"
say "removed: data and settings stay"
apt_in_root install "/tmp/$(basename "$package")" --allow-downgrades
start
cli device show -d kept | grep -q kept || die "the hub installed again lost a device"
stop
apt_in_root purge carillon
for file in var/lib/carillon etc/carillon usr/bin/carillon; do [ ! -e "$root/$file" ] || die "purge left $file"; done
! in_root getent passwd carillon >/dev/null || die "purge left the user"
say "purged: nothing is left"

apt_in_root install "/tmp/$(basename "$clients")" g++ cmake make pkg-config
in_root mkdir -p /tmp/app
cat >"$root/tmp/app/main.cpp" <<'CPP'
#include <carillon/service_client.hpp>
#include <cstdio>
int main() {
    const auto client = carillon::ServiceClient::open({.connection_string = "HostName=h.x;SharedAccessKeyName=n;SharedAccessKey=a2V5"});
    std::puts(client ? client->host_name().c_str() : client.error().detail.c_str());
}
CPP
printf 'cmake_minimum_required(VERSION 3.25)\nproject(app CXX)\nfind_package(carillon REQUIRED)\nadd_executable(app main.cpp)\ntarget_link_libraries(app carillon::client)\n' >"$root/tmp/app/CMakeLists.txt"
in_root sh -c 'cd /tmp/app && g++ -std=c++20 main.cpp $(pkg-config --cflags --libs carillon) -o by-pkg-config && ./by-pkg-config | grep -qx h.x' || die "pkg-config does not lead to the clients"
in_root sh -c 'cd /tmp/app && cmake -S . -B b >/dev/null && cmake --build b >/dev/null && ./b/app | grep -qx h.x' || die "find_package does not lead to the clients"
say "clients found by pkg-config and by CMake"
in_root dpkg -s libcarillon-dev | grep -q '^Depends:.*libssl-dev' || die "libcarillon-dev does not bring what its headers need"
echo "all well"
