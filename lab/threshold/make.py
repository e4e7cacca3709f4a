"""The pieces of work: what a checkpoint says about the gold runs at every threshold."""

from __future__ import annotations

from pathlib import Path

from lab.experiment import Made
from lab.families.about import about_with_training
from lab.families.plan import MAIN_DATA
from lab.families.train import checkpoint
from lab.predict.layout import digest
from lab.predict.make import trajectories_of
from lab.scoring import token_scores
from lab.threshold.grid import EPSILONS, KS, sums
from lm_eval_hesnr.labels import SCOPES


def make_reading(folder: Path, name: str) -> Made:
    """The sums at every threshold, for each size of the candidate set.

    Args:
        folder: of the piece of work, two levels below the folder of the laboratory's work.
        name: of the checkpoint.
    """
    out = folder.parents[1]
    model = checkpoint(out / "families", name)
    runs = trajectories_of(out, MAIN_DATA)
    value, documents = {}, []
    for k in KS:
        scores = token_scores(model, runs, metadata={"k": k, "score": "action"})
        documents = [one.digest for one in scores]
        value[str(k)] = sums(scores, [one.in_scope(SCOPES["action"]) for one in scores], k)
    whole = {"documents_sha256": digest(documents), "n_documents": len(documents), "epsilons": list(EPSILONS)}
    return Made(about_with_training(model, name), {**whole, "sums": value})
