"""The list of attacks, and the room in which one attack works."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.attack.limits import Finished, Limits, run, with_limits
from benchmarks.attack.verdict import faults_of

REPOSITORY = Path(__file__).parents[2]
ASSETS = REPOSITORY / "lm_eval_hesnr" / "assets"
MODEL = ASSETS / "tiny_swe_lm"
RUNS = ASSETS / "swe_mini" / "trajectories.jsonl"
TASKS = REPOSITORY / "tasks"
REAL = REPOSITORY.parent / "shared" / "trajectories"
MOST_FAULTS = 12
"""Faults of one attack that are kept. One is enough for the verdict."""
MOST_MEGABYTES = 2500
"""Memory that a bomb may take. One value may have 512 MiB, and to decode it takes about four times as much."""

HESNR_LIMITS = Limits(seconds=60, megabytes=1000)
LM_EVAL_LIMITS = Limits(seconds=240, megabytes=2500)


class SkippedError(Exception):
    """The attack cannot be made on this machine. The message is the reason."""


@dataclass(slots=True)
class Room:
    """A folder of one attack, the commands that it runs there, and the faults that it finds."""

    folder: Path
    small: bool = False
    python: str = sys.executable
    seed: int = 0
    patience: float = 1
    """A command is taken to hang after so many times its limit of CPU time: a busy machine lets it wait."""
    faults: list[str] = field(default_factory=list)
    n_faults: int = 0
    notes: list[str] = field(default_factory=list)
    megabytes: float = 0
    """The largest peak memory of one command."""

    def fault(self, text: str) -> None:
        """Add a fault to the row of the attack."""
        self.n_faults += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text[:400])

    def expect(self, holds: bool, text: str) -> None:
        """Add a fault if a condition does not hold."""
        if not holds:
            self.fault(text)

    def environment(self, **changed: str | None) -> dict[str, str]:
        """The environment of a command: offline, one thread, the package of this checkout; None removes a name."""
        fixed = {
            "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false", "LMEVAL_LOG_LEVEL": "INFO",
        }  # fmt: skip
        extra = os.environ.get("HESNR_ATTACK_PYTHONPATH")
        if extra:
            fixed["PYTHONPATH"] += f":{extra}"
        whole = {**os.environ, **fixed, **changed}
        return {name: value for name, value in whole.items() if value is not None}

    def run(
        self,
        command: Sequence[str],
        *,
        statuses: Collection[int] = (0,),
        limits: Limits = HESNR_LIMITS,
        environment: dict[str, str] | None = None,
        folder: Path | None = None,
        stdout: IO[bytes] | None = None,
        may_move_up: bool = False,
        what: str = "",
        **changed: Any,
    ) -> Finished:
        """Run a command in the folder, add its faults, and return what became of it."""
        limits = with_limits(limits, **changed)
        chosen = self.environment() if environment is None else environment
        done = run(command, folder or self.folder, limits, chosen, patience=self.patience, stdout=stdout)
        self.megabytes = max(self.megabytes, done.megabytes)
        for fault in faults_of(done, limits, statuses, may_move_up=may_move_up):
            self.fault(f"{what}: {fault}" if what else fault)
        return done

    def hesnr(
        self, *arguments: str | Path, statuses: Collection[int] = (0,), python: Sequence[str] = (), **options: Any
    ) -> Finished:
        """Run `hesnr ARGUMENTS`; `python` are options of the interpreter."""
        command = [self.python, *python, "-m", "lm_eval_hesnr.cli", *map(str, arguments)]
        return self.run(command, statuses=statuses, **options)

    def lm_eval(
        self,
        metadata: dict[str, Any],
        *arguments: str,
        model_args: str = f"pretrained={MODEL},dtype=float32",
        model: str = "hf-topk",
        python: Sequence[str] = (),
        statuses: Collection[int] = (0,),
        **options: Any,
    ) -> Finished:
        """Run the harness's command on our task."""
        command = [
            self.python, *python, "-m", "lm_eval_hesnr", "--tasks", "swe_hesnr", "--model", model, "--model_args",
            model_args, "--metadata", json.dumps(metadata), *(["--device", "cpu"] if model == "hf-topk" else []),
            *arguments,
        ]  # fmt: skip
        whole: dict[str, Any] = {"limits": LM_EVAL_LIMITS, "may_move_up": True, **options}
        return self.run(command, statuses=statuses, **whole)


@dataclass(frozen=True, slots=True)
class Attack:
    """One row of the table."""

    name: str
    kind: str
    work: Callable[[Room], None]
    small: bool
    seconds: int
    """The campaign gives the attack up, which is a fault, after `patience` times this time."""


ATTACKS: list[Attack] = []


def attack(
    kind: str, *, small: bool = False, name: str | None = None, seconds: int = 900
) -> Callable[[Callable[[Room], None]], Callable[[Room], None]]:
    """A decorator that puts a function into the list of attacks. Its name is that of the function, with blanks."""

    def _add(work: Callable[[Room], None]) -> Callable[[Room], None]:
        ATTACKS.append(Attack(name or work.__name__.replace("_", " "), kind, work, small, seconds))
        return work

    return _add


def state(folder: Path) -> dict[str, str]:
    """Every file, link and folder below the folder, with a digest of its content or the target of the link."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "folder" if path.is_dir() else "special"
    return found
