#!/usr/bin/env bash
# Installs what Carillon needs from Debian 12's own packages, and only what is missing.
#
#   tools/setup.sh            what `make demo`, `make build` and `make test` need
#   tools/setup.sh docs       also what `make api-docs` needs
#   tools/setup.sh bench      also the baselines that `make bench` measures against
set -euo pipefail

packages=(
  # building
  g++ make git cmake ninja-build ccache mold pkg-config
  # libraries, see ARCHITECTURE.md "Dependencies"
  libboost1.81-dev libssl-dev librocksdb-dev libexpected-dev libspdlog-dev libfmt-dev
  libcli11-dev libtomlplusplus-dev libjemalloc-dev libsimdjson-dev
  # testing
  libgtest-dev clang-14 libclang-rt-14-dev clang-format-14 openssl python3
  python3-paho-mqtt curl iproute2 zsh fish groff-base chromium
)
[ "${1:-}" = docs ] && packages+=(doxygen)
[ "${1:-}" = bench ] && packages+=(mosquitto nginx postgresql-15 linux-perf valgrind)

# Any Node.js of version 18 or newer serves; Debian's is taken only where there is none.
node_is_new() { command -v node >/dev/null && [ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ]; }
node_is_new || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || true)
  [ "$state" = "ii " ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "setup: these packages are missing, and neither root nor sudo is at hand: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# These packages would start a broker on 1883, a web server on 80 and a database on 5432; the benchmark starts its own.
policy=/usr/sbin/policy-rc.d
if [ "${1:-}" = bench ] && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap 'rm -f "$log"; "${as_root[@]}" rm -f "$policy"' EXIT
fi
if ! { "${as_root[@]}" apt-get update -q &&
       "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "setup: apt-get failed, see above" >&2
  exit 1
fi
