#!/usr/bin/env bash
# Builds the sdist and the wheel in dist/, and checks both: scripts/dist.sh [PYTHON...]
#
# Each PYTHON, by default python3, installs the wheel without its dependencies into an empty environment, starts `hesnr`,
# and removes the wheel. Nothing may be left. With DEPENDENCIES=1, it also does this with all dependencies (several GB for
# each Python), and runs the plain command on one trajectory. `build` and `twine` are in an environment of their own,
# .venv-dist.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pythons=("${@:-python3}")
tools=.venv-dist/bin/python
if [ ! -x .venv-dist/bin/twine ]; then
    "${pythons[0]}" -m venv .venv-dist
    "$tools" -m pip --disable-pip-version-check install --quiet build twine "hatchling>=1.26"
fi
rm -rf dist
"$tools" -m build --no-isolation --outdir dist .
"$tools" -m twine check --strict dist/*

"$tools" - <<'EOF'
import sys, tarfile, zipfile
from pathlib import Path
(wheel,), (sdist,) = Path("dist").glob("*.whl"), Path("dist").glob("*.tar.gz")
in_wheel = set(zipfile.ZipFile(wheel).namelist())
in_sdist = {name.partition("/")[2] for name in tarfile.open(sdist).getnames()}
package = {str(path) for path in Path("lm_eval_hesnr").rglob("*") if path.is_file() and path.suffix != ".pyc"}
tasks = {f"lm_eval_hesnr/{path}" for path in Path("tasks").rglob("*") if path.is_file() and path.suffix != ".pyc"}
lacks = (package | tasks | {"lm_eval_hesnr.pth", "lm_eval_hesnr.start"}) - in_wheel
lacks |= (package | {"pyproject.toml", "README.md", "LICENSE"}) - in_sdist
others = {name for name in in_wheel if not name.startswith("lm_eval_hesnr")}
if lacks or others:
    sys.exit(f"error: dist: lacks {sorted(lacks)}, and the wheel also has {sorted(others)}")
print(f"contents: {len(in_wheel)} files in the wheel, {len(in_sdist)} in the sdist")
EOF

bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
for python in "${pythons[@]}"; do
    rm -rf "${bare:?}"/*
    "$python" -m venv "$bare/env"
    pip=("$bare/env/bin/python" -m pip --disable-pip-version-check)
    find "$bare/env" -not -name "*.pyc" -not -name __pycache__ | sort > "$bare/before"
    "${pip[@]}" install --quiet --no-deps dist/*.whl
    (cd "$bare" && env/bin/hesnr --help > /dev/null)
    "${pip[@]}" uninstall --quiet --yes lm_eval_hesnr
    find "$bare/env" -not -name "*.pyc" -not -name __pycache__ | sort > "$bare/after"
    diff "$bare/before" "$bare/after"
    echo "$("$python" --version): installed, started and removed"
    [ -n "${DEPENDENCIES:-}" ] || continue
    "${pip[@]}" install --quiet dist/*.whl
    (cd "$bare" && HF_HUB_OFFLINE=1 env/bin/lm_eval --tasks swe_hesnr --model hf-topk --limit 1 > table)
    grep he_snr "$bare/table" | head -1
    "${pip[@]}" uninstall --quiet --yes lm_eval_hesnr
    left=$(find "$bare/env" -iname "*hesnr*" -not -name "*.pyc" -not -name __pycache__)
    [ -z "$left" ] || { echo "error: dist: left by the removal: $left" >&2; exit 1; }
    echo "$("$python" --version): installed with all dependencies, ran the plain command and removed"
done
