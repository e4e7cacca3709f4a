"""Measures on the decisions of a reference run: every run is asked about the same tokens.

The set contains the tokens of the scope that are decisions of the *reference* run: its entropy > epsilon, and its rank
<= k. Tokens are matched by the digest of the document's token ids, and by their position. All measures are computed
over exactly these tokens. p, entropy, rank and top_mass are those of the measured run. Its entropy may be below
epsilon, and its rank above k.

    he_snr          mean of p / max(entropy, epsilon) over the set
    q_over_entropy  mean of (p / top_mass) / max(entropy, epsilon) over the set
    he_ppl          exp of minus the mean logprob over the set
    decisions       number of tokens in the set, the same for every run
    top1_acc, topk_acc, mean_entropy, mean_top_mass, bits_per_byte: over the set as usually over a scope

A token with rank > k counts with its own p. The entropy is bounded from below, because a run may be sure of a token
that is a decision of the reference: there, p / entropy has no upper bound, and a few such tokens would dominate the
mean. At decisions of the run itself the bound changes nothing. So the reference run has its he_snr without `--set-of`.

There is no `ppl`, which would be equal to he_ppl, no `decision_rate`, which would be 1, and no `self_he_snr`, which is
defined over tokens that are chosen by their entropy alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.results.compare.comparable import other_settings
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, from_tables, tables_of
from lm_eval_hesnr.results.token_tables import Scopes, Tables, available, read_scores
from lm_eval_hesnr.scoring.token_scores import TokenScores

MEASURES = tuple(name for name in HIGHER_IS_BETTER if name not in ("ppl", "decision_rate", "self_he_snr"))
"""The measures on a set."""

_PLACE = {name: i for i, name in enumerate(SUMS)}


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """The decisions of a reference run."""

    folder: Path
    scopes: Scopes
    epsilon: float
    run: ComparedRun
    """The reference run."""
    positions: dict[str, dict[str, np.ndarray]]
    """For each document's digest, and each scope, the positions of the decisions."""

    @classmethod
    def of(cls, tables: Tables, scopes: Scopes, epsilon: float) -> ReferenceSet:
        """The decisions of the run of a folder of token tables.

        Args:
            tables: the token tables of the run, read with these scopes and this epsilon.
            scopes: name to labels.
            epsilon: the threshold, nats.

        Raises:
            InputError: the token tables cannot be read, or the run did not score all tokens of a scope.
        """
        positions = {}
        for path in tables.paths:
            scores = read_scores(path)[2]
            for scope, labels in scopes.items():
                if not available(scores, labels):
                    raise InputError(
                        f"{path}: score=action, so its decisions in scope {scope} are not known; use --scopes action, "
                        "or score the run of --set-of with score=all"
                    )
            decided = scores.decisions(epsilon)
            positions[scores.digest] = {
                scope: np.flatnonzero(decided & scores.in_scope(labels)) for scope, labels in scopes.items()
            }
        return cls(tables.folder, scopes, epsilon, from_tables(tables, scopes, epsilon), positions)

    def measured(self, run: ComparedRun) -> ComparedRun:
        """The run with its totals over this set.

        Raises:
            InputError: the run has no token tables, another setting that two runs must have in common, other
                documents, or did not score a token of the set.
        """
        tables = tables_of(run, "--set-of")
        for scope in self.scopes:
            if differing := other_settings(self.run.named("REF"), run.named("the run"), scope):
                raise InputError(
                    f"{run.source}: --set-of needs a run with the settings of {self.folder} (REF); they differ in "
                    f"{differing}"
                )
        rows: dict[str, list[np.ndarray]] = {scope: [] for scope in self.scopes}
        for path in tables.paths:
            scores = read_scores(path)[2]
            if scores.digest not in self.positions:
                raise InputError(
                    f"{path}: {self.folder} has no document with these tokens; --set-of needs a run with the same "
                    "tokenizer on the same trajectories"
                )
            for scope, positions in self.positions[scores.digest].items():
                missing = positions[~scores.scored[positions]]
                if len(missing):
                    raise InputError(
                        f"{path}: position {missing[0]} is not scored, but is a decision of {self.folder}; score both "
                        "with the same `score`"
                    )
                rows[scope].append(set_totals(scores, positions, self.epsilon))
        totals = {scope: np.stack(found) for scope, found in rows.items()}
        signature = {**run.signature, "set_of": str(self.folder)}
        return replace(
            run,
            signature=signature,
            measures=MEASURES,
            totals=totals,
            replicates={},
            calibrated={},
            chose_tokens=run.source.samefile(self.folder),
        )


def set_totals(scores: TokenScores, positions: np.ndarray, epsilon: float) -> np.ndarray:
    """(2 * len(SUMS),): the totals of one document over these tokens, laid out like `measures.totals`.

    Args:
        scores: of the measured run.
        positions: (n,) of the tokens.
        epsilon: the lower bound of the entropy in he_snr and q_over_entropy, nats.
    """
    chosen = np.zeros(len(scores.scored), bool)
    chosen[positions] = True
    scope = scores.profile(chosen, epsilon).sums.sum(axis=0)
    bounded = np.maximum(scores.entropy[positions].astype(np.float64), epsilon)
    p, top_mass = np.exp(scores.logprob[positions].astype(np.float64)), scores.top_mass[positions].astype(np.float64)
    decided = scope.copy()
    decided[_PLACE["top_k"]] = len(positions)  # every token of the set counts as a decision
    decided[_PLACE["nll_top_k"]] = scope[_PLACE["nll"]]
    decided[_PLACE["snr"]] = (p / bounded).sum()
    decided[_PLACE["q_snr"]] = (p / top_mass / bounded).sum()
    return np.concatenate([scope, decided])
