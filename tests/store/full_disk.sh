#!/bin/bash
# full_disk.sh PROGRAM ADDRESS: a start on a full disk is refused in words, and changes nothing that matters:
# with room it serves again. The disk is a tmpfs in a mount namespace of its own; skipped (77) where that may not be.
set -u
program=$1 address=$2
if [ "${IN_NAMESPACE:-}" = "" ]; then
  unshare -m true 2>/dev/null || { echo "skipped: no mount namespaces here"; exit 77; }
  IN_NAMESPACE=1 exec unshare -m "$0" "$@"
fi
folder=$(mktemp -d)
trap 'kill -9 $hub 2>/dev/null; umount "$folder/disk" 2>/dev/null; rm -rf "$folder"' EXIT
hub=
mkdir "$folder/disk"
mount -t tmpfs -o size=40m tmpfs "$folder/disk" || { echo "skipped: no tmpfs here"; exit 77; }
fail() { echo "FAILED: $*"; cat "$folder/log"; exit 1; }

serve() {
  rm -f "$folder/ready"
  "$program" serve --data-dir "$folder/disk/data" --bind "$address" --hostname "$address" \
    --ready-file "$folder/ready" >"$folder/log" 2>&1 &
  hub=$!
  while [ ! -e "$folder/ready" ]; do
    kill -0 $hub 2>/dev/null || { wait $hub; return $?; }
    sleep 0.05
  done
}

serve || fail "the first start"
CARILLON_LOGIN=$("$program" connection-string --data-dir "$folder/disk/data") CARILLON_CA=$folder/disk/data/ca.pem \
  "$program" device create -d kept >/dev/null || fail "creating a device"
kill -9 $hub
wait $hub 2>/dev/null
for free in 0 4096 65536 1048576; do
  dd if=/dev/zero of="$folder/disk/ballast" bs=1M count=64 2>/dev/null
  [ $free = 0 ] || truncate -s -$free "$folder/disk/ballast"
  serve
  code=$?
  [ $code = 1 ] || fail "with $free bytes free the start ended with $code"
  grep -q "is full: a start needs [0-9]* MiB" "$folder/log" || fail "with $free bytes free it does not say why"
  grep -q "Nothing was changed" "$folder/log" || fail "it does not say what it did"
done
rm "$folder/disk/ballast"
serve || fail "with room again"
CARILLON_LOGIN=$("$program" connection-string --data-dir "$folder/disk/data") CARILLON_CA=$folder/disk/data/ca.pem \
  "$program" device show -d kept >/dev/null || fail "the device is gone"
echo "refused four times, then served"
