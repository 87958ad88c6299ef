#!/usr/bin/env bash
# A hub on three nodes over PostgreSQL: the one that serves is killed in the middle of a twin job and a method job,
# and both go on to their end. `make demo-cluster` builds what it needs first.
#
#   tests/demo/cluster.sh [PREFIX]
#       PREFIX: of the nodes' loopback addresses; n1 has PREFIX.1 and so on [127.50.8]
#
#   HA=1: PostgreSQL has a synchronous standby, run by Patroni, and the primary is killed too
#   REGISTERED=20000 DEVICES=300 tests/demo/cluster.sh    how many devices there are, and how many of them connect
#   FOLDER=build/demo-cluster                             where nodes and PostgreSQL (unless run as root) have their data; removed first
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
carillon=${HUB_BINARY:-$here/../../build/dev/carillon}
folder=${FOLDER:-$here/../../build/demo-cluster}
registered=${REGISTERED:-20000}
devices=${DEVICES:-300}
prefix=${1:-127.50.8}
nodes=(n1 n2 n3)
address_of() { echo "$prefix.${1#n}"; }
wait_s=120

color=
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && color=yes
paint() { [ -n "$color" ] && printf '\033[%sm%s\033[0m' "$1" "$2" || printf '%s' "$2"; }
step() { printf '\n%s\n' "$(paint 1 "$*")"; }
fail() { printf '\n%s\n' "$(paint 31 "demo: $*")" >&2; exit 1; }
named() { sed -u "s/^/$(paint "$1" "$(printf '%-8s' "$2")")│ /"; }
wait_for() {
  local what=$1 end=$((SECONDS + wait_s))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "waited $wait_s s for $what; see $folder"
    sleep 0.1
  done
}

[ -x "$carillon" ] || fail "$carillon is not there: run \`make demo-cluster\`, which builds it."
programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$programs" ] || fail "PostgreSQL is not installed: \`tools/setup.sh test\` installs it."

rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# The name of a socket has room for some 100 characters.
socket=$(mktemp -d "${TMPDIR:-/tmp}/carillon-pg-XXXXXX")
data=$folder/pg
as_owner=()
if [ "$(id -u)" -eq 0 ]; then  # PostgreSQL refuses to run as root, and others may not reach this folder.
  as_owner=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
  data=$socket/pg
  chown nobody:nogroup "$socket"
fi
store="host=$socket dbname=postgres user=hub"

declare -A pids=()
clean_up() {
  trap - EXIT INT TERM
  for name in fleet-n1 fleet-n2 fleet-n3 "${nodes[@]}" patroni-pg1 patroni-pg2 postgres etcd; do
    [ -n "${pids[$name]:-}" ] || continue
    kill "$([ "$name" = postgres ] && echo -INT || echo -TERM)" "${pids[$name]}" 2>/dev/null || true
    [ "$name" = postgres ] || wait "${pids[$name]}" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  rm -rf "$socket"
}
trap clean_up EXIT
trap 'clean_up; exit 130' INT TERM

. "$here/patroni.sh"
if [ -n "${HA:-}" ]; then
  step "1  PostgreSQL by Patroni: a primary, and a standby that has what is acknowledged"
  start_databases
else
  step "1  A PostgreSQL of its own in $data"
  (cd "$socket" && "${as_owner[@]}" "$programs/initdb" -D "$data" -U hub -A trust -E UTF8 --locale=C) >"$folder/initdb.log" 2>&1 ||
  fail "initdb failed: $(cat "$folder/initdb.log")"
(cd "$socket" && exec "${as_owner[@]}" "$programs/postgres" -D "$data" -c listen_addresses= \
  -c unix_socket_directories="$socket") >"$folder/postgres.log" 2>&1 &
  pids[postgres]=$!
  wait_for PostgreSQL "$programs/pg_isready" -q -h "$socket" -U hub
fi
"$carillon" cluster init --store "$store" 2>&1 | named 36 init

step "2  Three nodes: one serves, the others pass on to it what devices and back ends say to them"
start_node() {
  "$carillon" serve --cluster --store "$store" --node "$1" --data-dir "$folder/$1" --hostname "$prefix.1" \
    --bind "$(address_of "$1")" >>"$folder/$1.log" 2>&1 &
  pids[$1]=$!
}
served_by() { "$carillon" device list --top 1 --address "$(address_of "$1")"; }
active() {
  "$carillon" cluster status --store "$store" -o json 2>/dev/null |
    python3 -c 'import json,sys; print(next(n["node"] for n in json.load(sys.stdin)["nodes"] if n["role"] == "active"))'
}
for node in "${nodes[@]}"; do start_node "$node"; done
wait_for "a node to serve" active
first=$(active)
wait_for "its keys" test -e "$folder/$first/hub.json"
"$carillon" cluster status --store "$store" 2>&1 | named 36 status
CARILLON_LOGIN=$("$carillon" connection-string --data-dir "$folder/$first")
export CARILLON_LOGIN CARILLON_CA=$folder/$first/ca.pem
others=()
for node in "${nodes[@]}"; do
  wait_for "$node to answer" served_by "$node"
  [ "$node" = "$first" ] || others+=("$node")
done
office=(--address "$(address_of "${others[0]}")")  # a node that does not serve

step "3  $registered devices are registered by ${others[0]}, $devices of another kind connect, to each node a third"
"$carillon" simulate --devices "$registered" --prefix cold- --create-only --quiet "${office[@]}"
for node in "${nodes[@]}"; do
  "$carillon" simulate --devices $((devices / 3)) --prefix "live-$node-" --create --method-latency 200ms --backoff 200ms \
    --backoff-max 2s --interval 2s --address "$(address_of "$node")" \
    > >(tee "$folder/devices-$node.log" | named 33 "at $node") 2>&1 &
  pids[fleet-$node]=$!
done
devices=$((devices / 3 * 3))
sleep 3

declare -A watches=()
# start_jobs SITE SUFFIX: their ids end in the suffix.
start_jobs() {
  "$carillon" job create --job-id "everyone$2" --query-condition '*' --twin-patch "{\"properties\":{\"desired\":{\"site\":$1}}}" \
    --rate $((registered / 15))/s "${office[@]}" >/dev/null
  "$carillon" job create --job-id "connected$2" --query-condition "STARTSWITH(deviceId, 'live-')" --method-name lock \
    --rate $((devices / 15))/s "${office[@]}" >/dev/null
  for job in "everyone$2" "connected$2"; do
    "$carillon" job watch "$job" --interval 2 "${office[@]}" > >(named 32 "$job") 2>&1 &
    watches[$job]=$!
  done
  sleep 4
}
# end_jobs SITE SUFFIX VERSION: they come to their ends, and each twin is at this version.
end_jobs() {
  local outcome job unpatched
  for job in "everyone$2" "connected$2"; do
    outcome=0
    wait "${watches[$job]}" || outcome=$?
    # Methods that were in flight end as unknown: exit code 8.
    [ "$outcome" -eq 0 ] || { [ "${job%$2}" = connected ] && [ "$outcome" -eq 8 ]; } || fail "carillon job watch $job exits $outcome"
  done
  "$carillon" job list "${office[@]}" | named 36 jobs
  "$carillon" cluster status --store "$store" 2>&1 | named 36 status
  unpatched=$("$carillon" query "SELECT COUNT() AS n FROM devices WHERE properties.desired.site = $1 AND properties.desired.\$version = $3" -o json "${office[@]}" |
    python3 -c "import json,sys; print($registered + $devices - json.load(sys.stdin)[0]['n'])")
  [ "$unpatched" = 0 ] || fail "$unpatched twins were not patched exactly once"
}

step "4  A twin job for all of them, and a method job for those that are connected"
start_jobs 43 ""

step "5  kill -9 of $first, which serves"
began=$(date +%s.%N)
kill -9 "${pids[$first]}"
wait "${pids[$first]}" 2>/dev/null || true
unset "pids[$first]"
wait_for "another node" served_by "${others[0]}"
seconds=$(python3 -c "print(f'{$(date +%s.%N) - $began:.1f}')")
second=$(active)
echo "$second serves; nobody did for $seconds s"
grep -h 'dead\|took over' "$folder/$second.log" | named 31 "$second"
start_node "$first"
wait_for "$first to pass on" served_by "$first"

step "6  Both jobs go on"
end_jobs 43 "" 2

calls_max=$devices
verdict="Every twin was patched once, no method was sent twice, and nobody served for $seconds s."
if [ -n "${HA:-}" ]; then
  lost=$(primary)
  step "7  Two more jobs, and kill -9 of PostgreSQL's primary, $lost, with its Patroni"
  start_jobs 44 -ha
  began=$(date +%s.%N)
  kill_database "$lost"
  wait_for "the standby to be the primary" primary
  written() { timeout 20 "$carillon" twin update "live-${others[0]}-000001" --tags '{"after":"failover"}' "${office[@]}"; }
  wait_for "a twin to be written" written
  without=$(python3 -c "print(f'{$(date +%s.%N) - $began:.1f}')")
  echo "$(primary) is the primary; nothing was written for $without s"
  start_patroni "$lost"
  step "8  Both jobs go on"
  end_jobs 44 -ha 3
  wait_for "$lost to be the standby" has_standby "$(primary)"
  calls_max=$((2 * devices))
  verdict="Each job patched every twin once, no method was sent twice; nobody served for $seconds s after the owner's death, and nothing was written for $without s after that of PostgreSQL's primary."
fi
for node in "${nodes[@]}"; do
  kill -TERM "${pids[fleet-$node]}"
  wait "${pids[fleet-$node]}" || fail "the devices at $node ended with $?"
  unset "pids[fleet-$node]"
done
sleep 0.3  # their last lines
calls=$(cat "$folder"/devices-*.log | sed -nE 's/^([0-9,]+) methods: .*/\1/p' | tr -d , | awk '{sum += $1} END {print sum + 0}')
[ "$calls" -le "$calls_max" ] || fail "$calls calls came to $devices devices"
printf '\n%s\n' "$(paint '1;32' "$verdict")"
