"""The part `all_rows`, with a tiny model and few tokens."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.every_row import _profile
from benchmarks.measuring import alternately, seconds_of
from benchmarks.speedup import BothWays
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from tests import builders

SCRIPT = str(Path(__file__).parents[2] / "benchmarks" / "scoring.py")


@pytest.fixture
def threads_as_before():
    """The script sets the number of threads of the whole process."""
    n = torch.get_num_threads()
    yield
    torch.set_num_threads(n)


@pytest.mark.usefixtures("threads_as_before")
def test_every_row_is_measured_against_both_floors_for_each_head(random_model, tmp_path, monkeypatch, capsys):
    text = builders.first_turns(tmp_path / "runs.jsonl", 1)
    words = ["scoring.py", "all_rows", "--model_args", f"pretrained={random_model}", "--repeats", "1"]
    words += ["--tokens", "100", "--text", str(text), "--heads", "0", "3000", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(SCRIPT, run_name="__main__")
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("| time over the floor, every row, ")]
    assert re.findall(r", V = (\d+) ", "".join(rows)) == ["1024", "3000"]
    for row in rows:
        assert "| L = 100, every row, 1 threads |" in row
        assert re.search(r"\*\*\d+\.\d{3} \([^)]*\) of the floor\*\*", row)
        assert "of the floor with the fastest product" in row
    profiles = re.findall(r"^ *profile: (.+); [\d,]+ page faults$", printed, re.MULTILINE)
    assert len(profiles) == 2
    for profile in profiles:
        shares = {name: float(share) for name, share in re.findall(r"([a-z ]+) (\d+\.\d)%", profile)}
        assert {"body", "product", "maxima", "exponentials", "sums"} <= {name.strip() for name in shares}
        assert sum(shares.values()) == pytest.approx(100, abs=1)  # the shares are rounded
    assert len(re.findall(r"without the body: \d+\.\d{3} \([^)]*\) of the plain product, ", printed)) == 2
    assert "code: " in printed


def test_the_profile_tells_the_products_of_the_body_from_those_of_the_head():
    wide, narrow = torch.nn.Linear(500, 500), torch.nn.Linear(500, 2)
    hidden = torch.ones(2000, 500)
    of_both = _profile(lambda: narrow(wide(hidden)), wide)
    of_body = _profile(lambda: wide(hidden), wide)
    of_head = _profile(lambda: narrow(hidden), wide)
    assert of_both["body"] > 0
    assert of_both["product"] > 0
    assert of_body["product"] == 0
    assert of_head["body"] == 0
    assert not wide._forward_hooks
    assert not wide._forward_pre_hooks


def test_the_calls_alternate_and_the_result_is_their_median():
    called = []
    seconds = seconds_of(3, lambda: called.append("a"), lambda: called.append("b"))
    assert called == ["a", "b", "b", "a", "a", "b"]
    assert seconds.shape == (2, 3)
    assert (np.array(alternately(1, lambda: None)) >= 0).all()


def test_one_pass_and_stock_hf_give_the_same_sums(random_model):
    lm = HFTopK(pretrained=str(random_model), device="cpu")
    ids = torch.randint(300, (120,), generator=torch.Generator().manual_seed(0))
    both = BothWays(lm, RequestedRows(lm.model, name="tiny"), ids, [(20, 40), (70, 100)])
    assert both.rows.tolist() == [*range(19, 39), *range(69, 99)]
    both.one_pass()
    both.stock()
    assert both.difference() < 1e-3
    both.ours = both.ours._replace(logprob=both.ours.logprob + (torch.arange(50) == 25))  # in the second action
    assert 0.99 < both.difference() < 1.01
