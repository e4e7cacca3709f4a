"""The script of the interventions (benchmarks/interventions): its numbers, and how it continues."""

import pytest

from benchmarks.interventions.__main__ import main
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.results.token_tables import measure_tables, read_tables
from lm_eval_hesnr.task import SweHesnr
from tests.builders import first_turns

pytestmark = pytest.mark.end_to_end
ACTION = {"action": SCOPES["action"]}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two short runs."""
    return first_turns(tmp_path_factory.mktemp("runs") / "runs.jsonl", 2, only_resolved=True)


@pytest.fixture(scope="module")
def out(runs, tmp_path_factory):
    """The folder after the script has run once."""
    folder = tmp_path_factory.mktemp("out")
    main(["--out", str(folder), "--trajectories", str(runs)])
    return folder


def measured(folder):
    return measure_tables(read_tables(folder, ACTION, EPSILON), "static", EPSILON)["action"]["measures"]


def test_the_unchanged_model_has_the_numbers_of_a_plain_run(out, runs, tmp_path):
    metadata = {"trajectories": str(runs), "score": "action", "token_table": str(tmp_path / "tables")}
    task = SweHesnr({"task": "swe_hesnr", "metadata": metadata | {"temperatures": True}})
    task.build_all_requests(rank=0, world_size=1)
    HFTopK(device="cpu").loglikelihood(task.instances, disable_tqdm=True)
    plain = measured(tmp_path / "tables")
    assert measured(out / "tables" / "unchanged") == pytest.approx(plain, rel=1e-5)
    assert plain["calibrated_he_snr"] is not None


def test_each_change_does_what_its_name_says(out):
    found = {folder.name: measured(folder) for folder in (out / "tables").iterdir()}
    before = found.pop("unchanged")
    for change in ("easiest", "half"):
        assert found[change]["ppl"] < before["ppl"]
        assert found[change]["top1_acc"] >= before["top1_acc"]
    assert found["noise"]["topk_acc"] < before["topk_acc"]
    assert found["noise"]["ppl"] > before["ppl"]
    colder, warmer = found["temperature 0.8"], found["temperature 1.25"]
    assert colder["mean_entropy"] < before["mean_entropy"] < warmer["mean_entropy"]
    assert warmer["he_snr"] < min(colder["he_snr"], before["he_snr"])  # 0.8 moves too few decisions of two short runs
    for change in ("temperature 0.8", "temperature 1.25"):
        assert found[change]["topk_acc"] == before["topk_acc"]
        assert found[change]["calibrated_he_snr"] == pytest.approx(before["calibrated_he_snr"], rel=0.02)


def test_a_second_call_scores_nothing_again_and_prints_the_same(out, runs, capsys):
    arguments = ["--out", str(out), "--trajectories", str(runs)]
    main(arguments)
    first = capsys.readouterr().out
    (last,) = (out / "measured" / "temperature 1.25").glob("00001-*.parquet")
    last.unlink()
    main(arguments)
    second = capsys.readouterr().out
    assert "tokens scored" not in first
    assert second.count("tokens scored") == 1
    assert second.endswith(first)


def test_a_folder_of_another_run_is_refused(out, runs):
    with pytest.raises(SystemExit, match="another --out"):
        main(["--out", str(out), "--trajectories", str(runs), "--max_tokens", "100"])
