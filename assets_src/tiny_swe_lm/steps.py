"""Turns of all kinds of sessions: explore, reproduce, check, test, submit."""

from __future__ import annotations

import shlex
from pathlib import Path

from assets_src.tiny_swe_lm import wording
from assets_src.tiny_swe_lm.projects import Change, call_text
from assets_src.tiny_swe_lm.transcript import Transcript, touch_all

SUBMITS = [
    "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git add -A && git diff --cached",
    "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT",
    "submit",
    "git add -A && git diff --cached > patch.txt && cat patch.txt",
]


def begin(transcript: Transcript, issue: str) -> str:
    """Commit the project, write the system and task sections, and return the submit command."""
    rng = transcript.rng
    (transcript.root / ".gitignore").write_text("__pycache__/\n*.pyc\n")
    touch_all(transcript.root, rng)
    transcript.quiet("git init -q -b main . && git add -A && git commit -q -m 'Initial commit'")
    submit = rng.choice(SUBMITS)
    transcript.say("System", rng.choice(_system_prompts(transcript)))
    rules = rng.choice(wording.RULES).format(submit=submit, root=transcript.shown_root)
    frame = rng.choice(wording.TASK_FRAMES)
    transcript.say("Task", frame.format(issue=issue, rules=rules, root=transcript.shown_root))
    return submit


def _system_prompts(transcript: Transcript) -> list[str]:
    if transcript.has_editor:
        return wording.SYSTEM_EDITOR
    return wording.SYSTEM_JSON if transcript.style == "json" else wording.SYSTEM


def think(transcript: Transcript, phrases: list[str], change: Change) -> str:
    """One of the phrases, filled with the words of this session."""
    words = {**change.words, "line": str(change.line), "mod": change.mod}
    try:
        return transcript.rng.choice(phrases).format(**words)
    except KeyError:  # the phrase needs a word that this kind of session does not have
        return transcript.rng.choice([phrase for phrase in phrases if "{" not in phrase] or [""])


def explore(t: Transcript, change: Change) -> None:
    """Add three turns: look at the folder, find the function, read it."""
    rng = t.rng
    folder, ending = Path(change.mod).parent.as_posix(), Path(change.mod).suffix
    looks = [
        "ls -la", "ls", f"find . -name '*{ending}' | head -20",
        f'find . -name "*{ending}" -not -path "./.git/*" | sort', "ls -R",
        "pwd && ls -la", "git log --oneline | head -5", f"ls {folder}", "cat README.md && ls", "git ls-files",
        f"find {t.shown_root} -type f " f'-name "*{ending}" | head -50',
    ]  # fmt: skip
    thought = think(t, wording.LOOK, change)
    if t.has_editor and rng.random() < 0.4:
        t.edit(thought, "view", "")
    else:
        t.act(thought, rng.choice(looks))
    fn = change.words["fn"]
    locate = [
        f"grep -rn {fn} --include=*{ending} .", f'grep -rn "{fn}" --include="*{ending}" . | head -20',
        f'grep -n "{fn}" {change.mod}', f'find . -name "*{ending}" | xargs grep -l "{fn}"', f"grep -rln '{fn}' .",
    ]  # fmt: skip
    if ending == ".py":
        locate += [
            f'grep -rn "def {fn}" .', f'grep -rn "def {fn}\\|{fn}(" {folder}', f"grep -n 'def ' {change.mod}",
        ]  # fmt: skip
    t.act(think(t, wording.LOCATE, change), rng.choice(locate))
    view(t, think(t, wording.VIEW, change), change)


def view(t: Transcript, thought: str, change: Change) -> None:
    """Add a turn that shows the position of the change."""
    if not t.has_editor or t.rng.random() < 0.25:
        t.act(thought, view_command(t, change))
        return
    n_lines = change.before.count("\n") + 1
    if n_lines <= 90 and t.rng.random() < 0.5:
        t.edit(thought, "view", change.mod)
        return
    first = max(1, change.line - t.rng.randrange(5, 25))
    last = min(n_lines, change.line + t.rng.randrange(10, 40))
    t.edit(thought, "view", change.mod, view_range=[first, max(first, last)])


def view_command(t: Transcript, change: Change) -> str:
    """A command that shows the position of the change."""
    rng = t.rng
    n_lines = change.before.count("\n")
    if n_lines <= 90 and rng.random() < 0.5:
        return rng.choice([f"cat {change.mod}", f"cat {change.mod}", f"nl -ba {change.mod}", f"cat -n {change.mod}"])
    first = max(1, change.line - rng.randrange(5, 25))
    last = change.line + rng.randrange(10, 40)
    define = "def " if change.mod.endswith(".py") else ""
    views = [
        f"sed -n '{first},{last}p' {change.mod}", f"sed -n '{first},{last}p' {change.mod}",
        f"nl -ba {change.mod} | sed -n '{first},{last}p'", f"head -n {last} {change.mod} | tail -n {last - first + 1}",
        f'grep -n -A {rng.randrange(8, 30)} "{define}{change.words["fn"]}" {change.mod}',
        f"cat -n {change.mod} | sed -n '{first},{last}p'",
    ]  # fmt: skip
    return rng.choice(views)


def check_change(t: Transcript, change: Change) -> None:
    """Often add a turn that shows or compiles the changed text."""
    if t.rng.random() < 0.6:
        thought = think(t, wording.CHECK, change)
        if t.has_editor and t.rng.random() < 0.3:
            view(t, thought, change)
            return
        checks = ["git diff", "git diff", f"git diff {change.mod}", view_command(t, change)]
        if change.mod.endswith(".py"):
            checks.append(f"{t.python} -m py_compile {change.mod}")
        t.act(thought, t.rng.choice(checks))


def test_command(t: Transcript, test: str) -> str:
    """A command that runs the tests, in a form that fits the test file."""
    dotted = test.removesuffix(".py").replace("/", ".")
    commands = [
        f"{t.python} -m pytest {test} -q",
        f"{t.python} -m pytest {test}",
        f"{t.python} -m pytest tests/ -x -q 2>&1 | tail -20",
    ]
    if "unittest" in (t.root / test).read_text():
        commands += [
            f"{t.python} -m unittest {dotted}",
            f"{t.python} -m unittest {dotted} -v",
            f"{t.python} -m unittest discover -s tests",
        ]
    return t.rng.choice(commands)


def finish(t: Transcript, change: Change, submit: str, leftover: str | None) -> None:
    """Clean up, sometimes look at the state of the repository, and submit."""
    if leftover and (t.root / leftover).exists():
        t.act(
            think(t, wording.CLEAN, change),
            t.rng.choice([f"rm {leftover}", f"rm -f {leftover} && git status --short"]),
        )
    if t.rng.random() < 0.5:
        t.act(
            think(t, wording.STATUS, change),
            t.rng.choice(["git status", "git diff", "git status --short", "git diff --stat"]),
        )
    thought = think(t, wording.SUBMIT, change)
    if submit == "submit":  # a tool of the agent: the run ends with it
        t.propose(thought, submit)
    else:
        t.act(thought, submit)


def check_script(t: Transcript, dotted: str, function: dict, calls: list[tuple[str, str]]) -> str:
    """The text of a small program that calls the function and shows or checks the results."""
    rng = t.rng
    lines = [f"from {dotted} import {function['name']}", ""]
    form = rng.randrange(4)
    if form == 0:
        lines += [f"print({call_text(function, args)})" for args, _ in calls]
    elif form == 1:
        for args, value in calls:
            lines += [f"result = {call_text(function, args)}", f'print("Result:", result, "expected:", {value})']
    elif form == 2:
        lines += (
            ["cases = ["] + [f"    ({args}, {value})," for args, value in calls] + ["]", "for args, expected in cases:"]
        )
        lines += [f"    result = {function['name']}(*args)", "    status = 'OK' if result == expected else 'FAIL'"]
        lines += ["    print(f'{status}: {args!r} -> {result!r} (expected {expected!r})')"]
    else:
        lines += [f"assert {call_text(function, args)} == {value}" for args, value in calls] + [
            "print('All tests passed!')"
        ]
    return "\n".join(lines) + "\n"


def reproduce(
    t: Transcript, change: Change, dotted: str, function: dict, args: str, value: str
) -> tuple[str, str | None]:
    """Add turns that show the problem. Returns the command that shows it, and the file that it leaves behind."""
    rng = t.rng
    thought = think(t, wording.REPRODUCE, change)
    if rng.random() < 0.35:
        code = f"from {dotted} import {function['name']}; print({call_text(function, args)})"
        command = (
            f"{t.python} -c {shlex.quote(code)}" if rng.random() < 0.4 or '"' in code else f'{t.python} -c "{code}"'
        )
        t.act(thought, command)
        return command, None
    name = rng.choice(["reproduce.py", "reproduce_issue.py", "test_issue.py", "repro.py"])
    text = check_script(t, dotted, function, [(args, value), *rng.sample(function["calls"], 1)])
    if not t.env.get("PYTHONPATH"):
        text = rng.choice(["", "import sys\nsys.path.insert(0, '.')\n"]) + text
    command = f"{t.python} {name}"
    if rng.random() < 0.4:
        t.act(thought, t.heredoc(name, text) + f"\n{command}")
    else:
        t.write_file(thought, name, text)
        t.act(think(t, wording.RUN, change), command)
    return command, name
