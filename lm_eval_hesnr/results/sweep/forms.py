"""From the CHECKPOINT arguments to checkpoints: folders, globs, revisions on the Hub, names, entries of a YAML file."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from glob import glob, has_magic
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import is_folder, user_path
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, Key, key_of, resolved, step_of
from lm_eval_hesnr.results.sweep.state import FORMAT, VERSION, read_own_json

Refs = Callable[[str], Mapping[str, str]]
"""From a name on the Hub to its branches and tags, each with its commit."""

_CHILD = re.compile(r"checkpoint-.+|step[-_=]?\d.*|iter_.+|global_step.+|\d+", re.IGNORECASE | re.DOTALL)
"""The names of checkpoints in the folder of a training run."""
_UNFINISHED = re.compile(r"\..*|tmp.*|.*\.tmp|.*\.partial|.*-unfinished", re.DOTALL)
"""Names that a writer gives to a folder until it is complete."""
_HUB = re.compile(r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)@(?P<revisions>[^\s@]+)")
_NAMED = re.compile(r"(?P<name>[^/\\=@*?\[\]]+)=(?P<rest>.+)", re.DOTALL)
_RESERVED = {"store", "sweep.json", "table.csv", "table.md", "report.html", "lock", "STOP"}
"""Names of the sweep's own files in OUT."""
_LONGEST_NAME = 200
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


class Entry(NamedTuple):
    """One CHECKPOINT argument, or one entry of `checkpoints:` in a YAML file."""

    source: str
    """A folder, a glob, or a name on the Hub with revisions."""
    name: str | None = None
    step: int | None = None
    model_args: Mapping[str, Any] = {}


def entry_of(given: str) -> Entry:
    """The argument as an entry. `NAME=` before it is a name, unless the text is a path, such as `lr=1e-4/step*`."""
    found = _NAMED.fullmatch(given)
    is_path = is_folder(given) or is_folder(given.split("/")[0]) or (has_magic(given) and glob(given))  # noqa: PTH207
    return Entry(given) if found is None or is_path else Entry(found["rest"], found["name"])


def is_missing(entry: Entry) -> bool:
    """Whether an entry is a folder that does not exist."""
    is_hub = _HUB.fullmatch(entry.source) is not None
    return not (is_hub or has_magic(entry.source) or user_path(entry.source).exists())


def is_unfinished(name: str) -> bool:
    """Whether the name of a folder says that its writer has not finished it."""
    return bool(_UNFINISHED.fullmatch(name))


class Found(NamedTuple):
    """A checkpoint before it has a unique name."""

    pretrained: str
    revision: str | None
    entry: Entry
    is_one: bool
    """Whether the entry has only this checkpoint. Then its NAME is the name."""
    is_last: bool = False
    """Whether it is the final model of a training run, in the folder above the checkpoints. It has no step."""
    is_by_config: bool = False
    """Whether only a `config.json` says that it is a checkpoint of the given folder, and not its name."""

    @property
    def own_name(self) -> str:
        """The name of the folder, or `<repo>@<revision>` with `/` as `__`."""
        if self.revision is not None:
            return f"{self.pretrained}@{self.revision}".replace("/", "__")
        return Path(self.pretrained).name or Path(self.pretrained).absolute().name

    @property
    def name(self) -> str:
        """The name, with that of the entry."""
        if not self.entry.name:
            return self.own_name
        last = (self.revision or "").replace("/", "__") or self.own_name
        return self.entry.name if self.is_one else f"{self.entry.name}-{last}"


def found_in(
    entry: Entry, refs: Refs, *, known: Collection[str] = (), may_be_missing: bool = False, out: Path | None = None
) -> list[Found]:
    """The checkpoints of one entry.

    Args:
        entry: the entry.
        refs: lists the branches and tags of a name on the Hub.
        known: absolute folders that an earlier call has seen. They may be gone.
        may_be_missing: whether a folder that does not exist yet is only empty (with --watch).
        out: OUT. Nothing in it is a checkpoint.

    Raises:
        InputError: nothing is found.
    """
    hub = _HUB.fullmatch(entry.source)
    if hub and not Path(entry.source).exists():
        revisions = list(_revisions(hub["repo"], hub["revisions"], refs))
        return [Found(hub["repo"], revision, entry, len(revisions) == 1) for revision in revisions]
    path = user_path(entry.source)
    if has_magic(entry.source) and not path.exists():
        matches = glob(str(path), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
        given = [one for one in sorted(map(Path, matches), key=_natural) if one.is_dir()]
        folders = [one for folder in given for one in _folders(folder, is_given=False)]
    else:
        given = [path]
        is_seen = resolved(str(path)) in known  # it may be gone
        folders = _folders(path, is_given=True) if path.is_dir() else given if is_seen else []
    folders = [one for one in folders if not _is_of_sweep(one, out)]
    if not folders and not may_be_missing:
        raise InputError(_nothing(entry.source, path))
    runs = {one.parent for one in folders if _CHILD.fullmatch(one.name)}
    by_config = {one for one in folders if one not in given and not _CHILD.fullmatch(one.name)}
    return [
        Found(str(folder), None, entry, len(folders) == 1, folder in runs, folder in by_config) for folder in folders
    ]


def _is_of_sweep(folder: Path, out: Path | None) -> bool:
    """Whether a sweep has made a folder: it is in OUT, or has the state of a checkpoint."""
    if out is not None and folder.resolve().is_relative_to(out.resolve()):
        return True
    try:
        return read_own_json(folder / "state.json", FORMAT, VERSION) is not None
    except InputError:  # a file of someone else
        return False


def _revisions(repo: str, given: str, refs: Refs) -> Iterator[str]:
    for part in given.split(","):
        if not has_magic(part):
            yield part
            continue
        matching = sorted(fnmatch.filter(refs(repo), part), key=lambda name: (step_of(name) or 0, name))
        if not matching:
            raise InputError(f"{repo}@{part}: no branch and no tag matches; see the revisions on the model's page")
        yield from matching


def _folders(folder: Path, *, is_given: bool) -> list[Path]:
    """The checkpoints in a folder, and at the end the folder itself if it is one."""
    if not is_given and is_unfinished(folder.name):
        return []
    children = [one for one in folder.iterdir() if _CHILD.fullmatch(one.name) and not is_unfinished(one.name)]
    folders = sorted((one for one in children if one.is_dir()), key=_natural)
    if (folder / "config.json").exists():
        folders = [one for one in folders if not _is_of_deepspeed(one)]
        has_weights = any(any(folder.glob(pattern)) for pattern in _WEIGHTS)
        return [*folders, folder] if has_weights or not folders else folders
    if folders:
        return folders
    is_written = bool(_CHILD.fullmatch(folder.name)) or any(folder.glob("*.safetensors"))  # perhaps config.json is last
    return [folder] if is_written else _models_in(folder)


def _models_in(folder: Path) -> list[Path]:
    """The folders in a folder that have a config.json, ordered by the number at the end of the name; others come last.

    This is for a training run that gives its checkpoints names of its own, such as `base_0150`.
    """
    found = [one.parent for one in folder.glob("*/config.json") if not is_unfinished(one.parent.name)]
    numbers = {one: re.search(r"\d+\Z", one.name) for one in found}
    return sorted(found, key=lambda one: (numbers[one] is None, int((numbers[one] or "0")[0]), _natural(one)))


def _is_of_deepspeed(folder: Path) -> bool:
    """Whether a folder in a checkpoint has only the state of the training: DeepSpeed names it `global_step500`."""
    return folder.name.startswith("global_step") and not (folder / "config.json").exists()


def _natural(path: Path) -> tuple[tuple[str, int], ...]:
    """A key that sorts `step9` before `step10`."""
    return tuple((word, int(number or 0)) for word, number in re.findall(r"(\D*)(\d*)", str(path)))


def _nothing(source: str, path: Path) -> str:
    if path.is_dir():
        return (
            f"{source}: has no config.json, and no folder in it has one, or is named checkpoint-*, step*, iter_*, "
            "global_step* or a number; give the folder of a checkpoint, or of a training run"
        )
    if has_magic(source):
        return f"{source}: no checkpoint matches; quote the pattern, and see that it matches folders with a config.json"
    return f"{source}: there is no such folder; for a model on the Hub, write org/name@revision, such as org/name@main"


def checkpoints_of(found: Iterable[Found], names: Mapping[Key, str]) -> list[Checkpoint]:
    """The checkpoints with unique names. A checkpoint that is found twice is taken once.

    Args:
        found: in any order.
        names: the names that earlier calls gave.

    Raises:
        InputError: the name of an entry cannot be the name of a folder.
    """
    given = dict(names)
    taken = {*names.values(), *_RESERVED}
    checkpoints: dict[Key, Checkpoint] = {}
    for one in found:
        key = key_of(one.pretrained, one.revision, one.entry.model_args)
        if key in checkpoints:
            continue
        if key not in given:
            given[key] = _unique(_checked(one), taken)
            taken.add(given[key])
        read = None if one.is_last else step_of(one.revision or one.own_name)
        step = read if one.entry.step is None else one.entry.step
        checkpoints[key] = Checkpoint(given[key], one.pretrained, one.revision, step, one.entry.model_args)
    return list(checkpoints.values())


def _checked(found: Found) -> str:
    name = found.name
    if name.startswith(".") or not name.isprintable() or set(name) & set("/\\") or not name.strip():
        raise InputError(f"{found.entry.source}: {name!r} cannot be the name of a folder; give another with NAME=")
    return name[:_LONGEST_NAME]


def _unique(name: str, taken: Collection[str]) -> str:
    candidates = (name if n == 1 else f"{name}-{n}" for n in range(1, len(taken) + 2))
    return next(one for one in candidates if one not in taken)
