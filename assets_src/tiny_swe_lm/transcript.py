"""A transcript in the form of the project. Each command is really run, in a temporary folder."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from assets_src.tiny_swe_lm.calls import write_call, write_turn
from assets_src.tiny_swe_lm.editor import run_editor

MAX_OUTPUT_CHARS = 3500
ROOTS = [
    "/testbed", "/testbed", "/testbed", "/repo", "/app", "/workspace/project", "/repo/toolkit", "/repo/parsekit",
    "/repo/netkit", "/repo/geom", "/repo/markup", "/repo/common",
]  # fmt: skip
HEREDOC_MARKS = ["EOF", "EOF", "EOF", "PY", "END"]


def section(heading: str, text: str) -> str:
    """One section: heading line, text, a newline if the text does not end with one, an empty line."""
    newline = "" if text.endswith("\n") else "\n"
    return f"### {heading}\n{text}{newline}\n"


def shorten(output: str) -> str:
    """The output; only its head and tail if it is long."""
    if len(output) <= MAX_OUTPUT_CHARS:
        return output
    head, tail = output[: MAX_OUTPUT_CHARS // 2], output[-MAX_OUTPUT_CHARS // 4 :]
    n_left_out = len(output) - len(head) - len(tail)
    return f"{head}\n<elided_chars>\n{n_left_out} characters elided\n</elided_chars>\n{tail}"


class Transcript:
    """The sections of one session. `act` runs a command in `root` and appends its agent and observation sections.

    The real folder is never shown: commands and outputs contain `shown_root` instead.
    """

    def __init__(self, rng: random.Random, root: Path, style: str | None = None) -> None:
        """Choose the style of the session at random: the layout of observations, and so on.

        Args:
            rng: makes all random choices.
            root: the real folder that commands run in.
            style: how turns are written, see `calls`. With "json" or "xml" the agent also has the editor tool. With
                None it only has a shell, in a fence or (one in eight) a JSON call.
        """
        self.rng = rng
        self.root = root
        self.shown_root = rng.choice(ROOTS)
        self.style = style or ("json" if rng.random() < 0.12 else "fence")
        self.has_editor = style in ("json", "xml")
        self.thought_mark = rng.choice(["THOUGHT: ", "THOUGHT: ", "THOUGHT: ", ""])
        self.prefix = f"cd {self.shown_root} && " if rng.random() < 0.4 else ""
        self.observation_form = rng.choice([0, 0, 0, 0, 1, 2, 3])
        self.python = rng.choice(["python", "python", "python3"])
        self.sections: list[str] = []
        self.env = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(root.parent),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _GIT_IDENTITY.items()},
        }

    def say(self, heading: str, text: str) -> None:
        """Append a section without running a command."""
        self.sections.append(section(heading, text))

    def quiet(self, command: str) -> None:
        """Run a command that the transcript does not show."""
        self._run(command)

    def act(self, thought: str, command: str) -> str:
        """Run `command`, append the turn and its observation, and return the command's output."""
        command = self.prefix + command
        self.propose(thought, command)
        code, output = self._run(command.replace(self.shown_root, str(self.root)))
        output = output.replace(str(self.root), self.shown_root)
        self.say("Observation", self._observation(code, shorten(output)))
        return output

    def propose(self, thought: str, command: str) -> None:
        """Append a turn of the agent without running its command."""
        mark = self.thought_mark if self.style == "fence" else ""
        if self.has_editor and command == "submit":
            call = write_call(self.style, "submit", {})
        else:
            call = write_call(self.style, "bash", {"command": command})
        self.say("Agent", write_turn(self.style, mark + thought, call))

    def edit(self, thought: str, command: str, path: str, **arguments: Any) -> str:
        """Run the editor tool on a file of the project, append the turn and its observation, and return the answer."""
        arguments = {"command": command, "path": f"{self.shown_root}/{path}".rstrip("/"), **arguments}
        call = write_call(self.style, "str_replace_editor", arguments)
        self.say("Agent", write_turn(self.style, thought, call))
        answer = run_editor(self.root, self.shown_root, arguments)
        self.say("Observation", self._mark_of_tools() + shorten(answer))
        return answer

    def write_file(self, thought: str, path: str, text: str) -> None:
        """Append a turn that writes a file, with the editor or a heredoc. The editor can only write new files."""
        if self.has_editor and not (self.root / path).exists() and self.rng.random() < 0.8:
            self.edit(thought, "create", path, file_text=text)
        else:
            self.act(thought, self.heredoc(path, text))

    def _mark_of_tools(self) -> str:
        """The line before the answer of a tool, as SWE-agent writes it, or nothing."""
        return "OBSERVATION:\n" if self.observation_form in (0, 3) else ""

    def _run(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["timeout", "-k", "1", "8", "bash", "-c", command],  # ends the whole process group, because some bugs loop
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def _observation(self, code: int, output: str) -> str:
        body = output if output.endswith("\n") or not output else output + "\n"
        if self.has_editor:
            nothing = "Your command ran successfully and did not produce any output.\n"
            return self._mark_of_tools() + (body or nothing)
        if self.observation_form == 0:
            return f"<returncode>{code}</returncode>\n<output>\n{body}</output>"
        if self.observation_form == 1:
            return f"Exit code: {code}\nOutput:\n{body}"
        if self.observation_form == 2:
            return body if output else "Your command ran successfully and did not produce any output."
        return f"{body}(Current directory: {self.shown_root})\nbash-$"

    def heredoc(self, path: str, text: str, *, append: bool = False) -> str:
        """A command that writes `text` to `path`."""
        mark = self.rng.choice(HEREDOC_MARKS)
        arrow = ">>" if append else ">"
        body = text if text.endswith("\n") else text + "\n"
        form = self.rng.choice(
            ["cat <<'{m}' {a} {p}", "cat <<'{m}' {a} {p}", "cat {a} {p} << '{m}'", "cat {a} {p} <<'{m}'"]
        )
        return form.format(m=mark, a=arrow, p=path) + f"\n{body}{mark}"

    def python_script(self, text: str, name: str) -> list[tuple[str, str]]:
        """(command, thought before it) pairs that run a Python text, from standard input or from a file."""
        body = text if text.endswith("\n") else text + "\n"
        if self.rng.random() < 0.5:
            return [(f"{self.python} - <<'EOF'\n{body}EOF", "")]
        if self.rng.random() < 0.5:
            return [(self.heredoc(name, body) + f"\n{self.python} {name} && rm {name}", "")]
        return [(self.heredoc(name, body), ""), (f"{self.python} {name}", "Now run it.")]

    def text(self) -> str:
        """The whole transcript."""
        return "".join(self.sections)


_GIT_IDENTITY = {"NAME": "dev", "EMAIL": "dev@example.com", "DATE": "2024-03-05T10:00:00+0000"}


def touch_all(root: Path, rng: random.Random) -> None:
    """Give every file an invented date, so that listings look like those of a checkout."""
    for path in sorted(root.rglob("*")):
        stamp = 1_700_000_000 + rng.randrange(10_000_000)
        os.utime(path, (stamp, stamp))
