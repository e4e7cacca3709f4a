"""Make the family of tiny-swe-lm: checkpoints along training, a context extension, a fine-tuned one, and their table.

Run `python -m assets_src.tiny_swe_lm.family --out DIR`. A stopped command can be started again and continues: it keeps
finished sessions, the encoded corpus, the last saved state of each stage, and finished evaluations.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
from pathlib import Path

import torch

from assets_src.tiny_swe_lm import corpus, table
from assets_src.tiny_swe_lm.data import load_streams, prepare_data
from assets_src.tiny_swe_lm.train import Run, Schedule, Stage, has_bf16, run_stage
from assets_src.tiny_swe_lm.working_folder import keep_to_plan

logger = logging.getLogger(__name__)
SHORT, LONG = 512, 2048
PEAK_LR, END_LR = 3e-3, 1e-4
BASE_MEMBERS = (1 / 12, 1 / 6, 1 / 3, 1 / 2, 3 / 4, 1)
"""Fractions of the `base` stage at which a checkpoint is kept."""
SHARES_SHORT = {"code": 0.5, "languages": 0.15, "sessions": 0.35}
SHARES_LONG = {"code": 0.28, "languages": 0.12, "sessions": 0.6}


def stages(
    n_steps: int, extension_steps: int, tuning_steps: int, *, short: int = SHORT, long: int = LONG
) -> list[Stage]:
    """The four stages, in order.

    `base` trains three quarters of `n_steps` on short windows. `final` continues it on long windows with the same
    schedule. `extended` also continues `base`, with RoPE scaled by YaRN. `tuned` continues `final` on chats, and its
    loss counts only the agent's turns.
    """
    end = n_steps * 3 // 4
    whole = Schedule(first_step=0, last_step=n_steps, warmup_steps=max(1, n_steps // 12), peak=PEAK_LR, end=END_LR)
    adapting = Schedule(first_step=end, last_step=end + extension_steps, warmup_steps=0, peak=whole.lr(end), end=END_LR)
    tuning = Schedule(
        first_step=n_steps, last_step=n_steps + tuning_steps, warmup_steps=tuning_steps // 8, peak=4e-4, end=4e-5
    )
    yarn = {"rope_type": "yarn", "factor": long / short, "original_max_position_embeddings": short}
    members = {max(1, round(end * share)): f"base_{max(1, round(end * share)):04}" for share in BASE_MEMBERS}
    return [
        Stage(
            name="base", parent=None, first_step=0, last_step=end, window=short, shares=SHARES_SHORT, schedule=whole,
            members=members,
        ),
        Stage(
            name="final", parent="base", first_step=end, last_step=n_steps, window=long, shares=SHARES_LONG,
            schedule=whole, members={n_steps: "final"},
        ),
        Stage(
            name="extended", parent="base", first_step=end, last_step=end + extension_steps, window=long,
            shares=SHARES_LONG, schedule=adapting, rope=yarn,
            members={end: "extended_unadapted", end + extension_steps: "extended"},
        ),
        Stage(
            name="tuned", parent="final", first_step=n_steps, last_step=n_steps + tuning_steps, window=long,
            shares={"chats": 1.0}, schedule=tuning, goes_on=False, members={n_steps + tuning_steps: "tuned"},
        ),
    ]  # fmt: skip


def train_family(run: Run, plan: list[Stage]) -> bool:
    """Train all stages that are not finished. Returns False if the run was asked to stop."""
    tokenizer = prepare_data(run.out, run.seed)
    streams = load_streams(run.out)
    names = [name for stage in plan for name in stage.members.values()]
    (run.out / "members.json").write_text(json.dumps(names, indent=1) + "\n")
    return all(run_stage(run, stage, tokenizer, streams) for stage in plan)


def main(argv: list[str] | None = None) -> int:
    """Parse the arguments and make the missing parts. Returns 1 if the command was stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="working folder, such as out/tiny_lm (git ignores out/)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2400, help="steps of the shipped model (default 2400)")
    parser.add_argument("--extension-steps", type=int, default=300, help="steps of the extension (default 300)")
    parser.add_argument("--tuning-steps", type=int, default=150, help="steps of fine-tuning (default 150)")
    parser.add_argument("--sessions", type=int, default=2600, help="training sessions with a shell (default 2600)")
    parser.add_argument("--tool-sessions", type=int, default=1000, help="training sessions with tools (default 1000)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads (default: one for each core)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="needs a C++ compiler")
    parser.add_argument(
        "--bf16",
        action=argparse.BooleanOptionalAction,
        help="matrix products in bfloat16 (default: on a GPU, and on a CPU with AVX-512 BF16)",
    )
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    numbers = ("seed", "steps", "extension_steps", "tuning_steps", "sessions", "tool_sessions")
    keep_to_plan(args.out, {name: getattr(args, name) for name in numbers})
    if not (args.out / "tokenizer.json").exists():
        amounts = ["--sessions", str(args.sessions), "--tool-sessions", str(args.tool_sessions)]
        corpus.main(["--out", str(args.out), "--seed", str(args.seed), "--workers", str(args.threads), *amounts])
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: stopped.append(number))
    run = Run(
        out=args.out, seed=args.seed, device=args.device, compile=args.compile,
        bf16=has_bf16(args.device) if args.bf16 is None else args.bf16,
        should_stop=lambda: bool(stopped),
    )  # fmt: skip
    if not train_family(run, stages(args.steps, args.extension_steps, args.tuning_steps)):
        return 1
    return table.main(["--out", str(args.out)])


if __name__ == "__main__":
    raise SystemExit(main())
