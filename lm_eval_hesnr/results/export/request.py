"""What a user asks to be exported."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.export.exported_run import ExportedRun, Value

HEADLINE_SCOPE = "action"
HEADLINE_MEASURES = ("he_snr", "he_ppl", "ppl")
UNNAMED_DATASET = "lm_eval_hesnr/swe_hesnr"
"""The name of trajectories that have no name on the Hub."""
_NAME = re.compile(r"(?!data/)\w([\w.-]*\w)?/(?!data$)\w([\w.-]*\w)?", re.ASCII)
"""`data` is a name that the datastore of EvalEval reserves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The runs to export, and which of their numbers."""

    runs: Sequence[ExportedRun]
    """At least one."""
    scope: str | None = None
    """The user's scope; None for the format's own choice."""
    measures: tuple[str, ...] | None = None
    """The user's measures; None for the format's own choice."""
    model_id: str | None = None
    """The name of the model on the Hub, such as `org/name`."""
    dataset_id: str | None = None
    """The name of the trajectories on the Hub, such as `org/name`."""
    organization: str | None = None
    """The organization that made the runs."""

    @property
    def dataset(self) -> str:
        """The name of the trajectories: the user's, or a name that stands for trajectories without one."""
        return self.dataset_id or UNNAMED_DATASET

    @property
    def table_scope(self) -> str:
        """The scope of a table: the user's, or the headline."""
        return self.scope or HEADLINE_SCOPE

    @property
    def table_measures(self) -> tuple[str, ...]:
        """The measures of a table: the user's, or those of the headline."""
        return self.measures or HEADLINE_MEASURES

    def only(self, run: ExportedRun) -> Request:
        """The same request for one run."""
        return replace(self, runs=[run])

    def every_value(self, run: ExportedRun) -> Iterator[Value]:
        """The values that the user asked for; without a choice, all of them."""
        return run.values(None if self.scope is None else [self.scope], self.measures)

    def model_id_of(self, run: ExportedRun) -> str:
        """`org/name` of a run's model: the user's `--model-id`, or the Hub name under which the model was loaded.

        Raises:
            InputError: the model is not known to be on the Hub. `out/checkpoint-100` could be a name or a folder.
        """
        if self.model_id is not None:
            return self.model_id
        name = str(run.signature.get("model"))
        if run.commit is None or not _NAME.fullmatch(name):
            raise InputError(f"{run.file}: {name!r} may be a local model; give its name with --model-id org/name")
        return name


def checked_hub_name(name: str | None, option: str) -> str | None:
    """The name, after the check that the Hub could have it.

    Raises:
        InputError: it is not of the form `org/name`.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise InputError(f"{option} {name}: expected org/name, with letters, digits, dots, dashes and underscores")
    return name


def the_only_run(request: Request, what: str) -> ExportedRun:
    """The run of a format that has one model.

    Raises:
        InputError: there are several runs.
    """
    if len(request.runs) > 1:
        raise InputError(f"{what}: has one model, found {len(request.runs)} runs; add --best, --baseline, or give one")
    return request.runs[0]
