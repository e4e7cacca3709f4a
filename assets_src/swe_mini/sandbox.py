"""A temporary copy of one repository, and the fixed environment of its commands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assets_src.swe_mini.limit import output_within
from assets_src.swe_mini.normalise import normalise
from assets_src.swe_mini.programs import links_for, rust_root, seconds_for, with_needed
from assets_src.swe_mini.script import Script

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"

MAX_OUTPUT_CHARS = 12_000

GIT_CONFIG = """\
[user]
    name = swe-mini
    email = swe-mini@example.invalid
[init]
    defaultBranch = main
[core]
    abbrev = 10
    pager = cat
"""

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
}
RUST_ENVIRONMENT = {
    "CARGO_NET_OFFLINE": "true",
    "CARGO_TERM_COLOR": "never",
    "CARGO_INCREMENTAL": "0",
    "CARGO_BUILD_JOBS": "1",  # in a fixed order
    "RUST_TEST_THREADS": "1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one command. `output` contains stdout and stderr, in the order of writing."""

    returncode: int
    output: str


@cache
def without_network() -> tuple[str, ...]:
    """Words before a command that close the network for it; empty if this system cannot do that."""
    unshare = shutil.which("unshare")
    before = (unshare, "--map-root-user", "--net") if unshare else ()
    tried = subprocess.run([*before, "true"], capture_output=True) if before else None
    return before if tried and tried.returncode == 0 else ()


class Sandbox:
    """One committed repository, in which commands run."""

    def __init__(self, script: Script, root: Path) -> None:
        self.name = script.name
        self.tests = script.tests
        self.programs = with_needed(script.needs)
        self.seconds = seconds_for(self.programs)
        self.root = root.resolve()
        self.repo = self.root / "repo"
        self.python = Path(sys.executable).resolve()  # the base interpreter, also when run from a virtual environment
        shutil.copytree(CASES / self.name / "repo", self.repo, ignore=shutil.ignore_patterns("__pycache__", "target"))
        for folder in ("bin", "home", "tmp"):
            (self.root / folder).mkdir()
        (self.root / "home" / ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
        for link, program in links_for(script.needs).items():
            (self.root / "bin" / link).symlink_to(program)
        wrapper = self.root / "bin" / "python3"
        wrapper.write_text(f"#!/bin/sh\nexec '{self.python}' -S \"$@\"\n", encoding="utf-8")  # -S: stdlib only
        wrapper.chmod(0o755)
        folders = {"PATH": self.root / "bin", "HOME": self.root / "home", "TMPDIR": self.root / "tmp"}
        self.env = {name: str(path) for name, path in folders.items()} | ENVIRONMENT
        self.env |= RUST_ENVIRONMENT if "rustc" in self.programs else {}
        self.paths = list(self._paths())
        commit = self.execute("git init -q && git add -A && git commit -q -m 'Import the project'")
        if commit.returncode != 0:
            raise RuntimeError(f"{self.name}: the repository could not be committed: {commit.output}")

    def _paths(self) -> Iterator[tuple[str, str]]:
        """(real, shown) for every path that may be printed. More specific paths come first."""
        yield str(self.repo), f"/repo/{self.name}"
        yield str(self.root / "home"), "/home/agent"
        yield str(self.root / "tmp"), "/tmp"
        yield str(self.root / "bin"), "/usr/bin"
        yield sysconfig.get_path("stdlib"), "/usr/lib/python3.11"
        yield str(self.python), "/usr/bin/python3"
        if "rustc" in self.programs:
            yield str(rust_root()), "/usr/lib/rust"

    def execute(self, command: str) -> Outcome:
        """Run one command with `bash -c` in the repository. In its output, paths and times are replaced by fixed ones.

        The agent knows the folder as /repo/NAME. In the command this is replaced by the real folder.
        """
        real = re.sub(rf"/repo/{re.escape(self.name)}(?![\w.-])", str(self.repo), command)
        process = subprocess.Popen(
            [*without_network(), str(self.root / "bin" / "bash"), "-c", real],
            cwd=self.repo,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its own process group, so that a stop reaches the children too
            umask=0o022,
        )
        output = output_within(process, self.seconds)
        if output is None:
            note = f"[stopped: the command was still running after {self.seconds} seconds]\n"
            return Outcome(returncode=124, output=note)
        text = normalise(output.decode("utf-8", errors="replace"), self.paths, self.programs)
        if len(text) > MAX_OUTPUT_CHARS:
            raise ValueError(f"{self.name}: {command!r} printed {len(text)} characters, at most {MAX_OUTPUT_CHARS}")
        return Outcome(returncode=process.returncode, output=text)

    def check_passes(self) -> bool:
        """Whether the hidden check of the issue passes. It runs on a copy, so the agent cannot find traces of it."""
        check = CASES / self.name / "check.py"
        copy = "rm -rf ../checked && cp -R . ../checked && cd ../checked"
        return self._succeeds(f"{copy} && PYTHONPATH=. python3 '{check}'")

    def own_tests_pass(self) -> bool:
        """Whether the repository's own tests pass, in their version from before the run."""
        return self._succeeds(f"git checkout -q HEAD -- tests && {self.tests}")

    def _succeeds(self, command: str) -> bool:
        return self.execute(f"( {command} ) >/dev/null 2>&1").returncode == 0
