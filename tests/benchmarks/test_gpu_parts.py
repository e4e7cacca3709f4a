"""The measurements of `benchmarks/gpu_parts.py`, with tiny shapes on the CPU."""

import time
from dataclasses import replace

import pytest

from benchmarks import gpu_parts
from benchmarks.gpu_plan import TINY, Part, planned


@pytest.mark.parametrize("name", ["machine", "attention"])
def test_a_part_gives_its_planned_rows(name):
    rows = list(getattr(gpu_parts, name)(Part(name, TINY, time.time() + 60)))
    assert [row.what for row in rows] == [row.what for row in planned(TINY)[name]]


def test_the_peaks_of_a_length_are_known_before_its_times(monkeypatch):
    def out_of_time(repeats, *calls):
        raise TimeoutError

    monkeypatch.setattr(gpu_parts, "alternately", out_of_time)
    rows = gpu_parts.large(Part("large", TINY, time.time() + 60))
    assert ["640 tokens: peak" in next(rows).what, "every row: peak" in next(rows).what] == [True, True]
    with pytest.raises(TimeoutError):
        next(rows)


@pytest.mark.parametrize(("seconds", "repeats"), [(-1, [1, 1]), (600, [5, 5])])
def test_times_are_medians_of_what_fits_into_the_limit(monkeypatch, seconds, repeats):
    def alternately(n, *calls):
        asked.append(n)
        return [1.0] * len(calls)

    asked: list[int] = []
    monkeypatch.setattr(gpu_parts, "alternately", alternately)
    shapes = replace(TINY, repeats=5)
    assert len(list(gpu_parts.large(Part("large", shapes, time.time() + seconds)))) == 8
    assert asked == repeats
