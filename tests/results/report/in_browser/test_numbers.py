"""What the page prints is what the results files contain, and its verdict is that of `hesnr measure`."""

import json

import pytest

from lm_eval_hesnr.cli import main

TABLES = """[...document.querySelectorAll('table')].map(table => {
  const rows = [...table.rows].map(row => [...row.cells].map(cell => cell.textContent.trim()));
  return [table.caption?.textContent.trim() ?? '', rows];
})"""


def tables(page):
    """Return the tables of the page: the first word of the caption to rows of texts, the head first."""
    return dict(page.evaluate(TABLES))


def one(found, word):
    """Return the rows of the only table with this word in its caption."""
    (rows,) = [rows for caption, rows in found.items() if word in caption]
    return rows


def results_of(folder):
    (path,) = folder.glob("results_*.json")
    return json.loads(path.read_text())


def value(results, measure, scope):
    return results["results"]["swe_hesnr"].get(f"{measure},{scope}")


def is_printed(text, expected):
    """Whether the text is the number, rounded to the digits that the text has."""
    if expected is None:
        return text in ("", "N/A")
    number = text.replace(",", "").replace("\u2212", "-")
    digits = len(number.partition(".")[2])
    return abs(float(number) - expected) <= 0.5 * 10**-digits + 1e-9 * abs(expected)


def are_printed(text, interval):
    return all(is_printed(end, number) for end, number in zip(text.split(" to "), interval, strict=True))


@pytest.fixture(scope="module")
def printed(page, sweep, family):
    page.open(family)
    return tables(page), {folder.name: results_of(folder) for folder in sweep.iterdir() if folder.is_dir()}


@pytest.mark.parametrize("caption", ["Checkpoints", "Companions", "curves"])
def test_the_tables_have_the_numbers_of_the_results_files(printed, caption):
    found, results = printed
    head, *rows = one(found, caption)
    measures = [(i, name) for i, name in enumerate(head) if value(results["step_100"], name, "action") is not None]
    assert len(measures) > 3
    assert len(rows) == 5
    for row in rows:
        run = results[row[0].split()[0]]
        for i, name in measures:
            assert is_printed(row[i], value(run, name, "action")), (row[0], name)
            if "interval" in head[i + 1 : i + 2]:
                intervals = run["configs"]["swe_hesnr"]["summary"]["action"]["intervals"]
                assert are_printed(row[i + 1], intervals[name]), (row[0], name)


def test_the_thresholds_are_those_of_the_results_files(printed):
    found, results = printed
    head, *rows = one(found, "threshold")
    assert len(rows) >= 17
    for i, name in enumerate(head[1:], 1):
        points = results[name]["configs"]["swe_hesnr"]["summary"]["action"]["sweep"]
        for point, row in zip(points, rows, strict=True):
            assert is_printed(row[0], point["epsilon"])
            assert is_printed(row[i], point["he_snr"])


def test_every_scope_has_its_numbers(printed):
    found, results = printed
    head, *rows = one(found, "by scope")
    for row in rows:
        for i, scope in [(i, title.removeprefix("he_snr, ")) for i, title in enumerate(head) if "he_snr, " in title]:
            assert is_printed(row[i], value(results[row[0].split()[0]], "he_snr", scope))


def test_the_data_of_the_page_are_the_exact_numbers(page, sweep, family):
    page.open(family)
    data = json.loads(page.evaluate("document.getElementById('hesnr-report').textContent"))
    assert (data["format"], data["version"]) == ("hesnr-report", 1)
    for checkpoint in data["checkpoints"]:
        results = results_of(sweep / checkpoint["name"])
        for scope, measures in checkpoint["values"].items():
            for name, one_measure in measures.items():
                assert one_measure["value"] == value(results, name, scope), (checkpoint["name"], name, scope)


def test_the_verdict_and_the_differences_are_those_of_hesnr_measure(page, pair, two_runs, capsys):
    files = [str(path) for folder in two_runs for path in folder.glob("results_*.json")]
    assert main(["measure", *files, "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["action"]
    page.open(pair)
    verdict = page.text("#verdict")
    (of_b,) = measured["verdicts"]
    assert of_b["verdict"] == "better"
    assert of_b["sentence"] in verdict
    assert all(sentence in verdict for sentence in measured["choice"]["sentences"])
    rows = one(tables(page), "minus")[1:]
    assert len(rows) == len(of_b["differences"])
    for row in rows:
        expected = of_b["differences"][row[0].split()[0]]
        assert is_printed(row[1], expected["value"]), row
        assert are_printed(row[2], expected["interval"]), row


def test_the_same_input_gives_the_same_bytes(reported, pair, two_runs):
    assert reported(*two_runs).read_bytes() == pair.read_bytes()
