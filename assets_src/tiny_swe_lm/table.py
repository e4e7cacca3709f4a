"""The family's table: every checkpoint evaluated by `hesnr sweep`, and pictures of training loss and entropy.

Run `python -m assets_src.tiny_swe_lm.table --out DIR` after the family is made. The family's command does this too.
The sweep evaluates a checkpoint again only if its weights have changed. After a change of the package's code or of the
sample set, remove `DIR/sweeps`.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from assets_src.tiny_swe_lm.pictures import curve, histogram
from assets_src.tiny_swe_lm.working_folder import require
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.compare.compared_run import from_tables
from lm_eval_hesnr.results.compare.verdict import verdicts
from lm_eval_hesnr.results.token_tables import read_tables

BAR = 0.05  # nats, width of a histogram bar
BEGIN, END = "<!-- table -->\n", "<!-- /table -->\n"
CAPTION = "Differences between two checkpoints, paired by trajectory:"
COLUMNS = "| checkpoint | context | PPL, all | PPL | HE-PPL | HE-SNR | 95 % interval | decisions | topk_acc |"


class Reading(NamedTuple):
    """One evaluation: a checkpoint, and what it is evaluated with."""

    name: str
    member: str
    max_length: int | None = None
    render: str = "transcript"


def readings(out: Path) -> list[Reading]:
    """Every checkpoint with default options, and some of them with other options."""
    require(out, "members.json")
    members = json.loads((out / "members.json").read_text())
    last_short = [name for name in members if name.startswith("base_")][-1]
    plain = [Reading(name, name) for name in members]
    unscaled = Reading(f"{last_short}, window 2048", last_short, max_length=2048)
    return [*plain, unscaled, *(Reading(f"{member}, chat", member, render="chat") for member in ("final", "tuned"))]


def _folder(out: Path, reading: Reading) -> Path:
    """The folder of a reading in the OUT of its sweep. There is one sweep for each way to render trajectories."""
    return out / "sweeps" / reading.render / reading.name


def sweep(out: Path, every: Sequence[Reading]) -> None:
    """Evaluate the readings of one way to render with `hesnr sweep`, which skips those that are done.

    Raises:
        subprocess.CalledProcessError: an evaluation failed; its log names the reason.
    """
    folder = out / "sweeps" / every[0].render
    config = out / f"sweep_{every[0].render}.yaml"
    checkpoints = [
        {"name": one.name, "pretrained": str(out / one.member)}
        | ({} if one.max_length is None else {"model_args": {"max_length": one.max_length}})
        for one in every
    ]
    settings = {"checkpoints": checkpoints, "model_args": "dtype=float32", "metadata": {"render": every[0].render}}
    config.write_text(json.dumps(settings, indent=2))  # JSON is YAML
    subprocess.run([sys.executable, "-m", "lm_eval_hesnr.cli", "sweep", "--config", config, "-o", folder], check=True)


def results_of(out: Path, reading: Reading) -> dict[str, Any]:
    """The results file of a reading."""
    folder = _folder(out, reading)
    state = json.loads((folder / "state.json").read_text())
    results: dict[str, Any] = json.loads((folder / state["results"]).read_text())
    return results


def differences(out: Path, pairs: Sequence[tuple[str, str]]) -> str:
    """A Markdown table of B minus A, paired by trajectory, in scope `action`, as `hesnr measure A B` computes it."""
    lines = ["| from | to | HE-SNR | 95 % interval | HE-PPL | 95 % interval | decisions | 95 % interval |"]
    lines.append("|---|---" + "|---:" * 6 + "|")
    scopes = {"action": SCOPES["action"]}
    folders = {reading.name: _folder(out, reading) for reading in readings(out)}
    for names in pairs:
        tables = [read_tables(folders[name] / "tokens", scopes, EPSILON) for name in names]
        (verdict,) = verdicts([from_tables(one, scopes, EPSILON) for one in tables], "action")
        cells = [f"`{name}`" for name in names]
        for measure, form in (("he_snr", "+.4f"), ("he_ppl", "+.3f"), ("decisions", "+,.0f")):
            difference = verdict.differences.get(measure)
            if difference is None or difference.interval is None:
                cells += ["", ""]
            else:
                low, high = difference.interval
                cells += [f"{difference.value:{form}}", f"{low:{form}} to {high:{form}}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def steps_of_training(out: Path) -> list[tuple[str, str]]:
    """Pairs of readings to compare: each one and the next."""
    names = json.loads((out / "members.json").read_text())
    base = [name for name in names if name.startswith("base_")]
    unscaled = f"{base[-1]}, window 2048"
    return [
        *pairwise([*base, "final"]),
        (unscaled, "extended_unadapted"),
        (base[-1], "extended_unadapted"),
        ("extended_unadapted", "extended"),
        ("final", "extended"),
        ("final", "tuned"),
        ("final, chat", "tuned, chat"),
    ]


def row(name: str, data: dict[str, Any]) -> str:
    """One line of the table. The scope is `action`, except in the column `all`."""
    results, config = data["results"]["swe_hesnr"], data["configs"]["swe_hesnr"]
    value = {key: results[f"{key},action"] for key in ("ppl", "he_ppl", "he_snr", "decisions", "topk_acc")}
    interval = config["summary"]["action"]["intervals"]["he_snr"]
    cells = [
        f"`{name}`",
        f"{config['signature']['window']}",
        f"{results['ppl,all']:.2f}",
        f"{value['ppl']:.2f}",
        f"{value['he_ppl']:.3f}",
        f"{value['he_snr']:.4f}",
        f"{interval[0]:.4f} to {interval[1]:.4f}" if interval else "",
        f"{value['decisions']:,.0f}",
        f"{value['topk_acc']:.3f}",
    ]
    return "| " + " | ".join(cells) + " |"


def table(results: dict[str, dict[str, Any]]) -> str:
    """The Markdown table of all readings, in order of training."""
    rule = "|---" + "|---:" * (COLUMNS.count("|") - 2) + "|"
    return "\n".join([COLUMNS, rule, *(row(name, data) for name, data in results.items())]) + "\n"


def entropy_bars(data: dict[str, Any]) -> list[tuple[float, float]]:
    """(right edge in nats, share in %) of the action tokens' entropies, in bars of `BAR`."""
    cells = data["configs"]["swe_hesnr"]["summary"]["action"]["histogram"]
    if isinstance(cells, dict):  # results that were written with an older version have pairs
        columns = ([float(number) for number in cells[key].split()] for key in ("edges", "tokens"))
        cells = list(zip(*columns, strict=True))
    total = sum(count for _, count in cells)
    bars = [0.0] * math.ceil(math.log(10) / BAR)
    for edge, count in cells:
        bars[min(len(bars) - 1, max(0, math.ceil(edge / BAR - 1e-6) - 1))] += count
    return [((i + 1) * BAR, 100 * count / total) for i, count in enumerate(bars)]


def losses(out: Path) -> dict[str, list[tuple[float, float]]]:
    """(step, mean training loss since the last point), by stage. If a step was trained twice, the later one counts."""
    found: dict[str, dict[int, float]] = {}
    for line in (out / "log.jsonl").read_text().splitlines():
        record = json.loads(line)
        found.setdefault(record["stage"], {})[record["step"]] = record["loss"]
    return {stage: sorted(points.items()) for stage, points in found.items()}


def write(out: Path) -> None:
    """Evaluate the checkpoints; write `table.md`, `losses.svg` and `entropies.svg` into the working folder."""
    require(out, "log.jsonl", *(f"{reading.member}/model.safetensors" for reading in readings(out)))
    for render in ("transcript", "chat"):
        sweep(out, [reading for reading in readings(out) if reading.render == render])
    results = {reading.name: results_of(out, reading) for reading in readings(out)}
    (out / "table.md").write_text(table(results) + "\n" + CAPTION + "\n\n" + differences(out, steps_of_training(out)))
    (out / "losses.svg").write_text(
        curve("Training loss of tiny-swe-lm", losses(out), "step of 4096 tokens", "nats per token")
    )
    marks = {f"ln {n}": math.log(n) for n in (2, 3, 4)} | {"epsilon": EPSILON}
    marks = dict(sorted(marks.items(), key=lambda item: item[1]))
    (out / "entropies.svg").write_text(
        histogram(
            "Entropy over action tokens of swe-mini",
            entropy_bars(results["final"]),
            marks,
            "entropy of the top 10, nats",
        )
    )


def publish(out: Path, docs: Path) -> None:
    """Write the table between the marks in `family.md` of the documentation folder, and the pictures beside it."""
    page = docs / "family.md"
    before, rest = page.read_text().split(BEGIN, 1)
    page.write_text(before + BEGIN + (out / "table.md").read_text() + END + rest.split(END, 1)[1])
    for name in ("losses", "entropies"):
        (docs / f"family_{name}.svg").write_text((out / f"{name}.svg").read_text())


def main(argv: list[str] | None = None) -> int:
    """Write the table and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="working folder of the family")
    parser.add_argument("--docs", type=Path, help="documentation folder; its `family.md` gets table and pictures")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    write(args.out)
    if args.docs is not None:
        publish(args.out, args.docs)
    print((args.out / "table.md").read_text(), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
