#!/usr/bin/env bash
# Trains a tiny model, and evaluates each checkpoint next to the training: examples/watch/watch.sh [FOLDER] [STEPS]
set -euo pipefail
folder=${1:-out/watch}
steps=${2:-120}

if [ -e "$folder/checkpoints" ]; then
    echo "$folder: has the checkpoints of an earlier training; remove this folder, or give another one" >&2
    exit 2
fi
mkdir -p "$folder/checkpoints"
python examples/training/train.py --out "$folder" --steps "$steps" --no-callback > "$folder/training.log" 2>&1 &
training=$!
trap 'kill $training 2> /dev/null || true' EXIT  # if the sweep is stopped, so is the training

until [ -s "$folder/held_out.jsonl" ]; do
    kill -0 $training || { tail "$folder/training.log"; exit 1; }
    sleep 1
done
hesnr sweep "$folder/checkpoints" -o "$folder/sweep" --watch 5 --until-step "$steps" \
    --trajectories "$folder/held_out.jsonl" --model_args stride=1792 --no-tokens
hesnr export "$folder/sweep" --to markdown
