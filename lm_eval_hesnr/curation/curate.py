"""The work of `hesnr curate`: trajectories of any format, filtered and counted, as one file of curated JSON lines.

One process reads the inputs in order. Several processes may label and count tokens, which takes most of the time. The
output is written in blocks. The end of a block depends only on the trajectories. So neither the number of processes nor
an interruption changes a byte. A log next to the unfinished output records every block.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import zstandard

from lm_eval_hesnr import __version__
from lm_eval_hesnr.curation.filters import Filters, LeftOut
from lm_eval_hesnr.curation.items import Item, Line, read_items
from lm_eval_hesnr.curation.line_counts import LineCounts, tokenizer_of_option, with_counts
from lm_eval_hesnr.curation.resumable_file import ResumableFile, log_of, work_files
from lm_eval_hesnr.curation.tally import Tally
from lm_eval_hesnr.errors import BadFileError, InputError
from lm_eval_hesnr.files import check_output, refuse_input, user_path
from lm_eval_hesnr.labels import LABEL_RULES_VERSION, Label
from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.opening import open_text
from lm_eval_hesnr.trajectories.paths import Inputs, find_inputs
from lm_eval_hesnr.trajectories.readers import known_formats
from lm_eval_hesnr.trajectories.records import has_known_ending
from lm_eval_hesnr.trajectories.schema import FORMAT
from lm_eval_hesnr.trajectories.without_action import UnreadCalls

BLOCK_BYTES = 2**20
"""A block ends after the trajectory that makes it this long. An interruption loses at most one block. In a .zst file,
each block is one frame."""

BLOCK_RESULTS = 1000
"""A block also ends after this many trajectories were read, because the filters may leave out all of them."""


_BEGINNING = json.dumps({"format": FORMAT}).removesuffix("}").encode()
"""How every output begins."""
_LONGEST_BEGINNING = 2**8


def curate(
    inputs: list[str],
    out: Path,
    filters: Filters,
    *,
    strict: bool = False,
    force: bool = False,
    workers: int = 1,
    progress: Callable[[Path, Tally], None] = lambda path, tally: None,
) -> Tally:
    """Write the trajectories of `inputs` to `out` and return the counts. If there are none, `out` is not created.

    An unfinished output of the same inputs, filters and package version is continued. Any other unfinished output is
    started again.

    Raises:
        InputError: an input or the tokenizer does not exist, `out` cannot be written, or it exists without `force`.
        BadFileError: `strict` is on, and an input is bad. The blocks before it are kept for the next call.
    """
    _check(inputs, out, force=force)
    found = find_inputs(inputs, leave_out=(out, *work_files(out)))
    tally = Tally(files=found.files, is_replaced=_is_replaced(out, found))
    if filters.tokenizer is not None:
        tokenizer_of_option(filters.tokenizer)  # raises an error here, not in every process
    block = Tally()
    with ResumableFile(out, _signature(inputs, found.files, filters)) as output:
        for note in output.notes:
            tally.add(_noted(note, out))
        _stop_if_bad(tally, strict)
        items = read_items(found, filters, tally.met, skip=tally.n_results)
        for item, counts in with_counts(items, filters.tokenizer, workers):
            one = _tally_of(item, counts, filters, tally.instances)
            if isinstance(item.content, Line) and one.total("written"):
                output.write(item.content.data)
            block.add(one)
            tally.add(one)
            _stop_if_bad(tally, strict)
            if output.block_bytes >= BLOCK_BYTES or block.n_results >= BLOCK_RESULTS:
                output.end_block(block.to_note())
                block = Tally()
            progress(item.path, tally)
        output.end_block(block.to_note())
        check_output(out, force=force)  # another program may have made it meanwhile
        output.finish()
    return tally


def _noted(note: dict[str, Any], out: Path) -> Tally:
    try:
        return Tally.from_note(note)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{log_of(out)}: is not a log that hesnr wrote ({error!r:.100}); delete it, and run the command again"
        ) from error


def _check(inputs: list[str], out: Path, *, force: bool) -> None:
    if not out.name.endswith((".jsonl", ".jsonl.zst")):
        raise InputError(f"{out}: the output should end in .jsonl or .jsonl.zst, so that it can be read again")
    for own in (out, *work_files(out)):
        refuse_input(own, map(user_path, inputs))
    check_output(out, force=force)


def _is_replaced(out: Path, found: Inputs) -> bool:
    """Whether the inputs contain OUT, which an earlier call wrote. It is not read, and replaced.

    Raises:
        InputError: they contain it, and it is another file.
    """
    if not any(file.resolve() == out.resolve() for file in found.left_out):
        return False
    try:
        with open_text(out) as file:
            beginning = file.read(_LONGEST_BEGINNING)
    except (OSError, zstandard.ZstdError):
        beginning = b"?"
    if beginning and not beginning.startswith(_BEGINNING):
        raise InputError(
            f"{out}: is one of the files of the inputs, and hesnr did not write it; give the output another name"
        )
    return bool(beginning)


def _stop_if_bad(tally: Tally, strict: bool) -> None:
    if strict and tally.bad:
        raise BadFileError(tally.bad[0] + (f"; {known_formats()}" if tally.unknown_formats else ""))


def _signature(inputs: list[str], files: list[Path], filters: Filters) -> str:
    """One line of settings. An unfinished output is continued only if its signature is the same."""
    digest = hashlib.sha256()
    for file in files:
        if has_known_ending(file) or str(file) in inputs:
            stat = file.stat()
            digest.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    package = f"lm_eval_hesnr {__version__}, label rules {LABEL_RULES_VERSION}"
    return json.dumps({"package": package, "inputs": inputs, "files": digest.hexdigest(), **asdict(filters)})


def _tally_of(item: Item, counts: LineCounts | Bad | None, filters: Filters, written: set[str]) -> Tally:
    """The counts of one item, given the instances that are already written."""
    content = item.content
    if isinstance(counts, Bad):
        content = Bad(f"{item.path}: {item.id!a:.100}: {counts.reason}")
    elif counts and filters.max_tokens is not None and counts.n_tokens > filters.max_tokens:
        content = LeftOut("too long")
    elif counts and filters.dedupe and item.instance in written:
        content = LeftOut("duplicate")
    columns: Counter[str] = Counter()
    if item.outcome:
        columns.update(["read", item.outcome], files=item.opens_file)
    if isinstance(content, LeftOut):
        columns[content.reason] = 1
    instances: set[str] = set()
    unknown_tools: Counter[str] = Counter()
    unread_calls: list[UnreadCalls] = []
    if isinstance(content, Line) and isinstance(counts, LineCounts):
        columns.update({label.label_name: counts.characters[label] for label in Label if label != Label.TEMPLATE})
        columns.update(written=1, steps=counts.steps, unparsed=counts.unparsed)
        unread_calls = [item.unread_calls] if item.unread_calls else []
        instances = {item.instance} if filters.dedupe else set()
        unknown_tools = counts.unknown_tools
    return Tally(
        counts=Counter({(item.source, column): n for column, n in columns.items() if n}),
        bad=[content.reason] if isinstance(content, Bad) else [],
        unknown_formats=isinstance(content, Bad) and content.is_unknown_format,
        unknown_records=item.unknown_records,
        n_results=1,
        instances=instances,
        unknown_tools=unknown_tools,
        unread_calls=unread_calls,
    )
