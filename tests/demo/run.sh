#!/usr/bin/env bash
# A door, its lock and two jobs: a hub on a loopback address of its own, a simulated device and a
# back end, each either on the 2016 packages of Azure IoT, unmodified, or in C++ on our own clients
# (examples/). Shows what each of them says; exits 0 if all came out right. `make demo` and
# `make demo-cpp` build what they need first.
#
#   tests/demo/run.sh [--door=node|cpp] [--office=node|cpp] [ADDRESS]
#       ADDRESS: a loopback address to listen on [127.20.16.9]
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
carillon=${HUB_BINARY:-$here/../../build/dev/carillon}
examples=$(dirname "$carillon")/examples
door_kind=node
office_kind=node
address=127.20.16.9
for argument in "$@"; do
  case $argument in
    --door=node | --door=cpp) door_kind=${argument#*=} ;;
    --office=node | --office=cpp) office_kind=${argument#*=} ;;
    -*) echo "usage: tests/demo/run.sh [--door=node|cpp] [--office=node|cpp] [ADDRESS]" >&2; exit 2 ;;
    *) address=$argument ;;
  esac
done
device=front-door
lock_job=lock-the-door
twin_job=where-it-is
wait_s=60

color=
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && color=yes
paint() { [ -n "$color" ] && printf '\033[%sm%s\033[0m' "$1" "$2" || printf '%s' "$2"; }
step() { printf '\n%s\n' "$(paint 1 "$*")"; }
fail() { printf '\n%s\n' "$(paint 31 "demo: $*")" >&2; exit 1; }
# Each process's lines behind its name.
named() { sed -u "s/^/$(paint "$1" "$(printf '%-7s' "$2")")│ /"; }

case $door_kind in
  node) door_text='door.js, azure-iot-device 1.1.0-dtpreview' door_command=(node --no-deprecation "$here/door.js") ;;
  cpp) door_text='examples/sim_device.cpp, our C++ client' door_command=("$examples/sim_device") ;;
esac
case $office_kind in
  node) office_text='office.js, azure-iothub 2.0.0-dtpreview' office_command=(node --no-deprecation "$here/office.js") ;;
  cpp) office_text='examples/schedule_job_service.cpp, our C++ client' office_command=("$examples/schedule_job_service") ;;
esac

[ -x "$carillon" ] || fail "$carillon is not there: run \`make demo\`, which builds it."

directory=$(mktemp -d "${TMPDIR:-/tmp}/carillon-demo-XXXXXX")
pids=()
clean_up() {
  trap - EXIT INT TERM
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill "${pids[i]}" 2>/dev/null && wait "${pids[i]}" 2>/dev/null
  done
  rm -rf "$directory"
}
trap clean_up EXIT
trap 'clean_up; exit 130' INT TERM

# wait_for WHAT COMMAND...: repeats COMMAND until it succeeds.
wait_for() {
  local what=$1 end=$((SECONDS + wait_s))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "waited $wait_s s for $what"
    sleep 0.1
  done
}
is_running() { kill -0 "$1" 2>/dev/null; }

"$here/../lib/npm.sh" "$here"

step "1  A hub of its own, on $address, with its data in $directory"
"$carillon" serve --data-dir "$directory/data" --hostname "$address" --bind "$address" \
  --ready-file "$directory/ready" > >(named 36 hub) 2>&1 &
hub=$!
pids+=("$hub")
hub_is_ready_or_gone() { [ -e "$directory/ready" ] || ! is_running "$hub"; }
wait_for "the hub" hub_is_ready_or_gone
if [ ! -e "$directory/ready" ]; then
  sleep 0.2  # its last words
  fail "the hub did not start on $address; it says why above.
  The SDKs fix the ports to 443 and 8883, so both must be free there and bindable by you:
  - in use: give another loopback address, \`tests/demo/run.sh 127.20.16.10\`. A server on all
    addresses (see \`ss -ltnp 'sport = :443'\`) blocks every one of them; stop it meanwhile.
  - permission denied: run it as root, or allow low ports to everyone for now by
    \`sudo sysctl net.ipv4.ip_unprivileged_port_start=443\`."
fi

CARILLON_LOGIN=$("$carillon" connection-string --data-dir "$directory/data")
export CARILLON_LOGIN CARILLON_CA=$directory/data/ca.pem NODE_EXTRA_CA_CERTS=$directory/data/ca.pem

step "2  A device is created by our command line: carillon device create --device-id $device"
DOOR_CONNECTION_STRING=$("$carillon" device create --device-id "$device" --connection-string)
export DOOR_CONNECTION_STRING
echo "$device has a key of its own now"

step "3  The door connects ($door_text)"
touch "$directory/door.log"
"${door_command[@]}" > >(tee "$directory/door.log" | named 33 door) 2>&1 &
door=$!
pids+=("$door")
door_is_ready() { grep -q '^ready$' "$directory/door.log" || ! is_running "$door"; }
wait_for "the door" door_is_ready
is_running "$door" || fail "the door ended, see above"

step "4  The back end orders two jobs ($office_text); carillon job watch follows them"
OFFICE_CONNECTION_STRING=$CARILLON_LOGIN \
  "${office_command[@]}" "$device" "$lock_job" "$twin_job" > >(named 35 office) 2>&1 &
office=$!
pids+=("$office")
for job in "$lock_job" "$twin_job"; do
  job_is_known() { "$carillon" job show "$job" || ! is_running "$office"; }
  wait_for "the job $job" job_is_known
done
"$carillon" job watch "$twin_job" --interval 0.2 > >(named 32 watch) 2>&1 &
twin_watch=$!
pids+=("$twin_watch")
"$carillon" job watch "$lock_job" --interval 0.2 > >(named 32 watch) 2>&1 &
lock_watch=$!
pids+=("$lock_watch")

outcome=0
wait "$office" || outcome=$?
[ $outcome -eq 0 ] || fail "the back end ended with $outcome, see above"
wait "$twin_watch" || fail "carillon job watch $twin_job exits $?"
wait "$lock_watch" || fail "carillon job watch $lock_job exits $?"
twin_is_reported() { "$carillon" twin show "$device" | grep -A3 '"reported"' | grep -q building; }
wait_for "the door's report" twin_is_reported
sleep 0.3  # the last lines of each

step "5  What became of it: carillon job devices $lock_job"
"$carillon" job devices "$lock_job"
"$carillon" job show "$lock_job" -o json >"$directory/lock.json"
"$carillon" job show "$twin_job" -o json >"$directory/twin-job.json"
"$carillon" twin show "$device" -o json >"$directory/twin.json"
"$carillon" job devices "$lock_job" -o json >"$directory/rows.json"
echo
node "$here/check.js" "$directory/lock.json" "$directory/twin-job.json" "$directory/twin.json" \
  "$directory/rows.json" "$directory/door.log" || fail "not as it should be"

step "6  The hub and the door are stopped"
kill "$door" && wait "$door" 2>/dev/null || true
kill "$hub"
wait "$hub" || fail "the hub ended with $?"
pids=()
sleep 0.2
printf '\n%s\n' "$(paint '1;32' 'The door is locked, its twin is told, both jobs are completed.')"
