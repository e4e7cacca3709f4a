"""What a longer stride costs in context and saves in time: `python benchmarks/windows.py --out DIR [options]`.

A trajectory longer than the context is read in windows. This scores the first tokens of each trajectory once per stride
and prints a table. Each window is written as soon as it is scored. The same command continues after a stop. `--seconds`
ends a call early.

Time is CPU time of this process. "Context" of a scored token is the number of tokens that the model has read before it
in its window. It is counted over the tokens that come after the first window, because all others have their whole text.
Without options: the embedded model, its context and the embedded sample set.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measures
from lm_eval_hesnr.models.encoding import EncodedTrajectory
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.progress import Progress
from lm_eval_hesnr.results import text_table
from lm_eval_hesnr.scoring.statistics import Statistics
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import read_numbered_table, write_token_table
from lm_eval_hesnr.scoring.windows import plan_windows
from lm_eval_hesnr.task import SweHesnr

QUARTERS = (1, 2, 3, 4)
"""The strides, in quarters of the window. The last one is one token shorter, so that every token has a context."""
STATISTICS = ("logprob", "entropy", "rank", "top_mass", "collision")
LEAST = (1, 64, 256, 512, 1024, 2048, 4096)
"""Limits of context, in tokens, in the second table."""


def main() -> None:
    """Score what is not scored yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for what is measured")
    parser.add_argument("--model_args", default="", help="as for --model hf-topk; default: the embedded model")
    parser.add_argument("--trajectories", nargs="+", help="files, folders or globs; default: the embedded sample set")
    parser.add_argument("--max_tokens", type=int, help="score only the first tokens of each run")
    parser.add_argument("--limit", type=int, help="only the first LIMIT trajectories")
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER", help="only these trajectories, from 0")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no window after this time")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    metadata = {"trajectories": arguments.trajectories, "only_resolved": False} if arguments.trajectories else {}
    task = SweHesnr({"task": "swe_hesnr", "metadata": metadata})
    task.build_all_requests(rank=0, world_size=1, limit=arguments.limit)
    lm = HFTopK.create_from_arg_string(arguments.model_args, {"device": "cpu"})
    names = ("model_args", "trajectories", "max_tokens")
    same_as_before(arguments.out, {"window": lm.window, **{name: getattr(arguments, name) for name in names}})
    for number, request in enumerate(task.instances):
        for quarters in QUARTERS:
            folder = arguments.out / str(quarters)
            is_left_out = arguments.only is not None and number not in arguments.only
            if is_left_out or any(folder.glob(f"{number:05d}-*.parquet")):
                continue
            if not score(lm, request, number, quarters, folder, arguments.max_tokens, end):
                raise SystemExit(f"stopped after {arguments.seconds:.0f} s; the same command continues")
    if not any(arguments.out.glob("*/*.parquet")):
        raise SystemExit("nothing to score: give longer --trajectories, a larger --max_tokens or another --only")
    if len({len(list((arguments.out / str(quarters)).glob("*.parquet"))) for quarters in QUARTERS}) == 1:
        report(arguments.out)


def same_as_before(out: Path, settings: dict[str, Any]) -> None:
    """Write the settings into a new folder; stop if the folder has other ones."""
    path = out / "settings.json"
    if not path.exists() and (out / "measured.jsonl").exists():
        raise SystemExit(f"{out}: measured by an older version, which did not write settings.json; give another --out")
    if path.exists() and (found := json.loads(path.read_text())) != settings:
        raise SystemExit(f"{out}: measured with {found}, now {settings}; give another --out")
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings) + "\n")


def score(lm: HFTopK, request: Any, number: int, quarters: int, folder: Path, most: int | None, end: float) -> bool:
    """Score one trajectory with one stride, and write its token table and one line about it; false if time ends."""
    lm.given_stride = stride_of(lm.window, quarters)
    encoded, name = lm.encode(request), str(request.doc["id"])
    positions = encoded.positions[: None if most is None else np.searchsorted(encoded.positions, most)]
    encoded = EncodedTrajectory(
        encoded.text, encoded.tokens, list(plan_windows(positions, lm.window, lm.stride)) if len(positions) else []
    )
    if not encoded.plan:
        return True
    parts = []
    for window in encoded.plan:
        stride = quarters if window.start else "any"  # the first window is the same for every stride
        file = folder.parent / "windows" / f"{stride}-{number}-{window.start}.npz"
        if not file.exists():
            if time.monotonic() > end:
                return False
            score_window(lm, encoded._replace(plan=[window]), request.args[1], file)
        with np.load(file) as found:
            parts.append((float(found["seconds"]), Statistics(*(found[column] for column in STATISTICS))))
    later = [window.positions - window.start for window in encoded.plan if window.start]
    context = np.concatenate([np.empty(0, np.int64), *later])
    line = {
        "quarters": quarters, "number": number, "name": name, "window": lm.window, "stride": lm.stride,
        "scored": len(encoded.positions), "read": encoded.n_tokens_to_read,
        "seconds": sum(seconds for seconds, _ in parts),
        "n_context": len(context), "sum_context": int(context.sum()), "least_context": int(context.min(initial=2**31)),
    }  # fmt: skip
    with (folder.parent / "measured.jsonl").open("a") as lines:
        lines.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)
    statistics = Statistics.concatenated([part for _, part in parts])
    # last: a trajectory whose table is there is not scored again
    write_token_table(folder, number, name, lm._token_scores(encoded, request.args[1], statistics, name), encoded.text)
    return True


def score_window(lm: HFTopK, encoded: EncodedTrajectory, text: Any, file: Path) -> None:
    """Score the only window of the plan, and write its statistics and its CPU time."""
    began = time.process_time()
    ((_, statistics),) = lm._score([encoded], [text], Progress(0, disable=True))
    columns = {column: getattr(statistics, column) for column in STATISTICS}
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    with new.open("wb") as opened:
        np.savez(opened, seconds=time.process_time() - began, **columns)
    new.replace(file)


def stride_of(window: int, quarters: int) -> int:
    """The stride in tokens."""
    return min(window * quarters // 4, window - 1)


def report(out: Path) -> None:
    """Print the tables."""
    lines = [json.loads(line) for line in (out / "measured.jsonl").read_text().splitlines()]
    lines = list({(line["quarters"], line["number"]): line for line in lines}.values())
    scores = {quarters: read(out / str(quarters)) for quarters in QUARTERS}
    print("| stride | read | scored | read / scored | least context | mean context | CPU s | he_snr | ppl |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for quarters in QUARTERS:
        print(f"| {' | '.join(row([line for line in lines if line['quarters'] == quarters], scores[quarters]))} |")
    print("\n| context of at least | tokens | nats per token | with the smallest stride | difference |")
    print("|---:|---:|---:|---:|---:|")
    for cells in by_context(lines, scores):
        print(f"| {' | '.join(cells)} |")


def read(folder: Path) -> list[TokenScores]:
    """The scores of every trajectory, in their order."""
    return [read_numbered_table(path)[2] for path in sorted(folder.glob("*.parquet"))]


def row(lines: list[dict[str, Any]], scores: list[TokenScores]) -> list[str]:
    """One stride's cells of the first table."""

    def total(key: str) -> float:
        return sum(line[key] for line in lines)

    profiles = {
        scope: [one.profile(one.in_scope(SCOPES[scope]), EPSILON) for one in scores] for scope in ("action", "all")
    }
    found = {scope: measures(some, EPSILON) for scope, some in profiles.items()}
    return [
        f"{lines[0]['stride']} of {lines[0]['window']}", f"{total('read'):,}", f"{total('scored'):,}",
        f"{total('read') / total('scored'):.2f}", f"{min(line['least_context'] for line in lines):,}",
        f"{total('sum_context') / max(total('n_context'), 1):,.0f}", f"{total('seconds'):.1f}",
        *(" / ".join(text_table.number(found[scope][name], ".4g") for scope in found) for name in ("he_snr", "ppl")),
    ]  # fmt: skip


def by_context(lines: list[dict[str, Any]], scores: dict[int, list[TokenScores]]) -> Iterator[list[str]]:
    """The second table: tokens of the longest stride by their context, against the smallest stride."""
    window = lines[0]["window"]
    longest, smallest = scores[QUARTERS[-1]], scores[QUARTERS[0]]
    context, worse, better = [], [], []
    for far, near in zip(longest, smallest, strict=True):
        positions = np.flatnonzero(far.scored)
        positions = positions[positions >= window]
        context.append((positions - window) % stride_of(window, QUARTERS[-1]) + 1)
        worse.append(-far.logprob[positions])
        better.append(-near.logprob[positions])
    every, far_nll, near_nll = (np.concatenate(parts) for parts in (context, worse, better))
    for least, below in zip(LEAST, (*LEAST[1:], window), strict=True):
        some = (every >= least) & (every < below)
        if not some.any():
            continue
        a, b = far_nll[some].mean(), near_nll[some].mean()
        yield [f"{least:,}", f"{int(some.sum()):,}", f"{a:.3f}", f"{b:.3f}", f"{a - b:+.3f}"]


if __name__ == "__main__":
    main()
