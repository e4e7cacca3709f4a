import math

import pytest
import torch

from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES, LEAST_ENTROPY
from lm_eval_hesnr.models.torch_engine import topk
from lm_eval_hesnr.models.torch_engine.topk import row_statistics, statistics_of_groups
from lm_eval_hesnr.scoring.statistics import ALL_EXTRAS, NO_EXTRAS, Extras


def naive(logits: torch.Tensor, targets: torch.Tensor, k: int):
    """The definitions in float64, with a full sort."""
    p = torch.softmax(logits.double(), -1)
    mass = p.sort(-1, descending=True).values[:, :k]
    q = mass / mass.sum(-1, keepdim=True)
    target = logits.gather(1, targets[:, None])
    return (
        p.gather(1, targets[:, None]).squeeze(1).log(),
        -(q * q.log()).sum(-1),
        1 + (logits > target).sum(-1),
        mass.sum(-1),
        (mass * mass).sum(-1),
    )


def test_a_case_computed_by_hand():
    # p = 1/2, 1/4, 1/8, 1/8; with k = 2 the candidates are 2/3 and 1/3 of 3/4
    logits = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()
    got = row_statistics(logits, torch.tensor([1]), k=2)
    assert got.logprob.item() == pytest.approx(math.log(0.25), abs=1e-6)
    assert got.entropy.item() == pytest.approx(math.log(3) - 2 / 3 * math.log(2), abs=1e-6)
    assert got.rank.item() == 2
    assert got.top_mass.item() == pytest.approx(0.75, abs=1e-6)
    assert got.collision.item() == pytest.approx(1 / 4 + 1 / 16, abs=1e-6)


def test_equal_logits_share_the_better_rank():
    logits = torch.zeros(1, 50)
    got = row_statistics(logits, torch.tensor([49]), k=10)
    assert got.rank.item() == 1
    assert got.entropy.item() == pytest.approx(math.log(10), abs=1e-6)


@pytest.mark.parametrize("vocabulary", [11, 100, 1290, 5000, 32_003])
@pytest.mark.parametrize("scale", [0.1, 3.0, 20.0])
def test_equals_the_definitions(vocabulary, scale):
    generator = torch.Generator().manual_seed(vocabulary)
    logits = torch.randn(40, vocabulary, generator=generator) * scale + 25.0  # a common offset, as real models have
    targets = torch.randint(vocabulary, (40,), generator=generator)
    targets[:20] = logits[:20].argmax(-1)
    got, expected = row_statistics(logits, targets, k=10), naive(logits, targets, k=10)
    torch.testing.assert_close(got.logprob.double(), expected[0], atol=2e-5, rtol=1e-6)
    torch.testing.assert_close(got.entropy.double(), expected[1], atol=1e-5, rtol=0)
    assert got.rank.tolist() == expected[2].tolist()
    torch.testing.assert_close(got.top_mass.double(), expected[3], atol=1e-5, rtol=0)
    torch.testing.assert_close(got.collision.double(), expected[4], atol=1e-5, rtol=0)


def test_ln_z_is_exact_to_the_last_digits_of_float32():
    """A fused softmax would be off by 4e-6 here."""
    logits = torch.randn(40, 32_003, generator=torch.Generator().manual_seed(5)) * 3
    highest = logits.argmax(-1)
    got = row_statistics(logits, highest, k=10)
    exact = torch.log_softmax(logits.double(), -1).gather(1, highest[:, None]).squeeze(1)
    torch.testing.assert_close(got.logprob.double(), exact, atol=6e-7, rtol=0)


def test_given_logits_are_not_changed():
    for dtype in (torch.float32, torch.bfloat16):
        logits, targets = drawn(1290, 3.0, dtype)
        before = logits.clone()
        row_statistics(logits, targets, 10, ALL_EXTRAS)
        assert torch.equal(logits, before)


def test_16_bit_logits_are_converted_to_float32():
    logits = (torch.randn(16, 4000, generator=torch.Generator().manual_seed(2)) * 4 + 25).bfloat16()
    targets = torch.arange(16)
    got, exact = row_statistics(logits, targets, k=10), naive(logits.float(), targets, k=10)
    torch.testing.assert_close(got.logprob.double(), exact[0], atol=2e-5, rtol=1e-6)
    assert got.rank.tolist() == exact[2].tolist()


def drawn(vocabulary, scale, dtype=torch.float32):
    """40 rows of random logits, and targets of which half are the most likely token."""
    generator = torch.Generator().manual_seed(vocabulary)
    logits = (torch.randn(40, vocabulary, generator=generator) * scale + 25.0).to(dtype)
    targets = torch.randint(vocabulary, (40,), generator=generator)
    targets[:20] = logits[:20].argmax(-1)
    return logits, targets


@pytest.mark.parametrize("vocabulary", [11, 1290, 32_003])
@pytest.mark.parametrize("scale", [0.1, 3.0, 20.0, 300.0])
def test_ln_z_and_the_candidates_logits_equal_the_definitions(vocabulary, scale):
    logits, targets = drawn(vocabulary, scale)
    got = row_statistics(logits, targets, 10, Extras(temperatures=True))
    relative = logits.double() - logits.double().amax(-1, keepdim=True)
    inverse = torch.as_tensor(INVERSE_TEMPERATURES)
    exact = torch.logsumexp(relative[:, None, :] * inverse[:, None], dim=-1)
    assert got.log_z is not None
    assert got.top_logits is not None
    torch.testing.assert_close(got.log_z.double(), exact, atol=2e-6, rtol=2e-6)
    top = relative.topk(10).values
    is_needed = torch.special.entr(torch.softmax(top / 2, -1)).sum(-1) > LEAST_ENTROPY
    torch.testing.assert_close(got.top_logits[is_needed].double(), top[is_needed], atol=2e-5, rtol=1e-6)
    assert bool(got.top_logits[~is_needed].isnan().all())
    assert scale != 3.0 or int(is_needed.sum()) > 0


@pytest.mark.parametrize("vocabulary", [11, 1290, 1500, 32_003])
def test_candidates_are_the_most_likely_tokens_where_the_token_may_be_a_decision(vocabulary):
    logits, targets = drawn(vocabulary, 2.0)
    logits[::2, -2] = logits.max() - 1  # also after the last full block
    got = row_statistics(logits, targets, 10, Extras(candidates=True))
    assert got.top_ids is not None
    assert got.top_logprobs is not None
    kept = (got.entropy > LEAST_ENTROPY) & (got.rank <= 10)
    assert 0 < int(kept.sum()) < 40
    expected = torch.log_softmax(logits.double(), -1)
    assert torch.equal(got.top_ids[kept].long(), expected[kept].topk(10).indices)
    assert got.top_logprobs.dtype == torch.float16
    exact = expected[kept].topk(10).values
    torch.testing.assert_close(got.top_logprobs[kept].double(), exact, atol=0, rtol=1e-3)
    assert bool((got.top_ids[~kept] == -1).all())
    assert bool(got.top_logprobs[~kept].isnan().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_options_change_no_other_column(dtype):
    logits, targets = drawn(5000, 3.0, dtype)
    plain, full = row_statistics(logits, targets, 10), row_statistics(logits, targets, 10, ALL_EXTRAS)
    assert all(torch.equal(a, b) for a, b in zip(plain[:5], full[:5], strict=True))
    assert plain[5:] == (None,) * 4
    assert all(column is not None for column in full)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("extras", [NO_EXTRAS, ALL_EXTRAS])
@pytest.mark.parametrize("numbers", [1, 5000, 2**20])
@pytest.mark.parametrize("vocabulary", [1400, 1536])
def test_blocks_change_no_number_and_a_group_may_overwrite_the_one_before(
    vocabulary, numbers, extras, dtype, monkeypatch
):
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn(25, vocabulary, generator=generator) * 3).to(dtype)
    targets = torch.randint(vocabulary, (25,), generator=generator)
    targets[::2] = logits[::2].argmax(-1)  # these rows keep their candidates

    def groups():
        buffer = torch.empty(10, vocabulary, dtype=dtype)
        for group in logits.split(10):
            yield buffer[: len(group)].copy_(group)

    rows = [row_statistics(logits[i : i + 1].float(), targets[i : i + 1], 10, extras) for i in range(25)]
    monkeypatch.setattr(topk, "_CPU_NUMBERS", numbers)
    got = statistics_of_groups(groups(), targets, 10, extras)
    for mine, others in zip(got, zip(*rows, strict=True), strict=True):
        if mine is None:
            assert others == (None,) * 25
        else:
            rounding = 1e-3 if mine.dtype == torch.float16 else 1e-6
            torch.testing.assert_close(mine, torch.cat(others), equal_nan=True, atol=1e-6, rtol=rounding)
    assert got.top_ids is None or int((got.top_ids[:, 0] >= 0).sum()) > 5


@pytest.mark.parametrize("vocabulary", [20, 1500])
def test_a_row_that_is_not_finite_has_no_plausible_numbers_and_spoils_no_other_row(vocabulary):
    logits, targets = drawn(vocabulary, 2.0)
    logits[3] = torch.nan
    logits[5] = -torch.inf
    logits[7, 4] = torch.inf
    logits[9, ::2] = -torch.inf  # as a mask of a vocabulary makes them: this row is finite
    targets[9] = 1
    got = row_statistics(logits, targets, 10, ALL_EXTRAS)
    bad = torch.zeros(40, dtype=torch.bool)
    bad[[3, 5, 7]] = True
    assert got.top_ids is not None
    assert got.top_logprobs is not None
    assert bool(got.logprob[bad].isnan().all())
    assert bool((got.top_ids[bad] == -1).all())
    assert bool(got.top_logprobs[bad].isnan().all())
    expected = naive(logits[~bad], targets[~bad], 10)
    torch.testing.assert_close(got.logprob[~bad].double(), expected[0], atol=2e-5, rtol=1e-6)
    assert got.rank[~bad].tolist() == expected[2].tolist()


def test_no_rows_and_logits_that_need_a_gradient():
    none = row_statistics(torch.empty(0, 1500), torch.empty(0, dtype=torch.int64), 10, ALL_EXTRAS)
    assert [0 if column is None else len(column) for column in none] == [0] * len(none)
    logits, targets = drawn(1500, 2.0)
    got = row_statistics(logits.requires_grad_(), targets, 10)
    assert not got.logprob.requires_grad
