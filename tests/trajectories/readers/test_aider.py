"""Aider's history: chats of one file, Aider's own lines, edits in every format, and what became of them."""

import re
import time

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import aider, aider_edits
from lm_eval_hesnr.trajectories.schema import Call, Segment
from lm_eval_hesnr.trajectories.skipped import NO_REPLY, Skipped

NAME = ".aider.chat.history.md"
HEAD = "# aider chat started at 2025-01-02 03:04:05"


def aider_says(*lines):
    return "".join(f"> {line}".rstrip() + "  \n" for line in lines)


def user_says(*lines):
    return "\n" + "".join(f"#### {line}  \n" for line in lines)


def model_says(text):
    return f"\n{text.strip()}\n\n"


def banner(edit_format):
    return "\n" + aider_says("Aider v0.86.1", f"Main model: p/m with {edit_format} edit format, infinite output")


def chat(*parts, edit_format="diff"):
    return f"\n{HEAD}\n\n{banner(edit_format)}" + "".join(parts)


def write(folder, text, name=NAME):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def segments(folder, *parts, edit_format="diff"):
    path = write(folder, chat(user_says("Fix it."), *parts, edit_format=edit_format))
    [trajectory] = load_trajectories(path).trajectories
    assert trajectory.segments[:2] == (Segment("other", banner(edit_format).strip("\n")), Segment("task", "Fix it."))
    return trajectory.segments[2:]


def thought(text, continues=False):
    return Segment("thought", text, True, (), continues)


def action(text, *calls, continues=False):
    return Segment("action", text, True, calls, continues)


def block(old, new):
    return f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE"


def fence(path, old, new):
    return f"{path}\n```python\n{block(old, new)}\n```"


def edit(old, new, executed, path="a/b.py"):
    return Call("edit", {"path": path, "old_str": old, "new_str": new}, executed)


def test_a_file_with_several_chats(tmp_path):
    fenced = fence("a/b.py", "x = 1\n", "# two\nx = 2\n")
    done = aider_says("Tokens: 2k sent, 1k received.", "Applied edit to a/b.py", "Commit 1234567 fix")
    text = (
        chat(user_says("/add a/b.py"), aider_says("Added a/b.py to the chat"))
        + chat(user_says("/add **"), aider_says("Added"), user_says("Fix it.", "", "Now."))
        + model_says(f"Sure:\n\n{fenced}\n\nThat is all.")
        + done
        + user_says("/ask Why?")
        + model_says("Because.")
        + aider_says("Tokens: 3k sent, 1k received.")
    ).replace(HEAD, HEAD.replace("05", "06"), 2)
    (tmp_path / "project").mkdir()
    loaded = load_trajectories(write(tmp_path / "project", text))
    assert loaded.skipped == {Skipped(NO_REPLY): 1}
    assert loaded.bad == []
    [trajectory] = loaded.trajectories
    assert (trajectory.id, trajectory.source) == ("project 2025-01-02 03:04:06", "aider")
    assert (trajectory.model, trajectory.resolved, trajectory.meta) == ("p/m", None, {"agent_version": "0.86.1"})
    assert trajectory.segments == (
        Segment("other", banner("diff").strip("\n")),
        Segment("other", "/add **"),
        Segment("other", "> Added  "),
        Segment("task", "Fix it.\n\nNow."),
        thought("Sure:\n\n"),
        action(fenced, edit("x = 1\n", "# two\nx = 2\n", True), continues=True),
        thought("\n\nThat is all.", continues=True),
        Segment("observation", done.rstrip("\n")),
        Segment("task", "/ask Why?"),
        thought("Because."),
        Segment("other", "> Tokens: 3k sent, 1k received.  "),
    )


def test_edits_in_one_fence_and_the_name_inside(tmp_path):
    first, second, new = block("a\n", "b\n"), block("c\n", "d\n"), block("", "e\n")
    reply = f"```python\na/b.py\n{first}\n{second}\n```\n**Makefile**\n```\n{new}\n```"
    done = aider_says("Applied edit to a/b.py", "Skipping edits to Makefile")
    assert segments(tmp_path, model_says(reply), done)[:-1] == (
        action(f"```python\na/b.py\n{first}", edit("a\n", "b\n", True)),
        thought("\n", continues=True),
        action(
            f"{second}\n```", Call("edit", {"old_str": "c\n", "new_str": "d\n", "path": "a/b.py"}, True), continues=True
        ),
        thought("\n", continues=True),
        action(f"**Makefile**\n```\n{new}\n```", edit("", "e\n", False, "Makefile"), continues=True),
    )


@pytest.mark.parametrize(
    ("report", "executed"),
    [
        ("Applied edit to a/b.py", True),
        ("The LLM did not conform to the edit format.", False),
        ("# 1 SEARCH/REPLACE block failed to match!", False),
        ("# 1 SEARCH/REPLACE block failed to match! # The other 1 block was applied successfully.", None),
        ("Unable to write file /w/a/b.py after 5 attempts", False),
        ("Skipping edits to a/b.py", False),
        ("Tokens: 1k sent", None),
    ],
)
def test_whether_an_edit_ran(tmp_path, report, executed):
    found = segments(tmp_path, model_says(fence("a/b.py", "a\n", "b\n")), aider_says(report))
    assert found[0].calls == (edit("a\n", "b\n", executed),)
    assert found[1].kind == "observation"


def test_shell_commands_are_actions_if_aider_ran_them(tmp_path):
    reply = "Run:\n```bash\n# all\nls -l\n```\nor\n```sh\nrm x\n```"
    done = aider_says("ls -l", "Run shell command? (Y)es/(N)o [Yes]: y", "Running ls -l")
    assert segments(tmp_path, model_says(reply), done)[:-1] == (
        thought("Run:\n"),
        action("```bash\n# all\nls -l\n```", Call("bash", {"command": "# all\nls -l"}, True), continues=True),
        thought("\nor\n```sh\nrm x\n```", continues=True),
    )


def test_other_edit_formats(tmp_path):
    done = aider_says("Applied edit to a.py")
    whole = segments(tmp_path, model_says("a.py\n```\nx = 1\ny = 2\n```"), done, edit_format="whole")
    assert whole[0].calls == (Call("write_file", {"path": "a.py", "content": "x = 1\ny = 2"}, True),)
    diff = "--- a.py\n+++ a.py\n@@ ... @@\n-x\n+y"
    found = segments(tmp_path, model_says(f"```diff\n{diff}\n```"), done, edit_format="udiff")
    assert found[0].calls == (Call("apply_patch", {"patch": diff}, True),)
    patch = "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** End Patch"
    found = segments(tmp_path, model_says(f"So:\n{patch}\nEnd."), done, edit_format="patch")
    assert [segment.text for segment in found[:3]] == ["So:\n", patch, "\nEnd."]
    assert found[1].calls == (Call("apply_patch", {"patch": patch}, True),)


def test_lines_of_the_model_that_look_like_those_of_aider(tmp_path):
    """Aider ends its own lines with two blanks. An edit may contain such lines too."""
    quoting = "## Plan\n\n> a quotation\n\n#### A heading\n\nText."
    edited = fence("a.md", "> old  \n", "#### new  \n")
    output = "> one\ntwo\n\nthree  \n"
    tokens = aider_says("Tokens: 1k")
    parts = [model_says(quoting), tokens + output, user_says("More."), model_says(edited)]
    assert segments(tmp_path, *parts) == (
        thought(quoting),
        Segment("other", (tokens + output).rstrip("\n")),
        Segment("task", "More."),
        action(edited, edit("> old  \n", "#### new  \n", None, "a.md")),
    )


def test_blanks_that_an_editor_removed(tmp_path):
    text = chat(user_says("Fix it."), model_says("Done."), aider_says("Tokens: 1k"))
    [trajectory] = load_trajectories(write(tmp_path, re.sub(r" +\n", "\n", text))).trajectories
    assert [segment.kind for segment in trajectory.segments] == ["other", "task", "thought", "other"]


def test_only_the_history_is_read_in_a_folder(tmp_path):
    good = chat(user_says("Fix it."), model_says("Done."))
    write(tmp_path, good)
    write(tmp_path, good, "README.md")
    write(tmp_path, good, "my.aider.chat.history.md")
    assert len(load_trajectories(tmp_path).trajectories) == 2
    assert len(load_trajectories(tmp_path / "README.md").trajectories) == 1
    write(tmp_path, "# Notes\n", "notes.md")
    with pytest.raises(InputError, match="only histories of Aider are read"):
        load_trajectories(tmp_path / "notes.md")


def test_the_real_history(real_trajectories):
    """Its chats have no replies: Aider was only opened in them."""
    path = real_trajectories / "wild" / "aider" / NAME
    if not path.exists():
        pytest.skip(f"{path} is not there")
    chats = path.read_text(encoding="utf-8").split("# aider chat started at")[1:]
    lines = [line for chat in chats for line in chat.split("\n")[1:] if line.strip()]
    assert all(line.startswith((">", "####")) for line in lines)
    with pytest.raises(InputError, match=rf"a run in which the model wrote nothing \({len(chats)} times\)"):
        load_trajectories(path)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"aider_chat": 1, "started": "x"}])
def test_wrong_types(value, tmp_path):
    if aider.detect(value):
        with pytest.raises(ValueError, match="should be text"):
            aider.read(value, tmp_path)


MARKS = ["<<<<<<< SEARCH\n", "> a\n", "#### a  \n> b\nc\n", "*** Begin Patch\n", "```\n", "=======\n", "a.py\n"]


@pytest.mark.parametrize("mark", [*MARKS, "<<<<<<< SEARCH\n=======\n", "# aider chat started at x\ny\n"])
@pytest.mark.parametrize("edit_format", ["diff", "patch", "udiff", "whole"])
def test_marks_that_never_close_cost_linear_time(tmp_path, mark, edit_format):
    text = chat(user_says("a"), "\nb\n", mark * (200_000 // len(mark)), edit_format=edit_format)
    begin = time.process_time()
    load_trajectories(write(tmp_path, text))
    assert time.process_time() - begin < 3


@pytest.mark.parametrize(
    ("name", "is_path"),
    [
        ("a/b.py", True), (".env", True), ("/etc", True), ("a/", False), ("./", True), ("a./b", True), ("x..y", True),
        ("Makefile", True), ("file", True), (".", False), ("/", False), ("a.", False), ("a..", False), ("../..", False),
        ("a b.py", False), ("word", False), ("", False), ("." * 9, False), ("." * 40_000, False), ("a" * 9, False),
    ],
)  # fmt: skip
def test_what_is_a_file_name_on_a_line(name, is_path):
    assert (aider_edits._path_in(f"**{name}**:") == name) is (is_path or not name)
    old = re.compile(r"\S*[./]\S*[^\s.]|\w*file", re.IGNORECASE)  # quadratic, and correct
    assert len(name) > 99 or (old.fullmatch(name) is not None) is is_path


class Output(str):
    """A text that counts how often it is searched."""

    n_searches = 0

    def __contains__(self, text):
        Output.n_searches += 1
        return super().__contains__(text)


def test_the_output_about_edits_is_searched_once():
    outcome = aider._Outcome(Output("> Applied edit to a/b.py  \n> Skipping edits to c.py. Applied edit to d.pyi"))
    n = Output.n_searches
    edits = [aider_edits.Edit(0, 0, "edit", {"path": path}) for path in ("a/b.py", "a/b", "c.py", "d.py", "e.py")]
    assert [outcome.of(one) for one in edits * 9] == [True, True, False, True, None] * 9
    assert Output.n_searches == n
