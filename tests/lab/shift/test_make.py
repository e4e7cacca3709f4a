"""The pieces of work, on made-up scores of tokens."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from lab.before_after import rows_of
from lab.predict.layout import digest
from lab.shift import make
from lab.shift.choices import choices
from lab.shift.layout import HISTOGRAM, of_pool, windows_of
from lab.shift.make_choices import each_choice
from lab.shift.plan import POOLS
from lab.shift.windows import CLASSES, COLUMNS, counts
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.metrics.decomposition import decomposed
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measure
from lm_eval_hesnr.results.documents import document_totals
from lm_eval_hesnr.scoring.token_scores import digest_of
from tests import builders

N = 6


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Two checkpoints, `a` and `b`, that read the same six trajectories."""
    read: list[str] = []

    def _token_scores(model, trajectories, metadata):
        assert metadata == {"temperatures": True, "score": "action"}
        read.append(model.name)
        found = [builders.with_extras(500, seed=10 * i + (model.name == "b")) for i in range(N)]
        ids = [np.arange(500, dtype=np.int32) + i for i in range(N)]
        labels = [builders.with_extras(500, seed=10 * i).labels for i in range(N)]
        return [replace(one, token_ids=t, labels=x) for one, t, x in zip(found, ids, labels, strict=True)]

    monkeypatch.setattr(make, "token_scores", _token_scores)
    monkeypatch.setattr(make, "checkpoint", lambda families, name: families / name)
    monkeypatch.setattr(make, "about_with_training", lambda model, name: {"name": name})
    (tmp_path / "shift" / "b").mkdir(parents=True)
    return tmp_path / "shift" / "b", read


def test_a_reading_has_the_counts_of_its_tokens_at_each_temperature(work):
    folder, _ = work
    value = json.loads(json.dumps(make.make_reading(folder, "b").value))
    first = builders.with_extras(500, seed=1)
    labels = builders.with_extras(500, seed=0).labels
    chosen = first.scored & (labels == Label.CODE)
    assert windows_of(value, 1.0)[0] == pytest.approx(counts(first.entropy[chosen].astype(np.float64)))
    assert value["documents_sha256"] == digest([digest_of(np.arange(500) + i) for i in range(N)])
    assert value["n_tokens"] == windows_of(value, 1.0)[:, COLUMNS.index("tokens")].sum()
    assert first.top_logits is not None
    logits = first.top_logits[chosen].astype(np.float64)
    logits = logits[~np.isnan(logits[:, 0])] / 1.25
    q = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = counts(-(q * np.log(q)).sum(axis=1))
    found = windows_of(value, 1.25)[0]
    for column in ("near3", "left4", "centre3", "right4"):
        assert found[COLUMNS.index(column)] == expected[COLUMNS.index(column)]
    histogram = rows_of(value["histograms"]["1"])[0]
    assert histogram.tolist() == np.histogram(first.entropy[chosen], HISTOGRAM)[0].tolist()
    assert value["calibrated_he_snr"] > 0
    for n in (3, 4, 5):
        near = windows_of(value, 1.0)[:, COLUMNS.index(f"near{n}")].sum()
        ranks, equal = (rows_of([value["near"][str(n)][key]])[0] for key in ("ranks", "equal"))
        assert (len(ranks), len(equal)) == (11, 10)
        assert ranks.sum() == equal.sum() == near


def test_the_parts_add_up_to_the_difference_of_he_snr_and_no_checkpoint_is_read_twice(work):
    folder, read = work
    values = {name: make.make_reading(folder.parent / name, name).value for name in ("a", "b")}
    parts = make.make_parts(folder, "b", "a").value
    assert read == ["a", "b"]
    assert parts["before"] == "a"
    n = rows_of(parts["moves"]).sum(axis=0).reshape(len(CLASSES), -1)
    for name, axis in (("a", 1), ("b", 0)):
        windows = windows_of(values[name], 1.0).sum(axis=0)
        assert n.sum() == windows[COLUMNS.index("tokens")]
        for order in (3, 4):
            assert n.sum(axis=axis)[CLASSES.index(f"near ln {order}")] == windows[COLUMNS.index(f"near{order}")]
    of = {
        name: float(measure("he_snr", document_totals({"columns": one["columns"], "totals": {"action": one["totals"]}})[
            "action"].sum(axis=0)))
        for name, one in values.items()
    }  # fmt: skip
    found = decomposed(rows_of(parts["rows"]))
    assert found["total"] is not None
    assert found["total"].value == pytest.approx(of["b"] - of["a"], abs=1e-7)
    assert values["b"]["epsilon"] == EPSILON


class _Words:
    """A tokenizer of whole words."""

    def __init__(self, text: str) -> None:
        self.words = sorted(set(text.split()))

    def __call__(self, text, add_special_tokens):
        return {"input_ids": [self.words.index(word) for word in text.split()]}

    def decode(self, ids):
        return " " + self.words[ids[0]]


def test_the_entropy_of_each_choice_counts_for_the_size_of_its_pool():
    pools = choices([f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(500)], 0)
    text = pools.text(random.Random(0))
    tokenizer = _Words(text)
    words = text.split()
    scores = builders.with_extras(len(words))
    entropy = np.full(len(words), 9.0, np.float32)
    names = [i for i in range(1, len(words)) if words[i - 1] == "="]
    entropy[names] = [np.log(len(pools.pools[words[i - 2]])) for i in names]
    ids = np.array(tokenizer(text, add_special_tokens=False)["input_ids"], np.int32)
    read = each_choice(replace(scores, token_ids=ids, entropy=entropy), pools, tokenizer)
    assert np.array_equal(read.logprobs, scores.logprob[names], equal_nan=True)
    found = read.sums(1.0)
    assert sum(of_pool(found, size, "choices") for size in POOLS) == len(names) == 32
    for size in POOLS:
        n = of_pool(found, size, "choices")
        assert of_pool(found, size, f"near{size}") == n > 0
        assert of_pool(found, size, "entropy") == pytest.approx(n * np.log(size), rel=1e-6)
        assert sum(of_pool(found, size, f"near{other}") for other in POOLS) == n
        assert of_pool(read.sums(0.8), size, "choices") == n
