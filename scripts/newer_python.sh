#!/usr/bin/env bash
# Prints a Python of version 3.12 or newer, which every_eval_ever and the GPU machine need. Exit status 1 if there is none.
# NEWER_PYTHON names one; no other is looked for then.
set -euo pipefail

candidates=("${NEWER_PYTHON:-}")
if [ -z "${NEWER_PYTHON:-}" ]; then
    candidates=(python3.12 python3.13 python3.14 python3)
    for version in 3.12 3.13; do  # pyenv's own command `python3.12` works only if that version is switched on
        candidates+=("$(pyenv prefix "$version" 2> /dev/null || true)/bin/python")
    done
fi
for python in "${candidates[@]}"; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2> /dev/null; then
        echo "$python"
        exit 0
    fi
done
exit 1
