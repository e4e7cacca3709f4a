"""Records of data sets of the Hugging Face Hub."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.trajectories.decoding import Record
from lm_eval_hesnr.trajectories.parquet import without_nulls

_HUB = re.compile(
    r"(?P<scheme>hf://(?:datasets/)?)?(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[\w.-]+))?"
    r"(?:/(?P<config>[\w.-]+))?(?::(?P<split>[^/\\\s]+))?"
)

_COMMIT = re.compile(r"@([0-9a-f]{40})")
"""The commit in the address from which `datasets` reads a data set of the Hub."""

eval_logger = logging.getLogger("lm_eval.hesnr")


class HubName(NamedTuple):
    """A data set of the Hub, written `hf://org/name[@revision][/config][:split]` in a list of paths."""

    name: str
    config: str | None
    split: str | None
    revision: str | None = None
    """A branch, a tag or a commit; the newest version if None."""

    @property
    def pinned_name(self) -> str:
        """The name with the revision, for messages."""
        return f"{self.name}@{self.revision}" if self.revision else self.name


def hub_name(given: str) -> HubName | None:
    """The Hub data set that a path names, as `hf://...` or as `org/name:split`; None for any other path."""
    match = _HUB.fullmatch(given)
    if not match or not (match["scheme"] or (match["split"] and not match["config"])):
        return None
    return HubName(match["name"], match["config"], match["split"], match["revision"])


def hub_records(hub: HubName, *, shuffled: bool = False) -> Iterator[tuple[str, Record]]:
    """(split, record) for every row of a Hub data set, through the cache of `datasets`.

    One log line says how much is downloaded, and which revision is read.

    Args:
        hub: the data set.
        shuffled: yield the rows in a fixed random order (seed 0), not in the order of the data set, which may be sorted
            by repository. The first rows are then a random choice.

    Raises:
        InputError: the data set, revision, configuration or split cannot be loaded.
    """
    from datasets import DatasetDict, load_dataset_builder

    try:
        builder = load_dataset_builder(hub.name, hub.config, revision=hub.revision)
        eval_logger.info("hf://%s: %s", hub.pinned_name, what_is_read(builder))
        builder.download_and_prepare()
        data = builder.as_dataset(split=hub.split)
    except Exception as error:  # the Hub's client and a data set's own files may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"hf://{hub.pinned_name}: the data set cannot be read ({shortened(reason, 300)})") from error
    for split, rows in data.items() if isinstance(data, DatasetDict) else [(hub.split or "all", data)]:
        order = np.random.default_rng(0).permutation(len(rows)) if shuffled else range(len(rows))
        for i in order:
            yield split, Record(f"row {i + 1}", without_nulls(rows[int(i)]))


def what_is_read(builder: Any) -> str:
    """The revision and the size of a data set that is about to be read, in words."""
    commit = _COMMIT.search(builder.base_path or "")
    size = builder.info.download_size
    download = f"{size / 1e6:,.0f} MB, downloaded once" if size else "downloaded once, of unknown size"
    return f"{download}, revision {commit[1] if commit else 'of a local copy'}"
