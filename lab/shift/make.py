"""The pieces of work: what a checkpoint says about trajectories, and how that differs from the checkpoint before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lab.experiment import Made
from lab.families.about import about_with_training
from lab.families.train import checkpoint
from lab.predict.layout import digest
from lab.provenance import digest_of_weights
from lab.scoring import rounded, token_scores
from lab.shift.layout import HISTOGRAM, HISTOGRAM_AT, NEAR, columns_at, line
from lab.shift.plan import TEMPERATURES
from lab.shift.windows import COLUMNS, counts, moves
from lm_eval_hesnr.files import make_folder
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.calibration import calibrated
from lm_eval_hesnr.metrics.decomposition import part_totals
from lm_eval_hesnr.metrics.edges import EPSILON, WINDOW
from lm_eval_hesnr.metrics.measures import totals
from lm_eval_hesnr.results.documents import COLUMNS as TOTALS
from lm_eval_hesnr.results.documents import totals_line
from lm_eval_hesnr.scoring.token_scores import TokenScores


def make_reading(folder: Path, name: str) -> Made:
    """The tokens near each ln n at each temperature, and the totals of all measures, for each trajectory.

    Args:
        folder: of the piece of work, two levels below the folder of the laboratory's work.
        name: of the checkpoint.
    """
    model = checkpoint(folder.parents[1] / "families", name)
    scores = _scores(folder.parent, model, name)
    entropies = [entropies_of(one, _in_scope(one)) for one in scores]
    profiles = [one.profile(_in_scope(one), EPSILON) for one in scores]
    calibration = calibrated([one.temperatures for one in profiles], [one.digest for one in scores], EPSILON)
    value = {
        "documents_sha256": digest([one.digest for one in scores]),
        "n_tokens": sum(len(at[1.0]) for at in entropies),
        "epsilon": EPSILON,
        "windows": {
            f"{t:g}": {"columns": columns_at(t), "rows": [_counts_line(at[t], t) for at in entropies]}
            for t in TEMPERATURES
        },
        "histograms": {f"{t:g}": [line(np.histogram(at[t], HISTOGRAM)[0]) for at in entropies] for t in HISTOGRAM_AT},
        "near": {str(n): _near(scores, n) for n in NEAR},
        "columns": list(TOTALS),
        "totals": [totals_line(totals(one, EPSILON)) for one in profiles],
        "calibrated_he_snr": rounded(calibration.estimate.value),
        "temperatures": [rounded(one) for one in calibration.temperatures],
    }
    return Made(about_with_training(model, name), value)


def make_parts(folder: Path, name: str, before: str) -> Made:
    """The parts of the difference of he_snr to an earlier checkpoint, and where its tokens moved.

    Arguments as in `make_reading`.
    """
    families = folder.parents[1] / "families"
    after = _scores(folder.parent, checkpoint(families, name), name)
    earlier = _scores(folder.parent, checkpoint(families, before), before)
    rows, moved = [], []
    for a, b in zip(earlier, after, strict=True):
        chosen = _in_scope(a)
        in_a, in_b = (chosen & one.decisions(EPSILON) for one in (a, b))
        rows.append(line(part_totals(a.snr, in_a, b.snr, in_b)))
        moved.append(line(moves(*(one.entropy[chosen].astype(np.float64) for one in (a, b)))))
    return Made(about_with_training(families / name, name), {"before": before, "rows": rows, "moves": moved})


def _in_scope(scores: TokenScores) -> np.ndarray:
    return scores.in_scope(SCOPES["action"])


def _near(scores: Sequence[TokenScores], n: int) -> dict[str, str]:
    """Counts of the tokens of actions within 0.06 of ln n: by rank, and by how equal the n candidates are."""
    ranks, ratios = [], []
    for one in scores:
        if one.top_logits is None:
            raise AssertionError("the run has the option `temperatures`")
        near = _in_scope(one) & (np.abs(one.entropy.astype(np.float64) - math.log(n)) <= WINDOW)
        ranks.append(np.minimum(one.rank[near], one.k + 1))
        ratios.append(np.exp(one.top_logits[near, n - 1].astype(np.float64)))
    k = scores[0].k
    return {
        "ranks": line(np.bincount(np.concatenate(ranks), minlength=k + 2)[1:]),
        "equal": line(np.histogram(np.concatenate(ratios), np.arange(11) / 10)[0]),
    }


def entropies_of(scores: TokenScores, chosen: np.ndarray) -> dict[float, np.ndarray]:
    """Temperature to the entropies of the chosen tokens, nats.

    At temperatures other than 1, a token without recorded logits has the entropy 0. Its entropy is below ln 2 at T = 2.

    Args:
        scores: of a run with the option `temperatures`.
        chosen: (T,) bool, or (n,) places.
    """
    found = {1.0: scores.entropy[chosen].astype(np.float64)}
    if scores.top_logits is None:
        raise AssertionError("the run has the option `temperatures`")
    logits = scores.top_logits[chosen].astype(np.float64)
    known = ~np.isnan(logits[:, 0])
    for t in TEMPERATURES:
        if t != 1:
            found[t] = np.zeros(len(logits))
            found[t][known] = _entropy(logits[known] / t)
    return found


def _entropy(logits: np.ndarray) -> np.ndarray:
    """(n,) nats: of softmax over (n, k) logits, of which the largest is 0."""
    weights = np.exp(logits)
    total = weights.sum(axis=1)
    return np.asarray(np.log(total) - (weights * np.maximum(logits, -1e30)).sum(axis=1) / total)


def _counts_line(entropy: np.ndarray, temperature: float) -> str:
    found = counts(entropy)
    return line(np.array([found[COLUMNS.index(column)] for column in columns_at(temperature)]))


def _scores(work: Path, model: Path, name: str) -> list[TokenScores]:
    """The scores of the embedded runs. They are kept in a folder, because the next checkpoint needs them, too."""
    path = make_folder(work / name, "--out") / f"scores-{digest_of_weights(model)[:12]}.npz"
    fields = ("token_ids", "labels", "char_start", "char_end", "scored", "logprob", "entropy", "rank", "top_mass",
              "collision", "n_bytes", "log_z", "top_logits")  # fmt: skip
    if not path.exists():
        found = token_scores(model, None, metadata={"temperatures": True, "score": "action"})
        partial = path.with_suffix(".tmp.npz")
        np.savez_compressed(
            partial, **{f"{i} {field}": getattr(one, field) for i, one in enumerate(found) for field in fields}
        )
        partial.replace(path)
    with np.load(path) as kept:
        n = sum(key.endswith(" token_ids") for key in kept.files)
        return [TokenScores(**{field: kept[f"{i} {field}"] for field in fields}, k=10) for i in range(n)]
