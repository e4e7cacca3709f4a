"""Predictions with a patch only: one action, or an error if the patch is empty."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.readers import patch
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory
from tests.builders import read_record

PATH = Path("no-such-folder/preds.json")
DIFF = "diff --git a/x b/x\r\n--- a/x\r\n+++ b/x\r\n@@ -1 +1 @@\r\n-a\r\n+b\r\n"
ONE = {"instance_id": "i", "model_name_or_path": "m", "model_patch": DIFF}


@pytest.mark.parametrize("data", [ONE, {"i": ONE}, {"i": {"model_name_or_path": "m", "model_patch": DIFF}}, [ONE]])
def test_the_patch_is_the_one_action(data):
    action = Segment("action", DIFF, generated=True, calls=(Call("apply_patch", {"patch": DIFF}, None),))
    assert read_record(data, PATH) == Trajectory("i", "patch", None, "m", (action,))


def test_many_predictions_are_read_one_by_one():
    data = {"i": ONE, "j": {"model_patch": DIFF}}
    assert patch.predictions(data) == [ONE, {"instance_id": "j", "model_patch": DIFF}]
    with pytest.raises(ValueError, match="2 predictions"):
        patch.read(data, PATH)


@pytest.mark.parametrize("text", ["", "\n", None, 3])
def test_an_empty_patch_is_named(text):
    with pytest.raises(ValueError, match="i: model_patch is empty"):
        patch.read(ONE | {"model_patch": text}, PATH)


@pytest.mark.parametrize("data", [None, {}, [], [3], {"i": 3}, {"instance_id": "i"}, ONE | {"messages": []}])
def test_other_records_are_not_predictions(data):
    assert not patch.detect(data)


def test_outcome_by_a_summary_next_to_the_file(tmp_path):
    summary = {"total_instances": 1, "resolved_ids": ["i"]}
    (tmp_path / "m.run.json").write_text(json.dumps(summary))
    assert patch.read(ONE, tmp_path / "preds.json").resolved is True
