"""Requests and results of one document, in the form in which the harness writes them to sample files.

The harness writes one sample per document and scope. Each sample must be small, and must contain only values that JSON
has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lm_eval.api.instance import Instance

from lm_eval_hesnr.messages.characters import one_line


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

    def __repr__(self) -> str:
        """One line with escapes, because --write_out prints a request, also with the values of its document."""
        return one_line(super().__repr__())


class ScopeAnswer(tuple[float, bool]):
    """The filtered answer of one scope, with `profile`, from which measures are computed.

    It is the pair that the harness expects of `loglikelihood`, over the tokens of the scope: the sum of their logprobs
    in nats, and whether all of them are the most likely token. Loggers of the harness, such as the one of W&B, read it.
    """

    profile: Any

    def __new__(cls, logprob: float, is_greedy: bool, profile: Any) -> ScopeAnswer:
        """Make the pair, and set the profile."""
        self = super().__new__(cls, (logprob, is_greedy))
        self.profile = profile
        return self

    def __reduce__(self) -> tuple[type, tuple[tuple[Any, ...]]]:
        """Pickle as a plain pair, because the harness sends samples between ranks only to write them."""
        return tuple, (tuple(self),)


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
