"""The data of the preregistered analysis: checkpoints with their outcome, HE-SNR, and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lm_eval_hesnr.results.correlate.points import Points, Predictor

HE_SNR, PPL, SELF, CALIBRATED = "he_snr,action", "ppl,action", "self_he_snr,action", "calibrated_he_snr,action"
RIVALS = ("ppl,all", "he_ppl,action", "top1_acc,action", "topk_acc,action", "mean_entropy,action", SELF)
"""What HE-SNR must also beat in P2; log(tokens) is one more. `bits_per_byte` is the same predictor as `ppl` here,
because all checkpoints have one tokenizer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """n checkpoints and the values of every measure. Where a measure has a direction, a higher `x` is better."""

    points: Points
    he_snr: Predictor
    ppl: Predictor
    """The main rival, with the two halves that P6 needs."""
    rivals: Sequence[Predictor]
    """The measures of `RIVALS`."""
    calibrated: Predictor

    @property
    def null(self) -> Predictor:
        """Training time, which nobody needs a measure for."""
        return self.points.null_predictor()

    @property
    def all_rivals(self) -> list[Predictor]:
        """The rivals of P2."""
        return [*self.rivals, self.null]
