import dataclasses
import json

import pytest
from transformers import AutoTokenizer

from lm_eval_hesnr.errors import BadFileError
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.selection import chat_template, leave_out_long, model_tokenizer, select
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory
from tests.builders import curated_row, segment, write_rows


def run(name, resolved=True, words=1):
    segments = (Segment("task", "t"), Segment("thought", "word " * words, generated=True))
    return Trajectory(name, "test", resolved, None, segments)


@pytest.fixture
def folder(tmp_path):
    rows = [run("a"), run("b", words=9), run("c", resolved=False), run("d", resolved=None)]
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(row.to_json()) + "\n" for row in rows))
    (tmp_path / "cut.json").write_text('{"a": [1, 2')
    return tmp_path


def names(selection):
    return [doc["id"] for doc in selection.docs]


def words(text, verbose):
    return {"input_ids": text.split()}


def test_every_file_and_every_run_is_counted(folder):
    selection = select(str(folder), only_resolved=True, strict=False)
    assert names(selection) == ["a", "b", "d"]
    assert selection.counts == {
        "files": 1, "bad": 1, "resolved": 2, "failed": 1, "unknown": 1,
        "left_out_failed": 1, "left_out_same_instance": 0, "left_out_too_long": 0, "scored": 3,
    }  # fmt: skip


def test_long_trajectories_are_left_out_and_the_others_numbered_anew(folder):
    loaded = select(str(folder), only_resolved=True, strict=False)
    renderings = [transcript(trajectory) for trajectory in loaded.trajectories]
    kept, its_renderings = leave_out_long(loaded, renderings, words, 10)
    assert names(kept) == ["a", "d"]
    assert [doc["index"] for doc in kept.docs] == [0, 1]
    assert its_renderings == {0: renderings[0], 1: renderings[2]}
    assert (kept.counts["left_out_too_long"], kept.counts["scored"]) == (1, 2)


def test_at_most_so_many_trajectories_of_different_instances(tmp_path):
    runs = [("a", "x", True), ("b", "x", True), ("c", "y", False), ("d", "y", True), ("e", "z", True)]
    rows = [
        curated_row(name, segment("action", name, True), resolved=resolved, meta={"instance_id": instance})
        for name, instance, resolved in runs
    ]
    path = str(write_rows(tmp_path / "runs.jsonl", rows))
    chosen = [
        names(select(path, only_resolved=only, strict=False, max_trajectories=n))
        for only, n in ((True, 1), (True, 2), (True, 9), (False, 2))
    ]
    assert chosen == [["a"], ["a", "d"], ["a", "d", "e"], ["a", "c"]]
    counts = select(path, only_resolved=True, strict=False, max_trajectories=2).counts
    assert (counts["left_out_failed"], counts["left_out_same_instance"], counts["scored"]) == (1, 1, 2)


def test_the_digest_is_that_of_what_is_scored_in_order(folder):
    loaded = select(str(folder), only_resolved=True, strict=False)
    limited = loaded.limited_to([2, 0])
    assert (limited.scored, limited.counts["scored"], names(limited)) == ((0, 2), 2, names(loaded))
    assert limited.digest == loaded.limited_to([0, 2]).digest != loaded.digest
    assert loaded.limited_to(range(3)) == loaded


def test_no_step_changes_the_selection_before_it(folder):
    loaded = select(str(folder), only_resolved=True, strict=False)
    before = dict(loaded.counts)
    loaded.limited_to([0])
    assert loaded.counts == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.counts = {}  # type: ignore[misc]


def test_strict_ends_at_the_first_bad_file_with_the_error_for_bad_files(folder):
    with pytest.raises(BadFileError, match=r"cut\.json, line 1.*strict is on: any bad file ends the run") as caught:
        select(str(folder), only_resolved=True, strict=True)
    assert isinstance(caught.value, SystemExit)  # uncaught, it is one line on stderr and exit status 1
    assert str(caught.value.code).startswith("error: ")


def test_without_a_model_name_the_embedded_models_template_is_used():
    template = chat_template({}, None)
    assert "hello" in template([{"role": "user", "content": "hello"}])


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        ({"pretrained": "m", "gguf_file": "a.gguf", "revision": "r"}, ("m", {"gguf_file": "a.gguf", "revision": "r"})),
        ({"pretrained": "m", "gguf_file": "a.gguf", "tokenizer": "t"}, ("t", {})),
        ({"pretrained": "m", "dtype": "float32"}, ("m", {})),
    ],
)
def test_the_tokenizer_is_the_one_that_the_harness_loads(arguments, loaded, monkeypatch):
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda name, **options: (name, options))
    assert model_tokenizer(arguments, "--dry-run") == loaded
