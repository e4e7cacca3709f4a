"""The formulas of the losses: from logits of N tokens to one scalar, in nats per token.

In all of them z are the logits of one token, p = softmax(z), and y is the right token. `logits` is (N, V), `targets`
(N,). The sources are papers; the code is written from their formulas.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

SMOOTHING = 0.1
BETA = 0.7
BONUS = 0.1
PULL = 0.5
ALPHA = 0.5
WEIGHT, MARGIN = 0.5, 1.0


def smoothed(logits: torch.Tensor, targets: torch.Tensor, smoothing: float = SMOOTHING) -> torch.Tensor:
    """Cross entropy with label smoothing: - (1 - s) ln p_y - s / V sum_j ln p_j.

    Szegedy et al., Rethinking the Inception Architecture (2016), section 7, arXiv 1512.00567.
    """
    return cross_entropy(logits, targets, label_smoothing=smoothing)


def gem(logits: torch.Tensor, targets: torch.Tensor, beta: float = BETA) -> torch.Tensor:
    """GEM with linear h: - sum_j q_j (ln p_y - ln p_j), q = softmax(z / beta), which has no gradient.

    Li et al., Preserving Diversity in Supervised Fine-tuning (2025), arXiv 2408.16673. Its gradient by z is q - e_y.
    So it is beta times the gradient of the cross entropy of softmax(z / beta): GEM of this form is cross entropy of a
    colder copy of the model, which is then used at temperature 1. A test shows it.
    """
    log_p = logits.log_softmax(-1)
    q = (logits.detach() / beta).softmax(-1)
    return -(q * (_of_targets(log_p, targets)[:, None] - log_p)).sum(-1).mean()


def with_entropy_bonus(logits: torch.Tensor, targets: torch.Tensor, bonus: float = BONUS) -> torch.Tensor:
    """Cross entropy minus b H(p): - ln p_y + b sum_j p_j ln p_j.

    Pereyra et al., Regularizing Neural Networks by Penalizing Confident Output Distributions (2017), arXiv 1701.06548.
    """
    log_p = logits.log_softmax(-1)
    return cross_entropy(logits, targets) + bonus * (log_p.exp() * log_p).sum(-1).mean()


def with_kl(
    logits: torch.Tensor, targets: torch.Tensor, start_logits: torch.Tensor, pull: float = PULL
) -> torch.Tensor:
    """Cross entropy plus c KL(p_start || p): - ln p_y + c sum_j p_start,j (ln p_start,j - ln p_j).

    Li and Hoiem, Learning without Forgetting (2016), arXiv 1606.09282: a distillation term keeps the start's answers.
    `start_logits` is (N, V), of the model before fine-tuning, without gradient.
    """
    return cross_entropy(logits, targets) + pull * kl(start_logits, logits).mean()


def kl(start_logits: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """(N,) KL(p_start || p) of each token."""
    log_start, log_p = start_logits.log_softmax(-1), logits.log_softmax(-1)
    return (log_start.exp() * (log_start - log_p)).sum(-1)


def with_unlikelihood(
    logits: torch.Tensor, targets: torch.Tensor, wrong: torch.Tensor, alpha: float = ALPHA
) -> torch.Tensor:
    """Cross entropy plus unlikelihood: - ln p_y - a ln(1 - p_c), with the wrong token c of some tokens.

    Welleck et al., Neural Text Generation with Unlikelihood Training (2019), arXiv 1908.04319. Both terms are divided
    by the number of all tokens. `wrong` is (N,): a token that must become unlikely, or -1.
    """
    has_wrong = wrong >= 0
    log_p = logits[has_wrong].log_softmax(-1)
    p = _of_targets(log_p, wrong[has_wrong]).exp()
    unlikely = torch.log1p(-p.clamp(max=1 - 1e-6)).sum() / len(targets)
    return cross_entropy(logits, targets) - alpha * unlikely


def with_margin(
    log_p: torch.Tensor,
    right: torch.Tensor,
    wrong: torch.Tensor,
    lengths: torch.Tensor,
    weight: float = WEIGHT,
    margin: float = MARGIN,
) -> torch.Tensor:
    """Cross entropy plus a margin: - mean ln p_y + w mean max(0, m - (ln p(a+) - ln p(a-)) / |a+|).

    a+ is the right action of an example, a- the wrong one, |a+| the number of tokens of a+. The hinge loss is that of
    Zhao et al., SLiC-HF (2023), arXiv 2305.10425; Meng et al., SimPO (2024), arXiv 2405.14734, divide by the length.

    Args:
        log_p: (N,) ln p_y of the tokens of all right actions.
        right: (B,) ln p(a+) of each example.
        wrong: (B,) ln p(a-).
        lengths: (B,) |a+|.
        weight: w.
        margin: m, nats per token.
    """
    return -log_p.mean() + weight * (margin - (right - wrong) / lengths).clamp(min=0).mean()


def _of_targets(log_p: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return log_p.gather(-1, targets[:, None])[:, 0]
