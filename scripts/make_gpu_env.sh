#!/usr/bin/env bash
# Makes an environment like that of a bare GPU machine: scripts/make_gpu_env.sh [FOLDER, default .venv-gpu] [PYTHON]
#
# First it installs what benchmarks/gpu_machine.txt lists. Then benchmarks/pack_wheels.py packs what is missing, and this
# is installed from the packed wheels alone, as on a machine without network. PYTHON is that of an environment with
# lm_eval_hesnr (default .venv/bin/python); its versions are packed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-.venv-gpu}
packing=${2:-.venv/bin/python}
if ! python=$(scripts/newer_python.sh); then
    echo "no Python 3.12 or newer: set NEWER_PYTHON" >&2
    exit 1
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install --quiet --requirement benchmarks/gpu_machine.txt
"$packing" benchmarks/pack_wheels.py --python "$version"
# without the settings of this machine, which may name other places where packages are
PIP_CONFIG_FILE=/dev/null "$folder/bin/python" -m pip --isolated --disable-pip-version-check install --quiet \
    --no-index --find-links .wheels-gpu --requirement .wheels-gpu/requirements.txt
