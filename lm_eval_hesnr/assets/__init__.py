"""Where the embedded sample set and the embedded tiny model are."""

from __future__ import annotations

from pathlib import Path

TRAJECTORIES = Path(__file__).parent / "swe_mini" / "trajectories.jsonl"
"""The sample set, one curated trajectory in each line."""

EMBEDDED_MODEL = Path(__file__).parent / "tiny_swe_lm"
"""The tiny model's folder, as `transformers` loads it."""

REPORT = Path(__file__).parent / "report"
"""The template, style and scripts of the page of `hesnr report`."""

CORRELATE = Path(__file__).parent / "correlate"
"""The template of the page of `hesnr correlate --html`, and that of its content, which a report can have too."""
