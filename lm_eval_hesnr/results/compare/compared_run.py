"""One run, ready to be compared with others: the totals of its documents, from token tables or from a results file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.bootstrap import Interval
from lm_eval_hesnr.metrics.calibration import CALIBRATED, Replicates, estimate_of, replicates
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, totals
from lm_eval_hesnr.results.documents import document_totals
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.token_tables import Scopes, Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """The totals of D documents of one run. The documents are ordered by their tokens."""

    name: str
    """Short, and different for each run of a comparison."""
    source: Path
    """The folder of token tables, or the results file."""
    signature: Mapping[str, Any]
    """The settings of the run. `epsilon`, `threshold` and `scopes` are those of the totals."""
    ids: Sequence[str]
    """D names of trajectories."""
    digests: Sequence[str]
    """D digests of token ids. Equal digests mean equal documents."""
    totals: Mapping[str, np.ndarray]
    """For each scope (D, 2 * len(SUMS)), see `measures.totals`. What is not known is NaN."""
    thresholds: Mapping[str, float | None] = field(default_factory=dict)
    """For each scope the threshold of the totals, nats; None if no threshold was found."""
    measures: Sequence[str] = tuple(HIGHER_IS_BETTER)
    """The measures that the totals give."""
    tables: Tables | None = None
    """The token tables, if the totals come from them."""
    replicates: Mapping[str, Replicates] = field(default_factory=dict)
    """For each scope the calibrated he_snr in all resamples, if the token tables have temperatures."""
    calibrated: Mapping[str, Estimate] = field(default_factory=dict)
    """For each scope the calibrated he_snr, if the run has temperatures."""
    chose_tokens: bool = False
    """Whether the totals are over the decisions of this run, and other runs are measured on them, too."""

    def named(self, name: str) -> ComparedRun:
        """The same run under another name."""
        return replace(self, name=name)

    @property
    def model(self) -> str:
        """The name of the run's model."""
        return str(self.signature.get("model", "unknown model"))


def from_tables(tables: Tables, scopes: Scopes, epsilon: float) -> ComparedRun:
    """The run of a folder of token tables. Its name is that of the folder.

    Args:
        tables: the token tables, read with these scopes and this epsilon.
        scopes: name to labels.
        epsilon: the threshold, nats.
    """
    found = {
        scope: replicates([profile.temperatures for profile in profiles], tables.digests)
        for scope, profiles in tables.profiles.items()
        if any(profile.by_temperature is not None for profile in profiles)
    }
    calibrated = {scope: one for scope, one in found.items() if one is not None}
    chosen = {name: sorted(label.label_name for label in labels) for name, labels in scopes.items()}
    return ComparedRun(
        name=tables.folder.name,
        source=tables.folder,
        signature=tables.signature | {"epsilon": epsilon, "threshold": "static", "scopes": chosen},
        ids=tables.names,
        digests=tables.digests,
        totals={
            scope: np.stack([totals(profile, epsilon) for profile in profiles])
            for scope, profiles in tables.profiles.items()
        },
        thresholds=dict.fromkeys(scopes, epsilon),
        tables=tables,
        replicates=calibrated,
        calibrated={scope: estimate_of(one) for scope, one in calibrated.items()},
    )


def from_results(run: Run, source: Path) -> ComparedRun:
    """The run of a results file.

    Raises:
        InputError: the file has no documents, as one of an older version.
    """
    documents = run.config.get("documents")
    if not documents:
        raise InputError(
            f"{source}: an older version of lm_eval_hesnr wrote this results file, without the sums of each trajectory "
            f"(configs, {run.task}, documents). So this run cannot be compared with others. Give the folder of its "
            "token tables, or score it again with this version"
        )
    rows = document_totals(documents)
    digests, ids = documents["sha256"], documents["ids"]
    order = sorted(range(len(ids)), key=lambda i: (digests[i], ids[i]))
    return ComparedRun(
        name=run.task,
        source=source,
        signature=run.config["signature"],
        ids=[ids[i] for i in order],
        digests=[digests[i] for i in order],
        totals={scope: found[order] for scope, found in rows.items()},
        thresholds=documents["epsilon"],
        calibrated={scope: _recorded(run, scope) for scope in rows if f"{CALIBRATED},{scope}" in run.results},
    )


def _recorded(run: Run, scope: str) -> Estimate:
    """The calibrated he_snr in a results file."""
    ends = run.config["summary"].get(scope, {}).get("intervals", {}).get(CALIBRATED)
    value, stderr = (run.value(name, scope) for name in (CALIBRATED, f"{CALIBRATED}_stderr"))
    return Estimate(value, stderr, Interval(*ends) if ends else None)


def tables_of(run: ComparedRun, option: str) -> Tables:
    """The token tables of a run.

    Raises:
        InputError: the run comes from a results file.
    """
    if run.tables is None:
        raise InputError(
            f"{run.source}: {option} needs token tables, and a results file has none; give the folder of --metadata "
            "token_table=DIR"
        )
    return run.tables
