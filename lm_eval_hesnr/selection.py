"""Selects the trajectories that a run scores: loads, filters by outcome and length, applies --limit, and counts."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lm_eval_hesnr.assets import EMBEDDED_MODEL, TRAJECTORIES
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labelling.bounded_template import BoundedTemplate, ChatTemplate
from lm_eval_hesnr.labelling.render import Rendering
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.scoring.checkpoint_source import source_options
from lm_eval_hesnr.scoring.load_tokenizer import load_tokenizer, tokenizing
from lm_eval_hesnr.trajectories.load import Loaded, load_trajectories
from lm_eval_hesnr.trajectories.readers import known_formats
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.unknown import counts_line
from lm_eval_hesnr.trajectories.without_action import unread_calls, unread_calls_lines

eval_logger = logging.getLogger("lm_eval.hesnr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The trajectories of a run. Each step of the selection returns a new object."""

    trajectories: tuple[Trajectory, ...]
    """All trajectories that passed the filters."""
    docs: tuple[dict[str, Any], ...]
    """One small description of each trajectory: the documents of the harness."""
    counts: Mapping[str, int]
    """Numbers of files read and of trajectories that each filter left out. The results JSON has the same keys."""
    scored: tuple[int, ...]
    """Indices of the trajectories that all ranks together score: all, unless --limit or --samples leaves some out."""

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that name the content and order of the scored trajectories."""
        digests = "".join(self.docs[i]["sha256"] for i in self.scored)
        return hashlib.sha256(digests.encode()).hexdigest()[:16]

    def limited_to(self, indices: Iterable[int]) -> Selection:
        """The same selection, but only these trajectories are scored."""
        scored = tuple(sorted(indices))
        return replace(self, scored=scored, counts={**self.counts, "scored": len(scored)})


def select(
    paths: str | list[str] | None,
    *,
    only_resolved: bool,
    strict: bool,
    max_trajectories: int | None = None,
    task: str = "swe_hesnr",
) -> Selection:
    """Load trajectories and leave out the failed ones. Each bad file is logged.

    Args:
        paths: files, folders and globs; None for the embedded sample set.
        only_resolved: leave out the trajectories that are known to have failed.
        strict: raise at the first bad file.
        max_trajectories: at most this many trajectories, the first of each instance; None for all.
        task: the task's name, for the log.

    Raises:
        InputError: a path is wrong, no trajectory is left, or `strict` is on and a file is bad.
    """
    if paths is None:
        eval_logger.warning(
            "%s: no trajectories= in --metadata: scoring the embedded sample set, which says nothing about SWE-bench",
            task,
        )
    is_last = _enough(max_trajectories, only_resolved) if max_trajectories else None
    loaded = load_trajectories(paths or TRAJECTORIES, strict=strict, is_last=is_last)
    _log_loaded(loaded, task)
    not_failed = [trajectory for trajectory in loaded.trajectories if _is_kept(trajectory, only_resolved)]
    if not not_failed:
        raise InputError(
            "only_resolved is on, and no trajectory is left: all are known to have failed "
            f"({counted(len(loaded.trajectories), 'trajectory')}); give successful runs, or --metadata "
            "only_resolved=false"
        )
    kept = _first_of_each_instance(not_failed) if max_trajectories else not_failed
    outcomes = Counter(trajectory.resolved for trajectory in loaded.trajectories)
    counts = {
        "files": loaded.files,
        "bad": len(loaded.bad),
        "resolved": outcomes[True],
        "failed": outcomes[False],
        "unknown": outcomes[None],
        "left_out_failed": len(loaded.trajectories) - len(not_failed),
        "left_out_same_instance": len(not_failed) - len(kept),
        "left_out_too_long": 0,
    }
    return _selection(kept, counts)


def _enough(max_trajectories: int, only_resolved: bool) -> Callable[[Trajectory], bool]:
    """A function for each trajectory in turn: whether `max_trajectories` instances have one that is kept."""
    instances: set[str] = set()

    def is_last(trajectory: Trajectory) -> bool:
        if _is_kept(trajectory, only_resolved):
            instances.add(trajectory.instance_key)
        return len(instances) == max_trajectories

    return is_last


def _first_of_each_instance(trajectories: Iterable[Trajectory]) -> list[Trajectory]:
    first: dict[str, Trajectory] = {}
    for trajectory in trajectories:
        first.setdefault(trajectory.instance_key, trajectory)
    return list(first.values())


def _log_loaded(loaded: Loaded, task: str) -> None:
    """Log the bad files, and what in the good ones was not read."""
    for line in loaded.bad:
        eval_logger.warning("%s: bad: %s", task, line)
    if loaded.has_unknown_format:
        eval_logger.warning("%s: %s", task, known_formats())
    if loaded.unknown_records:
        eval_logger.info("%s: %s", task, counts_line(loaded.unknown_records))
    for line in unread_calls_lines(found for run in loaded.trajectories if (found := unread_calls(run, run.id))):
        eval_logger.warning("%s: %s", task, line)


def _is_kept(trajectory: Trajectory, only_resolved: bool) -> bool:
    return trajectory.resolved is not False or not only_resolved


def leave_out_long(
    selection: Selection, renderings: Sequence[Rendering], tokenizer: Any, max_tokens: int
) -> tuple[Selection, dict[int, Rendering]]:
    """The trajectories with at most `max_tokens` tokens, and their renderings by their new index.

    Args:
        selection: the loaded trajectories.
        renderings: one per trajectory.
        tokenizer: a tokenizer of `transformers`.
        max_tokens: the limit.

    Raises:
        InputError: every trajectory is longer.
    """
    with tokenizing(f"max_tokens={max_tokens}"):
        lengths = [len(tokenizer(rendering.text, verbose=False)["input_ids"]) for rendering in renderings]
    short = [i for i, length in enumerate(lengths) if length <= max_tokens]
    if not short:
        raise InputError(
            f"all trajectories have more than max_tokens = {max_tokens} tokens (the shortest: {min(lengths)}); raise it"
        )
    counts = {**selection.counts, "left_out_too_long": len(lengths) - len(short)}
    kept = _selection([selection.trajectories[i] for i in short], counts)
    return kept, {new: renderings[old] for new, old in enumerate(short)}


def model_tokenizer(model_args: Mapping[str, Any], option: str) -> Any:
    """The tokenizer that the model arguments name. Without a name, it is the embedded model's.

    Args:
        model_args: the model arguments, which the harness adds to the metadata.
        option: the option that needs the tokenizer, for messages.

    Raises:
        InputError: the tokenizer cannot be loaded.
    """
    name = model_args.get("tokenizer") or model_args.get("pretrained") or model_args.get("model")
    if callable(name):  # a tokenizer of a library user, not the name of one
        return name
    if not isinstance(name, str):
        eval_logger.warning("%s: no pretrained= in --model_args; using the embedded model's tokenizer", option)
        name = str(EMBEDDED_MODEL)
    options = source_options(model_args)
    if model_args.get("tokenizer"):  # the GGUF file has another tokenizer
        options.pop("gguf_file", None)
    return load_tokenizer(name, option, **options)


def chat_template(model_args: Mapping[str, Any], given: Callable[..., str] | None) -> ChatTemplate:
    """The chat template from the harness; if there is none, the one of the tokenizer that the model arguments name.

    Raises:
        InputError: there is no tokenizer, or it has no chat template.
    """
    if given is not None:
        return BoundedTemplate(partial(given, add_generation_prompt=False))
    tokenizer = model_tokenizer(model_args, "render=chat")
    if not tokenizer.chat_template:
        raise InputError(
            f"{tokenizer.name_or_path}: has no chat template, which render=chat needs; leave out render=chat"
        )
    return BoundedTemplate(partial(tokenizer.apply_chat_template, tokenize=False, add_generation_prompt=False))


def n_characters(trajectory: Trajectory) -> int:
    """The length of all segments together: the size by which trajectories are split between ranks."""
    return sum(len(segment.text) for segment in trajectory.segments)


def _selection(trajectories: Sequence[Trajectory], counts: Mapping[str, int]) -> Selection:
    return Selection(
        trajectories=tuple(trajectories),
        docs=tuple(_document(i, trajectory) for i, trajectory in enumerate(trajectories)),
        counts={**counts, "scored": len(trajectories)},
        scored=tuple(range(len(trajectories))),
    )


def _document(index: int, trajectory: Trajectory) -> dict[str, Any]:
    """The harness's document. The harness hashes it, and the digest makes the hash depend on the content."""
    return {
        "index": index,
        "id": trajectory.id,
        "source": trajectory.source,
        "resolved": trajectory.resolved,
        "model": trajectory.model,
        "segments": len(trajectory.segments),
        "sha256": trajectory.digest(),
    }
