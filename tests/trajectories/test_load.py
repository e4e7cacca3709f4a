"""What a path means, which trajectories are kept, what is reported as bad, and what is skipped."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories import load
from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.load import Loaded, iterate_results, iterate_trajectories, load_trajectories
from lm_eval_hesnr.trajectories.paths import find_inputs
from lm_eval_hesnr.trajectories.records import has_known_ending
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.skipped import NOTES, PART, PREDICTIONS, REPORT, Skipped


def row(name, text="hello"):
    messages = [{"role": "user", "content": "go"}, {"role": "assistant", "content": text}]
    return {"id": name, "messages": messages}


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def ids(loaded):
    return [trajectory.id for trajectory in loaded.trajectories]


def test_a_folder_is_searched_in_order_and_compressed_files_are_read(tmp_path):
    write(tmp_path / "b.jsonl", row("2"), row("3"))
    write(tmp_path / "a" / "x.json", row("1"))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(json.dumps(row("4")).encode()))
    (tmp_path / "notes.txt").write_text("not looked at")
    loaded = load_trajectories(tmp_path)
    assert (ids(loaded), loaded.files, loaded.bad, loaded.skipped) == (["1", "2", "3", "4"], 3, [], {})


def test_globs_lists_and_a_file_named_twice(tmp_path):
    a, b = write(tmp_path / "a.json", row("1")), write(tmp_path / "b.json", row("2"))
    assert ids(load_trajectories(str(tmp_path / "*.json"))) == ["1", "2"]
    assert ids(load_trajectories([b, a, tmp_path])) == ["2", "1"]


def test_the_elements_of_a_list_are_records(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([row("1"), {"messages": 3}, row("2")]))
    loaded = load_trajectories(path)
    assert ids(loaded) == ["1", "2"]
    assert [line.partition("no known")[0] for line in loaded.bad] == [f"{path}, item 2: "]


def test_a_bare_list_of_messages_is_one_trajectory(tmp_path):
    path = tmp_path / "chat.json"
    path.write_text(json.dumps(row("1")["messages"]))
    assert ids(load_trajectories(path)) == ["chat"]


def test_bad_lines_are_named_and_the_good_ones_kept(tmp_path):
    path = tmp_path / "x.jsonl"
    mixed = {"messages": [{"role": "user", "content": "go"}, {"role": "x", "content": ""}]}
    path.write_text("\n".join([json.dumps(row("1")), json.dumps(mixed), '{"cut', json.dumps(row("2"))]))
    loaded = load_trajectories(path)
    assert ids(loaded) == ["1", "2"]
    assert [line.removeprefix(f"{path}, ").split(";")[0] for line in loaded.bad] == [
        "line 2: message 1: unknown role 'x'",
        "line 3: not valid JSON (Unterminated string starting at, column 2)",
    ]
    with pytest.raises(InputError, match=r"line 2: .*strict is on"):
        load_trajectories(path, strict=True)


def test_control_characters_of_a_file_do_not_reach_the_screen(tmp_path):
    path = write(tmp_path / "x.jsonl", row("1"), {"messages": [{"role": "\x1b[2J\n\ud800"}]})
    (line,) = load_trajectories(path).bad
    assert line.isprintable()


def test_reports_and_predictions_are_skipped_in_a_folder(tmp_path):
    write(tmp_path / "run.json", row("1"))
    write(tmp_path / "report.json", {"resolved": True, "patch_exists": True})
    write(tmp_path / "result.json", {"trial_name": "t", "verifier_result": {"rewards": {"reward": 1.0}}})
    write(tmp_path / "all_preds.jsonl", {"instance_id": "1", "model_name_or_path": "m", "model_patch": "diff"})
    loaded = load_trajectories(tmp_path)
    assert (ids(loaded), loaded.bad) == (["1"], [])
    assert loaded.skipped == {Skipped(REPORT): 2, Skipped(PREDICTIONS): 1}
    with pytest.raises(InputError, match=r"result\.json.*no known trajectory format"):
        load_trajectories(tmp_path / "result.json")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("results.json", {"resolved": ["a"], "applied": ["a"]}, REPORT),
        ("results.json", {"a": {"resolved": True}}, REPORT),
        ("report.json", {"resolved": True}, REPORT),
        ("result.json", {"n_total_trials": 3, "stats": {}}, REPORT),
        ("any.json", {"resolved": True, "patch_exists": True}, REPORT),
        ("any.json", {"a": {"model_patch": "diff"}}, PREDICTIONS),
        ("base_state.json", {"id": "x", "agent": {}}, NOTES),
        ("results.json", {"a": 1}, None),
        ("results.json", {}, None),
        ("result.json", [1, 2], None),
        ("config.json", "x", None),
        ("any.json", {"id": "x", "agent": {}}, None),
    ],
)
def test_files_that_are_not_runs_are_recognised_by_content_and_name(tmp_path, name, value, reason):
    write(tmp_path / "run.json", row("1"))
    path = write(tmp_path / name, value)
    results: Any = dict(iterate_results(find_inputs(tmp_path)))
    assert results.pop(tmp_path / "run.json").id == "1"
    if reason is None:
        assert results[path].reason.startswith(f"{path}: no known trajectory format")
    else:
        assert results == {path: Skipped(reason)}
    assert len(list(iterate_trajectories(tmp_path))) == 1 + (reason is None)


def test_predictions_named_by_themselves_are_read(tmp_path):
    prediction = {"model_name_or_path": "m", "model_patch": "diff"}
    path = write(tmp_path / "preds.json", {"a": prediction, "b": prediction})
    assert ids(load_trajectories(path)) == ["a", "b"]


def test_a_file_of_no_known_format_in_a_folder_is_named(tmp_path):
    write(tmp_path / "run.json", row("1"))
    path = write(tmp_path / "x.json", {"a": 1})
    assert load_trajectories(tmp_path).bad[0].endswith(f"{path}: no known trajectory format (an object with keys 'a')")


def test_a_file_of_foreign_lines_is_named_once(tmp_path):
    write(tmp_path / "run.json", row("1"))
    path = write(tmp_path / "x.jsonl", *({"a": i, "b\x1b": i, **({"c": i} if i == 9 else {})} for i in range(149)))
    loaded = load_trajectories(tmp_path)
    assert loaded.bad == [f"{path}: 149 lines, none of a known format; keys seen: a, b , c"]


def test_foreign_values_without_keys_and_with_many(tmp_path):
    write(tmp_path / "run.json", row("1"))
    numbers = write(tmp_path / "x.jsonl", 1, 2, [])
    many = write(tmp_path / "y.jsonl", {f"k{i}": i for i in range(20)}, {"x" * 999: 1})
    assert load_trajectories(tmp_path).bad == [
        f"{numbers}: 3 lines, none of a known format; the first is a bare int",
        f"{many}: 2 lines, none of a known format; keys seen: {', '.join(f'k{i}' for i in range(12))} and 9 more",
    ]


def test_some_foreign_lines_are_one_line_with_the_first_place(tmp_path):
    path = write(tmp_path / "x.jsonl", row("1"), {"a": 1}, row("2"), {"b": 1}, {"messages": []})
    assert load_trajectories(path).bad == [
        f"{path}, line 5: key 'messages' should be a list with messages, found []",
        f"{path}: 2 of 5 lines have no known format, the first at line 2; keys seen: a, b",
    ]
    path = tmp_path / "x.json"
    path.write_text(json.dumps([row("1"), {"a": 1}, {"b": 1}]))
    (line,) = load_trajectories(path).bad
    assert line == f"{path}: 2 of 3 items have no known format, the first at item 2; keys seen: a, b"


def test_a_reason_that_many_lines_share_is_counted(tmp_path):
    path = write(tmp_path / "x.jsonl", row("1"), *[{"messages": []}] * 1000)
    assert load_trajectories(path).bad == [
        f"{path}, line 2: key 'messages' should be a list with messages, found []",
        f"{path}: 999 more lines with the reason given for line 2",
    ]


def test_the_known_formats_are_listed_once(tmp_path):
    for name in "abc":
        write(tmp_path / f"{name}.jsonl", {"a": 1}, {"a": 2})
    for strict in (False, True):
        with pytest.raises(InputError) as caught:
            load_trajectories(tmp_path, strict=strict)
        assert str(caught.value).count("known formats: ") == 1
    write(tmp_path / "run.json", row("1"))
    loaded = load_trajectories(tmp_path)
    assert (len(loaded.bad), loaded.has_unknown_format) == (3, True)
    assert not any("known formats:" in line for line in loaded.bad)


def test_a_folder_with_only_reports_is_an_error(tmp_path):
    write(tmp_path / "report.json", {"resolved": True, "patch_exists": True})
    with pytest.raises(InputError, match=r"no trajectory could be read; skipped: report$"):
        load_trajectories(tmp_path)


@pytest.mark.parametrize("name", ["empty.json", "empty.jsonl"])
def test_an_empty_file_is_named(tmp_path, name):
    write(tmp_path / "run.json", row("1"))
    (tmp_path / name).touch()
    assert len(load_trajectories(tmp_path).bad) == 1


def test_paths_without_runs_are_errors_of_one_line(tmp_path):
    for paths, reason in [
        (tmp_path / "none", "no such file, folder or glob"),
        (Path(__file__).parent, "no .json, .jsonl, .ndjson, .traj, .parquet, .eval file in this folder"),
        (write(tmp_path / "x.json", {"a": 1}), "no trajectory could be read; .*no known trajectory format"),
    ]:
        with pytest.raises(InputError, match=reason) as caught:
            load_trajectories(paths)
        assert "\n" not in str(caught.value)


def event(kind, source, **more):
    return {"kind": kind, "source": source, "id": "e", **more}


EVENTS = [
    event("MessageEvent", "user", llm_message={"role": "user", "content": [{"type": "text", "text": "go"}]}),
    event("MessageEvent", "agent", llm_message={"role": "assistant", "content": [{"type": "text", "text": "done"}]}),
    event("MessageEvent", "agent", llm_message={"role": "assistant", "content": [{"type": "text", "text": "bye"}]}),
]


def texts(loaded):
    return [[segment.text for segment in trajectory.segments] for trajectory in loaded.trajectories]


def test_events_on_lines_are_one_trajectory(tmp_path):
    assert texts(load_trajectories(write(tmp_path / "x.jsonl", *EVENTS))) == [["go", "done", "bye"]]


def test_events_in_files_of_one_folder_are_one_trajectory(tmp_path):
    for run in ("one", "two"):
        for i, value in enumerate(EVENTS):
            write(tmp_path / run / "events" / f"event-{i:05}-x.json", value)
        write(tmp_path / run / "base_state.json", {"id": run, "agent": {}})
    loaded = load_trajectories(tmp_path)
    assert (texts(loaded), ids(loaded)) == ([["go", "done", "bye"]] * 2, ["one", "two"])
    assert (loaded.files, loaded.bad) == (2, [])
    assert texts(load_trajectories(str(tmp_path / "one" / "events" / "*"))) == [["go", "done", "bye"]]


def test_a_run_is_read_up_to_its_first_broken_event(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(EVENTS[0]) + "\n" + json.dumps(EVENTS[1]) + '\n{"kind\n' + json.dumps(EVENTS[2]))
    loaded = load_trajectories(path)
    assert texts(loaded) == [["go", "done"]]
    assert len(loaded.bad) == 1
    assert loaded.bad[0].startswith(f"{path}, line 3: not valid JSON")
    assert loaded.bad[0].endswith("; read up to line 2")
    assert [trajectory.meta["incomplete"] for trajectory in loaded.trajectories] == ["read up to line 2"]
    assert "incomplete" not in load_trajectories(write(tmp_path / "y.jsonl", *EVENTS)).trajectories[0].meta


def test_a_run_in_files_is_read_up_to_its_first_broken_one(tmp_path):
    for i, value in enumerate(EVENTS):
        write(tmp_path / f"event-{i:05}-x.json", value)
    (tmp_path / "event-00002-x.json").write_text('{"kind')
    (trajectory,) = load_trajectories(tmp_path).trajectories
    assert (len(trajectory.segments), trajectory.meta["incomplete"]) == (2, "read up to event-00001-x.json")


def test_one_json_value_that_is_cut_off_is_left_out_whole(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(EVENTS, indent=1)[:-60])
    ((_, line),) = iterate_trajectories(path)
    assert isinstance(line, Bad)
    assert line.reason.endswith("the file seems cut off")


def test_a_session_whose_first_line_is_broken_is_one_bad_line(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"kind\n' + "\n".join(json.dumps(e) for e in EVENTS))
    assert [result for _, result in iterate_trajectories(path)] == [
        Bad(
            f"{path}, line 1: not valid JSON (Unterminated string starting at, column 2); the file seems cut off; "
            "nothing is read, because no event comes before it"
        )
    ]


CLAUDE = [
    {"type": "user", "sessionId": "s", "message": {"role": "user", "content": "go"}},
    {
        "type": "assistant",
        "sessionId": "s",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
    },
    {
        "type": "assistant",
        "sessionId": "s",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
    },
]
CODEX = [
    {"type": "session_meta", "payload": {"id": "c"}},
    {"type": "response_item", "payload": {"type": "message", "role": "user", "content": "go"}},
    {"type": "response_item", "payload": {"type": "message", "role": "assistant", "content": "a"}},
]
FOREIGN = [{"type": "telemetry", "n": 1}, {"what": 3}, 7, {"type": 3}, {"type": "telemetry"}]


@pytest.mark.parametrize("session", [EVENTS, CLAUDE, CODEX], ids=["OpenHands", "Claude Code", "Codex"])
@pytest.mark.parametrize("at", [0, 1, 3], ids=["first", "in the middle", "last"])
def test_unknown_records_inside_a_session_are_skipped_and_counted(tmp_path, session, at):
    whole = load_trajectories(write(tmp_path / "x.jsonl", *session)).trajectories[0]
    for foreign in (FOREIGN[:1], FOREIGN[:4]):
        lines = [*session[:at], *foreign, *session[at:]]
        path = write(tmp_path / "x.jsonl", *lines)
        loaded = load_trajectories(path, strict=True)
        (trajectory,) = loaded.trajectories
        assert trajectory.segments == whole.segments
        path.write_text(json.dumps(lines))
        assert load_trajectories(path, strict=True).trajectories[0].segments == whole.segments
        if session is not EVENTS:  # its reader names them by their kind
            assert loaded.unknown_records == ({"telemetry": 1} | ({"no type": 3} if foreign[1:] else {}))
        assert loaded.unknown_records.total() == len(foreign)


def test_more_unknown_records_than_events(tmp_path):
    loaded = load_trajectories(write(tmp_path / "x.jsonl", CLAUDE[0], *FOREIGN * 20, *CLAUDE[1:]))
    assert texts(loaded) == [["go", "a", "b"]]
    assert loaded.unknown_records == {"telemetry": 40, "no type": 60}


def test_an_event_of_another_format_is_an_unknown_record(tmp_path):
    loaded = load_trajectories(write(tmp_path / "x.jsonl", *CLAUDE, CODEX[1], CLAUDE[2]))
    assert texts(loaded) == [["go", "a", "b", "b"]]
    assert loaded.unknown_records == {"response_item": 1}


def test_unknown_event_files_are_skipped_and_counted(tmp_path):
    for i, value in enumerate([{"type": "new"}, *EVENTS[:2], {"type": "new"}, EVENTS[2]]):
        write(tmp_path / f"event-{i}.json", value)
    loaded = load_trajectories(tmp_path)
    assert (texts(loaded), loaded.bad) == ([["go", "done", "bye"]], [])
    assert loaded.unknown_records.total() == 2


def test_a_session_after_unknown_records_is_read_up_to_its_break(tmp_path):
    path = write(tmp_path / "x.jsonl", FOREIGN[0], *CLAUDE[:2])
    path.write_text(path.read_text() + '{"type\n' + json.dumps(CLAUDE[2]))
    loaded = load_trajectories(path)
    assert texts(loaded) == [["go", "a"]]
    assert loaded.trajectories[0].meta == {"unknown_records": {"telemetry": 1}, "incomplete": "read up to line 3"}
    assert loaded.bad[0].endswith("; read up to line 3")


def test_the_lines_of_a_session_without_a_run_are_one_line(tmp_path):
    write(tmp_path / "run.json", row("1"))
    summary = {"type": "summary", "summary": "x", "leafUuid": "l"}
    path = write(tmp_path / "x.jsonl", summary, summary, FOREIGN[0])
    assert load_trajectories(tmp_path).bad == [
        f"{path}: 3 records like those of a Claude Code session, but no run in them; types: summary (2), telemetry (1)"
    ]


def test_rows_of_runs_with_an_event_among_them_stay_runs(tmp_path):
    path = write(tmp_path / "x.jsonl", row("1"), row("2"), CLAUDE[0], row("3"))
    loaded = load_trajectories(path)
    assert ids(loaded) == ["1", "2", "3"]
    assert loaded.bad[0].startswith(f"{path}, line 3: no known trajectory format")


def test_counts_of_unknown_records_that_are_not_counts(tmp_path):
    """The curated format keeps what a file has in `meta`."""
    curated = load_trajectories(write(tmp_path / "a.json", row("1"))).trajectories[0].to_json()
    for value in ("x", [3], {"a": "3", "b": True, "c": 2, "d": None, "e": -1, "f": 0}):
        loaded = load_trajectories(write(tmp_path / "b.jsonl", {**curated, "meta": {"unknown_records": value}}))
        assert loaded.unknown_records == ({"c": 2} if isinstance(value, dict) else {})


def test_files_called_event_that_hold_runs_are_read_one_by_one(tmp_path):
    write(tmp_path / "event-1.json", row("1"))
    write(tmp_path / "event-2.json", row("2"))
    assert ids(load_trajectories(tmp_path)) == ["1", "2"]


def test_a_part_of_another_file_is_counted(tmp_path):
    agent = {"name": "a", "version": "1", "model_name": "m"}
    head = {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": agent}
    first = [{"step_id": 1, "source": "user", "message": "go"}, {"step_id": 2, "source": "agent", "message": "a"}]
    write(tmp_path / "run.json", {**head, "steps": first, "continued_trajectory_ref": "run.cont-1.json"})
    write(tmp_path / "run.cont-1.json", {**head, "steps": [{"step_id": 1, "source": "agent", "message": "b"}]})
    loaded = load_trajectories(tmp_path)
    part = Skipped(PART, tmp_path / "run.json")
    assert (texts(loaded), loaded.skipped, loaded.bad) == ([["go", "a", "b"]], {part: 1}, [])


def test_iterating_gives_the_same_one_at_a_time(tmp_path):
    path = write(tmp_path / "x.jsonl", row("1"), {"a": 1}, row("2"))
    stream: Any = iterate_trajectories(path)
    first_path, first = next(stream)
    assert (first_path, first.id) == (path, "1")
    rest = [result.reason if isinstance(result, Bad) else result.id for _, result in stream]
    assert rest == ["2", load_trajectories(path).bad[0]]


def test_a_parquet_file_of_another_kind_is_named_once(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    write(tmp_path / "run.json", row("1"))
    parquet.write_table(pyarrow.table({"doc_id": list(range(50))}), tmp_path / "tokens.parquet")
    parquet.write_table(pyarrow.Table.from_pylist([row("2"), row("3")]), tmp_path / "x.parquet")
    loaded = load_trajectories(tmp_path)
    assert ids(loaded) == ["1", "2", "3"]
    assert loaded.bad == [f"{tmp_path / 'tokens.parquet'}: 50 rows, none of a known format; keys seen: doc_id"]


WILD = "wild"
"""The folder of real files from more agents, also from agents without a reader."""


def test_every_real_file_of_a_known_format_is_read(real_trajectories):
    folders = [folder for folder in sorted(real_trajectories.iterdir()) if folder.is_dir() and folder.name != WILD]
    loaded: list[Path] = []
    bad: list[str] = []
    for path, result in iterate_trajectories(folders):
        if isinstance(result, Trajectory):
            loaded.append(path)
        else:
            bad.append(result.reason)
    beside = {"report.json", "result.json", "README.md", "verifier_reward.txt"}
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    summaries = {path for path in files if path.name.startswith("deepseek__")}
    truncated = real_trajectories / "mini_swe_agent_1.1" / "TRUNCATED_INVALID_JSON.traj.json"
    converted = {path for path in files if path.with_name("agent_mini-swe-agent.trajectory.json") in files - {path}}
    converted = {path for path in converted if path.name == "agent_trajectory.json"}  # its native file is read
    others = {path for path in files if path.name not in beside} - summaries - converted - {truncated}
    assert set(loaded) == others
    assert len(bad) == 1
    assert bad[0].startswith(f"{truncated}, line 9302: not valid JSON")
    whole = load_trajectories(folders)
    assert isinstance(whole, Loaded)
    assert (whole.bad, len(whole.trajectories), whole.files) == (bad, len(loaded), len(others))


def test_every_real_file_has_a_result(real_trajectories):
    """A file that no reader knows is named as bad. Only files with another ending are not opened."""
    results: dict[Path, list[object]] = {}
    for path, result in iterate_results(find_inputs(real_trajectories)):
        results.setdefault(path, []).append(result)
    files = {path for path in real_trajectories.rglob("*") if path.is_file()}
    assert set(results) == {path for path in files if has_known_ending(path)}
    for path, of_file in results.items():
        assert all(result.reason.startswith(str(path)) for result in of_file if isinstance(result, Bad))


def test_the_reasons_listed_for_one_file_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "_REASONS", 3)
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([json.dumps(row("good")), *(" " * i + "{" for i in range(9))]))
    loaded = load_trajectories(path)
    assert len(loaded.trajectories) == 1
    assert len(loaded.bad) == 4
    assert loaded.bad[-1] == f"{path}: 6 more records with other reasons, the first at line 5"


def test_a_results_file_in_the_place_of_trajectories_is_named_as_such(tmp_path):
    path = tmp_path / "results_1.json"
    path.write_text(json.dumps({"results": {"swe_hesnr": {}}, "configs": {}, "versions": {}}))
    with pytest.raises(InputError, match=r"is a results file of lm_eval, not trajectories; hesnr measure, diagnose"):
        load_trajectories(path)
