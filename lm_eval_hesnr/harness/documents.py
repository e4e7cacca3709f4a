"""Requests and results of one document, in the form in which the harness writes them to sample files.

The harness writes one sample per document and scope. Each sample must be small, and must contain only values that JSON
has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lm_eval.api.instance import Instance


class TrajectoryRequest(Instance):
    """The request of one trajectory. Its text is long, so only the sample of the first scope contains it."""

    text_is_in: str | None = None
    """The scope whose sample contains the text; None as long as no sample contains it."""

    @property
    def args(self) -> tuple[Any, ...]:
        """Context and text, for the model and for the first sample; then a short reference to that sample."""
        if self.text_is_in is None:
            return self.arguments
        return f"{self.doc['id']}: see the sample with filter {self.text_is_in}", ""


class ScopeCounts(dict[str, int]):
    """The filtered answer of one scope: plain counts for the sample, with `profile`, from which measures are computed.

    The harness writes filtered answers as strings, so the string is JSON.
    """

    def __init__(self, counts: Mapping[str, int], profile: Any) -> None:
        """Set the counts and the profile."""
        super().__init__(counts)
        self.profile = profile

    def __str__(self) -> str:
        return json.dumps(self)

    def __reduce__(self) -> tuple[type, tuple[dict[str, int], None]]:
        """Pickle without the profile, because the harness sends samples between ranks only to write them."""
        return ScopeCounts, (dict(self), None)


class DocumentMeasures(dict[str, float | None]):
    """The measures of one document, as numbers or None. For the aggregation, each of them is the document's profile.

    The harness copies this mapping into the sample, and collects the values of `items()` for the aggregation. But a
    pooled measure is not computed from the measures of documents. So `items` returns the profile for every measure.
    """

    def __init__(self, values: Mapping[str, float | None], profile: Any) -> None:
        """Set the measures and the profile."""
        super().__init__(values)
        self.profile = profile

    def items(self) -> Any:
        """Pairs of a measure's name and the document's profile."""
        return [(name, self.profile) for name in self]
