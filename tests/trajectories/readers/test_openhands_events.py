"""OpenHands V0 events: text of the model, text of the interface, and what ran."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import openhands_events
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

RUN = Path("runs/output.jsonl")


def response(ident, content, *calls):
    """The reply that every event of it repeats."""
    tool_calls = [{"id": c, "function": {"name": n, "arguments": a}} for c, n, a in calls]
    return {"id": ident, "model": "m", "choices": [{"message": {"content": content, "tool_calls": tool_calls}}]}


def metadata(reply, call):
    return {"tool_call_id": call, "total_calls_in_response": 1, "model_response": reply}


def generated(kind, text, *calls, continues=False):
    return Segment(kind, text, generated=True, calls=tuple(calls), continues=continues)


def segments(stream):
    assert openhands_events.detect(stream)
    return list(read_record(stream, RUN).segments)


def test_events_are_laid_out_as_the_model_wrote_them():
    reply = response("r", "Look.", ("c", "execute_bash", '{"command": "ls", "security_risk": "LOW"}'))
    events = [
        {"id": 0, "source": "agent", "message": "UI", "action": "system", "args": {"content": "Be good."}},
        {"id": 1, "source": "user", "message": "UI", "action": "message", "args": {"content": "Fix it."}},
        {"id": 2, "source": "user", "action": "recall", "args": {"query": "Fix it.", "thought": ""}},
        {
            "id": 3,
            "source": "environment",
            "cause": 2,
            "observation": "recall",
            "content": "Added workspace context",
            "extras": {"repo_instructions": "", "microagent_knowledge": [{"name": "git", "content": "Use git."}]},
        },
        {
            "id": 5,
            "source": "agent",
            "message": "Running command: ls",
            "action": "run",
            "args": {"command": "ls", "thought": "Look."},
            "tool_call_metadata": metadata(reply, "c"),
        },
        {
            "id": 6,
            "source": "agent",
            "cause": 5,
            "message": "UI",
            "observation": "run",
            "content": "a.py",
            "tool_call_metadata": metadata(reply, "c"),
        },
        {"id": 9, "source": "agent", "observation": "error", "content": "No such tool"},
        {"id": 10, "source": "agent", "action": "message", "args": {"content": "Done."}},
        {"id": 11, "source": "user", "action": "message", "args": {"content": "Please continue working on the task."}},
    ]
    assert segments({"instance_id": "i", "history": events}) == [
        Segment("system", "Be good."),
        Segment("task", "Fix it."),
        Segment("task", "Use git."),
        generated("thought", "Look."),
        generated(
            "action",
            '{"command": "ls", "security_risk": "LOW"}',
            Call("bash", {"command": "ls", "security_risk": "LOW"}, True),
        ),
        Segment("observation", "a.py"),
        Segment("observation", "No such tool"),
        generated("thought", "Done."),
        Segment("other", "Please continue working on the task."),
    ]


def test_parallel_calls_share_one_thought_and_each_has_its_answer():
    reply = response("r", "Both.", ("a", "execute_bash", '{"command": "ls"}'), ("b", "finish", "{}"))
    both = segments(
        [
            {"id": 1, "source": "agent", "action": "run", "tool_call_metadata": metadata(reply, "a"), "args": {}},
            {"id": 2, "source": "agent", "cause": 1, "observation": "run", "content": "x"},
            {"id": 3, "source": "agent", "action": "finish", "tool_call_metadata": metadata(reply, "b"), "args": {}},
        ]
    )
    assert both == [
        generated("thought", "Both."),
        generated("action", '{"command": "ls"}', Call("bash", {"command": "ls"}, True)),
        generated("action", "{}", Call("finish", {}, None)),
        Segment("observation", "x"),
    ]


def test_think_is_a_thought_and_not_repeated():
    reply = response("r", "Hm.", ("c", "think", '{"thought": "Why?"}'))
    args = {"thought": "Hm.\nWhy?"}
    event = {"id": 1, "source": "agent", "action": "think", "args": args, "tool_call_metadata": metadata(reply, "c")}
    told = {"id": 2, "cause": 1, "source": "agent", "observation": "think", "content": "Logged."}
    assert segments([event, told]) == [
        generated("thought", "Hm."),
        generated("thought", '{"thought": "Why?"}'),
        Segment("observation", "Logged."),
    ]


def test_an_edit_shows_the_model_the_text_and_not_the_diff():
    extras = {"formatted_output_and_error": "File created."}
    event = {"id": 1, "observation": "edit", "source": "agent", "content": "+ diff", "extras": extras}
    assert segments([event]) == [Segment("observation", "File created.")]


@pytest.mark.parametrize(
    ("answer", "executed"),
    [
        ("a.py", True),
        ("ERROR:\nNo replacement was performed", True),  # it ran and failed
        ("ERROR: Cannot execute multiple commands at once.\nPlease", False),
        ("The action has not been executed.", False),
        ("Action has been rejected by the user! Waiting", False),
        (None, None),
    ],
)
def test_what_the_answer_says_about_whether_it_ran(answer, executed):
    action = {"id": 4, "source": "agent", "action": "run", "args": {"command": "ls\nls"}}
    answered = [{"id": 5, "cause": 4, "source": "agent", "observation": "error", "content": answer}]
    assert segments([action, *(answered if answer else [])])[0].calls[0].executed is executed


def flat_events():
    """Events of resolver rows, without id, source and args."""
    return [
        {"action": "message", "content": "Fix it.", "images_urls": None},
        {"action": "run", "command": "ls", "thought": "Look.", "is_confirmed": "confirmed", "kernel_init_code": None},
        {"observation": "run", "command": "ls", "content": "a.py", "exit_code": 0},
        {"action": "run_ipython", "code": "1 + 1", "thought": ""},
        {"action": "message", "content": "What now?"},
        {"action": "message", "content": "Go on by yourself."},
        {"action": "message", "content": "Then I stop."},
        {"action": "finish", "outputs": {}, "thought": "Done."},
    ]


FLAT = [
    Segment("task", "Fix it."),
    generated("thought", "Look."),
    generated("action", "ls", Call("bash", {"command": "ls"}, True)),
    Segment("observation", "a.py"),
    generated("action", "1 + 1", Call("execute_ipython_cell", {"code": "1 + 1"}, None)),
    generated("thought", "What now?"),
    Segment("other", "Go on by yourself."),
    generated("thought", "Then I stop."),
    generated("thought", "Done."),
]


def test_flat_events_of_the_resolver():
    issue = {"owner": "o", "repo": "r", "number": 7, "title": "t"}
    row = {"issue": issue, "history": flat_events(), "success": True}
    trajectory = read_record(row, RUN)
    assert (trajectory.id, trajectory.resolved, trajectory.meta) == ("o__r__7", None, {"success": True})
    assert list(trajectory.segments) == FLAT


def test_elements_that_are_neither_actions_nor_observations_are_skipped_and_counted():
    foreign = [{"type": "new"}, {"action": None}, {"type": 3}]
    read = openhands_events.read({"history": [*flat_events(), *foreign]}, Path("x.json"))
    assert list(read.segments) == FLAT
    assert read.meta == {"unknown_records": {"new": 1, "no type": 2}}


def test_pairs_are_the_same_stream():
    message, run, answer, ipython, *rest = flat_events()
    null = {"observation": "null", "content": "", "extras": {}}
    pairs = [[message, null], [run, answer], [ipython, null], *([event, null] for event in rest)]
    assert segments({"instance_id": "i", "history": pairs}) == FLAT


def test_feedback_rows_have_null_keys_and_json_strings():
    row = {
        "version": "1.0",
        "feedback": "positive",
        "trajectory": [
            {"action": "initialize", "args": '{"LLM_MODEL": "gpt-4o"}', "source": "environment", "observation": None},
            {"status": "ok", "source": "environment", "action": None, "observation": None},
            {"action": "message", "args": {"content": "Hi", "command": None}, "source": "user", "id": None},
            {"id": 2, "observation": "null", "action": None, "content": "", "source": "user", "extras": "{}"},
            {"id": 3, "source": "agent", "action": "run", "args": {"command": "ls", "thought": None}, "cause": None},
            {
                "id": 4,
                "source": "agent",
                "observation": "run",
                "cause": 3,
                "content": "a",
                "extras": '{"exit_code": 0}',
            },
            {"id": 5, "source": "user", "action": "run", "args": {"command": "pwd"}},
        ],
    }
    trajectory = read_record(row, RUN)
    assert (trajectory.model, trajectory.meta) == ("gpt-4o", {"feedback": "positive"})
    assert list(trajectory.segments) == [
        Segment("task", "Hi"),
        generated("action", "ls", Call("bash", {"command": "ls"}, True)),
        Segment("observation", "a"),
        Segment("other", "pwd"),
    ]


def test_a_repeated_id_means_the_last_event_with_it():
    runs = [{"id": 1, "source": "agent", "action": "run", "args": {"command": c}} for c in ("first", "second")]
    answer = {"id": 2, "source": "agent", "observation": "run", "cause": 1, "content": "x"}
    calls = [segment.calls[0] for segment in segments([*runs, answer]) if segment.calls]
    assert [call.executed for call in calls] == [None, True]


def test_older_edits_keep_the_arguments_of_the_model():
    args = {"path": "/a", "content": "é", "start": 1, "thought": "", "impl_source": "llm", "view_range": None}
    (segment,) = segments([{"id": 1, "source": "agent", "action": "edit", "args": args}])
    given = {"path": "/a", "content": "é", "start": 1}
    assert segment == generated("action", '{"path": "/a", "content": "é", "start": 1}', Call("edit", given, None))


@pytest.mark.parametrize(
    ("columns", "resolved"),
    [
        ({"report": {"resolved": True}}, True),
        ({"test_result": {"git_patch": "", "report": {"resolved": False}}}, False),
        ({"report": {}}, None),
    ],
)
def test_the_outcome_comes_from_the_report(columns, resolved):
    assert read_record({"instance_id": "i", "history": flat_events(), **columns}, RUN).resolved is resolved


def test_a_run_without_events_is_an_error():
    row = {"instance_id": "i", "test_result": {}, "history": [], "error": "no container"}
    with pytest.raises(ValueError, match=r"'history' has no events.*no container"):
        read_record(row, RUN)


@pytest.mark.parametrize(
    "other",
    [
        {"trajectory": [{"action": "ls", "observation": "a", "response": "r"}], "history": [{"role": "system"}]},
        {"trajectory": [{"role": "user", "text": "a"}]},
        [{"role": "user", "content": "a"}],
        [{"action": "click", "observation": None}],
        [{"action": ["run"], "observation": {}}],
        {"history": 3},
        [],
        3,
    ],
)
def test_other_files_are_not_detected(other):
    assert not openhands_events.detect(other)


REAL = [
    ("multi_swe_bench_output.jsonl", 22, 21),
    ("runtime_trajs/tests__runtime__trajs__basic.json", 2, 1),
    ("runtime_trajs/tests__runtime__trajs__basic_gui_mode.json", 4, 4),
]


@pytest.mark.parametrize(("name", "n_actions", "n_executed"), REAL)
def test_real_streams_give_every_call_once(real_trajectories, name, n_actions, n_executed):
    path = real_trajectories / "openhands" / name
    data = json.loads(path.read_text())
    events = data["history"] if isinstance(data, dict) else data
    (trajectory,) = load_trajectories(path).trajectories
    actions = [s for s in trajectory.segments if s.kind == "action"]
    assert (len(actions), sum(s.calls[0].executed is True for s in actions)) == (n_actions, n_executed)
    caused = {e["cause"] for e in events if "cause" in e}
    called, executed = [], []
    for event in events:
        if "action" in event and "tool_call_metadata" in event:
            function = event["tool_call_metadata"]["model_response"]["choices"][0]["message"]["tool_calls"][0][
                "function"
            ]
            called += [function["arguments"]] if function["name"] != "think" else []
            executed += [function["arguments"]] if function["name"] != "think" and event["id"] in caused else []
    assert [s.text for s in actions] == called
    assert [s.text for s in actions if s.calls[0].executed] == executed


@pytest.mark.parametrize(("name", "n_actions", "n_executed"), REAL)
def test_real_streams_give_every_reply_whole(real_trajectories, name, n_actions, n_executed):
    path = real_trajectories / "openhands" / name
    data = json.loads(path.read_text())
    written = []
    for event in data["history"] if isinstance(data, dict) else data:
        if "action" in event and "tool_call_metadata" in event:
            message = event["tool_call_metadata"]["model_response"]["choices"][0]["message"]
            written += [message["content"] or "", *(c["function"]["arguments"] for c in message["tool_calls"])]
        elif event.get("source") == "agent" and event.get("action") == "message":
            written.append(event["args"]["content"])
    (trajectory,) = load_trajectories(path).trajectories
    assert "".join(s.text for s in trajectory.segments if s.generated) == "".join(written)
    interface = {e["message"] for e in (data if isinstance(data, list) else data["history"]) if "cause" in e}
    assert not interface & {s.text for s in trajectory.segments if s.kind not in ("observation",)} - {""}
