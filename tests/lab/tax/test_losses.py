"""The losses: numbers by hand, an independent implementation in numpy, and gradients by finite differences."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import log_softmax  # type: ignore[import-untyped]

from lab.tax import losses
from lab.tax.models import set_temperature

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(size=(5, 7))
START = RNG.normal(size=(5, 7))
TARGETS = np.array([0, 6, 3, 3, 1])
WRONG = np.array([-1, 2, -1, 0, -1])
ROWS = np.arange(5)


def log_p(logits):
    return log_softmax(logits, axis=1)


def ce(logits):
    return -log_p(logits)[ROWS, TARGETS].mean()


def smoothed(logits):
    wanted = np.full_like(logits, 0.1 / 7)
    wanted[ROWS, TARGETS] += 0.9
    return -(wanted * log_p(logits)).sum(1).mean()


def gem(logits):
    q = np.exp(log_p(LOGITS / 0.7))  # of the logits at which the gradient is taken: q has no gradient
    return (q * (log_p(logits) - log_p(logits)[ROWS, TARGETS][:, None])).sum(1).mean()


def with_entropy_bonus(logits):
    p = np.exp(log_p(logits))
    return ce(logits) - 0.1 * -(p * np.log(p)).sum(1).mean()


def with_kl(logits):
    p, q = np.exp(log_p(START)), np.exp(log_p(logits))
    return ce(logits) + 0.5 * (p * np.log(p / q)).sum(1).mean()


def with_unlikelihood(logits):
    p = np.exp(log_p(logits))
    return ce(logits) - 0.5 * (math.log(1 - p[1, 2]) + math.log(1 - p[3, 0])) / 5


def with_margin(logits):
    """The first two tokens are one right action, the third another one; the last two are the wrong actions."""
    of = log_p(logits)[ROWS, TARGETS]
    hinges = [max(0.0, 1 - (of[0] + of[1] - of[3]) / 2), max(0.0, 1 - (of[2] - of[4]) / 1)]
    return -of[:3].mean() + 0.5 * np.mean(hinges)


def torch_margin(logits, targets):
    of = logits.log_softmax(-1).gather(-1, targets[:, None])[:, 0]
    right, wrong = torch.stack([of[0] + of[1], of[2]]), torch.stack([of[3], of[4]])
    return losses.with_margin(of[:3], right, wrong, torch.tensor([2, 1]))


PAIRS: dict[str, tuple[Callable, Callable]] = {
    "cross entropy": (torch.nn.functional.cross_entropy, ce),
    "smoothing": (losses.smoothed, smoothed),
    "gem": (losses.gem, gem),
    "entropy": (losses.with_entropy_bonus, with_entropy_bonus),
    "kl": (lambda z, y: losses.with_kl(z, y, torch.tensor(START)), with_kl),
    "unlikelihood": (lambda z, y: losses.with_unlikelihood(z, y, torch.tensor(WRONG)), with_unlikelihood),
    "margin": (torch_margin, with_margin),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_loss_and_its_gradient_are_those_of_the_formula_in_numpy(name):
    loss, formula = PAIRS[name]
    logits = torch.tensor(LOGITS, requires_grad=True)
    found = loss(logits, torch.tensor(TARGETS))
    assert found.item() == pytest.approx(formula(LOGITS), rel=1e-12)
    found.backward()
    assert logits.grad is not None
    step = 1e-5
    for place in np.ndindex(LOGITS.shape):
        up, down = LOGITS.copy(), LOGITS.copy()
        up[place] += step
        down[place] -= step
        assert logits.grad[place].item() == pytest.approx((formula(up) - formula(down)) / (2 * step), abs=1e-8)


HALF = torch.tensor([[0.0, 0.0]])
FIRST = torch.tensor([0])
QUARTER = torch.tensor([[math.log(3), 0.0]])  # p = 3/4, 1/4


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (losses.smoothed(QUARTER, FIRST), 0.95 * math.log(4 / 3) + 0.05 * math.log(4)),
        (losses.gem(HALF, FIRST), 0.0),
        (losses.gem(QUARTER, FIRST, beta=1), -0.25 * math.log(3)),
        (losses.with_entropy_bonus(HALF, FIRST), 0.9 * math.log(2)),
        (losses.with_kl(QUARTER, FIRST, QUARTER), math.log(4 / 3)),
        (losses.with_kl(QUARTER, FIRST, HALF), math.log(4 / 3) + 0.5 * 0.5 * (math.log(2 / 3) + math.log(2))),
        (losses.with_unlikelihood(QUARTER, FIRST, torch.tensor([1])), 1.5 * math.log(4 / 3)),
        (losses.with_unlikelihood(QUARTER, FIRST, torch.tensor([-1])), math.log(4 / 3)),
    ],
)
def test_numbers_by_hand(found, expected):
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_the_margin_by_hand():
    found = losses.with_margin(
        torch.tensor([-1.0, -2.0, -3.0]), torch.tensor([-3.0, -3.0]), torch.tensor([-4.0, -9.0]), torch.tensor([2, 1])
    )
    assert found.item() == pytest.approx(2 + 0.5 * (0.5 + 0) / 2)


def test_linear_gem_has_the_gradient_of_the_cross_entropy_of_a_colder_copy():
    one, other = (torch.tensor(LOGITS, requires_grad=True) for _ in range(2))
    losses.gem(one, torch.tensor(TARGETS), beta=0.7).backward()
    (0.7 * torch.nn.functional.cross_entropy(other / 0.7, torch.tensor(TARGETS))).backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_a_certain_wrong_token_gives_a_finite_loss():
    logits = torch.tensor([[100.0, 0.0]], requires_grad=True)
    found = losses.with_unlikelihood(logits, torch.tensor([1]), torch.tensor([0]))
    found.backward()
    assert math.isfinite(found.item())
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_a_temperature_divides_all_logits(random_model):
    from transformers import LlamaForCausalLM

    model = LlamaForCausalLM.from_pretrained(random_model, dtype=torch.float32).eval()
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        before = model(input_ids=ids).logits
        set_temperature(model, 1.25)
        torch.testing.assert_close(model(input_ids=ids).logits, before / 1.25, rtol=1e-4, atol=1e-4)
