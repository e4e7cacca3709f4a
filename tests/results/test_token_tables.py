import dataclasses
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.measures import measures
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.token_tables import measure_tables, read_tables
from lm_eval_hesnr.scoring.token_table import read_numbered_table, read_token_table, write_token_table
from tests.builders import token_scores, with_extras

CHOSEN = {name: SCOPES[name] for name in ("action", "all")}


def scores(seed, better=0.0):
    return token_scores(seed=seed, better=better)


def write(folder: Path, better=0.0, n_docs=8, **changes):
    for i in range(n_docs):
        one = scores(i, better=better)
        write_token_table(folder, i, f"run {i}", replace(one, signature=one.signature | changes))
    return folder


def test_a_table_is_read_back_as_it_was(tmp_path):
    original = scores(0)
    name, back = read_token_table(write_token_table(tmp_path, 3, "org/run: 1", original))
    assert name == "org/run: 1"
    for field in dataclasses.fields(original):
        if field.name != "short_context":
            np.testing.assert_array_equal(getattr(back, field.name), getattr(original, field.name), err_msg=field.name)


def test_a_table_without_the_later_columns_is_read_and_its_companions_are_missing(tmp_path):
    folder = write(tmp_path / "new")
    for path in folder.glob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(["collision", "n_bytes"]), path)
    old = measure_tables(read_tables(folder, CHOSEN, EPSILON), "static", EPSILON)["action"]["measures"]
    new = measure_tables(read_tables(write(tmp_path / "other"), CHOSEN, EPSILON), "static", EPSILON)["action"][
        "measures"
    ]
    assert old == new | {"self_he_snr": None, "bits_per_byte": None}


@pytest.mark.parametrize("epsilon", [EPSILON, 0.777])
def test_measures_from_tables_are_those_of_the_scores(tmp_path, epsilon):
    tables = read_tables(write(tmp_path), CHOSEN, epsilon)
    results = measure_tables(tables, "static", epsilon)
    for scope, labels in CHOSEN.items():
        profiles = [scores(i).profile(scores(i).in_scope(labels), epsilon) for i in range(8)]
        assert results[scope]["measures"] == pytest.approx(measures(profiles, epsilon), rel=1e-12)
        assert results[scope]["stderr"]["he_snr"] > 0
        assert results[scope]["summary"]["documents"] == 8


def test_bad_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="no token table"):
        read_tables(tmp_path, CHOSEN, EPSILON)
    write(tmp_path / "mixed", n_docs=2)
    other = scores(9)
    write_token_table(tmp_path / "mixed", 9, "other", replace(other, signature=other.signature | {"model": "n"}))
    with pytest.raises(InputError, match=r"00009-other\.parquet: written with other settings than .* \(model\)"):
        read_tables(tmp_path / "mixed", CHOSEN, EPSILON)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "0.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"0\.parquet: not a token table"):
        read_tables(tmp_path / "cut", CHOSEN, EPSILON)


def test_an_adaptive_threshold_is_reported(tmp_path, capsys):
    assert main(["measure", str(write(tmp_path)), "--threshold", "otsu"]) == 0
    assert "epsilon: action 1." in capsys.readouterr().out


def test_tables_of_a_run_that_scored_only_actions_have_no_other_scope(tmp_path):
    results = measure_tables(read_tables(write(tmp_path, score="action"), CHOSEN, EPSILON), "static", EPSILON)
    assert results["action"]["measures"]["ppl"] > 1
    assert results["all"]["measures"]["ppl"] is None


def test_the_order_of_the_files_changes_no_number(tmp_path):
    straight = read_tables(write(tmp_path / "a"), CHOSEN, EPSILON)
    for i in range(8):
        write_token_table(tmp_path / "b", i, f"run {7 - i}", scores(7 - i))
    turned = read_tables(tmp_path / "b", CHOSEN, EPSILON)
    assert turned.names == straight.names
    assert measure_tables(turned, "static", EPSILON) == measure_tables(straight, "static", EPSILON)


def test_a_threshold_beyond_the_candidates_is_one_line(tmp_path, capsys):
    assert main(["measure", str(write(tmp_path)), "--epsilon", "2.5"]) == 2
    assert "epsilon" in capsys.readouterr().err


def test_block_sizes_may_differ_within_a_run(tmp_path):
    """Ranks and moments have other free memory."""
    write(tmp_path, n_docs=1, rows_per_block=128, chunk="one call")
    one = scores(5)
    smaller = one.signature | {"rows_per_block": 64, "chunk": 512}
    write_token_table(tmp_path, 1, "other", replace(one, signature=smaller))
    assert len(read_tables(tmp_path, CHOSEN, EPSILON).names) == 2


def test_a_score_store_of_one_model_is_read_like_a_folder_of_tables(tmp_path):
    write(tmp_path / "settings")
    assert len(read_tables(tmp_path, CHOSEN, EPSILON).names) == 8
    write(tmp_path / "others")
    with pytest.raises(InputError, match=r"it has 2 folders with token tables, .*; name one, such as"):
        read_tables(tmp_path, CHOSEN, EPSILON)


def test_a_copy_of_a_table_is_not_a_second_document(tmp_path):
    first = write(tmp_path, n_docs=2) / "00000-run_0.parquet"
    shutil.copy(first, tmp_path / "copy.parquet")
    with pytest.raises(InputError, match=r"copy\.parquet: it is the same document as 00000-run_0\.parquet \(run 0\)"):
        read_tables(tmp_path, CHOSEN, EPSILON)


def test_a_document_that_a_run_scored_twice_is_two_documents(tmp_path):
    for i in range(2):
        write_token_table(tmp_path, i, "the same run", scores(0))
    assert len(read_tables(tmp_path, CHOSEN, EPSILON).names) == 2


def test_temperatures_are_read_only_where_calibrated_he_snr_is_shown(tmp_path, monkeypatch, capsys):
    for name in ("a", "b"):
        for i in range(6):
            write_token_table(tmp_path / name, i, f"run {i}", with_extras(seed=i))
    asked = []

    def spied(path, extras):
        asked.append(extras.temperatures)
        return read_numbered_table(path, extras)

    monkeypatch.setattr("lm_eval_hesnr.results.token_tables.read_numbered_table", spied)
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert main(["measure", a]) == 0
    assert "calibrated_he_snr" in capsys.readouterr().out
    assert asked == [True] * 6
    asked.clear()
    assert main(["measure", a, b, "--decompose"]) == 0
    assert asked == [True] * 12 + [False] * 12  # the parts need no temperatures
    assert ", calibrated_he_snr +0.0000 (95 %" in capsys.readouterr().out.replace("\n    ", " ")
    asked.clear()
    for options in ([a, b, "--set-of", a], [a, "--set-of", a]):
        assert main(["measure", *options]) == 0
    assert len(asked) > 6
    assert not any(asked)
