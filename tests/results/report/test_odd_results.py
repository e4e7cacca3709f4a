"""Results without numbers, of older versions, or with values of another form: the page says what is known."""

import json

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.compare.choice import NOT_SHOWN
from lm_eval_hesnr.results.report.report import report
from tests.results.report.page_parts import Parts


def without_decisions(config):
    """Write 0 for all sums over tokens with entropy > epsilon."""
    documents = config["documents"]
    is_above = [column.startswith("above.") for column in documents["columns"]]
    for scope, lines in documents["totals"].items():
        rows = [zip(line.split(" "), is_above, strict=True) for line in lines]
        documents["totals"][scope] = [" ".join("0" if above else value for value, above in row) for row in rows]


def without_threshold(config):
    """Write that no threshold was found in scope action."""
    without_decisions(config)
    config["documents"]["epsilon"]["action"] = config["summary"]["action"]["epsilon"] = None


def odd(config):
    """Write values of another form where no reader checks them."""
    config["summary"]["action"] |= {"sweep": [{"epsilon": float("nan")}, 3], "histogram": {"edges": "x"}, "shape": 3}
    config["signature"] |= {"scopes": [1], "model": None, "deep": json.loads("[" * 900 + "]" * 900)}
    config["metadata"] = {"token_table": "/\0"}


CASES = [
    (without_decisions, "No choice: there is no verdict about any run."),
    (without_threshold, "No choice: there is no verdict about any run."),
    (lambda config: config.pop("documents"), "A: he_snr "),
    (odd, "Take B: "),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("change", "expected"), CASES)
def test_a_page_is_made(runs, tmp_path, change, expected):
    paths = []
    for path in runs:
        data = json.loads(path.read_text())
        change(data["configs"]["swe_hesnr"])
        paths.append(tmp_path / path.parent.name / path.name)
        paths[-1].parent.mkdir()
        paths[-1].write_text(json.dumps(data))
    made = report(*paths)
    assert made.words.verdict[0].startswith(expected)
    assert len(Parts(made.html).data["checkpoints"]) == 2


def test_a_run_of_an_older_version_is_named_next_to_the_verdict(runs, tmp_path):
    data = json.loads(runs[1].read_text())
    del data["configs"]["swe_hesnr"]["documents"]
    old = tmp_path / "old" / runs[1].name
    old.parent.mkdir()
    old.write_text(json.dumps(data))
    made = report(*runs, old)
    assert "is not compared: its results file is of an older version" in made.words.cautions[0]


def test_the_same_run_twice_is_not_distinguishable(runs):
    made = report(runs[0], runs[0])
    assert "A-2 is not distinguishable from A" in made.words.verdict[1]


def test_a_comparison_says_that_he_snr_is_not_shown_to_predict_better(runs):
    assert report(*runs).words.cautions[-1] == NOT_SHOWN
    assert NOT_SHOWN not in report(runs[0]).words.cautions


def test_results_without_a_scope_are_an_error(runs, tmp_path):
    data = json.loads(runs[0].read_text())
    config = data["configs"]["swe_hesnr"]
    config["summary"] = config["documents"]["totals"] = config["documents"]["epsilon"] = {}
    path = tmp_path / "results_1.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="it has no scope; score again"):
        report(path)


def test_a_wide_interval_of_the_run_to_take_stands_next_to_the_verdict(runs, tmp_path):
    data = json.loads(runs[0].read_text())
    results, summaries = data["results"]["swe_hesnr"], data["configs"]["swe_hesnr"]["summary"]
    for half, n in ((0.05, 0), (0.5, 1)):
        for scope, summary in summaries.items():
            value = results[f"he_snr,{scope}"]
            summary["intervals"]["he_snr"] = [(1 - half) * value, (1 + half) * value]
        path = tmp_path / str(half) / "A.json"
        path.parent.mkdir()
        path.write_text(json.dumps(data))
        assert sum("he_snr has a wide interval" in one for one in report(path).words.cautions) == n
