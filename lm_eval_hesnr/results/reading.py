"""The runs at the paths that a user names, ready to be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, from_results, from_tables
from lm_eval_hesnr.results.results_file import read_results
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.run_paths import Source, short_names, sources
from lm_eval_hesnr.results.token_tables import Scopes, Tables, read_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads runs with the same options."""

    scopes: Scopes
    """The scopes of runs from token tables."""
    epsilon: float | None = None
    """Nats; None for the default threshold of token tables, and for each results file's own."""
    task: str | None = None
    """The task to take from results files with several of our tasks."""
    temperatures: bool = True
    """Whether runs that are compared have `calibrated_he_snr`, if their token tables have temperatures."""
    note: Callable[[str], None] = field(default=lambda _: None)
    """Gets what the user should know, one line each."""

    def sources(self, paths: Sequence[Path]) -> list[Source]:
        """All runs at these paths, in order.

        Raises:
            InputError: there is nothing at a path.
        """
        return [source for path in paths for source in self._sources(path)]

    def _sources(self, path: Path) -> Iterator[Source]:
        for source in sources(path):
            if source.older:
                files = counted(source.older, "older results file")
                self.note(f"note: {source.path} is used, and {files} in the same folder not")
            yield source

    def compared(self, found: Sequence[Source]) -> tuple[list[ComparedRun], list[InputError]]:
        """The runs under short names, and the errors of those that cannot be read."""
        runs: list[ComparedRun] = []
        errors = []
        good = []
        for source in found:
            try:
                runs.append(self._compared(source))
                good.append(source)
            except InputError as error:
                errors.append(error)
        names = short_names(good, [run.model for run in runs]) if runs else []
        return [run.named(name) for run, name in zip(runs, names, strict=True)], errors

    def _compared(self, source: Source) -> ComparedRun:
        if source.has_tokens:
            tables = self.tables(source.path, temperatures=self.temperatures)
            run = from_tables(tables, self.scopes, self.table_epsilon)
            return replace(run, tables=replace(tables, profiles={}))  # the profiles of many runs need much memory
        return from_results(self.results(source.path), source.path)

    @property
    def table_epsilon(self) -> float:
        """The threshold of runs from token tables, nats."""
        return EPSILON if self.epsilon is None else self.epsilon

    def tables(self, folder: Path, *, temperatures: bool = True) -> Tables:
        """The token tables of one run, with a note if the run was scored with another epsilon.

        Args:
            folder: the folder of the tables.
            temperatures: whether `calibrated_he_snr` is measured, see `read_tables`.

        Raises:
            InputError: they cannot be read.
        """
        # also checks that epsilon is below ln k
        tables = read_tables(folder, self.scopes, self.table_epsilon, temperatures=temperatures)
        own = tables.signature.get("epsilon")
        if isinstance(own, float) and own != self.table_epsilon:
            self.note(
                f"note: {folder} was scored with epsilon {own:.6g}; now measured with {self.table_epsilon:.6g} "
                "(--epsilon changes it)"
            )
        return tables

    def results(self, path: Path) -> Run:
        """The run of one task in a results file.

        Raises:
            InputError: it cannot be read, has several tasks of ours and none was chosen, or another epsilon.
        """
        runs = {run.task: run for run in read_results(path)}
        if self.task is None and len(runs) > 1:
            raise InputError(f"{path}: it has {len(runs)} of our tasks ({', '.join(runs)}); choose one with --task")
        if self.task is not None and self.task not in runs:
            raise InputError(f"{path}: it has no task {self.task}; it has {', '.join(runs)}")
        run = runs[self.task or next(iter(runs))]
        own = run.config["signature"].get("epsilon")
        if self.epsilon is not None and own != self.epsilon:
            raise InputError(
                f"{path}: its numbers are for epsilon {own}; for --epsilon {self.epsilon:g} give the run's token tables"
            )
        return run


def run_named(given: str, runs: Sequence[ComparedRun], option: str) -> ComparedRun | Path:
    """The run that a user names by its name in the table, or by a path; the path if it is that of another run.

    Args:
        given: what the user wrote.
        runs: the runs in the table.
        option: the option, for the message.

    Raises:
        InputError: it is not a name, and nothing is at this path.
    """
    path = Path(given)
    for run in runs:
        if run.name == given or (path.exists() and run.source.samefile(path)):
            return run
    if not path.exists():
        names = [run.name for run in runs]
        hint = did_you_mean(given, names).rstrip()
        raise InputError(
            f"{option} should be a path, or one of {', '.join(names)}; found {given}{'; ' if hint else ''}{hint}"
        )
    inside = {source.path.resolve() for source in sources(path)}
    found = [run for run in runs if run.source.resolve() in inside]
    return found[0] if len(inside) == len(found) == 1 else path
