import json

import numpy as np
import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labelling.render import chat, transcript
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.checked import encodable
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import trajectory

LS = Call("bash", {"command": "ls"}, True)


RUN = trajectory(
    Segment("system", "You fix code."),
    Segment("task", "Fix it.\n"),
    Segment("thought", "Look. ", generated=True),
    Segment("action", "```bash\nls\n```", generated=True, calls=(LS,), continues=True),
    Segment("observation", "x.py\n"),
    Segment("other", "Submitted."),
)


def chatml(messages):
    return "".join(f"<{m['role']}>{m['content']}</>\n" for m in messages)


def stretches(rendering):
    """[(label, text)] for each run of characters with one label."""
    changes = np.flatnonzero(np.diff(rendering.labels.astype(int), prepend=-1))
    ends = [*changes[1:], len(rendering.text)]
    return [(Label(rendering.labels[a]).label_name, rendering.text[a:b]) for a, b in zip(changes, ends, strict=True)]


def test_a_transcript_computed_by_hand():
    rendering = transcript(RUN)
    assert stretches(rendering) == [
        ("template", "### System\n"), ("system", "You fix code."), ("template", "\n\n### Task\n"),
        ("task", "Fix it.\n"), ("template", "\n### Agent\n"), ("thought", "Look. "), ("markup", "```bash\n"),
        ("code", "ls"), ("markup", "\n```"),
        ("template", "\n\n### Observation\n"), ("observation", "x.py\n"), ("template", "\n### Note\n"),
        ("other", "Submitted."), ("template", "\n\n"),
    ]  # fmt: skip
    assert rendering.text[: rendering.context_end].endswith("Fix it.\n")


def test_separate_strings_are_put_on_separate_lines():
    emitted = '{"command": "ls"}'
    rendering = transcript(
        trajectory(
            Segment("thought", "reasoning", generated=True),
            Segment("thought", "prose", generated=True),
            Segment("action", emitted, generated=True, calls=(LS,)),
            Segment("action", emitted, generated=True, calls=(LS,)),
        )
    )
    assert rendering.text == f"### Agent\nreasoning\nprose\n{emitted}\n{emitted}\n\n"
    assert rendering.context_end == 0


def test_a_later_task_is_not_context():
    segments = (Segment("task", "a"), Segment("thought", "b", generated=True), Segment("task", "c"))
    rendering = transcript(trajectory(*segments))
    assert rendering.text[: rendering.context_end] == "### Task\na"


def test_text_that_no_model_generated_is_other_even_if_it_looks_like_an_action():
    demonstration = Segment("action", "```bash\nls\n```", generated=False, calls=(LS,))
    assert ("other", demonstration.text) in stretches(transcript(trajectory(demonstration)))


@pytest.mark.parametrize("code", [0xD800, 0xDC00], ids=hex)
@pytest.mark.parametrize("render", [transcript, lambda run: chat(run, chatml)], ids=["transcript", "chat"])
def test_half_a_surrogate_pair_in_a_trajectory_made_in_python_becomes_a_replacement_character(render, code):
    """A file cannot contain one after it was read. The labels are those of a text that has U+FFFD in the same place."""
    both = []
    for character in (chr(code), "\ufffd"):
        command = f"echo {character} # {character}\nls"
        action = Segment("action", f"```bash\n{command}\n```", True, (Call("bash", {"command": command}, True),))
        both.append(render(trajectory(Segment("task", f"a{character}b"), action)))
    assert both[0].text == both[1].text
    assert "a\ufffdb" in both[0].text
    np.testing.assert_array_equal(both[0].labels, both[1].labels)


@pytest.mark.parametrize("text", [
    r'{"name": "bash", "arguments": {"command": "echo \ud800 # c\ud800\nls"}}',
    r'{"name": "bash", "arguments": "{\"command\": \"echo \ud800 # c\udc00\nls\"}"}',
    r'{"name": "bash", "arguments": "{\"command\": \"echo \\ud800 # c\\udc00\nls\"}"}',
    r'{"name": "exec", "arguments": {"input": "await tools.shell_command({command: \"ls \\ud800 # c\\u{dc00}\"})"}}',
    r'{"\ud800": ["\udc00", {"command": "\ud800 # \udc00"}], "name": "\ud800"}',
])  # fmt: skip
def test_half_a_surrogate_pair_that_an_escape_stands_for_can_be_labelled(text):
    """Such an escape is text that can be encoded. What it stands for cannot be, and a parser needs it."""
    value = json.loads(text)
    arguments = value.get("arguments", value)
    arguments = json.loads(arguments, strict=False) if isinstance(arguments, str) else arguments
    run = trajectory(Segment("action", text, True, (Call(value["name"], arguments, True),)))
    plain = text.replace(r"\u{dc00}", r"\u{fffd}").replace("ud800", "ufffd").replace("udc00", "ufffd")
    same = trajectory(Segment("action", plain, True, (Call(value["name"], encodable(arguments), True),)))
    np.testing.assert_array_equal(transcript(run).labels, transcript(same).labels)


def test_chat_finds_every_message_again():
    rendering = chat(RUN, chatml)
    assert stretches(rendering) == [
        ("template", "<system>"), ("system", "You fix code."), ("template", "</>\n<user>"), ("task", "Fix it.\n"),
        ("template", "</>\n<assistant>"), ("thought", "Look. "), ("markup", "```bash\n"), ("code", "ls"),
        ("markup", "\n```"), ("template", "</>\n<user>"), ("observation", "x.py\n"), ("template", "\n\n"),
        ("other", "Submitted."), ("template", "</>\n"),
    ]  # fmt: skip
    assert rendering.text[: rendering.context_end] == "<system>You fix code.</>\n<user>Fix it.\n"


def test_a_template_may_trim_messages():
    rendering = chat(RUN, lambda messages: chatml([m | {"content": m["content"].strip()} for m in messages]))
    assert ("task", "Fix it.") in stretches(rendering)
    assert len(rendering.labels) == len(rendering.text)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (lambda ms: chatml([m for m in ms if m["role"] != "system"]), r"drops turn 0 \(system\)"),
        (lambda ms: chatml(ms[:3]), r"drops turn 3 \(observation\) and turn 4 \(other\)"),
        (
            lambda ms: chatml([m | {"content": m["content"].replace("Look", "")} for m in ms]),
            r"rewrites turn 2 \(thought",
        ),
        (lambda ms: chatml([m | {"content": m["content"].upper()} for m in ms]), "rewrites turn 0"),
        (lambda ms: 1 / 0, "refuses the messages .division by zero"),
        (lambda ms: chatml(ms) + "\ud800", "writes a lone surrogate"),
        (lambda ms: "\udfff" + chatml(ms), "writes a lone surrogate"),
    ],
)
def test_chat_names_what_a_template_drops_or_rewrites(template, message):
    with pytest.raises(InputError, match=f"^a run: the chat template {message}.*; use render=transcript$"):
        chat(RUN, template)


def test_equal_messages_are_each_found_at_their_position():
    run = trajectory(
        Segment("task", "user"), Segment("thought", "user", generated=True), Segment("observation", "user")
    )
    labels = [label for label, text in stretches(chat(run, chatml)) if text == "user"]
    assert labels == ["task", "thought", "observation"]
