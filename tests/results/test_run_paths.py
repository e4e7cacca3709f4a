from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.run_paths import Source, one_folder_of_tables, short_names, sources


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def short(*paths, models=None):
    found = [Source(Path(path), has_tokens=not path.endswith(".json")) for path in paths]
    return short_names(found, models or ["m"] * len(found))


def test_a_path_is_one_run_or_several(tmp_path):
    tables, store, results = tmp_path / "tables", tmp_path / "store", tmp_path / "results"
    old, new, other = (
        results / name for name in ("a/results_2026-01.json", "a/results_2026-02.json", "b/results_1.json")
    )
    touch(tables / "0.parquet", store / "x" / "0.parquet", store / "y" / "0.parquet", old, new, other)
    assert sources(tables) == [Source(tables, has_tokens=True)]
    assert sources(store) == [Source(store / name, has_tokens=True) for name in "xy"]
    assert sources(old) == [Source(old, has_tokens=False)]
    assert sources(results) == [Source(new, has_tokens=False, older=1), Source(other, has_tokens=False)]


def test_a_newer_results_file_of_other_tasks_hides_no_run(tmp_path):
    folder = tmp_path / "a"
    touch(folder / "results_1.json", folder / "results_2.json", folder / "results_3.json")
    for name in ("results_1.json", "results_2.json"):
        (folder / name).write_text('{"results": {"swe_hesnr": {"he_snr,action": 0.1}}}')
    (folder / "results_3.json").write_text('{"results": {"arc_easy": {"acc,none": 0.5}}}')
    assert sources(tmp_path) == [Source(folder / "results_2.json", has_tokens=False, older=1)]


def test_what_has_no_run_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    touch(tmp_path / "notes.txt", tmp_path / "r" / "results_1.json", tmp_path / "s" / "x" / "0.parquet")
    touch(tmp_path / "s" / "y" / "0.parquet")
    with pytest.raises(InputError, match=r"empty: no token table \(\*\.parquet\) and no results_\*\.json in it; give"):
        sources(tmp_path / "empty")
    with pytest.raises(InputError, match=r"notes\.txt: it is not a folder, and not a results_\*\.json; give"):
        sources(tmp_path / "notes.txt")
    with pytest.raises(InputError, match=r"r: token tables are needed"):
        one_folder_of_tables(tmp_path / "r")
    with pytest.raises(InputError, match=r"s: it has 2 folders with token tables, .*; name one, such as .*/s/x"):
        one_folder_of_tables(tmp_path / "s")


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["out/yarn", "out/linear"], ["yarn", "linear"]),
        (["out/yarn/tokens", "out/linear/tokens"], ["yarn", "linear"]),
        (["a/step1/x", "b/step2/x"], ["step1", "step2"]),
        (["a/1/x", "a/2/x", "b/1/x"], ["a/1", "a/2", "b/1"]),
        (["x/a/1", "x/b/1", "x/b/2", "x/a/3"], ["a/1", "b/1", "b/2", "a/3"]),
        (["r/__work__out__base/results_1.json", "r/__work__out__final/results_2.json"], ["base", "final"]),
        (["r/m/results_1.json", "r/m/results_2.json"], ["results_1.json", "results_2.json"]),
        (["r/base/m/results_1.json", "t/final/tokens"], ["m", "final"]),
        (["a", "a"], ["a", "a-2"]),
        (["only/one/tokens"], ["tokens"]),
    ],
)
def test_names_are_short_and_different(paths, expected):
    assert short(*paths) == expected


def test_results_are_named_by_their_models_if_these_differ():
    paths = ["r/41pjso2k/results_1.json", "r/x9/results_2.json"]
    assert short(*paths, models=["tiny_swe_lm", "/work/out/final"]) == ["tiny_swe_lm", "final"]
    assert short(*paths, models=["m", "m"]) == ["41pjso2k", "x9"]


def test_runs_in_a_score_store_are_named_by_their_models(tmp_path):
    touch(tmp_path / "0123456789abcdef" / "settings.json", tmp_path / "fedcba9876543210" / "settings.json")
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    assert short(*paths, models=["org/base", "org/final"]) == ["base", "final"]


def test_the_name_of_a_run_is_cut_if_it_is_very_long():
    found = [Source(Path(f"/r/{name}/results_1.json"), has_tokens=False) for name in "ab"]
    names = short_names(found, ["m" * 1_000_000, "n" + "m" * 1_000_000])
    assert names == ["m" * 500 + "...", "n" + "m" * 499 + "..."]
