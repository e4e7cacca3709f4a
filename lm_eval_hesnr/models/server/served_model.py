"""What a server reports about its model and itself, checked: names can be written into results, numbers are numbers."""

from __future__ import annotations

import logging
import reprlib
from dataclasses import dataclass
from typing import Any

from lm_eval_hesnr.errors import AnswerError, InputError
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.models.server.connection import Connection
from lm_eval_hesnr.models.server.values import as_list, as_object
from lm_eval_hesnr.models.server_arguments import SHORTEST_CONTEXT
from lm_eval_hesnr.scoring.table_columns import LARGEST_INTEGER

eval_logger = logging.getLogger("lm_eval.hesnr")

_LONGEST_NAME, _MOST_NAMES = 300, 10
"""Names from the server in messages and results: characters of one name, and names in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """The model's entry in the server's list of models, and the server's name."""

    server: str
    """The server's address, for messages."""
    root: str | None = None
    """The folder or name from which the server loaded the model; None if it does not report it."""
    engine: str | None = None
    """The server's name and version; None if it reports neither."""
    reported_context: Any = None
    """The context length as the server reports it, not checked yet, because users can give another one."""
    no_list: str | None = None
    """The reason why the server has no list of models."""

    @classmethod
    def ask(cls, connection: Connection, model: str) -> ServedModel:
        """Request the list of models, and the server's version.

        Raises:
            InputError: the server does not answer, or does not serve the model.
        """
        entry, no_list = {}, None
        try:
            models = connection.get("/v1/models", _entries)
        except AnswerError as error:
            no_list = f"{connection.root}{error}"
            eval_logger.warning("%s", no_list)
        else:
            entry = _entry_of(connection.without_secret(model), models, connection.root)
        words = (_name(entry.get("owned_by")), _version(connection))
        return cls(
            server=connection.root,
            root=_name(entry.get("root")),
            engine=" ".join(word for word in words if word) or None,
            reported_context=entry.get("max_model_len"),
            no_list=no_list,
        )

    @property
    def context(self) -> int:
        """The model's context in tokens, including the token that the server generates.

        Raises:
            InputError: the server does not report it, or it is not a number of tokens.
        """
        reported = self.reported_context
        if not reported:
            reason = self.no_list or f"{self.server} does not report its context length"
            raise InputError(
                f"{reason}; if the server does not report its context length, give max_length= in --model_args"
            )
        is_number = isinstance(reported, (int, float)) and SHORTEST_CONTEXT <= reported <= LARGEST_INTEGER
        if is_number and reported == int(reported):
            return int(reported)
        raise InputError(
            f"{self.server}/v1/models (max_length= in --model_args overrides it): max_model_len="
            f"{reprlib.repr(reported)}: expected a number of tokens, {SHORTEST_CONTEXT} or more"
        )


class AnsweringModel:
    """Checks that all answers of a run name the same model. Another name means that the server was exchanged.

    The name may differ from the requested one: vLLM answers with the first of the names of a model.
    """

    def __init__(self) -> None:
        self._first: str | None = None

    def check(self, answer: Any) -> None:
        """Raise an `AnswerError` if the answer names another model than an earlier one. It need not name any."""
        name = answer.get("model") if isinstance(answer, dict) else None
        if isinstance(name, str):
            self._first = self._first or name
            if name != self._first:
                raise AnswerError(f"the model {_cut(name)} answered, but {_cut(self._first)} answered before")


def _entries(answer: Any) -> list[dict[str, Any]]:
    return [one for one in as_list(as_object(answer, "it").get("data") or [], "data") if isinstance(one, dict)]


def _entry_of(model: str, served: list[dict[str, Any]], server: str) -> dict[str, Any]:
    """The model's entry; empty if the list of models is empty."""
    found = [one for one in served if one.get("id") == model]
    if served and not found:
        others = ", ".join(_cut(str(one.get("id"))) for one in served[:_MOST_NAMES])
        more = f" and {len(served) - _MOST_NAMES} more" if len(served) > _MOST_NAMES else ""
        raise InputError(
            f"{server} does not serve {model!r}; it serves {others}{more}; give one of these as model=, and tokenizer="
        )
    return found[0] if found else {}


def _version(connection: Connection) -> str | None:
    try:
        return connection.get("/version", lambda answer: _name(as_object(answer, "it").get("version")), attempts=1)
    except InputError:
        return None


def _name(value: Any) -> str | None:
    """The text as it may be written into results; None if it is not a text."""
    return _cut(value) if isinstance(value, str) else None


def _cut(name: str) -> str:
    """The first part of a name, with escapes. It is cut first: the escapes of a long name need gigabytes."""
    return one_line(name[:_LONGEST_NAME])[:_LONGEST_NAME]
