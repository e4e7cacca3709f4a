"""The keys of `--metadata`: names, defaults, and checks whose errors name the key and the expected value."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.messages.near import did_you_mean, nearest
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.temperatures import LEAST_ENTROPY
from lm_eval_hesnr.metrics.thresholds import METHODS

DEFAULT_SCOPES = ("action", "all")

_LARGEST_COUNT = 2**31 - 1
"""Arrays of tokens have 32 bits for a rank."""

_LONGEST_VALUE = 200
"""Characters of a wrong value that an error shows, and of a scope's name."""

_NO_TYPO = {"token", "temperature"}
"""Model arguments that look like a misspelt key of ours, but have their own meaning."""

_ALSO_CALLED = {
    "runs": "trajectories",
    "trajectory_path": "trajectories",
    "trajectory_dir": "trajectories",
    "data_path": "trajectories",
    "top_k": "k",
}
"""Wrong names that users may write for our keys. If one were ignored, the run could score the embedded set by
mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Our keys of `--metadata`. The harness adds its own keys and all model arguments to the same dictionary."""

    trajectories: str | list[str] | None = None
    """A path or a list of paths: files, folders, globs. None for the embedded sample set."""
    only_resolved: bool = True
    """Leave out runs that are known to have failed, as the paper does. Runs of unknown outcome stay."""
    max_trajectories: int | None = None
    """At most this many trajectories, one for each instance. Nothing is read after the last one."""
    score: str = "all"
    """`all`: score every token after the context. `action`: score only tokens of the scope `action`; others are N/A."""
    scopes: dict[str, frozenset[Label]] = field(default_factory=lambda: {name: SCOPES[name] for name in DEFAULT_SCOPES})
    """The scopes to report: names of `labels.SCOPES`, or an object that maps new names to lists of labels."""
    epsilon: float = EPSILON
    """Threshold on the entropy, nats."""
    threshold: str = "static"
    """`static` uses epsilon; `quantile`, `valley` and `otsu` find a threshold in each scope's pooled profile."""
    k: int = 10
    """Size of the candidate set."""
    render: str | None = None
    """`transcript` or `chat`. None means chat if --apply_chat_template is given, and transcript otherwise."""
    max_tokens: int | None = None
    """Trajectories with more tokens are left out and counted."""
    token_table: str | None = None
    """Folder for the token tables."""
    candidates: bool = False
    """Whether token tables have the ids and logprobs of the candidates, where a token may be a decision."""
    temperatures: bool = False
    """Whether ln Z is recorded at a grid of temperatures, which gives `calibrated_he_snr`."""
    strict: bool = False
    """Whether the first bad file ends the run."""

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Options:
        """Take our keys and check their values. Other keys are ignored, unless they look like a misspelt key of ours.

        Raises:
            InputError: a key is misspelt, or a value is not as expected.
        """
        ours = [field.name for field in fields(cls)]
        for key in metadata:
            meant = _near_miss(str(key), ours)
            if meant:
                raise InputError(f"--metadata: unknown key {key!r}; did you mean {meant!r}?")
        if "trajectories" in metadata and metadata["trajectories"] is None:
            raise _refuse("trajectories", None, "a path; leave the key out for the embedded sample set")
        given = {name: metadata[name] for name in ours if metadata.get(name) is not None}
        options = cls(**{name: _CHECKS[name](name, value) for name, value in given.items()})
        if options.epsilon >= math.log(options.k):
            raise _refuse("epsilon", options.epsilon, f"below ln k = {math.log(options.k):.4f} nats (k = {options.k})")
        if not options.scored_scopes:
            raise InputError(
                f"--metadata: score=action scores no token of the scopes {', '.join(options.scopes)}; add the scope "
                "action, or use score=all"
            )
        if options.candidates and options.token_table is None:
            raise InputError("--metadata: candidates=true writes into token tables; give token_table=DIR too")
        if options.temperatures and (options.threshold != "static" or options.epsilon < LEAST_ENTROPY):
            raise InputError(
                f"--metadata: temperatures=true needs threshold=static and an epsilon of at least ln 2 = "
                f"{LEAST_ENTROPY:.4f}, found threshold={options.threshold} and epsilon={options.epsilon:g}"
            )
        return options

    @property
    def scored_scopes(self) -> dict[str, frozenset[Label]]:
        """The scopes whose tokens are all scored. With score=action, the others are left out of the results."""
        is_scored = {name: self.score == "all" or labels == SCOPES["action"] for name, labels in self.scopes.items()}
        return {name: labels for name, labels in self.scopes.items() if is_scored[name]}

    @property
    def signature(self) -> dict[str, Any]:
        """The options that two runs must share to be comparable, as plain values."""
        return {
            "k": self.k,
            "epsilon": self.epsilon,
            "threshold": self.threshold,
            "score": self.score,
            "scopes": {name: sorted(label.label_name for label in labels) for name, labels in self.scopes.items()},
        }


def _near_miss(key: str, ours: list[str]) -> str | None:
    """Our key that the user probably meant; None if the key is correct or is not similar to any of ours."""
    if key in ours or key in _NO_TYPO:
        return None
    plain = key.lower().replace("-", "_")
    if plain in _ALSO_CALLED:
        return _ALSO_CALLED[plain]
    begins = [name for name in ours if len(plain) >= 3 and name.startswith(plain)]
    return begins[0] if begins else nearest(plain, ours, cutoff=0.8)


def _refuse(name: str, value: Any, expected: str, known: Iterable[str] = ()) -> InputError:
    """The error for a wrong value, with the most similar of the `known` values."""
    hint = did_you_mean(value, known).rstrip()
    return InputError(f"--metadata: {name} should be {expected}, found {_short(value)}{hint and '; '}{hint}")


def _short(value: Any) -> str:
    """The value as Python writes it, cut if it is long."""
    try:
        shown = repr(value)
    except ValueError:  # Python refuses to write very large numbers
        return "a very large number"
    return shortened(shown, _LONGEST_VALUE)


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refuse(name, value, "true or false")
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _refuse(name, value, "a whole number of at least 1")
    if value > _LARGEST_COUNT:
        raise _refuse(name, value, f"at most {_LARGEST_COUNT}")
    return value


def _candidates(name: str, value: Any) -> int:
    if _count(name, value) < 2:
        raise _refuse(name, value, "at least 2: one candidate has no entropy")
    return int(value)


def _threshold(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < sys.float_info.max:
        raise _refuse(name, value, "a positive number of nats")
    return float(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _refuse(name, value, "a path")
    return value


def _paths(name: str, value: Any) -> str | list[str]:
    if isinstance(value, (list, tuple)) and value:
        return [_text(name, item) for item in value]
    return _text(name, value)


def _one_of(*choices: str) -> Any:
    def _check(name: str, value: Any) -> str:
        if value not in choices:
            raise _refuse(name, value, f"one of {', '.join(choices)}", choices)
        return str(value)

    return _check


def _scopes(name: str, value: Any) -> dict[str, frozenset[Label]]:
    named = value.split(",") if isinstance(value, str) else [value] if isinstance(value, dict) else value
    items = list(named) if isinstance(named, (list, tuple)) else []
    own = {
        str(key): _labels(str(key), labels) for item in items if isinstance(item, dict) for key, labels in item.items()
    }
    names = [item for item in items if not isinstance(item, dict)]
    unknown = [scope for scope in names if not isinstance(scope, str) or scope not in SCOPES]
    if unknown or not (own or names):
        expected = f"a list of names out of {', '.join(SCOPES)}, or an object that maps new names to lists of labels"
        raise _refuse(name, unknown[0] if unknown else value, expected, SCOPES)
    return {scope: SCOPES[scope] for scope in names} | own


def _labels(own: str, value: Any) -> frozenset[Label]:
    known = {label.label_name: label for label in Label}
    if own in SCOPES:
        raise _refuse(f"scope {own!r}", value, "another name: a built-in scope has this name")
    if not own.strip() or not own.isprintable() or "," in own or len(own) > _LONGEST_VALUE:
        raise _refuse("the name of a scope", own, "a short printable text without commas")
    if not isinstance(value, list) or not value:
        raise _refuse(f"scope {own!r}", value, f"a list of labels out of {', '.join(known)}")
    for label in value:
        if not isinstance(label, str) or label not in known:
            raise _refuse(f"a label of scope {own!r}", label, f"one of {', '.join(known)}", known)
    labels = frozenset(known[label] for label in value)
    if labels <= {Label.SYSTEM, Label.TASK}:
        raise _refuse(f"scope {own!r}", value, "at least one label besides system and task, which are rarely scored")
    return labels


_CHECKS: dict[str, Any] = {
    "trajectories": _paths,
    "only_resolved": _flag,
    "max_trajectories": _count,
    "score": _one_of("all", "action"),
    "scopes": _scopes,
    "epsilon": _threshold,
    "threshold": _one_of(*METHODS),
    "k": _candidates,
    "render": _one_of("transcript", "chat"),
    "max_tokens": _count,
    "token_table": _text,
    "candidates": _flag,
    "temperatures": _flag,
    "strict": _flag,
}
