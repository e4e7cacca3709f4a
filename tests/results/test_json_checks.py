import json

import pytest

from lm_eval_hesnr.results.json_checks import decoded_json
from lm_eval_hesnr.results.results_file import read_results
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, tokens_seen
from lm_eval_hesnr.trajectories import decoding
from tests.results.export.results_files import write_results


@pytest.fixture
def few_values(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_VALUES", 500)


def test_json_with_very_many_values_is_not_decoded(few_values):
    assert decoded_json(json.dumps("," * 400).encode()) == "," * 400
    with pytest.raises(ValueError, match="commas, colons and brackets"):
        decoded_json(b"[" + b"{}," * 300 + b"{}]")


def test_no_results_file_and_no_state_of_a_trainer_takes_memory_without_limit(few_values, tmp_path):
    path = write_results(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"x": [{}] * 400}))
    with pytest.raises(ValueError, match=r"is not a results file .*commas, colons and brackets"):
        read_results(path)
    (tmp_path / "trainer_state.json").write_text(json.dumps({"num_input_tokens_seen": 1, "x": [{}] * 400}))
    assert tokens_seen(Checkpoint("a", str(tmp_path))) is None
