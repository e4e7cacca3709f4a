"""The parts of the difference of he_snr between two runs, from their token tables (`metrics.decomposition`)."""

from __future__ import annotations

import numpy as np

from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.decomposition import PARTS, decomposed, part_totals
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, tables_of
from lm_eval_hesnr.results.token_tables import available, read_scores


def decompose(a: ComparedRun, b: ComparedRun, labels: frozenset[Label], epsilon: float) -> dict[str, Difference | None]:
    """Each part of he_snr(B) - he_snr(A), by name, with its paired interval.

    The token tables are read again, one pair of documents at a time. The documents must be the same. If one of the
    runs did not score all tokens of the scope, the parts are None.

    Args:
        a: the run whose value is subtracted.
        b: the other run.
        labels: the labels of the scope.
        epsilon: the threshold, nats.

    Raises:
        InputError: one of the runs has no token tables.
    """
    pairs = zip(tables_of(a, "--decompose").paths, tables_of(b, "--decompose").paths, strict=True)
    rows = []
    for path_a, path_b in pairs:
        scores_a, scores_b = read_scores(path_a)[2], read_scores(path_b)[2]
        if not (available(scores_a, labels) and available(scores_b, labels)):
            return dict.fromkeys(PARTS)
        in_scope = scores_a.in_scope(labels)
        in_a, in_b = (in_scope & scores.decisions(epsilon) for scores in (scores_a, scores_b))
        rows.append(part_totals(scores_a.snr, in_a, scores_b.snr, in_b))
    return decomposed(np.stack(rows))
