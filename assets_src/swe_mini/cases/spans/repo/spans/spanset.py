"""A set of numbers, kept as few sorted ranges."""

from bisect import bisect_right

from spans.span import Span
from spans.text import parse_spans


class SpanSet:
    """An immutable set of integers. `spans` are sorted and neither overlap nor touch."""

    def __init__(self, spans=()):
        self.spans = tuple(_merge(Span(*span) for span in spans))

    @classmethod
    def parse(cls, text):
        """From text such as "1-4, 8-10"."""
        return cls(parse_spans(text))

    # -- questions -------------------------------------------------------------

    def __contains__(self, number):
        index = bisect_right(self.spans, (number, float("inf"))) - 1
        return index >= 0 and self.spans[index].start <= number < self.spans[index].end

    def __bool__(self):
        return bool(self.spans)

    def __eq__(self, other):
        return isinstance(other, SpanSet) and self.spans == other.spans

    def __hash__(self):
        return hash(self.spans)

    def total(self):
        """How many numbers are in the set."""
        return sum(span.length() for span in self.spans)

    def gaps(self):
        """The set of what lies between the first and the last number and is not in this one."""
        return SpanSet((a.end, b.start) for a, b in zip(self.spans, self.spans[1:]))

    # -- algebra ---------------------------------------------------------------

    def __or__(self, other):
        return SpanSet(self.spans + other.spans)

    def __and__(self, other):
        return SpanSet(a.intersection(b) for a in self.spans for b in other.spans if a.overlaps(b))

    def __str__(self):
        return ", ".join(str(span) for span in self.spans)

    def __repr__(self):
        return f"SpanSet.parse({str(self)!r})"


def _merge(spans):
    """Sorted spans that do not overlap, made of any spans."""
    merged = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            merged[-1] = Span(merged[-1].start, span.end)
        else:
            merged.append(span)
    return merged
