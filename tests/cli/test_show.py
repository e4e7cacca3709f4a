import re

import pytest

from lm_eval_hesnr.cli.show import lines
from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.messages.characters import visible
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import trajectory

ACTION = "```bash\nls -l # all\n```"
COLOUR = re.compile(r"\x1b\[[0-9]+m")


def run(*segments, **fields):
    return trajectory(*segments, **{"id": "a__b-1"} | fields)


def action(text=ACTION, command="ls -l # all", executed=True, **fields):
    calls = (Call("bash", {"command": command}, executed),)
    return Segment("action", text, generated=True, calls=calls, **fields)


def test_plain_lines():
    trajectory = run(
        Segment("task", "Fix it."),
        Segment("thought", "Look.\n\n", generated=True),
        action(continues=True),
        Segment("observation", ""),
        resolved=True,
        model="m",
    )
    assert list(lines(trajectory)) == [
        "a__b-1 (test, model m, resolved)",
        "",
        "== 1 task == task 7",
        "Fix it.",
        "",
        "== 2 thought == thought 7",
        "Look.",
        "",
        "",
        "== 3 action, bash, executed: yes, continues the same string == code 4, markup 12, comment 5, whitespace 2",
        "```bash",
        "ls -l # all",
        "```",
        "",
        "== 4 observation == empty",
    ]


def test_each_label_has_its_colour_and_each_line_ends_without_colour():
    got = list(lines(run(action()), colours=True))
    code, markup, comment, blank = ("\x1b[32m%s\x1b[0m", "\x1b[34m%s\x1b[0m", "\x1b[33m%s\x1b[0m", "\x1b[100m \x1b[0m")
    assert got[-3:] == [
        markup % "```bash",
        code % "ls" + blank + code % "-l" + blank + comment % "# all",
        markup % "```",
    ]
    assert got[1].startswith("\x1b[32mcode\x1b[0m  \x1b[34mmarkup\x1b[0m  ")


def test_only_the_requested_labels():
    trajectory = run(Segment("task", "Fix it."), action(), action("```bash\nls\n```", "ls"))
    assert list(lines(trajectory, {Label.CODE}))[4:6] == ["ls -l…", ""]
    assert list(lines(trajectory, {Label.COMMENT}))[1:] == [
        "",
        "== 2 action, bash, executed: yes == code 4, markup 12, comment 5, whitespace 2",
        "…",
        "# all…",
    ]


@pytest.mark.parametrize(("executed", "word"), [(True, "yes"), (False, "no"), (None, "unknown")])
def test_whether_it_was_executed(executed, word):
    assert f"executed: {word} ==" in list(lines(run(action(executed=executed))))[2]


def test_text_that_no_model_wrote_is_marked():
    assert "thought, not written by the model == other 4" in list(lines(run(Segment("thought", "demo"))))[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\x08\x7f\0", "a\\rb\\x08\\x7f\\x00"),
        ("\u202eabc\u2066\u200b", "\\u202eabc\\u2066\\u200b"),
        ("\u2028\ud800\ufeff", "\\u2028\\ud800\\ufeff"),
        ("tab\tend\nü 世界", "tab\tend\nü 世界"),
    ],
)
def test_nothing_reaches_the_terminal_as_a_command(text, shown):
    assert visible(text) == shown
    hostile = run(
        Segment("observation", text),
        Segment("action", text, generated=True, calls=(Call(text, {"a": text}, None),)),
        id=text,
        source=text,
        model=text,
    )
    for colours in (False, True):
        for line in lines(hostile, colours=colours):
            assert all(c.isprintable() or c == "\t" for c in COLOUR.sub("", line) if colours or c)
            assert colours or "\x1b" not in line


def test_nothing_is_lost_or_invented(real_trajectories):
    for path in ("mini_swe_agent_1/sympy__sympy-13480", "swe_agent/function_calling.traj", "dataset_rows"):
        for run in load_trajectories(real_trajectories / path).trajectories:
            expected = []
            for number, segment in enumerate(run.segments, start=1):
                expected.append((str(number), visible(segment.text).removesuffix("\n")))
            for colours in (False, True):
                plain = "\n".join(COLOUR.sub("", line) for line in lines(run, colours=colours))
                heading = r"\n\n== (\d+) (?:system|task|thought|action|observation|other)\b[^\n]* == [^\n]+"
                parts = re.split(heading + r"(?=\n|\Z)", plain)[1:]
                assert list(zip(parts[::2], (body[1:] for body in parts[1::2]), strict=True)) == expected


def test_colours_are_the_labels(real_trajectories):
    (run,) = load_trajectories(real_trajectories / "mini_swe_agent_1/sympy__sympy-13480").trajectories
    shown = "".join(lines(run, colours=True))
    comments = sum(int((annotate(s) == Label.COMMENT).sum()) for s in run.segments)
    legend = len("comment")
    assert sum(map(len, re.findall(r"\x1b\[33m([^\x1b]*)\x1b", shown))) == comments + legend
