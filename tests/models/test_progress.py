import io
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from tqdm import tqdm

from lm_eval_hesnr.models import progress
from lm_eval_hesnr.models.hf import HFTopK
from tests.builders import request

TEXT = "### Agent\nTHOUGHT: söme   prose 漢字\n\n```bash\ngrep -rn 'x'  src/ # why\n```\n\n### Observation\nnothing\n\n"


def test_the_bar_moves_with_every_chunk_and_window_and_ends_at_its_total(random_model, monkeypatch):
    seen = []

    class Bar(tqdm):
        def update(self, n=1):
            seen.append(n)
            return super().update(n)

        def close(self):
            seen.append(("end", self.n, self.total))
            super().close()

    monkeypatch.setattr(progress, "tqdm", Bar)
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu", max_length=400)
    lm._rows.budget.largest_chunk = 256
    lm.loglikelihood([request("", TEXT * 20)], disable_tqdm=False)
    (total,) = {place for one in seen if isinstance(one, tuple) for place in one[1:]}  # the bar's end and its total
    moves = [n for n in seen if not isinstance(n, tuple) and n]
    assert sum(moves) == total
    assert 256 in moves
    assert len(moves) >= 4


def test_what_an_interrupted_call_has_counted_does_not_count_in_the_next(random_model, monkeypatch):
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu")
    seen: list[int] = []
    bar = SimpleNamespace(update=seen.append, refresh=lambda: None, close=lambda: None)
    monkeypatch.setattr(progress, "tqdm", lambda **_: bar)

    def interrupted(_ids, _rows, _targets, _k, on_read, *_):
        on_read(256)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lm._rows, "statistics", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lm.loglikelihood([request("", TEXT)], disable_tqdm=True)
    (result,) = lm.loglikelihood([request("", TEXT)], disable_tqdm=True)
    assert seen == [256, len(result.scores.token_ids)]


def test_a_line_logged_during_scoring_is_not_on_the_line_of_the_bar(monkeypatch):
    """As the harness logs: a handler of its own logger, which writes to the same console."""
    console = io.StringIO()
    monkeypatch.setattr(sys, "stderr", console)
    harness = logging.getLogger("lm_eval")
    handlers = [logging.StreamHandler(console)]
    monkeypatch.setattr(harness, "handlers", handlers)
    with progress.Progress(10, disable=False) as bar:
        bar.finish_window(4)
        logging.getLogger("lm_eval.hesnr").warning("the disk is full")
        assert harness.handlers != handlers
    assert harness.handlers == handlers
    written = console.getvalue()
    assert "Scoring trajectories" in written
    assert written.split("the disk is full")[0].endswith(("\r", "\n"))
    assert written.split("the disk is full")[1].startswith("\n")


class InterruptedConsole(io.StringIO):
    """Ctrl-C comes just after the bar is drawn for the first time."""

    def __init__(self):
        super().__init__()
        self.left = 1

    def write(self, text):
        n = super().write(text)
        if "Scoring" in text and self.left:
            self.left = 0
            raise KeyboardInterrupt
        return n


def test_ctrl_c_at_the_first_drawing_leaves_no_open_bar(random_model, tmp_path, monkeypatch):
    """Otherwise the bar is drawn again when the process ends, below the line that says how to continue."""
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu", score_store=str(tmp_path))
    console = InterruptedConsole()
    monkeypatch.setattr(sys, "stderr", console)
    harness = logging.getLogger("lm_eval")
    handlers = [logging.StreamHandler(console)]
    monkeypatch.setattr(harness, "handlers", handlers)
    open_bars: Any = tqdm
    n_bars = len(getattr(open_bars, "_instances", ()))
    with pytest.raises(KeyboardInterrupt):
        lm.loglikelihood([request("", TEXT)])
    assert console.left == 0
    assert len(open_bars._instances) == n_bars
    assert harness.handlers == handlers
    lines = console.getvalue().splitlines()
    assert lines[-1].endswith(f"to continue from the scores in {tmp_path}")
    assert "Scoring" not in lines[-1]
