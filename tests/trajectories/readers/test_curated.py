"""The curated format: what is written is read back unchanged, and each error names its place."""

import copy
import json
import re
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import iterate_trajectories
from lm_eval_hesnr.trajectories.readers import curated
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory
from tests.builders import read_record

NOWHERE = Path("no-such-folder/x.jsonl")
WHOLE = Trajectory(
    id="i",
    source="test",
    resolved=None,
    model=None,
    segments=(
        Segment("system", ""),
        Segment("thought", 'a "\u2028\x00', generated=True),
        Segment("action", "b", True, (Call("bash", {"command": "b"}, None), Call("x", {}, False)), continues=True),
        Segment("observation", "c"),
    ),
    meta={"a": [1, None]},
)


def test_what_is_written_is_read_back():
    for outcome, model in ((None, None), (True, "m"), (False, "")):
        trajectory = Trajectory("i", "test", outcome, model, WHOLE.segments, {"a": [1, None]})
        assert read_record(json.loads(json.dumps(trajectory.to_json())), NOWHERE) == trajectory


def test_optional_keys():
    row = {"format": "hesnr-trajectory", "version": 1, "id": "i", "source": "s", "resolved": None, "model": None}
    segment = {"kind": "task", "text": "a", "generated": False}
    nulls = {"calls": None, "continues": None}  # as tables fill columns
    expected = Trajectory("i", "s", None, None, (Segment("task", "a"),) * 2)
    assert curated.read({**row, "segments": [segment, segment | nulls]}, NOWHERE) == expected
    assert curated.read({**row, "segments": [segment, segment], "meta": None}, NOWHERE) == expected


def test_real_runs_are_read_back(real_trajectories):
    for folder in ("mini_swe_agent_0", "openhands", "dataset_rows"):
        for path, trajectory in iterate_trajectories(real_trajectories / folder):
            assert isinstance(trajectory, Trajectory)
            assert curated.read(json.loads(json.dumps(trajectory.to_json())), path) == trajectory


GONE = object()
WRONG = [
    (("version",), 2, "hesnr-trajectory version 2; this package reads 1"),
    (("version",), GONE, "hesnr-trajectory version None; this package reads 1"),
    (("segments",), GONE, "the trajectory: key 'segments' is missing"),
    (("segments",), {}, "the trajectory: key 'segments' should be list, found dict"),
    (("id",), GONE, "the trajectory: key 'id' is missing"),
    (("id",), 3, "the trajectory: key 'id' should be str, found int"),
    (("source",), None, "the trajectory: key 'source' should be str, found NoneType"),
    (("resolved",), 1, "the trajectory: key 'resolved' should be bool or NoneType, found int"),
    (("model",), [], "the trajectory: key 'model' should be str or NoneType, found list"),
    (("meta",), "x", "the trajectory: key 'meta' should be dict, found str"),
    (("segments", 1), "x", "segment 1: expected an object, found str"),
    (("segments", 1, "kind"), "idea", "segment 1: unknown kind 'idea'; expected one of system, task, thought, "),
    (("segments", 1, "kind"), GONE, "segment 1: unknown kind None"),
    (("segments", 1, "kind"), [], "segment 1: unknown kind []"),
    (("segments", 3, "text"), GONE, "segment 3: key 'text' is missing"),
    (("segments", 3, "text"), 1, "segment 3: key 'text' should be str, found int"),
    (("segments", 0, "generated"), 1, "segment 0: key 'generated' should be bool, found int"),
    (("segments", 2, "continues"), "yes", "segment 2: key 'continues' should be bool, found str"),
    (("segments", 2, "calls"), 5, "segment 2: key 'calls' should be list, found int"),
    (("segments", 2, "calls", 1), None, "segment 2, call 1: expected an object, found NoneType"),
    (("segments", 2, "calls", 1, "tool"), GONE, "segment 2, call 1: key 'tool' is missing"),
    (("segments", 2, "calls", 0, "arguments"), "ls", "segment 2, call 0: key 'arguments' should be dict, found str"),
    (("segments", 2, "calls", 0, "executed"), 1, "segment 2, call 0: key 'executed' should be bool or NoneType"),
]


@pytest.mark.parametrize(
    ("place", "value", "reason"), WRONG, ids=lambda v: "/".join(map(str, v)) if type(v) is tuple else ""
)
def test_what_is_wrong_is_named_with_its_place(place, value, reason):
    row = copy.deepcopy(WHOLE.to_json())
    holder = row
    for key in place[:-1]:
        holder = holder[key]
    if value is GONE:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}"):
        read_record(row, NOWHERE)


def test_a_row_of_another_format_is_not_curated():
    assert not curated.detect({**WHOLE.to_json(), "format": "other"})
    assert not curated.detect([WHOLE.to_json()])
