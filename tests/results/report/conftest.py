"""Two small synthetic runs on the same six trajectories, with token tables. B is better than A."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.results.report.in_browser.synthetic_runs import documents, write_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> list[Path]:
    """The results files of A and B."""
    folder, texts = tmp_path_factory.mktemp("small"), documents(6, 300)
    return [write_run(folder / name, texts, number=number, better=0.2 * number) for number, name in enumerate("AB")]
