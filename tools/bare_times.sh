#!/usr/bin/env bash
# Times what README.md promises to a new user: `make demo`, then `make test`, from a machine that has nothing yet.
#
#   tools/bare_times.sh [COMMAND...]      as root; the commands are `make demo` and `make test` unless given
#
# Makes a Debian 12 root with debootstrap from the mirror this machine uses, clones the last commit of this checkout
# into it, installs git and make as the README says, and runs each command there on two cores. The root takes some
# 6 GB in $TMPDIR (or /var/tmp) and is removed at the end; what a command prints is kept if it fails.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" -eq 0 ] || { echo "bare_times: debootstrap and chroot need root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "bare_times: first run: apt install debootstrap" >&2; exit 1; }
[ $# -gt 0 ] || set -- 'make demo' 'make test'

# Mounts and processes end with this namespace, so that removing the root never reaches through a mount.
if [ -z "${BARE_TIMES_INSIDE:-}" ]; then
  root=$(mktemp -d "${TMPDIR:-/var/tmp}/carillon-bare.XXXXXX")
  chmod 755 "$root"  # Servers of tests run as another user than root.
  trap 'rm -rf --one-file-system "$root"' EXIT
  BARE_TIMES_INSIDE=$root unshare --mount --pid --fork "$0" "$@"
  exit
fi
root=$BARE_TIMES_INSIDE
kept=$root.log

mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Release: bookworm' | head -n 1)
echo "bare_times: making a bare Debian 12"
debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$mirror" >"$kept" 2>&1 ||
  { tail -n 20 "$kept" >&2; exit 1; }
rm "$kept"
# The way out of this machine, which is no part of Carillon: package sources, name servers, certificates.
cp -r /etc/apt/sources.list* "$root/etc/apt/"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
chroot "$root" update-ca-certificates >/dev/null 2>&1
for folder in proc sys dev; do mount --rbind "/$folder" "$root/$folder"; done
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
git clone --quiet --no-local --depth 1 "file://$top" "$root/root/carillon"

# timed COMMAND: runs it in the bare root, and prints how long it took, by the clock and in processor time.
TIMEFORMAT='%0R %0U %0S'
timed() {
  local command=$1 code=0 clock user system
  { time chroot "$root" env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} \
    taskset -c 0,1 bash -c "cd /root/carillon && $command" >"$root/tmp/output" 2>&1 </dev/null; } \
    2>"$root/tmp/times" || code=$?
  read -r clock user system < <(tail -n 1 "$root/tmp/times")
  printf 'bare_times: %-24s %2d min %02d s, processor time %2d min %02d s%s\n' "${command##*&& }" \
    $((clock / 60)) $((clock % 60)) $(((user + system) / 60)) $(((user + system) % 60)) \
    "$([ $code -eq 0 ] || echo ", failed with $code")"
  if [ $code -ne 0 ]; then
    cp "$root/tmp/output" "$kept"
    tail -n 40 "$kept" >&2
    echo "bare_times: all it printed is in $kept" >&2
    exit 1
  fi
}
timed 'apt-get update -q && apt-get install -y -q git make'
for command in "$@"; do timed "$command"; done
