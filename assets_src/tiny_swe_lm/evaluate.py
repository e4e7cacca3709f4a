"""Measure a checkpoint on held-out text: sessions, code, and files in other languages.

Run `python -m assets_src.tiny_swe_lm.evaluate --out DIR --model CHECKPOINT`. It prints one JSON object.
Windows have the context length of the checkpoint and overlap by half. Entropy is that of the renormalised top 10, in
nats, as in the package.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from assets_src.tiny_swe_lm.corpus import FOLDER_OF_GROUP, code_documents, language_documents
from assets_src.tiny_swe_lm.data import styled_sessions
from assets_src.tiny_swe_lm.working_folder import require
from lm_eval_hesnr.errors import InputError

TOP_K = 10
EPSILON = (math.log(3) + math.log(4)) / 2
SECTION = re.compile(
    r"^### (System|Task|Agent|Observation)\n(.*?)(?=^### (?:System|Task|Agent|Observation)\n|\Z)", re.M | re.S
)
COMMAND = re.compile(r'```bash\n(.*?)\n```\n|^(\{"command": .*\})$|^(<function=.*</function>)$', re.M | re.S)


def token_kinds(text: str, offsets: list[tuple[int, int]]) -> np.ndarray:
    """(T,) str: `action`, `thought`, `observation` or `given` of each token, by the position of its first character."""
    kinds = np.full(len(text) + 1, "given", dtype="U12")
    for section in SECTION.finditer(text):
        start, end = section.span(2)
        if section[1] == "Observation":
            kinds[start:end] = "observation"
        elif section[1] == "Agent":
            kinds[start:end] = "thought"
            command = COMMAND.search(text, start, end)
            if command:
                start, end = command.span(command.lastindex or 0)
                kinds[start:end] = "action"
    return kinds[[start for start, _ in offsets]]


@torch.inference_mode()
def score(model: torch.nn.Module, ids: list[int]) -> dict[str, np.ndarray]:
    """(T - 1,) `logprob`, `rank` and `entropy` of every token but the first, in windows that overlap by half."""
    window_tokens = model.config.max_position_embeddings
    stride = window_tokens // 2
    parts: dict[str, list[np.ndarray]] = {"logprob": [], "rank": [], "entropy": []}
    done = 1  # tokens before this one are scored already, or are the first token
    for start in range(0, max(1, len(ids) - stride), stride):
        window = torch.tensor(ids[start : start + window_tokens])
        logprobs = model(input_ids=window[None], use_cache=False).logits[0, :-1].float().log_softmax(-1)
        logprobs, target = logprobs[done - 1 - start :], window[done - start :]  # logits[t] predict token t + 1
        chosen = logprobs.gather(1, target[:, None])
        q = logprobs.topk(TOP_K).values.softmax(-1)
        parts["logprob"].append(chosen[:, 0].numpy())
        parts["rank"].append((1 + (logprobs > chosen).sum(-1)).numpy())
        parts["entropy"].append(-(q * q.log()).sum(-1).numpy())
        done = start + len(window)
    return {name: np.concatenate(values) for name, values in parts.items()}


def summary(scores: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, float]:
    """Summary numbers of the chosen tokens."""
    logprob, rank, entropy = (scores[name][chosen] for name in ("logprob", "rank", "entropy"))
    return {
        "tokens": int(chosen.sum()),
        "ppl": round(float(np.exp(-logprob.mean())), 3),
        "top1_acc": round(float((rank == 1).mean()), 4),
        "top10_acc": round(float((rank <= TOP_K).mean()), 4),
        "mean_entropy_nats": round(float(entropy.mean()), 4),
        "share_entropy_above_epsilon": round(float((entropy > EPSILON).mean()), 4),
        "decision_rate": round(float(((entropy > EPSILON) & (rank <= TOP_K)).mean()), 4),
    }


def evaluate(out: Path, checkpoint: Path, seed: int, max_tokens: int) -> dict[str, dict[str, float]]:
    """Numbers for each kind of text. Reads about `max_tokens` tokens of each of the four groups."""
    require(out, *(f"{folder}/held_out" for folder in FOLDER_OF_GROUP.values()))
    if not (checkpoint / "config.json").exists():
        raise InputError(f"{checkpoint}: config.json is missing; give --model the folder of a checkpoint")
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    code = [doc for doc in code_documents(seed) if doc["split"] == "held_out"]
    groups = {
        "sessions": [doc["text"] for doc in styled_sessions(out, seed) if doc["split"] == "held_out"],
        "languages": [doc["text"] for doc in language_documents(seed) if doc["split"] == "held_out"],
        "stdlib": [doc["text"] for doc in code if doc["source"] == "stdlib"],
        "packages": [doc["text"] for doc in code if doc["source"] != "stdlib"],
    }
    results = {}
    for group, texts in groups.items():
        scored, kinds, n_tokens = [], [], 0
        for text in texts:
            if n_tokens >= max_tokens:
                break
            encoding = tokenizer(text, return_offsets_mapping=True, verbose=False)
            scored.append(score(model, [tokenizer.eos_token_id, *encoding["input_ids"]]))
            kinds.append(token_kinds(text, encoding["offset_mapping"]) if group == "sessions" else np.array([]))
            n_tokens += len(encoding["input_ids"])
        scores = {name: np.concatenate([item[name] for item in scored]) for name in scored[0]}
        results[group] = summary(scores, np.ones(len(scores["rank"]), dtype=bool))
        if group == "sessions":
            kind = np.concatenate(kinds)
            for name in ("action", "thought", "observation"):
                results[f"sessions/{name}"] = summary(scores, kind == name)
    return results


def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="working folder of the corpus")
    parser.add_argument("--model", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-tokens", type=int, default=200_000, help="tokens for each group, about (default 200000)")
    args = parser.parse_args(argv)
    torch.set_num_threads(2)
    print(json.dumps(evaluate(args.out, args.model, args.seed, args.max_tokens), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
