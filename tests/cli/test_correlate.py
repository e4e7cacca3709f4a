import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.scoring.token_table import write_token_table
from tests.builders import token_scores
from tests.results.correlate.made_up import Checkpoint, study, write_study


def correlate(capsys, *arguments):
    """Return exit status, stdout and stderr of `hesnr correlate`."""
    status = main(["correlate", *map(str, arguments)])
    return status, *capsys.readouterr()


def few(n, *, family="one"):
    """Return n checkpoints of a made-up study."""
    random = np.random.default_rng(3)
    return [
        Checkpoint(
            name=f"step{100 * i}", family=family if isinstance(family, str) else family(i), step=100 * i,
            he_snr=0.08 + 0.004 * i + 0.001 * random.normal(), ppl=9 - 0.3 * i, passed=50 + 20 * i, tasks=500,
        )
        for i in range(1, n + 1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("small"), few(6))


@pytest.mark.parametrize(
    ("kind", "answer"), [("better", "YES."), ("not better", "NO: "), ("nobody can know", "NOT KNOWN: ")]
)
def test_the_first_lines_answer_the_question(kind, answer, tmp_path, capsys):
    folder = write_study(tmp_path, study(kind))
    status, out, err = correlate(capsys, folder / "scores.csv", folder / "results")
    assert (status, err) == (0, "")
    assert out.splitlines()[2].startswith(f"Does he_snr,action predict the outcome better than ppl,action? {answer}"), (
        out
    )
    assert out.splitlines()[-1].endswith("This page cannot see that.")
    assert max(map(len, out.splitlines())) <= 120


def test_one_run_gets_no_p_value(tmp_path, capsys):
    folder = write_study(tmp_path, study("nobody can know"))
    _, out, _ = correlate(capsys, folder / "scores.csv", folder / "results", "-o", tmp_path / "o.json")
    found = json.loads((tmp_path / "o.json").read_text())
    assert [row["p_value"] for row in found["measures"]] == [None] * 4
    assert {one["p_value_after_holm"] for one in found["differences"]} == {None}
    assert "No p: all checkpoints come from one training run." in " ".join(out.split())


def test_fewer_than_five_checkpoints_get_a_table_and_no_statistic(tmp_path, capsys):
    folder = write_study(tmp_path, few(4))
    _, out, _ = correlate(capsys, folder / "scores.csv", folder / "results")
    assert "NOT KNOWN: 4 checkpoints; at least 5 are needed." in " ".join(out.split())
    assert "step100     one      100      70     500  14.0%" in out
    assert "95 %" not in out


def test_five_to_seven_checkpoints_get_no_differences(small, capsys):
    _, out, _ = correlate(capsys, small / "scores.csv", small / "results")
    assert "6 checkpoints; at least 8 are needed to compare two measures" in " ".join(out.split())
    assert "Difference" not in out
    assert "ppl,action" in out


def test_the_order_of_rows_and_files_changes_nothing(tmp_path, capsys):
    folder = write_study(tmp_path, study("better")[:24])
    runs = sorted((folder / "results").iterdir())
    _, expected, _ = correlate(capsys, folder / "scores.csv", *runs)
    head, *rows = (folder / "scores.csv").read_text().splitlines()
    (folder / "scores.csv").write_text("\n".join([head, *reversed(rows)]) + "\n")
    assert correlate(capsys, folder / "scores.csv", *reversed(runs))[1] == expected


def test_a_constant_column_is_not_available_with_a_reason(tmp_path, capsys):
    """The sums in results files are rounded, so equal measures differ in the last digits."""
    folder = write_study(tmp_path, [replace(one, ppl=8.0) for one in few(9)])
    _, out, _ = correlate(capsys, folder / "scores.csv", folder / "results")
    assert "ppl,action: N/A, the same value for all checkpoints." in out
    folder = write_study(tmp_path / "b", [replace(one, passed=100) for one in few(9)])
    _, out, _ = correlate(capsys, folder / "scores.csv", folder / "results")
    assert "NOT KNOWN: all checkpoints have the same outcome." in " ".join(out.split())


def test_a_noisy_outcome_is_a_warning(tmp_path, capsys):
    random = np.random.default_rng(0)
    noisy = [replace(one, passed=int(random.binomial(50, 0.2)), tasks=50) for one in few(12)]
    folder = write_study(tmp_path, noisy)
    _, out, _ = correlate(capsys, folder / "scores.csv", folder / "results")
    assert "WARNING: it misleads if you read a low r as a bad measure. The outcome is partly" in " ".join(out.split())


def test_independent_trainings_get_williams_and_a_permutation(tmp_path, capsys):
    folder = write_study(tmp_path, few(9, family=lambda i: f"run {i}"))
    _, out, _ = correlate(capsys, folder / "scores.csv", folder / "results", "-o", tmp_path / "o.json")
    found = json.loads((tmp_path / "o.json").read_text())
    assert found["design"] == "independent trainings"
    assert found["differences"][0]["test"] == found["differences"][0]["if_independent"]
    assert found["measures"][0]["p_value"] == pytest.approx(1e-5, abs=1e-5)
    assert found["permutations"] == 100_000
    assert "It misleads if some of the 9 checkpoints share a training run" in out


def test_what_does_not_match_is_named(small, tmp_path, capsys):
    scores = tmp_path / "scores.csv"
    scores.write_text((small / "scores.csv").read_text().replace("step600", "step601"))
    status, out, err = correlate(capsys, scores, small / "results")
    assert err.splitlines() == [
        "note: left out, without results: step601",
        "note: left out, without a score: step600",
    ]
    assert (status, out.startswith("5 checkpoints of 1 training run")) == (0, True)


def test_outcomes_by_task_give_the_scores(small, tmp_path, capsys):
    lines = []
    random = np.random.default_rng(0)
    for i in range(1, 7):
        for task in range(40):
            for attempt in (1, 2):
                passed = bool(random.random() < 0.1 + 0.1 * i)
                line = {"checkpoint": f"step{100 * i}", "task": f"t{task}", "attempt": attempt, "passed": passed}
                lines.append(json.dumps(line) + "\n")
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text("".join(lines))
    scores = tmp_path / "scores.csv"
    scores.write_text("checkpoint\n" + "".join(f"step{100 * i}\n" for i in range(1, 7)))
    status, out, err = correlate(capsys, scores, small / "results", "--outcomes", tasks)
    assert (status, err) == (0, "")
    assert "of 80 trials passed by task" in out
    status, _, err = correlate(capsys, small / "scores.csv", small / "results", "--outcomes", tasks)
    assert status == 2
    assert f"scores.csv, line 2, passed: step100 has 70 of 500 here, and {tmp_path}" not in out
    assert "line 2, passed: step100 has 70 of 500 here, and " in err


def test_seeds_are_pooled(small, tmp_path, capsys):
    rows = [f"step{100 * i},{seed},{30 * i + 5 * seed},500" for i in range(1, 7) for seed in (1, 2, 3)]
    scores = tmp_path / "scores.csv"
    scores.write_text("checkpoint,seed,passed,tasks\n" + "\n".join(rows))
    _, out, _ = correlate(capsys, scores, small / "results")
    assert out.startswith("6 checkpoints; outcome: 8.0% to 38.0% of 1500 trials passed (up to 3 seeds);")


def test_text_from_files_has_no_effect_on_the_terminal_or_the_page(tmp_path, capsys):
    name = "<script>alert(1)</script>\x1b[31m"
    folder = write_study(tmp_path, few(6, family=name))
    _, out, _ = correlate(
        capsys, folder / "scores.csv", folder / "results", "-o", tmp_path / "o.json", "--html", "--group", "family"
    )
    page = (tmp_path / "o.html").read_text()
    assert "\x1b" not in out + page
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_has_every_number_and_no_link(tmp_path, capsys):
    folder = write_study(tmp_path, study("better")[:30])
    _, out, _ = correlate(capsys, folder / "scores.csv", folder / "results", "-o", tmp_path / "o.json", "--html")
    page = (tmp_path / "o.html").read_text()
    assert page.count("<svg") == 3  # he_snr, ppl, log(step); bits_per_byte is the same predictor as ppl
    assert page.count("<circle") == 3 * 30
    for word in ("http:", "https:", "src=", "<script", "href"):
        assert word not in page
    assert "Does he_snr,action predict the outcome better than ppl,action? YES." in page
    assert "A-step1000" in page
    assert out.splitlines()[-1] == f"{tmp_path / 'o.html'}: written"


HEAD = "checkpoint,passed,tasks"
GOOD = "step100,70,500"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "has no rows; expected a header (checkpoint, passed, tasks, ...)"),
        (f"{HEAD}\n", "has no rows"),
        (f"checkpoint,pased,tasks\n{GOOD}", "line 1: has no column passed; did you mean 'pased'? "),
        (f"{HEAD},tasks\n{GOOD},500", "line 1: has two columns 'tasks'"),
        (f"{HEAD}\n{GOOD},7", "line 2: expected 3 cells (checkpoint, passed, tasks), found 4"),
        (f"{HEAD}\n,70,500", "line 2, checkpoint: expected a text, found nothing"),
        (f"{HEAD}\nstep100,0.14,500", "line 2, passed: expected a whole number of at least 0, found '0.14'"),
        (f"{HEAD}\nstep100,70,0", "line 2, tasks: expected a whole number of at least 1, found '0'"),
        (f"{HEAD}\nstep100,501,500", "line 2, passed: expected at most 500 (tasks * attempts), found '501'"),
        (
            f"{HEAD},attempts\nstep100,70,{9 * 10**14},{10**14}",
            "line 2, tasks: expected at most 10 (tasks * attempts), found '900000000000000'",
        ),
        (
            f"{HEAD},attempts\nstep100,70,500,two",
            "line 2, attempts: expected a whole number of at least 1, found 'two'",
        ),
        (
            f"{HEAD}\n{GOOD}\n\nstep100,70,500",
            "line 4, checkpoint: 'step100' is there twice; give each row a different",
        ),
        (f"{HEAD},seed\n{GOOD},1\nstep100,70,500,1", "line 3, checkpoint: 'step100' is there twice with seed '1'"),
        (f"{HEAD},step\n{GOOD},first", "line 2, step: expected a number above 0, or an empty cell, found 'first'"),
        (f"{HEAD},family\n{GOOD},", "line 2, family: expected a text, found nothing"),
        (
            f"{HEAD},seed,family\n{GOOD},1,a\n{GOOD},2,b",
            "line 3, family: expected 'a' as in line 2, the same checkpoint, found 'b'",
        ),
        (f"{HEAD}\nstep9,70,500", "no checkpoint of it is one of the runs; it has step9, and the runs are step100, "),
        (
            f"{HEAD}\n{GOOD}\n/runs/step100,70,500",
            "line 3, checkpoint: '/runs/step100' and 'step100' (line 2) are both",
        ),
        (f'{HEAD}\n"step100,70,500', "is not CSV (unexpected end of data)"),
    ],
)
def test_a_wrong_cell_is_named(text, error, small, tmp_path, capsys):
    scores = tmp_path / "scores.csv"
    scores.write_text(text)
    status, out, err = correlate(capsys, scores, small / "results")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"error: {scores}")
    assert error in line


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["--measures", "he_snrr,action"],
            "--measures he_snrr,action: no measure 'he_snrr'; did you mean 'he_snr'? known",
        ),
        (["--against", "ppl,actions"], "--against ppl,actions: no scope 'actions'; did you mean 'action'? "),
        (["--group", "famly"], "--group famly: did you mean 'family'? expected one of its columns: checkpoint, "),
        (["--order", "tokens"], "--order tokens: expected one of its columns: checkpoint, "),
        (["--measures", "he_snr,thought"], "has no scope thought, only action; choose one of them"),
        (["--gain", "1.5"], "--gain should be a number above 0 and below 1, found 1.5"),
        (["--seed", "-1"], "--seed should be a whole number of at least 0, found -1"),
        (["--outcomes", "missing.jsonl"], "missing.jsonl: No such file or directory; give JSON lines"),
        (["--tables", "no such folder"], "no such folder: there is no such folder or file"),
        (["-o", "o.html", "--html"], "-o o.html: the page of --html would have the same name"),
    ],
)
def test_a_wrong_argument_is_named(arguments, error, small, capsys):
    status, out, err = correlate(capsys, small / "scores.csv", small / "results", *arguments)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert error in line


def test_runs_with_other_settings_are_refused(tmp_path, capsys):
    folder = write_study(tmp_path, few(5))
    write_study(tmp_path / "other", few(6)[5:], dtype="bfloat16")
    scores = tmp_path / "scores.csv"
    scores.write_text(scores.read_text() + "step600,one,600,170,500,1\n")
    status, _, err = correlate(capsys, scores, folder / "results", tmp_path / "other" / "results")
    assert status == 2
    assert "step600 cannot be compared with step100: they differ in dtype (bfloat16 in step600, float32 in" in err


def test_a_file_that_exists_is_kept_without_force(small, tmp_path, capsys):
    out = tmp_path / "o.json"
    out.write_text("precious")
    status, _, err = correlate(capsys, small / "scores.csv", small / "results", "-o", out)
    assert (status, out.read_text()) == (2, "precious")
    assert "exists already; give another name, or --force" in err
    assert correlate(capsys, small / "scores.csv", small / "results", "-o", out, "--force")[0] == 0
    assert json.loads(out.read_text())["format"] == "hesnr-correlation"


def test_an_input_is_never_the_output(small, tmp_path, capsys):
    shutil.copytree(small, tmp_path / "study")
    scores, results = tmp_path / "study" / "scores.csv", tmp_path / "study" / "results"
    for out in (scores, next(results.rglob("results_*.json"))):
        before = out.read_bytes()
        status, _, err = correlate(capsys, scores, results, "-o", out, "--force")
        assert (status, err) == (2, f"error: {out}: is one of the inputs; give the output another name\n")
        assert out.read_bytes() == before


@pytest.mark.parametrize("out", ["", ".", "/"])
def test_an_output_without_a_name_is_one_line(out, small, capsys):
    status, printed, err = correlate(capsys, small / "scores.csv", small / "results", "-o", out, "--html")
    assert (status, printed, "is a folder; name a regular file, or a new one" in err) == (2, "", True)


def test_no_results_are_an_error(small, capsys):
    status, _, err = correlate(capsys, small / "scores.csv")
    assert (status, "no results: give results_*.json" in err) == (2, True)


def write_tables(folder, n_models):
    """Token tables of six trajectories of each model, in one folder per model. Each model is better than the last."""
    for i in range(n_models):
        for j in range(6):
            scores = token_scores(150, seed=j, better=0.1 * i, signature={"model": f"m{i}", "k": 10})
            write_token_table(folder / f"m{i}", j, f"run {j}", scores)


def test_thresholds_are_measured_from_token_tables(tmp_path, capsys):
    write_tables(tmp_path / "tokens", 6)
    scores = tmp_path / "scores.csv"
    scores.write_text("checkpoint,passed,tasks\n" + "".join(f"m{i},{20 + 9 * i},100\n" for i in range(6)))
    tables = sorted((tmp_path / "tokens").iterdir())
    status, _, err = correlate(capsys, scores, "--tables", *tables, "--thresholds", "0.8", "-o", tmp_path / "o.json")
    assert (status, err) == (0, "")
    rows = json.loads((tmp_path / "o.json").read_text())["measures"]
    assert [row["measure"] for row in rows][:2] == ["he_snr,action", "he_snr,action@0.8"]
    assert rows[0]["pearson"] != rows[1]["pearson"]


def test_a_token_table_is_never_replaced(tmp_path, capsys):
    write_tables(tmp_path / "tokens", 3)
    scores = tmp_path / "scores.csv"
    scores.write_text("checkpoint,passed,tasks,step\nm0,3,10,1\nm1,4,10,2\nm2,6,10,3\n")
    out = tmp_path / "tokens" / "m1" / "00001-run_1.parquet"
    before = out.read_bytes()
    for given in (sorted((tmp_path / "tokens").iterdir()), [tmp_path / "tokens"]):
        status, _, err = correlate(capsys, scores, "--tables", *given, "-o", out, "--force")
        assert status == 2
        assert f"{out}: is one of the files in the input" in err
    assert out.read_bytes() == before


def test_thresholds_need_token_tables(small, capsys):
    status, _, err = correlate(capsys, small / "scores.csv", small / "results", "--thresholds", "0.8")
    assert (status, "--thresholds needs token tables of every checkpoint; give those of step100" in err) == (2, True)
