"""Every text of a trajectory can be written as UTF-8, whatever the file contains."""

import json
from itertools import groupby

import pytest

from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.trajectories.checked import checked
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record, trajectory


def chat(id_, model, command):
    call = {"id": "1", "type": "function", "function": {"name": "bash", "arguments": json.dumps({"command": command})}}
    reply = {"role": "assistant", "content": f"say {command}", "tool_calls": [call]}
    return {"id": id_, "model": model, "messages": [{"role": "user", "content": command}, reply]}


HALVES = ["\ud800", "a\ud83d", "\ude00b", "\ude00\ud83d", "\ud83d\ud83d x"]


@pytest.mark.parametrize("text", HALVES, ids=ascii)
def test_half_a_surrogate_pair_becomes_a_replacement_character(tmp_path, text):
    (tmp_path / "x.json").write_text(json.dumps(chat(text, text, f"echo {text} # {text}")))
    (run,) = load_trajectories(tmp_path / "x.json").trajectories
    json.dumps(run.to_json(), ensure_ascii=False).encode()
    halves = sum("\ud800" <= character <= "\udfff" for character in text)
    assert run.id == run.model
    assert len(run.id) == len(text)
    assert run.id.count("\ufffd") == halves
    assert read_record(chat(text, text, text), tmp_path / "x.json").id == run.id


def test_two_halves_that_follow_one_another_are_one_character():
    run = checked(trajectory(Segment("thought", "\ud83d" + "\ude00", generated=True)))
    assert run.segments[0].text == "\U0001f600"


def test_keys_and_values_of_calls_and_meta_are_replaced_too():
    call = Call("a\ud800", {"k\ud800": ["v\ud800", {"\udc00": 1}]}, None)
    run = checked(trajectory(Segment("action", "x\ud800", True, (call,)), meta={"m\ud800": ("\ud800", 1.5, None)}))
    assert run.segments == (
        Segment("action", "x\ufffd", True, (Call("a\ufffd", {"k\ufffd": ["v\ufffd", {"\ufffd": 1}]}, None),)),
    )
    assert run.meta == {"m\ufffd": ["\ufffd", 1.5, None]}


@pytest.mark.parametrize("half", [0xD800, 0xDC00], ids=hex)
def test_labels_stay_at_their_characters(tmp_path, half):
    """In the JSON text of a call, half a pair is an escape of six characters; elsewhere it is one character."""
    found = []
    for character in (chr(half), "\ufffd"):
        (tmp_path / "x.json").write_text(json.dumps(chat("a", "m", f"echo '{character}' # {character}\nls")))
        (run,) = load_trajectories(tmp_path / "x.json").trajectories
        found.append([(s.text, label) for s in run.segments for label in groupby(annotate(s).tolist())])
    assert [label for _, (label, _) in found[0]] == [label for _, (label, _) in found[1]]


def test_a_trajectory_without_half_pairs_is_returned_as_it_is():
    run = trajectory(Segment("thought", "\U0001f600 é", generated=True), id="\U0001f600", meta={"a": [1, None, "ü"]})
    assert checked(run) is run


def test_a_file_name_that_is_not_utf_8_gives_an_id_that_is(tmp_path):
    path = tmp_path / "caf\udce9.json"
    path.write_text(json.dumps({"messages": chat("", "", "x")["messages"]}))
    (run,) = load_trajectories(tmp_path).trajectories
    assert run.id == "caf\ufffd"
