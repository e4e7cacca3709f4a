"""Records of every_eval_ever. Its own checks run where it is installed: `make test-exports`, on Python 3.12."""

import json
import re

import pytest

from lm_eval_hesnr.results.export.every_eval_ever import records
from lm_eval_hesnr.results.export.read_runs import read_runs
from lm_eval_hesnr.results.export.request import Request
from tests.results.export.results_files import MEASURES, write_results, write_sweep

NOW = 1795949170.0


def made(*paths, **options):
    """Return path to decoded content of each record."""
    request = Request(runs=read_runs(paths).runs, **{"model_id": "acme/tiny"} | options)
    return {path: json.loads(content) for path, content in records(request, NOW)}


def metric(record, name, scope="action"):
    """Return one metric's configuration and score."""
    (result,) = [r for r in record["evaluation_results"] if r["evaluation_result_id"].endswith(f"/{name},{scope}")]
    return result["metric_config"], result["score_details"]


def test_a_record_has_bounds_direction_and_interval(tmp_path):
    ((path, record),) = made(write_results(tmp_path)).items()
    assert re.fullmatch(r"data/swe_hesnr/acme/tiny/[0-9a-f-]{36}\.json", path)
    assert len(record["evaluation_results"]) == 2 * len(MEASURES)
    config, details = metric(record, "he_snr")
    assert config["metric_id"] == "hesnr.he_snr"
    assert (config["min_score"], config["lower_is_better"]) == (0.0, False)
    assert config["max_score"] == pytest.approx(0.5706, abs=1e-4)
    assert details["uncertainty"] == {
        "num_samples": 28,
        "standard_error": {"value": 0.01, "method": "bootstrap"},
        "confidence_interval": {
            "lower": 0.1 * 0.9, "upper": 0.1 * 1.1, "confidence_level": 0.95,
            "method": "bootstrap of whole trajectories",
        },
        "num_bootstrap_samples": 2000,
    }  # fmt: skip
    config, _ = metric(record, "ppl", "all")
    assert (config["min_score"], config["max_score"], config["lower_is_better"]) == (1.0, "Infinity", True)
    config, _ = metric(record, "decisions")
    assert config["additional_details"] == {"polarity": "not_applicable"}


def test_a_second_export_replaces_the_first(tmp_path):
    first, other = write_results(tmp_path / "a"), write_results(tmp_path / "b", {"he_snr": 0.2})
    assert made(first).keys() == made(first).keys() != made(other).keys()


def test_a_missing_value_has_no_result(tmp_path):
    (record,) = made(write_results(tmp_path, {"he_snr": None})).values()
    assert len(record["evaluation_results"]) == 2 * len(MEASURES) - 1


def test_who_made_the_runs(tmp_path):
    path = write_results(tmp_path)
    for organization, relationship in ((None, "other"), ("Acme", "first_party"), ("Lab", "third_party")):
        (record,) = made(path, organization=organization).values()
        assert record["source_metadata"]["evaluator_relationship"] == relationship
        assert record["source_metadata"]["source_organization_name"] == (organization or "unknown")


def test_a_task_with_a_strange_name_stays_below_data(tmp_path):
    ((path, _),) = made(write_results(tmp_path, task="../../x/y")).items()
    assert path.startswith("data/______x_y/acme/tiny/")


@pytest.mark.parametrize("options", [{}, {"dataset_id": "acme/runs", "organization": "acme"}, {"scope": "all"}])
def test_the_checks_of_every_eval_ever_pass(tmp_path, options):
    core = pytest.importorskip("every_eval_ever.validator.validation_core", reason="every_eval_ever is not installed")
    plain = write_results(tmp_path / "plain", {"he_ppl": None}, revision="step\u2028 1\x1b")
    sweep = write_sweep(tmp_path / "sweep", {f"checkpoint-{i}": (i, 0.1 * i) for i in (1, 2, 3)})
    found = made(plain, sweep, **options)
    assert len(found) == 4
    for name, record in found.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
        report = core.validate_aggregate(path, repo_path=name, run_semantic_checks=True)
        assert (report.valid, report.errors, report.warnings) == (True, [], [])
