#!/usr/bin/env bash
# Checks the dashboard's types, those of the API among them, and runs the tests of its pure parts.
set -euo pipefail
cd "$(dirname "$0")"
node node_modules/openapi-typescript/bin/cli.js ../src/endpoint/rest/openapi.json -o src/schema.d.ts >/dev/null
node node_modules/typescript/bin/tsc -p .
exec node node_modules/vitest/vitest.mjs run
