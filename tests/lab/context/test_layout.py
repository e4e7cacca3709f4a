"""The sums of a reading: which tokens are in which bin, ranks, keys, parts, and the checkpoint as it is."""

from dataclasses import replace

import numpy as np
import pytest

from lab.before_after import RANKS
from lab.context.layout import KEYS, Reference, contexts, keys_of, reading_of, window_of
from lab.context.make import read_reference, write_reference
from lab.context.plan import BINS, LEAST_CONTEXT, LONG, SHORT, STRIDES
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measure
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES
from lm_eval_hesnr.results.compare.set_of import set_totals
from lm_eval_hesnr.scoring.windows import plan_windows
from tests import builders


@pytest.mark.parametrize("n_tokens", [100, 512, 2048, 2049, 9000])
@pytest.mark.parametrize("window", [SHORT, LONG])
def test_the_context_of_a_token_is_that_of_the_planned_windows(n_tokens, window):
    expected = np.zeros(n_tokens, int)
    for one in plan_windows(np.arange(1, n_tokens), window, STRIDES[window]):
        expected[one.positions] = one.positions - one.start
    found = contexts(n_tokens, window, STRIDES[window])
    np.testing.assert_array_equal(found, expected)
    assert (found >= np.minimum(np.arange(n_tokens), LEAST_CONTEXT)).all()


def test_in_the_first_bin_both_windows_start_at_the_same_token():
    short, long = (contexts(9000, window, STRIDES[window]) for window in (SHORT, LONG))
    np.testing.assert_array_equal(short[long < SHORT], long[long < SHORT])
    assert (short[long >= SHORT] < SHORT).all()


@pytest.fixture(scope="module")
def scores():
    return [builders.token_scores(5000, seed=seed) for seed in range(3)]


def test_the_bins_together_are_all_tokens(scores):
    found = window_of(reading_of({SHORT: scores, LONG: scores}, Reference.of(scores)), SHORT)
    assert len(found.bins) == len(BINS)
    np.testing.assert_allclose(sum(totals for totals, _ in found.bins), found.totals.sum(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(sum(ranks for _, ranks in found.bins), found.ranks.sum(axis=0))
    assert found.bins[0][0][0] == sum(int(one.scored[:SHORT].sum()) + 2 * 256 for one in scores)


def test_ranks_are_those_of_the_measures(scores):
    found = window_of(reading_of({SHORT: scores, LONG: scores}, Reference.of(scores)), LONG)
    shares = found.ranks.sum(axis=0) / found.totals.sum(axis=0)[0]
    assert shares[RANKS.index(1)] == pytest.approx(measure("top1_acc", found.totals.sum(axis=0)))
    assert shares[RANKS.index(10)] == pytest.approx(measure("topk_acc", found.totals.sum(axis=0)))
    assert shares[RANKS.index(50)] == 1


def test_the_sums_of_each_run_in_a_bin_add_up(scores):
    found = reading_of({SHORT: scores, LONG: scores}, Reference.of(scores))
    for one in found["windows"][str(LONG)]["bins"]:
        rows = np.array([[float(number) for number in line.split(" ")] for line in one["runs"]])
        whole = dict(zip(found["columns"], map(float, one["totals"].split(" ")), strict=True))
        assert len(rows) == len(scores)
        np.testing.assert_allclose(rows.sum(axis=0), [whole[name] for name in found["bin_columns"]], rtol=1e-6)


def test_the_set_is_that_of_the_decisions_before(scores):
    worse = [replace(one, logprob=one.logprob - 1, entropy=one.entropy / 2) for one in scores]
    found = reading_of({SHORT: scores, LONG: worse}, Reference.of(scores))["windows"]
    for window, runs in ((SHORT, scores), (LONG, worse)):
        for line, before, after in zip(found[str(window)]["set"], scores, runs, strict=True):
            expected = set_totals(after, np.flatnonzero(before.decisions(EPSILON)), EPSILON)[len(SUMS) :]
            sums = dict(zip(SUMS, expected, strict=True))
            tokens, rank_1, top_k, nll, snr = (float(number) for number in line.split(" "))
            assert (tokens, rank_1) == (sums["tokens"], sums["rank_1"])
            assert top_k <= tokens == sums["top_k"]
            assert (nll, snr) == pytest.approx((sums["nll"], sums["snr"]), rel=1e-6)


def test_the_parts_are_from_the_checkpoint_as_it_is(scores):
    worse = [replace(one, logprob=one.logprob - 1) for one in scores]
    found = reading_of({SHORT: scores, LONG: worse}, Reference.of(scores))
    short, long = window_of(found, SHORT).parts, window_of(found, LONG).parts
    np.testing.assert_array_equal(short[:, 1], short[:, 6])
    np.testing.assert_allclose(long[:, 6], long[:, 1] / np.e, rtol=1e-6)
    with pytest.raises(ValueError, match="same trajectories"):
        reading_of({SHORT: scores, LONG: scores}, Reference.of(scores[::-1]))


def test_keys_are_tokens_that_one_window_makes_clearly_better():
    scores = builders.token_scores(11, first_scored=7)
    losses = {SHORT: [4.5, 1.5, 3.0, 5.0], LONG: [1.9, 4.0, 1.9, 2.5]}  # gained, lost, too little, not good enough
    runs = {
        window: [replace(scores, logprob=np.array([np.nan] * 7 + [-one for one in some], np.float32))]
        for window, some in losses.items()
    }
    found = keys_of(reading_of(runs, Reference.of(runs[SHORT])))
    assert dict(zip(KEYS, found[0], strict=True)) == {"gained": 1, "lost": 1}


def test_calibrated_he_snr_changes_with_the_window_and_is_read_again(tmp_path):
    scores = [builders.with_extras(seed=seed) for seed in range(6)]
    hotter = [replace(one, **_hotter(one)) for one in scores]
    write_reference(tmp_path / "r.npz", Reference.of(scores))
    again = read_reference(tmp_path / "r.npz")
    found = reading_of({SHORT: scores, LONG: hotter}, again)
    short, long = window_of(found, SHORT), window_of(found, LONG)
    assert short.calibrated_change is not None
    for window in ("512", "2048"):
        of_window = found["windows"][window]
        assert len(of_window["calibrated_without"]) == len(scores) / 2
        assert np.mean(of_window["calibrated_without"]) == pytest.approx(of_window["calibrated_he_snr"], rel=0.05)
        assert len(of_window["temperatures"]) == 2
    assert (short.calibrated_change.value, short.calibrated_change.interval) == (0, (0, 0))
    assert long.calibrated_change is not None
    assert long.calibrated_change.value != 0
    np.testing.assert_array_equal(short.parts[:, 1], short.parts[:, 6])


def _hotter(scores):
    """A fixed amount less probability for every token, as if some other tokens had become more likely."""
    lower = (np.log(1.5) * INVERSE_TEMPERATURES).astype(np.float32)
    return {"logprob": scores.logprob - np.float32(np.log(1.5)), "log_z": scores.log_z + lower}
