"""Records of data sets of the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories.decoding import Record
from lm_eval_hesnr.trajectories.parquet import without_nulls

_HUB = re.compile(
    r"(?P<scheme>hf://(?:datasets/)?)?(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[\w.-]+))?"
    r"(?:/(?P<config>[\w.-]+))?(?::(?P<split>[^/\\\s]+))?"
)


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


def hub_records(hub: HubName) -> Iterator[tuple[str, Record]]:
    """(split, record) for every row of a Hub data set, through the cache of `datasets`.

    Raises:
        InputError: the data set, revision, configuration or split cannot be loaded.
    """
    from datasets import DatasetDict, load_dataset

    try:
        data = load_dataset(hub.name, hub.config, split=hub.split, revision=hub.revision)
    except Exception as error:  # the Hub's client and a data set's own files may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"hf://{hub.pinned_name}: the data set cannot be read ({reason:.300})") from error
    for split, rows in data.items() if isinstance(data, DatasetDict) else [(hub.split or "all", data)]:
        for number, row in enumerate(rows, start=1):
            yield split, Record(f"row {number}", without_nulls(row))
