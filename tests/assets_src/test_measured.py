"""The numbers on the cards are those that the commands printed, and they belong to the packaged weights."""

import csv
import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "assets_src" / "tiny_swe_lm" / "measured"
ASSETS = ROOT / "lm_eval_hesnr" / "assets" / "tiny_swe_lm"
CARD = (ASSETS / "README.md").read_text()
RECIPE = (ROOT / "assets_src" / "tiny_swe_lm" / "README.md").read_text()
FAMILY = (ROOT / "docs" / "family.md").read_text()
SECOND_RUN = ROOT / "assets_src" / "tiny_swe_lm" / "second_run"


def read(name):
    return json.loads((MEASURED / name).read_text())


def test_the_packaged_model_is_the_measured_one():
    for line in (MEASURED / "final.sha256").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest, name


def test_the_card():
    held_out, final = read("evaluate.json"), read("readings.json")["final"]
    log = [json.loads(line) for line in (MEASURED / "log.jsonl").read_text().splitlines()]
    loss = next(entry["loss"] for entry in log if entry["stage"] == "final" and entry["step"] == 2400)
    for number in (
        f"{loss:.2f} nats",
        *(f"{held_out[text]['ppl']:.2f} |" for text in ("sessions", "stdlib", "packages", "languages")),
        f"{final['ppl,action']:.2f} |",
        f"{final['topk_acc,action']:.3f} |",
        f"{final['decisions,action']:,.0f} |",
    ):
        assert number in CARD


def test_the_recipes_tables():
    for name, text in (
        ("sessions, action", "sessions/action"), ("sessions, thought", "sessions/thought"),
        ("sessions, observation", "sessions/observation"), ("sessions, all", "sessions"),
        ("standard library", "stdlib"), ("packages and prose", "packages"), ("other languages", "languages"),
    ):  # fmt: skip
        found = read("evaluate.json")[text]
        row = re.search(rf"^\| {name} \| ([\d,]+) \|(.+)\|$", RECIPE[RECIPE.index("## Held-out") :], re.M)
        assert row is not None
        assert int(row[1].replace(",", "")) == found["tokens"]
        keys = ("ppl", "top1_acc", "top10_acc", "mean_entropy_nats", "share_entropy_above_epsilon")
        for cell, key in zip(row[2].split("|"), keys, strict=True):
            assert float(cell) == pytest.approx(found[key], abs=0.00501 if key == "ppl" else 0.000501)
    tokens = read("composition.json")
    for split in ("train", "held_out"):
        assert f"{tokens[f'{split}/sessions']:,}" in RECIPE
        assert f"{tokens[f'{split}/stdlib']:,}" in RECIPE


def family_rows(page):
    """The cells of the first table of a family, by name of the reading."""
    lines = page.partition("Differences between")[0].splitlines()
    return {line.split(" | ")[0].strip("| `"): line.split(" | ") for line in lines if line.startswith("| `")}


def assert_row(row, found):
    _, _, ppl_all, ppl, he_ppl, he_snr, _, decisions, topk_acc = row
    assert float(ppl_all) == pytest.approx(found["ppl,all"], abs=0.0051)
    assert float(ppl) == pytest.approx(found["ppl,action"], abs=0.0051)
    assert float(he_ppl) == pytest.approx(found["he_ppl,action"], abs=0.00051)
    assert float(he_snr) == pytest.approx(found["he_snr,action"], abs=0.000051)
    assert int(decisions.replace(",", "")) == found["decisions,action"]
    assert float(topk_acc.strip("| ")) == pytest.approx(found["topk_acc,action"], abs=0.00051)


def test_the_table_of_the_packaged_run():
    rows = family_rows(RECIPE[RECIPE.index("## The family of the packaged run") :])
    for reading, found in read("readings.json").items():
        name = reading.replace("_window", ", window").replace("window_", "window ").replace("_chat", ", chat")
        assert_row(rows[name], found)


def test_the_table_of_the_second_run():
    rows = family_rows(FAMILY[FAMILY.index("<!-- table -->") :])
    found: dict[str, dict[str, float]] = {}
    for render in ("transcript", "chat"):
        for line in csv.DictReader((SECOND_RUN / f"{render}.csv").open()):
            measures = ("ppl", "he_ppl", "he_snr", "decisions", "topk_acc")
            numbers = {f"{measure},{line['scope']}": float(line[measure]) for measure in measures}
            found.setdefault(line["checkpoint"], {}).update(numbers)
    assert set(rows) == set(found)
    for name, numbers in found.items():
        assert_row(rows[name], numbers)
