"""The page as a file: its numbers, its words, its size."""

import base64
import gzip
import json
import re

import pytest

import lm_eval_hesnr
from lm_eval_hesnr.assets import REPORT
from lm_eval_hesnr.cli import main
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.diagnosis.finding import Finding
from lm_eval_hesnr.results.report import page
from lm_eval_hesnr.results.report.page import kind_of_findings
from lm_eval_hesnr.results.report.render import render
from lm_eval_hesnr.results.report.report import report, write_report
from lm_eval_hesnr.results.report.sentences import headed
from tests.results.report.in_browser.synthetic_runs import documents, write_run, write_sweep
from tests.results.report.page_parts import Parts, words


@pytest.fixture(scope="module")
def made(runs):
    return report(*runs)


@pytest.fixture(scope="module")
def parts(made):
    return Parts(made.html)


def value(path, key):
    return json.loads(path.read_text())["results"]["swe_hesnr"][key]


def test_each_number_of_the_main_table_is_that_of_the_results_file(runs, parts):
    head, *rows = parts.table("Checkpoints")
    assert [row[0].split()[0] for row in rows] == ["A", "B"]
    for path, row in zip(runs, rows, strict=True):
        for title, text in zip(head[1:8], row[1:8], strict=True):
            if "interval" not in title:
                digits = len(text.partition(".")[2])
                assert text == f"{value(path, f'{title},action'):.{digits}f}"
        low, high = json.loads(path.read_text())["configs"]["swe_hesnr"]["summary"]["action"]["intervals"]["he_snr"]
        assert row[2] == f"{low:.4f} to {high:.4f}"


def test_the_data_of_the_page_have_all_digits(runs, parts):
    for path, checkpoint in zip(runs, parts.data["checkpoints"], strict=True):
        for scope, measures in checkpoint["values"].items():
            for name, found in measures.items():
                assert found["value"] == value(path, f"{name},{scope}")


def test_the_verdict_is_that_of_hesnr_measure(runs, made, parts, capsys):
    assert main(["measure", *map(str, runs), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["action"]
    expected = [*measured["choice"]["sentences"], f"{measured['verdicts'][0]['sentence']}."]
    assert made.words.verdict == parts.data["verdict"]["sentences"] == expected
    differences = measured["verdicts"][0]["differences"]
    assert parts.data["differences"] == {"B": differences}
    rows = {row[0].split()[0]: row[1:] for row in parts.table("minus")[1:]}
    for name, found in differences.items():
        form = "+.0f" if name == "decisions" else "+.4f"
        assert rows[name][0] == f"{found['value']:{form}}"
        assert rows[name][1] == " to ".join(f"{end:{form}}" for end in found["interval"])


def test_the_effects_of_the_trajectories_add_up_to_the_difference(parts):
    effects = [one["effect"] for one in parts.data["documents"]]
    assert sum(effects) == pytest.approx(parts.data["differences"]["B"]["he_snr"]["value"], abs=1e-6)
    assert [abs(effect) for effect in effects] == sorted(map(abs, effects), reverse=True)


def test_the_parts_of_a_trajectory_add_up_to_its_change(parts):
    for view in parts.data["views"]:
        before, after = next(one["he_snr"] for one in parts.data["documents"] if one["id"] == view["id"])
        found = view["parts"]
        assert found["total"] == pytest.approx(after - before, abs=1e-5)
        assert found["within"] + found["entering"] + found["leaving"] == pytest.approx(found["total"])


def test_equal_input_gives_equal_bytes(runs, made):
    assert report(*runs).html == made.html


def test_one_run_has_its_number_and_no_comparison(runs):
    made = report(runs[0])
    expected = f"A: he_snr {value(runs[0], 'he_snr,action'):.4f}"
    assert len(made.words.verdict) == 1
    assert re.match(rf"\w+: {expected.partition(': ')[2]} \(95 % ", made.words.verdict[0])
    assert Parts(made.html).data["focus"] is None


def test_other_trajectories_give_no_verdict_and_a_page(runs, tmp_path):
    other = write_run(tmp_path / "other", documents(6, 300, seed=9))
    made = report(runs[0], other)
    assert "A: no verdict: their trajectories have different tokens" in " ".join(made.words.verdict)
    assert Parts(made.html).data["focus"] is None


def test_token_tables_alone_give_the_same_numbers(runs, parts):
    data = Parts(report(*(path.parent / "tokens" for path in runs)).html).data
    assert [one["name"] for one in data["checkpoints"]] == ["A", "B"]
    for one, expected in zip(data["checkpoints"], parts.data["checkpoints"], strict=True):
        found = one["values"]["action"]["he_snr"]["value"]
        assert found == pytest.approx(expected["values"]["action"]["he_snr"]["value"])
    assert [view["id"] for view in data["views"]] == [view["id"] for view in parts.data["views"]]


def test_without_text_the_page_has_no_words_of_the_trajectories(runs):
    text = " ".join(one.text for one in documents(6, 300))
    with_text, without = report(*runs).html, report(*runs, text=False).html
    blocks = [gzip.decompress(base64.b64decode(block)) for block in Parts(without).blocks]
    of_runs = set(re.findall(r"[a-z_]{6,}", text)) - words((REPORT / "page.html.jinja").read_text())
    of_runs -= words(report(*runs, show=0).html)
    assert of_runs & words(with_text)
    assert not of_runs & words(without)
    assert len(blocks) == 3
    assert not [word for word in of_runs for block in blocks if word.encode() in block]
    assert Parts(without).data["views"][0]["token_names"] == {}


def test_a_smaller_size_leaves_out_trajectories_and_says_which(runs, made):
    size = len(made.html.encode())
    smaller = report(*runs, max_size=f"{size - 100}")
    assert len(smaller.html.encode()) < size
    left_out = Parts(made.html).data["views"][2]["id"]
    assert len(Parts(smaller.html).data["views"]) == 2
    (note,) = smaller.notes
    assert "--max-size" in note
    assert note.endswith(left_out)
    assert note in smaller.html
    with pytest.raises(InputError, match=r"--max-size: the page has .* without any tokens"):
        report(*runs, max_size="10kB")


@pytest.mark.parametrize("n", [1, 3, 5])
def test_as_many_trajectories_as_fit_are_shown_without_a_page_for_each_number(runs, monkeypatch, n):
    size = len(report(*runs, show=n).html.encode()) + 400  # room for the line about the others
    pages = []

    def counted(context):
        pages.append(render(context))
        return pages[-1]

    monkeypatch.setattr(page, "render", counted)
    found = report(*runs, show=6, max_size=str(size))
    assert len(Parts(found.html).data["views"]) == n
    assert len(pages) <= 4


def test_a_sweep_has_its_names_and_steps(tmp_path):
    steps = {"step_100": 100, "step_20": 20}
    write_sweep(tmp_path, steps, documents(5, 200))
    write_report([tmp_path], tmp_path / "report.html")
    data = Parts((tmp_path / "report.html").read_text()).data
    assert [(one["name"], one["step"]) for one in data["checkpoints"]] == [("step_20", 20), ("step_100", 100)]
    write_report([tmp_path], tmp_path / "report.html")  # replaces its own page


def test_a_notebook_shows_the_page_in_a_frame_without_access_to_the_notebook(made):
    frame = made._repr_html_()
    ((tag, attributes),) = Parts(frame).elements
    assert frame.isascii()
    assert not made.html.isascii()
    assert tag == "iframe"
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == made.html
    assert repr(made).startswith("Take B")


def test_the_public_name_is_the_same_function():
    assert lm_eval_hesnr.report is report


def test_a_finding_of_several_runs_is_there_once_with_the_others_folded_in():
    one = Finding("few", "3 candidates", "raise k", "t", runs=("a",))
    found = kind_of_findings([one, one._replace(evidence="4 candidates", runs=("b",))])
    assert found == {"first": "few: a: 3 candidates; raise k", "names": "b", "others": ["few: b: 4 candidates"]}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Take B: it has the highest he_snr.", ("Take B", "It has the highest he_snr.")),
        ("Take B: he_snr does not.", ("Take B", "he_snr does not.")),
        ("No choice.", ("", "No choice.")),
    ],
)
def test_the_first_sentence_has_a_heading_and_a_sentence_that_begins_properly(sentence, expected):
    assert headed(sentence) == expected


def test_on_the_decisions_of_one_run_the_numbers_are_those_of_hesnr_measure(runs, capsys):
    head, *rows = Parts(report(*runs, set_of="A").html).table("All runs on the")
    folders = [str(path.parent / "tokens") for path in runs]
    assert main(["measure", *folders, "--set-of", folders[0], "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["action"]["runs"]
    for row, one in zip(rows, sorted(measured, key=lambda one: one["name"]), strict=True):
        for title, text in zip(head[1:], row[1:], strict=True):
            assert text == f"{one['measures'][title]['value']:.4f}"


def test_a_run_without_token_tables_is_not_measured_on_the_decisions_of_another(runs, tmp_path):
    alone = tmp_path / "B" / runs[1].name
    alone.parent.mkdir()
    data = json.loads(runs[1].read_text())
    data["configs"]["swe_hesnr"]["metadata"] = {}
    alone.write_text(json.dumps(data))
    made = report(runs[0], alone, set_of="A")
    assert any(note.startswith("note: B is not measured on the decisions of A: ") for note in made.notes)
    with pytest.raises(InputError, match="--set-of needs the token tables of this run"):
        report(runs[0], alone, set_of="B")
    with pytest.raises(InputError, match="--set-of should be a path, or one of A, B; found C"):
        report(*runs, set_of="C")
