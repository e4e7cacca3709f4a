"""The summary of one scope: further numbers from its profiles, as plain values for the results JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lm_eval_hesnr.metrics import shape
from lm_eval_hesnr.metrics.bootstrap import effective_documents, interval, resampled, width_by_size
from lm_eval_hesnr.metrics.edges import NEAR_EPSILON, SAME, SWEEP, fixed_grid
from lm_eval_hesnr.metrics.estimates import Estimate, estimates
from lm_eval_hesnr.metrics.measures import measure, number_or_none, totals
from lm_eval_hesnr.metrics.profile import SUMS, EntropyProfile, pooled
from lm_eval_hesnr.metrics.thresholds import METHODS, threshold

_TOKENS = SUMS.index("tokens")


def summary(
    profiles: Sequence[EntropyProfile],
    epsilon: float | None,
    *,
    static: float | None = None,
    found: Mapping[str, Estimate] | None = None,
) -> dict[str, Any]:
    """Intervals, sweep, thresholds, shape, histogram, and interval widths by number of trajectories, of one scope.

    Args:
        profiles: one for each document.
        epsilon: the threshold of the measures, an edge; None if an adaptive method found no threshold.
        static: the run's own epsilon, if the threshold is adaptive.
        found: `estimates(profiles, epsilon)`, if the caller has computed them already.
    """
    whole = pooled(profiles)
    rows = np.stack([totals(profile, epsilon) for profile in profiles])
    thresholds = {name: threshold(whole, name, epsilon=np.nan) for name in METHODS if name != "static"}
    return {
        "documents": len(profiles),
        "tokens": int(whole.sums[:, _TOKENS].sum()),
        "epsilon": epsilon,
        "largest_influence": largest_influence(rows),
        "near_epsilon": near_epsilon(whole, epsilon),
        "intervals": {name: _listed(one.interval) for name, one in (found or estimates(profiles, epsilon)).items()},
        "sweep": sweep(whole),
        "thresholds": {"static": epsilon if static is None else static} | thresholds,
        "shape": _shape(profiles),
        "histogram": histogram(whole),
        "he_snr_interval_width_by_documents": width_by_size("he_snr", rows),
    }


def sweep(profile: EntropyProfile) -> list[dict[str, float | None]]:
    """he_snr, he_ppl and decisions at the thresholds of `edges.SWEEP` that are below ln k."""
    points = []
    for epsilon in SWEEP:
        if epsilon < profile.edges[-1] - SAME:
            total = totals(profile, epsilon)
            values = {name: number_or_none(measure(name, total)) for name in ("he_snr", "he_ppl", "decisions")}
            points.append({"epsilon": epsilon, **values})
    return points


def largest_influence(rows: np.ndarray) -> dict[str, float | None] | None:
    """The document whose removal would change he_snr most, and the relative change.

    The relative change (`share`) is None if there would be no decisions without this document. The result is None for
    fewer than two documents, and if he_snr is 0 or not a number.
    """
    value = measure("he_snr", rows.sum(axis=0))
    if len(rows) < 2 or not np.isfinite(value) or not value:
        return None
    without = measure("he_snr", rows.sum(axis=0) - rows)  # (D,): document i is left out of value i
    if not np.isfinite(without).all():
        return {"document": int((~np.isfinite(without)).argmax()), "share": None}
    change = np.abs(without - value) / value
    worst = int(change.argmax())
    return {"document": worst, "share": float(change[worst])}


def near_epsilon(profile: EntropyProfile, epsilon: float | None) -> float | None:
    """Share of the scope's tokens with entropy within 0.01 nats of epsilon: in (epsilon - 0.01, epsilon + 0.01].

    None without tokens, without epsilon, or if the ends of the window are not edges. They are edges if epsilon is the
    profile's own or a grid point up to 2.4 nats.
    """
    tokens = profile.sums[:, _TOKENS].sum()
    if epsilon is None or not tokens:
        return None
    try:
        below, up_to = profile.up_to(np.array([epsilon - NEAR_EPSILON, epsilon + NEAR_EPSILON]))[:, _TOKENS]
    except ValueError:
        return None
    return float((up_to - below) / tokens)


def histogram(profile: EntropyProfile) -> dict[str, str]:
    """`edges`: the upper edge in nats of each bin of the fixed grid that is not empty; `tokens`: how many are in it.

    Both are numbers separated by blanks, because the results JSON has one list item per line. A bin is (edge before it
    in the grid, edge]. The first bin, with upper edge 0, contains exact zeros. The last one ends at ln k.
    """
    edges = np.append(fixed_grid(float(profile.edges[-1])), profile.edges[-1])
    counts = np.diff(profile.up_to(edges)[:, _TOKENS], prepend=0.0)
    filled = counts > 0
    return {
        "edges": " ".join(f"{edge:.9g}" for edge in edges[filled]),
        "tokens": " ".join(f"{count:.0f}" for count in counts[filled]),
    }


def _shape(profiles: Sequence[EntropyProfile]) -> dict[str, Any] | None:
    """Peaks and the shift from ln 4 to ln 3, with intervals; None without tokens."""
    bounds, rows = shape.cumulative(profiles)
    whole, documents = shape.shaped(bounds, rows.sum(axis=0)), shape.shaped(bounds, rows)
    found = shape.peaks(whole)
    if found is None:
        return None
    draws = shape.shaped(bounds, resampled(rows, len(rows))) if len(rows) > 1 else None

    def _spread(statistic: Callable[[shape.Cumulative], np.ndarray], weights: np.ndarray) -> list[float] | None:
        return None if draws is None else _listed(interval(statistic(draws), effective_documents(weights)))

    peaks = []
    for peak in found:
        order, tokens = peak.order, shape.near(documents, peak.order)
        peaks.append(
            peak._asdict()
            | {
                "mass_interval": _spread(partial(shape.mass, order=order), documents.sums[:, -1, 0]),
                "location_interval": None
                if peak.location is None
                else _spread(partial(shape.location, order=order), tokens),
            }
        )
    return {
        "peaks": peaks,
        "ln3_ln4_shift": number_or_none(shape.ln3_ln4_shift(whole)),
        "ln3_ln4_shift_interval": _spread(shape.ln3_ln4_shift, shape.near(documents, 3) + shape.near(documents, 4)),
    }


def _listed(found: tuple[float, float] | None) -> list[float] | None:
    return None if found is None else list(found)
