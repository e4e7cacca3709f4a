"""How much of a change of he_snr comes from other tokens that are decisions, and the finding `set-moved` about it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import user_path
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.decomposition import decomposed, part_totals
from lm_eval_hesnr.results.diagnosis.change import Change, in_scopes, sizes
from lm_eval_hesnr.results.diagnosis.decisions import Decisions, read_decisions
from lm_eval_hesnr.results.diagnosis.finding import ChangeFinding, Finding
from lm_eval_hesnr.results.run import Run

LEAST_MOVE_OF_PPL = 0.05
"""If ppl changes by less than this fraction, he_snr is not expected to move."""
LARGEST_SHARE_OF_PPL = 0.2
"""he_snr hardly moves if its relative change is at most this share of that of ppl. With the embedded model, the share
is 0.04 if a random half of the true logits rises by 1, and also if noise is added to all logits. In both cases, other
decisions hide the change. At the temperature 0.8 it is 0.4. With SmolLM2-135M, the random half gives 0.34, so that only
token tables show it: the limit is for few wrong warnings."""
LARGEST_REST = 0.5
"""Other decisions hide a change of he_snr if at most this share of the change on the common decisions is left."""
LARGEST_WITHIN = 0.25
"""Other decisions cause a change of he_snr if at most this share of it is a change on the common decisions. With the
embedded model, it is 0 if the true logits of the easiest decisions rise by 1."""

_LARGEST_SHARE_WITH_TABLES = 0.5
"""Token tables are read only if the share is at most this, or he_snr and ppl disagree: reading many takes minutes."""
_SAME = 1e-6
"""The tables are those of the two runs if they give the same change of he_snr, within this."""
_LABELS = {label.label_name: label for label in Label}


@dataclass(frozen=True, slots=True, eq=False)
class SetChange:
    """What is known about the decisions behind a change of he_snr."""

    change: Change
    hides: bool
    """Other decisions hide a change on the common decisions."""
    causes: bool
    """Other decisions cause the change."""
    may_hide: bool
    """ppl moves and he_snr hardly, and the parts of the change are not known."""
    parts: Mapping[str, Difference] | None

    @classmethod
    def of(cls, change: Change) -> SetChange:
        """Look at a change, in its token tables if they may tell more."""
        values, ppl = change.values("he_snr"), change.move("ppl") or 0
        has_moved = values is not None and bool(values[0]) and abs(ppl) >= LEAST_MOVE_OF_PPL
        share = abs((values[1] / values[0] - 1) / ppl) if values and has_moved else math.inf
        parts = parts_of_change(change) if share <= _LARGEST_SHARE_WITH_TABLES or change.is_opposite else None
        if parts is None:
            return cls(change, hides=False, causes=False, may_hide=share <= LARGEST_SHARE_OF_PPL, parts=None)
        total, within = parts["total"].value, parts["within"].value
        return cls(
            change,
            hides=parts["within"].is_clear and abs(total) <= LARGEST_REST * abs(within),
            causes=change.move("he_snr") is not None and abs(within) <= LARGEST_WITHIN * abs(total),
            may_hide=False,
            parts=parts,
        )

    @property
    def text(self) -> str:
        """The scope, he_snr in both runs, and the parts of the change."""
        named = {"common decisions": "within", "entering": "entering", "leaving": "leaving"}
        parts = ", ".join(f"{name} {self.parts[key].value:+.4f}" for name, key in named.items() if self.parts)
        return f"{in_scopes([self.change], 'he_snr')} ({parts})"


def set_moved(found: Iterable[SetChange]) -> Iterator[ChangeFinding]:
    """The findings about changes in several scopes. Each is one line."""
    found = list(found)
    advice = (
        "look at the common decisions (within in hesnr measure A B --decompose), or compare both runs on the decisions "
        "of a third run C (--set-of C)"
    )
    if hiding := [one for one in found if one.hides]:
        evidence = "tokens that enter or leave the decisions hide at least half of a change: "
        finding = Finding("set-moved", evidence + "; ".join(one.text for one in hiding), advice)
        within = {f"{one.change.scope}, within": abs(one.parts["within"].value) for one in hiding if one.parts}
        yield ChangeFinding(finding, within)
    if causing := [one for one in found if one.causes]:
        evidence = "he_snr moves because tokens enter or leave the decisions: "
        finding = Finding("set-moved", evidence + "; ".join(one.text for one in causing), advice)
        yield ChangeFinding(finding, sizes((one.change for one in causing), "he_snr"))
    if unknown := [one.change for one in found if one.may_hide]:
        finding = Finding(
            "set-moved",
            f"ppl moves and he_snr hardly: {in_scopes(unknown, 'he_snr', 'ppl')}",
            "tokens that enter or leave the decisions may hide a change; from token tables, hesnr measure A B shows it "
            "with --decompose",
        )
        yield ChangeFinding(finding, {f"{scope}, ppl": size for scope, size in sizes(unknown, "ppl").items()})


def parts_of_change(change: Change) -> Mapping[str, Difference] | None:
    """The parts `within`, `entering` and `leaving` of the change of he_snr (`metrics.decomposition`).

    The token tables are those that the results files name in `metadata.token_table`. None if there are none, one cannot
    be read, or they belong to other runs: a later run may have written into the same folder.
    """
    values, documents = change.values("he_snr"), change.before.config.get("documents")
    if values is None or change.samples is None or documents is None:
        return None
    epsilon, labels = documents["epsilon"].get(change.scope), _labels(change.before, change.scope)
    if epsilon is None or not labels:
        return None
    before, after = (_decisions(run, documents) for run in (change.before, change.after))
    if before is None or after is None:
        return None
    pairs = zip(before, after, strict=True)
    rows = [part_totals(*a.in_scope(labels, epsilon), *b.in_scope(labels, epsilon)) for a, b in pairs]
    found = {name: part for name, part in decomposed(np.stack(rows)).items() if part is not None}
    if not {"total", "within", "entering", "leaving"} <= found.keys():
        return None
    return found if abs(found["total"].value - (values[1] - values[0])) <= _SAME else None


def _labels(run: Run, scope: str) -> frozenset[Label]:
    """The labels of the scope, from the signature; empty if it does not name them."""
    scopes = run.config["signature"].get("scopes")
    names = scopes.get(scope) if isinstance(scopes, dict) else None
    known = isinstance(names, list) and all(isinstance(name, str) and name in _LABELS for name in names)
    return frozenset(_LABELS[name] for name in names) if known and names else frozenset()


def _decisions(run: Run, documents: Mapping[str, Any]) -> tuple[Decisions, ...] | None:
    """The decisions of the run, from its token tables; None if there are none, or if they have other documents."""
    folder = _folder(run.config.get("metadata"), run.task)
    epsilon = min(threshold for threshold in documents["epsilon"].values() if threshold is not None)
    found = read_decisions(folder, epsilon, len(documents["sha256"])) if folder else None
    return found if found and [one.digest for one in found] == sorted(documents["sha256"]) else None


def _folder(metadata: Any, task: str) -> Path | None:
    """The folder of the token tables. If a run has several of our tasks, it is a folder with the task's name."""
    given = metadata.get("token_table") if isinstance(metadata, dict) else None
    if not isinstance(given, str):
        return None
    try:
        folders = user_path(given) / task, user_path(given)
        return next((folder for folder in folders if folder.is_dir() and any(folder.glob("*.parquet"))), None)
    except (InputError, OSError):
        return None
