"""`hesnr measure`: one run as before, several as one page."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.metrics.bootstrap import Difference, Interval
from lm_eval_hesnr.metrics.decomposition import PARTS
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.results.compare.choice import NOT_SHOWN
from lm_eval_hesnr.results.compare.comparison import compare
from lm_eval_hesnr.results.compare.page import Extras, page_lines
from lm_eval_hesnr.results.compare.per_trajectory import moved_lines
from lm_eval_hesnr.results.compare.text import SHOWN_ON_A_SET, comparison_lines
from lm_eval_hesnr.scoring.token_table import write_token_table
from tests.builders import compared_run, recorded, results_json, token_scores


def write(folder: Path, better=0.0, n_docs=8, **changes):
    """Token tables of a run; `better` moves every log-probability towards 0."""
    for i in range(n_docs):
        one = token_scores(seed=i, better=better)
        write_token_table(folder, i, f"run {i}", replace(one, signature=one.signature | changes))
    return str(folder)


def lines_of(capsys, *arguments, status=0):
    assert main(["measure", *arguments]) == status
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err


def test_one_run_is_a_line_for_each_measure(tmp_path, capsys):
    lines, _ = lines_of(capsys, write(tmp_path / "a"), "--scopes", "action,thought")
    assert lines[0].endswith("8 trajectories by m; epsilon: action 1.242453, thought 1.242453")
    (line,) = [line for line in lines if line.startswith("thought  he_snr")]
    assert line.split()[2] == "N/A"


def test_several_runs_are_one_page_that_says_which_one_to_take(tmp_path, capsys):
    runs = [write(tmp_path / name / "tokens", better) for name, better in (("base", 0), ("mid", 0.1), ("top", 0.3))]
    lines, err = lines_of(capsys, *runs)
    assert [line.split()[0] for line in lines[2:6]] == ["run", "top", "mid", "base"]
    assert any(line.startswith("  top is better than base: he_snr +0.") for line in lines)
    answer, caution = (text.replace("\n", " ") for text in "\n".join(lines).split("\n\n")[-2:])
    assert answer.startswith("Take top: it has the highest he_snr (")
    assert answer.endswith("All other runs are worse.")
    assert caution == NOT_SHOWN
    assert max(map(len, lines)) <= 120
    assert err == ""


def test_two_runs_have_the_difference_of_every_measure(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs)
    table = lines[lines.index("top minus base:") + 2 :][: len(HIGHER_IS_BETTER)]
    assert [line.split()[0] for line in table] == list(HIGHER_IS_BETTER)
    assert "top minus base:" not in lines_of(capsys, *runs, runs[0])[0]


def test_the_page_fits_120_characters_with_long_names(tmp_path, capsys):
    runs = [
        write(tmp_path / (name * 9) / "tokens", better) for name, better in (("checkpoint-1", 0), ("global_step2", 0.3))
    ]
    lines, _ = lines_of(capsys, *runs, "--decompose")
    parts = [line for line in lines if line.split()[:1] and line.split()[0] in PARTS]
    assert len(parts) == 5
    assert max(map(len, [*lines[2:5], *parts])) <= 120
    assert any(line.startswith("global_s") and "..." in line for line in lines)


def test_runs_on_the_set_of_a_reference_run(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--set-of", runs[0])
    assert lines[0] == (
        "2 runs, 8 trajectories, scope action, epsilon 1.2425, over the decisions of base; the highest he_snr first, "
        "base last:"
    )
    assert [name for name in lines[2].split() if name in HIGHER_IS_BETTER] == ["he_snr", *SHOWN_ON_A_SET]
    page = " ".join(line.strip() for line in lines)
    assert page.count("no verdict: these are the tokens where base itself is uncertain") == 1
    assert "top minus base" not in page
    assert page.endswith(
        f"Without --set-of, on the decisions of each run itself, the answer is: take top.  {NOT_SHOWN}"
    )
    assert lines_of(capsys, *runs, "--set-of", "base")[0] == lines
    other = write(tmp_path / "other", 0.1)
    page = " ".join(lines_of(capsys, *runs, "--set-of", other)[0])
    assert "itself is uncertain" not in page
    assert page.endswith(
        f"Without --set-of, on the decisions of each run itself, the answer is: the same.  {NOT_SHOWN}"
    )
    _, err = lines_of(capsys, *runs, "--set-of", "tob", status=2)
    assert err == "error: --set-of should be a path, or one of base, top; found tob; did you mean 'top'?\n"
    _, err = lines_of(capsys, *runs, "--set-of", "top", "--baseline", "top", status=2)
    assert err == "error: --baseline top: it chose the tokens (--set-of), so no run is compared with it\n"
    lines, _ = lines_of(capsys, *runs, "--set-of", runs[0], "--json")
    found = json.loads("\n".join(lines))["action"]
    assert found["set_of"] == runs[0]
    assert len({run["measures"]["decisions"]["value"] for run in found["runs"]}) == 1
    lines, _ = lines_of(capsys, runs[1], "--set-of", runs[0], "--scopes", "action")
    assert lines[0].endswith(f"; all measures over the decisions of {runs[0]}")
    value = next(run for run in found["runs"] if run["name"] == "top")["measures"]["he_snr"]["value"]
    assert next(line for line in lines if " he_snr " in line).split()[2] == f"{value:.4f}"


def test_few_trajectories_have_values_and_parts_but_no_verdict(tmp_path, capsys):
    runs = [write(tmp_path / name, better, n_docs=4) for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--decompose")
    assert "  top and base: no verdict: 4 trajectories; at least 5 are needed." in lines
    (within,) = [line for line in lines if line.startswith("within ")]
    assert within.split()[2] == "N/A"
    assert any(line.startswith("No choice: ") for line in lines)


def test_the_baseline_is_a_name_or_a_path(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    for name in ("top", runs[1]):
        lines, _ = lines_of(capsys, *runs, "--baseline", name)
        assert any(line.startswith("Compared with top by the difference of he_snr, paired by traj") for line in lines)
        assert any(line.startswith("  base is worse than top: he_snr -0.") for line in lines)
    _, err = lines_of(capsys, *runs, "--baseline", "tob", status=2)
    assert err == "error: --baseline should be a path, or one of base, top; found tob; did you mean 'top'?\n"
    _, err = lines_of(capsys, *runs, "--baseline", write(tmp_path / "other"), status=2)
    assert err == f"error: --baseline should be one of the compared runs (base, top), found {tmp_path / 'other'}\n"


def test_json_has_all_differences_and_csv_one_row_per_run(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--json", "--scopes", "action,all", "--decompose", "--per-trajectory")
    found = json.loads("\n".join(lines))
    assert found["all"]["verdicts"][0]["differences"]["ppl"]["value"] < 0
    assert found["action"]["choice"]["take"] == ["top"]
    assert found["action"]["parts"]["top"]["within"]["value"] > 0
    assert {row["trajectory"] for row in found["action"]["trajectories"]} == {f"run {i}" for i in range(8)}
    lines, _ = lines_of(capsys, *runs, "--csv", "--decompose")
    rows = list(csv.DictReader(io.StringIO("\n".join(lines))))
    assert [row["run"] for row in rows] == ["top", "base"]
    assert float(rows[0]["he_snr"]) == found["action"]["runs"][0]["measures"]["he_snr"]["value"]
    assert (rows[0]["verdict"], rows[1]["verdict"]) == ("better", "")
    assert float(rows[0]["within"]) == found["action"]["parts"]["top"]["within"]["value"]
    lines, _ = lines_of(capsys, *runs, "--csv", "--per-trajectory")
    assert len(list(csv.DictReader(io.StringIO("\n".join(lines))))) == 8
    lines, _ = lines_of(capsys, runs[0], "--csv")
    assert lines[0] == "scope,measure,value,stderr,low,high"


def test_each_scope_has_a_page_after_a_blank_line(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--scopes", "action,all")
    (start,) = [i for i, line in enumerate(lines) if ", scope all, " in line]
    assert lines[0].startswith("2 runs, 8 trajectories, scope action, ")
    assert lines[start - 1] == ""


def test_runs_that_scored_only_actions_have_no_parts_in_another_scope(tmp_path, capsys):
    runs = [write(tmp_path / name, better, score="action") for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--decompose", "--scopes", "all")
    parts = [line.split() for line in lines if line.split()[:1] and line.split()[0] in PARTS]
    assert [cells[:3] for cells in parts] == [[name, "N/A", "N/A"] for name in PARTS]


def test_a_run_that_cannot_be_compared_says_why_something_is_missing(tmp_path, capsys):
    runs = [write(tmp_path / name, better, dtype=name) for name, better in (("float32", 0), ("bfloat16", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--decompose", "--per-trajectory")
    for what in ("no verdict", "no parts", "trajectories are not compared"):
        reason = f"bfloat16 and float32: {what}: they differ in dtype (bfloat16 in bfloat16, float32 in float32)."
        assert reason in [line.strip() for line in lines]
    found = json.loads("\n".join(lines_of(capsys, *runs, "--json")[0]))["action"]
    assert list(found["choice"]["not_considered"]) == ["bfloat16"]


def test_a_trajectory_without_a_threshold_has_no_numbers():
    a, b = compared_run("a", [0.1] * 6), compared_run("b", [0.1] * 6)
    b.totals["action"][:, len(SUMS) :] = np.nan
    found = compare([a, b], "action")
    assert moved_lines(found)[3].split() == ["run", "0", "100", "N/A", "0.1000", "N/A", "N/A", "N/A"]
    assert ", epsilon not known; " in comparison_lines(found)[0]


def test_the_number_of_decisions_has_no_difference_on_a_set(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--set-of", write(tmp_path / "other", 0.1))
    assert any(line.startswith("he_ppl ") for line in lines)
    assert not any(line.startswith("decisions ") for line in lines)


def test_another_epsilon_of_the_run_of_the_set_is_noted_once(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    ref = write(tmp_path / "ref", epsilon=1.0)
    _, err = lines_of(capsys, *runs, "--set-of", ref)
    assert err.count("ref was scored with epsilon 1; now measured with 1.24245") == err.count("\n") == 1
    _, err = lines_of(capsys, runs[0], ref, "--set-of", ref)
    assert err.count("\n") == 1


def test_with_the_run_of_the_set_the_others_are_compared_with_each_other(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("mid", 0.1), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--set-of", "base")
    assert any(line.startswith("Compared with mid by the difference of he_snr") for line in lines)
    assert any(line.startswith("  top is better than mid: ") for line in lines)
    assert lines.count("Not considered, as there is no verdict: base.") == 1


def test_decompose_ends_with_what_the_common_decisions_say(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--decompose")
    answer = lines[: lines.index("", -4)]
    assert answer[-1] == "Parts: at the tokens that are decisions of both runs (within), top is better than base."


def test_common_decisions_that_do_not_say_what_he_snr_says_are_named():
    runs = [compared_run("a", [0.1] * 6), compared_run("b", np.array([0.11, 0.12, 0.11, 0.12, 0.11, 0.12]))]
    found = compare(runs, "action")
    assert found.verdicts["b"].kind == "better"
    within = {"within": Difference(-0.01, Interval(-0.02, -0.005), 0.001)}
    lines = page_lines(found, Extras(parts={"b": dict.fromkeys(PARTS) | within}))
    assert lines[-2:] == [
        "Parts: at the tokens that are decisions of both runs (within), b is worse than a.",
        "For b, he_snr does not say the same, because other tokens enter or leave the decisions.",
    ]


def test_a_run_twice_on_its_own_set_has_no_verdict(tmp_path, capsys):
    folder = write(tmp_path / "a")
    (tmp_path / "b").symlink_to(folder)
    assert "No choice" in " ".join(lines_of(capsys, folder, str(tmp_path / "b"), "--set-of", "a")[0])


def test_other_contexts_are_one_caution(tmp_path, capsys):
    runs = [
        write(tmp_path / name, better, window=window)
        for name, better, window in (
            ("a", 0, 512),
            ("b", 0.1, 2048),
            ("c, d", 0.2, 512),
            ("e", 0.3, 2048),
            ("f", 0, 512),
        )
    ]
    page = " ".join(line.strip() for line in lines_of(capsys, *runs)[0])
    assert page.count("can come from the model or from the context") == 1
    assert "Caution: the runs differ in window: 2048 in e and b; 512 in the others. A diff" in page
    assert "Caution" not in " ".join(lines_of(capsys, runs[0], runs[2])[0])


def with_temperatures(folder: Path, name: str, scale: float = 1.0):
    """Token tables of a run with temperatures, whose logits are scaled."""
    for i in range(8):
        random = np.random.default_rng(i)
        logits = random.normal(0, random.uniform(1, 4, (300, 1)), (300, 40))
        targets = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
        one = replace(token_scores(300, first_scored=0, seed=i), **recorded(logits * scale, targets, 10))
        one.labels[:] = 0
        write_token_table(folder / name, i, f"run {i}", one)
    return str(folder / name)


def test_a_model_that_is_only_more_confident_is_named(tmp_path, capsys):
    runs = [with_temperatures(tmp_path, "warm", 0.6), with_temperatures(tmp_path, "base")]
    lines, _ = lines_of(capsys, *runs)
    page = " ".join(line.strip() for line in lines)
    assert "calibrated_he_snr" in lines[2]
    assert "base is better than warm: he_snr +0." in page
    assert ", calibrated_he_snr -0.000" in page
    assert "caution: calibrated_he_snr does not say so: at the temperature that fits each run, little of the" in page
    assert "base is more confident, and not better." in page
    found = json.loads("\n".join(lines_of(capsys, *runs, "--json")[0]))["action"]
    difference = found["verdicts"][0]["differences"]["calibrated_he_snr"]
    (row,) = [
        row for row in csv.DictReader(io.StringIO("\n".join(lines_of(capsys, *runs, "--csv")[0]))) if row["verdict"]
    ]
    assert float(row["calibrated_he_snr_difference"]) == difference["value"]
    assert float(row["calibrated_he_snr_difference_low"]) == difference["interval"][0]


def test_results_files_say_that_they_give_no_difference_of_calibrated_he_snr():
    runs = [
        replace(compared_run(name, [0.1] * 6), calibrated={"action": Estimate(value, 0.001, None)})
        for name, value in (("a", 0.11), ("b", 0.12))
    ]
    page = " ".join(comparison_lines(compare(runs, "action")))
    assert "calibrated_he_snr" in page.split("Compared with")[0]
    assert "Results files give no paired difference of calibrated_he_snr: give the folders of the token tables." in page


def test_an_old_results_file_is_named_with_what_to_do(tmp_path, capsys):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "results_1.json").write_text(json.dumps(results_json(0.1)))
    _, err = lines_of(capsys, str(tmp_path), status=2)
    assert err.startswith(
        f"error: {tmp_path}/a/results_1.json: an older version of lm_eval_hesnr wrote this results file"
    )
    assert err.endswith("Give the folder of its token tables, or score it again with this version\n")
    assert err.count("\n") == 1


def test_the_effects_of_the_trajectories_add_up_to_the_difference(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3))]
    lines, _ = lines_of(capsys, *runs, "--json", "--per-trajectory")
    found = json.loads("\n".join(lines))["action"]
    effects = [row["effect"] for row in found["trajectories"]]
    assert sum(effects) == pytest.approx(found["verdicts"][0]["differences"]["he_snr"]["value"], rel=1e-9)
    assert np.abs(effects).tolist() == sorted(np.abs(effects), reverse=True)
    lines, _ = lines_of(capsys, *runs, "--per-trajectory")
    assert sum(line.startswith("run ") and len(line.split()) == 8 for line in lines) == 8


@pytest.mark.parametrize("option", [["--baseline", "a"], ["--decompose"], ["--per-trajectory"]])
def test_options_of_several_runs_need_several_runs(tmp_path, capsys, option):
    _, err = lines_of(capsys, write(tmp_path / "a", n_docs=2), *option, status=2)
    assert err == f"error: {option[0]} needs at least two runs, found one: {tmp_path / 'a'}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no/such"], "no/such: there is no such folder or file; give a folder with token tables"),
        ([__file__], "test_measure.py: it is not a folder, and not a results_*.json; give a folder with token tables"),
        (["DIR", "--scopes", "actions"], "scopes should be a list of names out of action, action_raw, "),
        (["DIR", "--scopes", "all,thougt"], "found 'thougt'; did you mean 'thought'?"),
        (["DIR", "DIR", "--threshold", "otsu"], "compared with one fixed threshold"),
        (["DIR", "DIR", "--set-of", "DIR", "--decompose"], "nothing enters or leaves it"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(tmp_path, capsys, arguments, message):
    write(tmp_path, n_docs=2)
    _, err = lines_of(capsys, *[str(tmp_path) if a == "DIR" else a for a in arguments], status=2)
    assert message in err
    assert err.count("\n") == 1


def test_another_epsilon_than_the_runs_own_is_noted(tmp_path, capsys):
    folder = write(tmp_path, epsilon=1.0)
    assert "was scored with epsilon 1; now measured with 1.24245" in lines_of(capsys, folder)[1]
    assert lines_of(capsys, folder, "--epsilon", "1.0")[1] == ""


def test_the_same_folder_twice_is_noted(tmp_path, capsys):
    folder = write(tmp_path / "yarn")
    (tmp_path / "link").symlink_to(folder)
    lines, err = lines_of(capsys, folder, str(tmp_path / "link"))
    assert err == f"note: {folder} and {tmp_path / 'link'} are the same folder\n"
    assert "both are equal to rounding in every trajectory" in " ".join(line.strip() for line in lines)


def test_a_run_that_cannot_be_read_is_named_and_the_others_are_compared(tmp_path, capsys):
    runs = [write(tmp_path / name, better) for name, better in (("base", 0), ("top", 0.3), ("cut", 0))]
    (tmp_path / "cut" / "00000-run_0.parquet").write_bytes(b"PAR1 and no more")
    lines, err = lines_of(capsys, *runs, status=1)
    assert err.startswith(f"error: {tmp_path}/cut/00000-run_0.parquet: not a token table")
    assert any(line.startswith("Take top") for line in lines)
    assert "cut" not in "\n".join(lines)
    assert lines_of(capsys, runs[0], runs[2], status=2)[1].count("\n") == 1
