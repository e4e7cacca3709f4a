"""Trains a tiny model from random weights for about a minute, and draws how its HE-SNR and its perplexity change.

The text is that of the embedded agent runs. Three of them are held out: the callback scores the model on these. Run it
from the root of the repository: `python examples/training/train.py`.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

from lm_eval_hesnr import HESNRCallback
from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.samples import in_format, samples

N_HELD_OUT = 3
BLOCK = 256
"""Tokens per training example."""


def main() -> None:
    """Train, and draw the curve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=Path("out/training"), help="folder for everything that is written")
    parser.add_argument("--steps", type=int, default=120, help="steps of training (default: 120)")
    parser.add_argument("--no-callback", action="store_true", help="only train, and keep all checkpoints")
    arguments = parser.parse_args()
    trainer = make_trainer(arguments.out, arguments.steps, with_callback=not arguments.no_callback)
    trainer.train()
    if arguments.no_callback:
        return
    print(f"best checkpoint by HE-SNR: {trainer.state.best_model_checkpoint}")
    points = [entry for entry in trainer.state.log_history if "eval_hesnr_he_snr" in entry]
    draw(points, arguments.out / "curve.svg")


def make_trainer(out: Path, steps: int, *, with_callback: bool) -> Trainer:
    """A trainer, which evaluates at the start and six times more. It saves a checkpoint at each of these six times."""
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED_MODEL)
    shortest_first = sorted((run for run in samples() if run.resolved), key=lambda run: len(text_of(run)))
    held_out, training = shortest_first[:N_HELD_OUT], shortest_first[N_HELD_OUT:]

    out.mkdir(parents=True, exist_ok=True)
    runs = out / "held_out.jsonl"
    runs.write_text("".join(in_format(run, "curated").text for run in held_out), encoding="utf-8")

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(EMBEDDED_MODEL), dtype=torch.float32)
    every = max(steps // 6, 1)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            str(out / "checkpoints"),
            max_steps=steps,
            per_device_train_batch_size=8,
            learning_rate=2e-3,
            lr_scheduler_type="cosine",
            warmup_steps=10,
            logging_steps=10,
            eval_strategy="steps",
            eval_steps=every,
            eval_on_start=True,
            save_steps=every,
            save_total_limit=2 if with_callback else None,
            save_only_model=True,
            dataloader_pin_memory=torch.cuda.is_available(),
            metric_for_best_model="hesnr_he_snr" if with_callback else None,
            report_to=[],
        ),
        train_dataset=blocks(tokenizer, training),
        eval_dataset=blocks(tokenizer, held_out)[:8],
        processing_class=tokenizer,
    )
    if with_callback:
        # a long stride: fewer tokens are read twice, so scoring takes half the time
        trainer.add_callback(HESNRCallback(trainer, str(runs), model_args={"stride": 1792}))
    return trainer


def text_of(run: Any) -> str:
    """The text of a run, one segment after the other."""
    return "\n".join(segment.text for segment in run.segments)


def blocks(tokenizer: Any, runs: list[Any]) -> list[dict[str, list[int]]]:
    """Training examples of `BLOCK` tokens each."""
    ids = [token for run in runs for token in tokenizer(text_of(run), verbose=False)["input_ids"]]
    cut = [ids[start : start + BLOCK] for start in range(0, len(ids) - BLOCK, BLOCK)]
    return [{"input_ids": block, "labels": block, "attention_mask": [1] * BLOCK} for block in cut]


def draw(points: list[dict[str, float]], path: Path) -> None:
    """Draw HE-SNR with two standard errors on each side, and perplexity, over the steps."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no picture: matplotlib is not installed; run pip install '.[examples]'")
        return
    steps = [point["step"] for point in points]
    he_snr = [point["eval_hesnr_he_snr"] for point in points]
    errors = [2 * point.get("eval_hesnr_he_snr_stderr", math.nan) for point in points]
    pyplot.rcParams["svg.fonttype"] = "none"  # text stays text
    figure, (upper, lower) = pyplot.subplots(2, sharex=True, figsize=(7, 5), layout="constrained")
    upper.errorbar(steps, he_snr, errors, marker="o", capsize=3)
    upper.set_ylabel("HE-SNR (higher is better)")
    lower.plot(steps, [point["eval_hesnr_ppl"] for point in points], marker="o", color="tab:red")
    lower.set_yscale("log")
    lower.set_ylabel("perplexity (lower is better)")
    lower.set_xlabel("step")
    figure.suptitle(f"A tiny model on {N_HELD_OUT} held-out runs, scope action")
    figure.savefig(path, metadata={"Date": None})
    print(f"curve: {path}")


if __name__ == "__main__":
    main()
