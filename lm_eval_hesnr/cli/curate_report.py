"""What `hesnr curate` prints at its end: tables by format, and what became of every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lm_eval_hesnr.cli.show import COLOURS, one_line
from lm_eval_hesnr.curation.curate import LEFT_OUT, Tally
from lm_eval_hesnr.trajectories.skipped import PassedOver

_NOT_LOOKED_INTO = "not looked into, by the name's ending"


def report(files: list[Path], tally: Tally, *, verbose: bool) -> Iterator[str]:
    """Its lines. `files` are all that the inputs mean; `verbose` names each that gave nothing."""
    yield from _tables(tally)
    yield ""
    yield from _accounts(files, tally, verbose)
    yield f"bad: {len(tally.bad)}"
    yield from tally.bad


def _tables(tally: Tally) -> Iterator[str]:
    """Two tables with a row for each format: how many, and characters of each label."""
    left_out = [column for column in LEFT_OUT if tally.total(column)]
    yield from _table(tally, ["files", "read", "resolved", "unresolved", "unknown", *left_out, "written", "steps"])
    yield ""
    yield "characters of what was written, by label"
    yield from _table(tally, [label.label_name for label in COLOURS])


def _table(tally: Tally, columns: list[str]) -> Iterator[str]:
    sources = sorted({source for source, _ in tally.counts})
    rows = [["format", *columns]]
    rows += [[one_line(source), *(f"{tally.counts[source, column]:,}" for column in columns)] for source in sources]
    rows.append(["all", *(f"{tally.total(column):,}" for column in columns)])
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for first, *cells in rows:
        yield "  ".join(
            [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))]
        )


def _accounts(files: list[Path], tally: Tally, verbose: bool) -> Iterator[str]:
    """How many files gave trajectories, and for those that gave none the reasons, each with how many it has."""
    if not files:
        return
    of_folder = {path.parent: found for path, found in tally.met.items() if path.name.startswith("event-")}
    good = bad = 0
    without: dict[str, list[tuple[Path, PassedOver | None]]] = {}
    for path in files:
        found = tally.met.get(path, of_folder.get(path.parent) if path.name.startswith("event-") else None)
        if isinstance(found, bool):
            good, bad = good + found, bad + (not found)
        else:
            without.setdefault(found.reason if found else _NOT_LOOKED_INTO, []).append((path, found))
    yield (
        f"files: {len(files)} in all; {good} with trajectories, {bad} with bad ones only, "
        f"{len(files) - good - bad} without"
    )
    for reason, passed in sorted(without.items(), key=lambda item: item[0] == _NOT_LOOKED_INTO):
        yield f"without: {reason} ({len(passed)}): {_by_name(passed, verbose)}"


def _by_name(passed: list[tuple[Path, PassedOver | None]], verbose: bool) -> str:
    if verbose:
        return ", ".join(f"{path} ({found})" if found and found.whole else str(path) for path, found in passed)
    names = Counter(path.name for path, _ in passed).most_common()
    shown = ", ".join(f"{name} ({n})" if n > 1 else name for name, n in names[:8])
    return shown + (f" and {len(names) - 8} more names (-v names all)" if len(names) > 8 else "")
