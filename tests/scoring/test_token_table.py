"""Token tables that are damaged, hostile or written by other programs."""

import json
import math
import os
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr.metrics.measures import measures
from lm_eval_hesnr.scoring import table_file
from lm_eval_hesnr.scoring.possible_rows import check_together
from lm_eval_hesnr.scoring.table_columns import COLUMNS
from lm_eval_hesnr.scoring.table_file import read_file, read_texts
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import as_table, read_token_table, write_token_table
from tests.builders import token_scores

ROW = 20
"""A scored row."""


def saved(folder, table, **options):
    path = folder / "x.parquet"
    pq.write_table(table, path, **options)
    return path


def with_column(name, values, kind=None, table=None):
    """A table of 400 rows with one column replaced."""
    table = table or as_table(0, "a run", token_scores())
    return table.set_column(
        table.schema.get_field_index(name), name, values if isinstance(values, pa.Array) else pa.array(values, kind)
    )


def with_value(name: str, value: Any, row: int = ROW, first: tuple[str, Any] | None = None) -> Any:
    """The same with one value replaced; before it, the (name, value) `first`."""
    table = with_value(*first, row) if first else as_table(0, "a run", token_scores())
    column = table.column(name)
    values = column.to_pylist()
    values[row] = value
    return with_column(name, values, column.type if name != "label" else None, table)


def with_values(**values: Any) -> Any:
    """The same with several values of one row replaced."""
    table = as_table(0, "a run", token_scores())
    for name, value in values.items():
        column = table.column(name)
        table = with_column(
            name, [*column.to_pylist()[:ROW], value, *column.to_pylist()[ROW + 1 :]], column.type, table
        )
    return table


def with_metadata(**changes):
    table = as_table(0, "a run", token_scores())
    metadata = table.schema.metadata | {key.encode(): value for key, value in changes.items()}
    metadata = {key: value for key, value in metadata.items() if value is not None}
    return table.replace_schema_metadata(metadata)


def with_k(k):
    return with_metadata(hesnr=json.dumps({"k": k}))


IMPOSSIBLE = {
    "a logprob above 0": (with_value("logprob", 5.0), "column logprob, row 20: found 5, expected -1e+06 to 0"),
    "a logprob of NaN": (with_value("logprob", math.nan), "column logprob, row 20: found nan, expected -1e+06 to 0"),
    "a probability of zero": (with_value("logprob", -math.inf), "column logprob, row 20: found -inf, expected -1e+06"),
    "a rank of 0": (with_value("rank", 0), "column rank, row 20: found 0, expected 1 to"),
    "a negative rank": (with_value("rank", -1), "column rank, row 20: found -1, expected 1 to"),
    "a mass of 7": (with_value("top_mass", 7.0), "column top_mass, row 20: found 7, expected 1e-09 to 1"),
    "a mass of infinity": (with_value("top_mass", math.inf), "column top_mass, row 20: found inf, expected 1e-09 to 1"),
    "a negative entropy": (with_value("entropy", -5.0), "column entropy, row 20: found -5, expected 0 to 2.30259"),
    "an entropy above ln k": (with_value("entropy", 2.4), "column entropy, row 20: found 2.4"),
    "an entropy without a logprob": (
        with_value("entropy", 1.0, row=0), "column entropy, row 0: found a value, expected null, because logprob is"
    ),
    "a logprob without an entropy": (with_value("entropy", None), "column entropy, row 20: found null, expected a"),
    "no token id": (with_value("token_id", None), "column token_id, row 20: found null, expected a value"),
    "a negative token id": (with_value("token_id", -1), "column token_id, row 20: found -1, expected 0 to"),
    "an unknown label": (with_value("label", "cod"), "column label, row 20: found 'cod', expected one of code, "),
    "no label": (with_value("label", None), "column label, row 20: found null"),
    "texts as numbers": (with_column("logprob", ["-1.0"] * 400), "column logprob has type string, expected float"),
    "truth values as ranks": (with_column("rank", [True] * 400), "column rank has type bool, expected int32"),
    "floats as ranks": (with_column("rank", [1.0] * 400), "column rank has type double, expected int32"),
    "numbers as labels": (with_column("label", [0] * 400), "column label has type int64, expected a dictionary of st"),
    "lists": (with_column("entropy", [[1.0]] * 400), "column entropy has type list<element: double>, expected float"),
    "a rank beyond int32": (with_column("rank", [2**32 + 1] * 400), "column rank, row 0: found a value, expected null"),
    "a token that ends early": (with_value("char_end", 59), "column char_end, row 20: found 59, expected at least"),
    "too many bytes": (with_value("n_bytes", 2**31 - 1), "column n_bytes, row 20: found 2147483647, expected 3 to 12"),
    "no bytes": (with_value("n_bytes", 0), "column n_bytes, row 20: found 0, expected 3 to 12"),
    "bytes of a token without characters": (
        with_value("n_bytes", 3, first=("char_start", 63)), "column n_bytes, row 20: found 3, expected 0 to 0"
    ),
    "entropy of a certain token": (
        with_values(logprob=-1e-7, rank=1, top_mass=1.0, entropy=2.302585),
        "column entropy, row 20: found 2.303 for a token with a probability of 1 of a top_mass of 1, expected 0 to 0.1",
    ),
    "entropy of a nearly certain token": (
        with_values(logprob=math.log(0.9), rank=1, top_mass=1.0, entropy=0.7),
        "column entropy, row 20: found 0.7 for a token with a probability of 0.9 of a top_mass of 1, expected 0.26",
    ),
    "no entropy of an uncertain token": (
        with_values(logprob=math.log(0.3), rank=2, top_mass=0.6, entropy=0.5),
        "column entropy, row 20: found 0.5 for a token with a probability of 0.3 of a top_mass of 0.6, expected 0.66",
    ),
    "a column that is missing": (as_table(0, "a", token_scores()).drop_columns("rank"), "it has no columns rank, exp"),
    "a column twice": (
        as_table(0, "a", token_scores()).append_column("rank", pa.array([1] * 400)), "it has 2 columns rank, expected"
    ),
    "a list as doc_id": (with_column("doc_id", [[1]] * 400), "column doc_id has type list<element: int64>, exp"),
    "a text as doc_id": (with_column("doc_id", ["1"] * 400), "column doc_id has type string, expected int32"),
    "a probable token of rank 7": (with_value("logprob", -0.1, first=("rank", 7)), "expected at most 1 / rank"),
    "more than the mass": (with_value("top_mass", 0.01, first=("logprob", -3.0)), "expected at most top_mass, because"),
    "an improbable first token": (with_value("logprob", -1000.0, first=("rank", 1)), "expected at least top_mass / k"),
    "no metadata": (as_table(0, "a", token_scores()).replace_schema_metadata(None), "its metadata has no hesnr"),
    "no name": (with_metadata(trajectory=None), "its metadata has no trajectory"),
    "metadata that is not JSON": (with_metadata(hesnr="{"), "its metadata cannot be read"),
    "metadata that is nested": (with_metadata(hesnr="[" * 100_000), "its metadata cannot be read"),
    "metadata that is a list": (with_metadata(hesnr="[]"), "its metadata has k = None, expected a whole number from 2"),
    "a name that is not UTF-8": (with_metadata(trajectory=b"\xff"), "its metadata cannot be read"),
    "k of 0": (with_k(0), "its metadata has k = 0, expected a whole number from 2 to 1048576"),
    "k of 1": (with_k(1), "its metadata has k = 1, expected a whole number"),
    "k of a thousand million": (with_k(10**9), "its metadata has k = 1000000000, expected a whole number"),
    "k as a text": (with_k("10"), "its metadata has k = '10', expected"),
    "k as a truth value": (with_k(True), "its metadata has k = True, expected"),
    "k as a fraction": (with_k(10.5), "its metadata has k = 10.5, expected"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_table_is_refused_with_column_row_and_value(tmp_path, case):
    table, reason = IMPOSSIBLE[case]
    with pytest.raises(ValueError, match=r"column|metadata") as raised:
        read_token_table(saved(tmp_path, table))
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def same(path, original):
    name, back = read_token_table(path)
    for field in ("token_ids", "labels", "char_start", "char_end", "scored", "logprob", "entropy", "rank", "top_mass"):
        np.testing.assert_array_equal(getattr(back, field), getattr(original, field), err_msg=field)
    assert back.token_ids.dtype == np.int32
    return name == "a run"


def test_a_table_that_another_program_wrote_again_is_read(tmp_path):
    """With wider types, labels as plain texts, one column more, and several groups of rows."""
    original = token_scores()
    table = as_table(0, "a run", original)
    for i, field in enumerate(table.schema):
        wider = {"int32": pa.int64(), "float": pa.float64()}.get(str(field.type), pa.string())
        table = table.set_column(i, field.name, table.column(i).cast(wider))
    table = table.append_column("comment", pa.array(["x"] * 400))
    assert same(saved(tmp_path, table, row_group_size=64), original)


def test_values_that_are_rounded_beyond_their_range_are_possible(tmp_path):
    assert read_token_table(saved(tmp_path, with_value("entropy", 2.302589)))[1].entropy[ROW] == np.float32(2.302589)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [np.float16, np.float64])
def test_floats_of_other_widths_are_read_without_a_warning(tmp_path, kind):
    """Also a logprob so low that its perplexity is not a float64."""
    missing = ~token_scores().scored
    table = with_column("logprob", pa.array(np.full(400, -1000, kind), mask=missing))
    table = with_column("rank", pa.array(np.full(400, 14, np.int32), mask=missing), table=table)
    _, found = read_token_table(saved(tmp_path, table))
    assert set(found.logprob[found.scored]) == {-1000}
    profile = found.profile(found.scored, 0.5)
    assert measures([profile], 0.5)["ppl"] is None


def test_a_table_without_tokens_is_read(tmp_path):
    assert read_token_table(write_token_table(tmp_path, 0, "empty", token_scores(0)))[0] == "empty"


@pytest.mark.parametrize("part", [0, 1, 4, 100, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_not_a_token_table(tmp_path, part):
    path = saved(tmp_path, as_table(0, "a run", token_scores()))
    content = path.read_bytes()
    path.write_bytes(content[: part if isinstance(part, int) else int(part * len(content))])
    with pytest.raises(ValueError, match="not a token table"):
        read_token_table(path)


def test_a_small_file_with_a_large_content_is_refused_before_it_is_read(tmp_path):
    long = with_column("label", pa.DictionaryArray.from_arrays(np.zeros(400, np.int8), ["x" * 10_000_000]))
    with pytest.raises(ValueError, match=r"it has 400 rows and 10\d{6} bytes, expected at most"):
        read_token_table(saved(tmp_path, long, compression="zstd"))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_path_that_is_not_a_regular_file_is_not_read(tmp_path, make):
    make(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="not a regular file"):
        read_token_table(tmp_path / "x.parquet")


def test_changed_bytes_give_the_same_numbers_or_one_error(tmp_path):
    random, original = np.random.default_rng(0), token_scores()
    path = write_token_table(tmp_path, 0, "a run", original)
    content = path.read_bytes()
    n_read = 0
    for _ in range(150):
        changed = bytearray(content)
        changed[random.integers(len(content))] ^= 1 << random.integers(8)
        path.write_bytes(changed)
        try:
            _, scores = read_token_table(path)
        except ValueError:
            continue
        n_read += 1
        for field in TokenScores.__dataclass_fields__.keys() - {"signature", "short_context"}:
            np.testing.assert_array_equal(getattr(scores, field), getattr(original, field), err_msg=field)
    assert n_read > 0


def written(folder, table):
    """Saved so that its columns have the types of other programs: labels are plain texts, in the file only once."""
    with pq.ParquetWriter(folder / "x.parquet", table.schema.remove_metadata(), store_schema=False) as writer:
        writer.write_table(table.replace_schema_metadata(None))
        writer.add_key_value_metadata(dict(table.schema.metadata))
    return folder / "x.parquet"


def equal_texts(n_bytes, kind=None):
    return pa.DictionaryArray.from_arrays(np.zeros(400, np.int32), pa.array(["x" * n_bytes], kind))


def test_a_text_that_is_the_value_of_all_rows_is_in_memory_once(tmp_path):
    """20 KB of label in each of 400 rows. A text of 1 MB in 6000 rows would need 6 GB."""
    before = pa.total_allocated_bytes()
    pa.default_memory_pool().release_unused()
    for kind in (pa.string(), pa.large_string()):
        path = written(tmp_path, with_column("label", equal_texts(20_000, kind)))
        with pytest.raises(ValueError, match=r"column label, row 0: found 'x{100}'"):
            read_token_table(path)
        file = read_file(path, COLUMNS)
        assert file.columns.column("label").nbytes < 100_000
    assert pa.total_allocated_bytes() - before < 2_000_000


def test_texts_that_are_too_long_together_are_refused_before_they_are_decoded(tmp_path):
    path = written(tmp_path, as_table(0, "a run", token_scores()).append_column("text", equal_texts(1000)))
    assert read_texts(path, 400, 400_000) == ["x" * 1000] * 400
    with pytest.raises(ValueError, match="expected 400 texts of at most 399999 bytes, found 400, 0 of them null, with"):
        read_texts(path, 400, 399_999)
    with pytest.raises(ValueError, match="column text: expected at most 100 bytes"):
        read_texts(path, 400, 100)


def test_more_rows_than_a_trajectory_has_tokens_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "_MOST_ROWS", 399)
    path = saved(tmp_path, as_table(0, "a run", token_scores()))
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=r"it has 400 rows .* expected at most 399 rows"):
        read_token_table(path)


def test_a_list_of_very_many_equal_items_is_refused_before_it_is_read(tmp_path, monkeypatch):
    items = pa.ListArray.from_arrays(np.array([0] * 400 + [1_000_000], np.int32), np.zeros(1_000_000, np.float32))
    path = saved(tmp_path, as_table(0, "a run", token_scores()).append_column("log_z", items))
    assert path.stat().st_size < 60_000
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=r"it has 400 rows and 8\d{6} bytes, expected"):
        read_token_table(path)


def test_without_a_mass_the_entropy_of_a_certain_token_is_refused_whatever_its_rank_is():
    """`hesnr diagnose` reads no mass, so nothing else compares this rank with the probability."""
    row = {"scored": [True], "logprob": [-1e-7], "rank": [50], "entropy": [2.3]}
    with pytest.raises(ValueError, match=r"column entropy, row 0: found 2\.3 for a token with a probability of 1, exp"):
        check_together({name: np.array(values) for name, values in row.items()}, 10)
