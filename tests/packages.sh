#!/usr/bin/env bash
# Installs the packages that tests use beside those of tools/setup.sh, unless they are there.
#
#   tests/packages.sh BUILD_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1

"$here/lib/npm.sh" "$here/demo"
"$here/lib/npm.sh" "$here/sdk/ga"
"$here/lib/npm.sh" "$here/sdk/legacy"
"$here/lib/npm.sh" "$here/sdk/eventhubs"
"$here/lib/npm.sh" "$here/sdk/dps"
"$here/lib/npm.sh" "$here/openapi"
"$here/lib/npm.sh" "$here/mcp"
"$here/lib/npm.sh" "$here/routes"
"$here/lib/npm.sh" "$here/package"
python=usr/lib/python3/dist-packages/azure
"$here/lib/deb.sh" python3-azure "$build/python3-azure" $python/core $python/eventhub
"$here/lib/deb.sh" prometheus "$build/prometheus" usr/bin/promtool
