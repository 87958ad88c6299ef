#!/usr/bin/env bash
# Has Spin look at every state of the models, as they are and with each of their rules taken out: then it must find
# what goes wrong, or the rule would be there for nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || { echo "spin is not installed: tools/setup.sh test" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# states_and_errors MODEL [MACRO]
states_and_errors() {
  rm -rf "$folder/run" && mkdir "$folder/run" && cd "$folder/run"
  spin -a ${2:+-D$2} "$here/$1.pml" >spin.log || { cat spin.log >&2; exit 1; }
  "${CC:-cc}" -O1 -w -DSAFETY -DVECTORSZ=2048 -o pan pan.c
  ./pan -m200000 >pan.log
  if grep -q 'max search depth too small\|out of memory' pan.log; then echo "$1 $2: the search was cut short" >&2; exit 1; fi
  sed -nE 's/.*errors: ([0-9]+).*/\1/p' pan.log
  sed -nE 's/ *([0-9.e+]+) states, stored.*/\1/p' pan.log
}

outcome=0
for model in fence lease jobs; do
  mapfile -t found < <(states_and_errors "$model")
  printf '%-6s %-18s %s errors in %s states\n' "$model" '' "${found[0]}" "${found[1]}"
  [ "${found[0]}" = 0 ] || outcome=1
  for rule in $(sed -nE 's/^ \*   ([A-Z_]+) .*/\1/p' "$here/$model.pml"); do
    mapfile -t found < <(states_and_errors "$model" "$rule")
    printf '%-6s %-18s %s\n' "$model" "$rule" "$([ "${found[0]}" != 0 ] && echo 'found, as it must be' || echo 'NOT FOUND')"
    [ "${found[0]}" != 0 ] || outcome=1
  done
done
exit $outcome
