#!/usr/bin/env bash
# Makes an environment with the programs that read our exports: scripts/make_exports_env.sh [FOLDER, default .venv-exports]
#
# every_eval_ever needs Python 3.12 or newer. The environment has neither torch nor the harness: the tests of the exports
# need only numpy, scipy and PyYAML of the package's own dependencies.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-.venv-exports}
python=${PYTHON_FOR_EXPORTS:-}
for name in python3.12 python3.13 python3.14 python3; do
    if [ -z "$python" ] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
        python=$name
    fi
done
if [ -z "$python" ]; then
    echo "no Python 3.12 or newer: set PYTHON_FOR_EXPORTS" >&2
    exit 3
fi
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install --quiet "every_eval_ever==0.3.0" \
    "trackio>=0.40,<1" "mlflow>=3.17,<4" "wandb>=0.31,<1" numpy scipy pyyaml pytest
