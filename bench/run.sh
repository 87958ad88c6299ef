#!/usr/bin/env bash
# The figures of bench/README.md: bench/run.sh BUILD_DIR [NAME...]
exec env PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "${BASH_SOURCE[0]}")/figures.py" "$@"
