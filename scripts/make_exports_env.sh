#!/usr/bin/env bash
# Makes an environment with the programs that read our exports: scripts/make_exports_env.sh [FOLDER, default .venv-exports]
#
# every_eval_ever needs Python 3.12 or newer, and an older huggingface_hub than transformers. The environment has neither
# torch nor the harness: the exports need only numpy, scipy, pyarrow and PyYAML.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-.venv-exports}
if ! python=$(scripts/python_for_exports.sh); then
    echo "no Python 3.12 or newer: set PYTHON_FOR_EXPORTS" >&2
    exit 1
fi
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install --quiet "every_eval_ever==0.3.0" \
    "trackio>=0.40,<1" "mlflow>=3.17,<4" "wandb>=0.31,<1" numpy scipy pyyaml pyarrow pytest
