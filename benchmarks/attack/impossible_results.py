"""Attacks with numbers in results files that no run can have. No command may print them, or compare with them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from benchmarks.attack.cases import hesnr_all
from benchmarks.attack.hostile_results import measured
from benchmarks.attack.table import Room, attack

VALUES: dict[str, tuple[Any, ...]] = {
    "he_snr,action": (-7, 5.0, math.inf), "top1_acc,action": (3, -0.5), "ppl,action": (0.0, -1, math.inf),
    "he_ppl_stderr,action": (-1, math.inf), "mean_entropy,action": (99.0,), "decisions,action": (-4,),
}  # fmt: skip
"""Values of the key `results`."""
SUMMARIES: dict[str, tuple[Any, ...]] = {
    "documents": (-4,), "epsilon": (-3, math.inf), "near_epsilon": (-1,),
    "intervals": ({"he_snr": [5, -5]}, {"he_snr": [0, math.inf]}),
}  # fmt: skip
TOTALS: dict[str, tuple[str, ...]] = {
    "scope.tokens": ("-5", "0", "inf"), "scope.nll": ("-5",), "scope.top_k": ("99999999",), "scope.bytes": ("-1",),
    "scope.rank_1": ("99999999",), "above.top_k": ("99999999",), "above.snr": ("inf", "99999999"),
    "above.tokens": ("99999999",), "scope.top_mass": ("99999999",),
}  # fmt: skip


def _changed(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for places, key in (
        (VALUES, ("results", "swe_hesnr")),
        (SUMMARIES, ("configs", "swe_hesnr", "summary", "action")),
    ):
        for name, values in places.items():
            for value in values:
                changed = json.loads(json.dumps(content))
                inner = changed
                for part in key:
                    inner = inner[part]
                inner[name] = value
                yield f"{name} = {value}", changed
    for column, texts in TOTALS.items():
        for text in texts:
            changed = json.loads(json.dumps(content))
            documents = changed["configs"]["swe_hesnr"]["documents"]
            lines = documents["totals"]["action"]
            numbers = lines[0].split(" ")
            numbers[documents["columns"].index(column)] = text
            lines[0] = " ".join(numbers)
            yield f"{column} = {text}", changed


@attack("hostile results")
def numbers_that_no_run_can_have(room: Room) -> None:
    """Negative counts, shares above 1, endless intervals: each file is refused, and none is called better."""
    path, _ = measured(room)
    good = json.loads(path.read_text(encoding="utf-8"))

    def _commands() -> Iterator[tuple[str, list[str]]]:
        for what, content in _changed(good):
            broken = room.folder / "results_x.json"
            broken.write_text(json.dumps(content), encoding="utf-8")
            for command in (
                ["measure", str(broken)], ["measure", str(broken), str(path)], ["diagnose", str(broken)],
                ["export", str(broken), "--to", "csv"],
            ):  # fmt: skip
                yield f"{what}, {command[0]}", command

    for what, answer in hesnr_all(room, _commands()):
        room.expect(answer.result != 0, f"{what}: accepted")
