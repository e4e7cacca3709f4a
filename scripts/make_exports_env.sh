#!/usr/bin/env bash
# Makes an environment with the programs that read our exports: scripts/make_exports_env.sh [FOLDER, default .venv-exports]
#
# every_eval_ever needs Python 3.12 or newer, and an older huggingface_hub than transformers. The environment has neither
# torch nor the harness: the exports need only numpy, scipy, pyarrow and PyYAML.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-.venv-exports}
if ! python=$(scripts/newer_python.sh); then
    echo "no Python 3.12 or newer: set NEWER_PYTHON" >&2
    exit 1
fi
# the extras have their versions in pyproject.toml; installing `.[trackio]` would also install torch and the harness
mapfile -t trackers < <("$python" -c '
import tomllib
from pathlib import Path
extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
print(*(line for name in ("trackio", "mlflow", "wandb") for line in extras[name]), sep="\n")
')
"$python" -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install --quiet "every_eval_ever==0.3.0" "${trackers[@]}" \
    numpy scipy pyyaml pyarrow pandas cmarkgfm pytest hypothesis
