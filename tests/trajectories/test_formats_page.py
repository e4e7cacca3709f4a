"""docs/formats.md has a row for every format."""

import re
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.readers import READERS

PAGE = Path(__file__).parent.parent.parent / "docs" / "formats.md"
ROWS = [re.split(r" *(?<!\\)\| *", line)[1:-1] for line in PAGE.read_text().splitlines() if line.startswith("| ")]


@pytest.mark.parametrize("name", [reader.FORMAT for reader in READERS])
def test_every_reader_has_one_row(name):
    assert [row[0] for row in ROWS].count(name) == 1


def test_every_row_is_complete():
    for row in ROWS:
        assert len(row) == 4
        assert all(row)
        assert row[2] == "tested" or re.match(r"(real|fixture|sketch)\b", row[2])


def test_the_readme_points_to_the_page_and_names_at_most_its_agents():
    text = " ".join((PAGE.parent.parent / "README.md").read_text().split())
    assert "[docs/formats.md](docs/formats.md)" in text
    assert "hf://org/name@revision" in text
    n_agents = PAGE.read_text().split("\n## ")[1].count("\n| ") - 1  # without the heading
    found = re.search(r"over (\d+) agents", text)
    assert found is not None
    assert int(found[1]) < n_agents
