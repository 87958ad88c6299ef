#!/usr/bin/env bash
# Installs what Carillon needs from Debian 12's own packages, and only what is missing.
#
#   tools/setup.sh            what `make build`, `make client` and `make demo` need
#   tools/setup.sh test       also what `make test` needs
#   tools/setup.sh cluster    also what `make demo-cluster` needs
#   tools/setup.sh ha         also what `HA=1 make demo-cluster` needs
#   tools/setup.sh clang      also what `make clang`, `make fuzz` and `make format` need
#   tools/setup.sh docs       also what `make api-docs` needs
#   tools/setup.sh bench      also the baselines that `make bench` measures against
set -euo pipefail

packages=(
  # building
  g++ make git cmake ninja-build ccache mold pkg-config
  # libraries, see ARCHITECTURE.md "Dependencies"; every build is configured with all of them
  libboost1.81-dev libssl-dev librocksdb-dev libpq-dev libexpected-dev libspdlog-dev libfmt-dev
  libcli11-dev libtomlplusplus-dev libjemalloc-dev libsimdjson-dev libgtest-dev libnats-dev librdkafka-dev
  libnghttp2-dev
  # the demonstration, and the interpreters that configuring looks for
  openssl python3
)
starts_services=
for set in "$@"; do
  case $set in
    test)
      packages+=(python3-paho-mqtt python3-qpid-proton libsasl2-modules python3-uamqp python3-typing-extensions curl iproute2 zsh fish groff-base chromium postgresql-15 jq nftables spin nats-server)
      starts_services=yes
      ;;
    cluster) packages+=(postgresql-15); starts_services=yes ;;
    ha) packages+=(postgresql-15 patroni etcd-server python3-etcd); starts_services=yes ;;
    clang) packages+=(clang-14 libclang-rt-14-dev clang-format-14) ;;
    docs) packages+=(doxygen) ;;
    bench) packages+=(mosquitto rabbitmq-server nginx postgresql-15 linux-perf valgrind); starts_services=yes ;;
    *) echo "usage: tools/setup.sh [test] [cluster] [ha] [clang] [docs] [bench]" >&2; exit 2 ;;
  esac
done

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

as_root=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "setup: these packages are missing, and neither root nor sudo is at hand: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo "${as_root[@]}")
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# These packages would start a broker on 1883, a web server on 80 and a database on 5432; tests and benchmark start their own.
policy=/usr/sbin/policy-rc.d
if [ -n "$starts_services" ] && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap 'rm -f "$log"; "${as_root[@]}" rm -f "$policy"' EXIT
fi

# Apt's status lines as one line that moves on a terminal, and as a line for each tenth of the way elsewhere.
show_progress() {
  local kind percent shown=
  while IFS=: read -r kind _ percent _; do
    case $kind in
      dlstatus) kind=downloaded ;;
      pmstatus) kind=installed ;;
      *) continue ;;
    esac
    percent=${percent%%.*}
    if [ -t 1 ]; then
      printf '\r\033[Ksetup: %s %s %%' "$kind" "$percent"
    elif [ "$shown" != "$kind ${percent%?}" ]; then
      shown="$kind ${percent%?}"
      echo "setup: $kind $percent %"
    fi
  done
  if [ -t 1 ]; then printf '\r\033[K'; fi
}

# run_apt ARGUMENT...: what it says goes to the log, its status lines to standard output. The shell opens the
# descriptor for them, as sudo closes all but three.
run_apt() {
  "${as_root[@]}" sh -c 'exec apt-get -q -o APT::Status-Fd=3 "$@" 3>&1 >&2' apt-get "$@" </dev/null 2>>"$log"
}
fail() {
  cat "$log" >&2
  echo "setup: apt-get failed, see above" >&2
  exit 1
}
echo "setup: reading the lists of packages"
run_apt update | show_progress || fail
# Also what they need in turn, so that the number says how long it may take.
count=$(apt-get install --simulate --no-install-recommends "${missing[@]}" 2>>"$log" | grep -c '^Inst ') || fail
echo "setup: installing ${missing[*]}: $count packages with what they need"
run_apt install -y --no-install-recommends "${missing[@]}" | show_progress || fail
echo "setup: installed"
