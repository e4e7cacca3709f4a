"""From the options of the command line and of sweep.yaml, which have the same names, to checked settings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.options import Options as TaskOptions
from lm_eval_hesnr.results.sweep.duration import seconds_of
from lm_eval_hesnr.results.sweep.forms import Entry, entry_of
from lm_eval_hesnr.results.sweep.order import ORDERS, shard_of, steps_filter
from lm_eval_hesnr.results.sweep.settings import Options, Settings, refuse_own_arguments

_ENTRY_KEYS = ("name", "pretrained", "revision", "step", "model_args")
_LARGEST_CONFIG = 2**24


class Request(NamedTuple):
    """What the user asked for."""

    entries: list[Entry]
    settings: Settings
    options: Options


def read_config(path: Path) -> dict[str, Any]:
    """The content of sweep.yaml.

    Raises:
        InputError: it cannot be read, is not a YAML mapping, or has an unknown key.
    """
    try:
        content = yaml.safe_load(read_regular(path, at_most=_LARGEST_CONFIG))
    except OSError as error:
        raise InputError(f"--config {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"--config {path}: is not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise InputError(f"--config {path}: expected keys such as checkpoints: and trajectories:")
    keys = {str(key).replace("-", "_"): value for key, value in content.items()}
    _refuse_unknown(keys, [*_CHECKS, "checkpoints"], f"--config {path}")
    return keys


def request_of(given: Mapping[str, Any]) -> Request:
    """The request.

    Args:
        given: option name to value, as text from the command line or as YAML has it. None means: not given.

    Raises:
        InputError: a value is wrong. The message names the option.
    """
    values = {
        name: _CHECKS[name](option_of(name), value)
        for name, value in given.items()
        if value is not None and name in _CHECKS
    }
    entries = [_entry(one) for one in _list_of(given.get("checkpoints"))]
    if not entries:
        raise InputError(
            "give at least one CHECKPOINT, or checkpoints: in --config; hesnr sweep --help lists the forms"
        )
    metadata = dict(values.get("metadata", {}))
    if "trajectories" in values:
        metadata["trajectories"] = values["trajectories"]
    if "token_table" in metadata:
        raise InputError("--metadata: token_table is set by the sweep for each checkpoint; see --no-tokens")
    TaskOptions.from_metadata(metadata)
    settings = Settings(metadata=metadata, **_only(values, "tasks", "model", "model_args", "further"))
    others = values.keys() - {"trajectories", "metadata", "tasks", "model", "model_args", "further"}
    options = Options(**_only(values, *others))
    if options.watch is not None and options.shard != (1, 1):
        raise InputError("--shard divides a fixed list; with --watch, start the same command several times instead")
    if options.watch is None and (options.until_step is not None or options.until_idle is not None):
        raise InputError("--until-step and --until-idle end a --watch; add --watch, or leave them out")
    return Request(entries, settings, options)


def option_of(name: str) -> str:
    """The option on the command line. `--model_args` is written as in `lm_eval`."""
    return f"--{name}" if name == "model_args" else f"--{name.replace('_', '-')}"


def _only(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _entry(given: Any) -> Entry:
    if isinstance(given, str):
        return entry_of(given)
    if not isinstance(given, dict) or not isinstance(given.get("pretrained"), str):
        raise InputError(f"checkpoints: expected a text, or keys with at least pretrained:, found {given!r:.100}")
    _refuse_unknown(given, _ENTRY_KEYS, f"checkpoints, {given['pretrained']}")
    source = given["pretrained"] if given.get("revision") is None else f"{given['pretrained']}@{given['revision']}"
    step = given.get("step")
    if step is not None and (type(step) is not int or step < 0):
        raise InputError(f"checkpoints, {source}: step should be a whole number, found {step!r:.60}")
    name = given.get("name")
    model_args = _model_args(f"checkpoints, {source}, model_args", given.get("model_args") or {})
    return Entry(source, None if name is None else str(name), step, model_args)


def _refuse_unknown(given: Mapping[Any, Any], known: Sequence[str], place: str) -> None:
    for key in given:
        if key not in known:
            hint = did_you_mean(key, known) or f"known keys: {', '.join(known)}"
            raise InputError(f"{place}: unknown key {key!r}; {hint.strip()}")


def _list_of(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def _words(option: str, value: Any) -> tuple[str, ...]:
    words = [part for one in _list_of(value) for part in str(one).split(",") if part]
    if not words:
        raise InputError(f"{option}: expected names separated by commas, found {value!r:.60}")
    return tuple(words)


def _paths(option: str, value: Any) -> str | list[str]:
    paths = [str(one) for one in _list_of(value)]
    return paths[0] if len(paths) == 1 else paths


def _text(option: str, value: Any) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool) or not str(value):
        raise InputError(f"{option}: expected a text, found {value!r:.60}")
    return str(value)


def _json(option: str, value: Any) -> dict[str, Any]:
    try:
        content = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        content = _pairs(value)
    if not isinstance(content, dict):
        raise InputError(
            f'{option}: expected key=value pairs, or JSON such as \'{{"scopes": ["action"]}}\', found {value!r:.100}'
        )
    return _without_dates(option, content)


def _pairs(value: str) -> dict[str, Any] | None:
    """`key=value,...`, as lm_eval reads it; None if it is something else."""
    from lm_eval.utils import simple_parse_args_string  # the import takes a second

    if value.lstrip().startswith(("{", "[")) or not all("=" in one for one in value.split(",")):
        return None
    return dict(simple_parse_args_string(value))


def _without_dates(option: str, content: dict[Any, Any]) -> dict[str, Any]:
    """The same content. YAML reads a text such as 2026-11-29 as a date, which JSON does not have."""
    for key, value in content.items():
        try:
            json.dumps({key: value})
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"{option}: {key}: {value!s:.60}: is not a text or a number ({error}); quote it"
            ) from error
    return content


def _model_args(option: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        from lm_eval.utils import simple_parse_args_string  # the import takes a second

        try:
            value = simple_parse_args_string(value)
        except (ValueError, SyntaxError) as error:
            raise InputError(f"{option}: expected key=value,key=value, found {value!r:.100}") from error
    if not isinstance(value, dict):
        raise InputError(f"{option}: expected key=value,key=value, found {value!r:.100}")
    refuse_own_arguments(value, option)
    return _without_dates(option, value)


def _count(option: str, value: Any) -> int:
    if not str(value).isascii() or not str(value).isdigit() or int(str(value)) < 1:
        raise InputError(f"{option}: expected a whole number of at least 1, found {value!r:.60}")
    return int(str(value))


def _flag(option: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{option}: expected true or false, found {value!r:.60}")
    return value


def _seconds(option: str, value: Any) -> float:
    return seconds_of(str(value), option)


def _watch(option: str, value: Any) -> float | None:
    if value is False:
        return None
    return 30.0 if value is True else max(0.1, _seconds(option, value))


def _order(option: str, value: Any) -> str:
    if value not in ORDERS:
        raise InputError(f"{option} {value!s:.60}: expected one of {', '.join(ORDERS)}")
    return str(value)


def _steps(option: str, value: Any) -> str:
    text = ",".join(str(one) for one in _list_of(value))
    steps_filter(text)
    return text


def _model(option: str, value: Any) -> str:
    if value == "completions-topk":
        raise InputError(f"{option} completions-topk: a server has one model; run lm_eval for each server")
    return _text(option, value)


def _command(option: str, value: Any) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(value) if isinstance(value, str) else map(str, _list_of(value)))
    except ValueError as error:
        raise InputError(f"{option}: is not a command ({error})") from error


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "tasks": _words,
    "trajectories": _paths,
    "metadata": _json,
    "model": _model,
    "model_args": _model_args,
    "further": _command,
    "steps": _steps,
    "order": _order,
    "gpus": _words,
    "gpus_per_model": _count,
    "launcher": _command,
    "watch": _watch,
    "until_step": _count,
    "until_idle": _seconds,
    "ready_file": _text,
    "settle": _seconds,
    "shard": lambda option, value: shard_of(str(value)),
    "timeout": _seconds,
    "tokens": _flag,
    "store": _flag,
}
"""Name of an option to the function that checks its value."""
