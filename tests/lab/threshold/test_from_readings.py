"""From made-up readings, next to those of `replication`, to the tables; and the sums of real tokens."""

import json

import numpy as np
import pytest

from benchmarks.repository import ROOT
from lab.families.plan import checkpoints
from lab.page import filled
from lab.predict.from_readings import study_of
from lab.readings import Readings
from lab.threshold.experiment import analyse, pieces
from lab.threshold.from_readings import thresholds
from lab.threshold.grid import (
    ADAPTIVE,
    COLUMNS,
    EPSILONS,
    GROUPS,
    KS,
    PLATEAU,
    K,
    adaptive_row,
    group_rows,
    he_snr_of,
    squared_error,
    static_rows,
    sums,
)
from lab.threshold.made_up import made_up
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measures
from tests import builders
from tests.lab.copies import copy_with_change
from tests.lab.predict.test_from_readings import folder as predict_folder  # noqa: F401  (a fixture)


@pytest.fixture(scope="module")
def folder(predict_folder, tmp_path_factory):  # noqa: F811
    """The readings of the fast form: all thresholds see what he_snr sees."""
    top = tmp_path_factory.mktemp("readings")
    (top / "replication").symlink_to(predict_folder)
    study = study_of(Readings(predict_folder), fast=True)
    random = np.random.default_rng(0)
    readings = Readings(top / "threshold")
    for name, he_snr in zip(study.points.names, study.he_snr.values, strict=True):

        def _line(error, he_snr=he_snr):
            return f"1000 {1000 * he_snr + error * random.normal():.8g} 1200 2000"

        of_k = {
            "static": " ".join(_line(0.0 if one == EPSILON else 0.01) for one in EPSILONS),
            "adaptive": [
                None if one == "valley" and name == "code-050.0" else f"1.5 {_line(0.01)}" for one in ADAPTIVE
            ],
        }
        groups = " ".join(f"100 {100 * he_snr * (1 + 0.01 * random.normal()):.6g}" for _ in range(GROUPS))
        of_groups = {
            "static": [groups] * len(EPSILONS),
            "adaptive": [one and groups for one in of_k["adaptive"]],
        }
        of_all = {str(k): of_k | ({"groups": of_groups} if k == K else {}) for k in KS}
        value = {"documents_sha256": "1", "epsilons": list(EPSILONS), "sums": of_all}
        readings.add(name, "thresholds", {"name": name}, value, {})
    return readings.folder


def test_the_values_of_the_readings_come_back_in_the_order_of_the_study(folder):
    found = thresholds(Readings(folder), fast=True)
    assert found.default.predictor.values == pytest.approx(found.study.he_snr.values, rel=1e-6)
    assert [one.epsilon for one in found.static(5)] == sorted(EPSILONS)
    assert len(found.candidates) == len(KS) * (len(EPSILONS) + len(ADAPTIVE))
    assert found.adaptive("valley").predictor.missing(found.study.points.names) == "not known for code-050.0"


def test_the_analysis_has_every_threshold_and_a_sentence(folder):
    found = analyse(Readings(folder), True)
    assert found.data["verdict_of_the_experiment"] == "not made"
    assert len(found.data["thresholds"]) == len(KS) * (len(EPSILONS) + len(ADAPTIVE))
    assert found.blocks["verdict"].startswith("**Fast form**: 24 checkpoints.")
    assert all(f"| {name} |" in found.blocks["static"] for name in ("1.242 (default)", "0.693 (ln 2)", "1.609 (ln 5)"))
    default = next(one for one in found.data["thresholds"] if (one["k"], one["epsilon"]) == (K, EPSILON))
    assert 0.9 < default["reliability"] < 1
    assert "| valley | 10 | 1.50 to 1.50 | 1 | N/A |" in found.blocks["adaptive"]
    assert "| recipe | " in found.blocks["nested"]
    json.dumps(found.data, allow_nan=False)
    assert found.picture.startswith("<svg")
    assert "Not made yet" not in filled((ROOT / "docs" / "lab" / "threshold.md").read_text(), found.blocks)


def wrong() -> str:
    return " ".join(["9 1 9 1"] * len(EPSILONS))


def test_a_missing_reading_or_outcome_is_named(folder, tmp_path):
    with pytest.raises(InputError, match=r"corrupted-012.5.json: has no part 'thresholds'; make it"):
        thresholds(Readings(folder), fast=False)
    alone = tmp_path / "threshold"
    alone.symlink_to(folder)
    with pytest.raises(InputError, match=r"replication/recipe-012.5.json: has no part 'reading/micro_swe'"):
        thresholds(Readings(alone), fast=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file["about"].update(model_sha256="other"), "another checkpoint"),
        (lambda file: file["parts"]["thresholds"]["value"].update(documents_sha256="2"), "other trajectories"),
        (lambda file: file["parts"]["thresholds"]["value"]["sums"]["10"].update(static=wrong()), "is not that"),
    ],
)
def test_a_reading_that_does_not_belong_to_the_outcomes_is_refused(folder, tmp_path, change, message):
    (tmp_path / "replication").symlink_to(folder.parent / "replication")
    copy_with_change(folder, tmp_path / "threshold", "code-050.0", change)
    readings = Readings(tmp_path / "threshold")
    with pytest.raises(InputError, match=f"code-050.0.json: .*{message}"):
        thresholds(readings, fast=True)


def test_the_sums_of_tokens_are_those_of_their_profile():
    scores = [builders.token_scores(400, seed=seed) for seed in range(3)]
    chosen = [one.scored for one in scores]
    found = sums(scores, chosen, scores[0].k)
    profiles = [one.profile(which, EPSILON) for one, which in zip(scores, chosen, strict=True)]
    of_package = measures(profiles, EPSILON)
    rows = static_rows(found["static"])
    assert he_snr_of(rows)[-1] == pytest.approx(of_package["he_snr"], rel=1e-5)
    top_k, _, tokens, nll = rows[-1]
    assert tokens == sum((one.entropy[which] > EPSILON).sum() for one, which in zip(scores, chosen, strict=True))
    assert np.exp(nll / top_k) == pytest.approx(of_package["he_ppl"], rel=1e-5)
    counts = rows[np.argsort(EPSILONS), 0].tolist()
    assert counts == sorted(counts, reverse=True)
    at = ADAPTIVE.index("quantile 0.80")
    epsilon, *of_quantile = adaptive_row(found["adaptive"][at])
    entropy = np.concatenate([one.entropy[which] for one, which in zip(scores, chosen, strict=True)])
    assert (entropy <= epsilon).mean() >= 0.8
    if scores[0].k == K:
        for kind, i, whole in (("static", -1, rows[-1]), ("adaptive", at, of_quantile)):
            groups = group_rows(found["groups"][kind][i])
            assert groups.sum(axis=0) == pytest.approx(np.array(whole[:2]), rel=1e-5)
    assert found["tokens"] == sum(which.sum() for which in chosen)
    assert np.isnan(he_snr_of(np.zeros((2, len(COLUMNS))))).all()
    assert np.isnan(adaptive_row(None)).all()


def test_the_error_of_he_snr_is_that_of_a_mean_over_equal_groups():
    random = np.random.default_rng(0)
    values = random.normal(size=GROUPS)
    groups = np.stack([np.full(GROUPS, 50.0), 50 * values], axis=1)
    assert float(squared_error(groups)) == pytest.approx(values.var(ddof=1) / GROUPS)


def test_the_range_of_the_claim_begins_and_ends_at_static_thresholds():
    assert set(PLATEAU) < set(EPSILONS)
    assert EPSILONS[-1] == EPSILON
    assert len(set(EPSILONS)) == len(EPSILONS) == 63


def test_the_plan_has_a_piece_for_each_checkpoint_of_predict():
    assert [piece.name for piece in pieces(False)] == [one.name for one in checkpoints(fast=False)]
    assert len(pieces(True)) == 24


def test_the_made_up_default_is_that_of_the_study():
    made = made_up("peak", 0)
    assert np.array_equal(made.default.predictor.x, made.study.he_snr.x)
