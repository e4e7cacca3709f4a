"""The columns of token tables that only runs with `temperatures` or `candidates` have."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import as_parquet, as_table, read_token_table, write_token_table
from tests.builders import token_scores, with_extras

NAMES = ("log_z", "top_logits", "top_ids", "top_logprobs")


def test_every_value_is_read_back_and_only_what_is_asked_for(tmp_path):
    scores = with_extras()
    path = write_token_table(tmp_path, 0, "a run", scores)
    everything = read_token_table(path)[1]
    for name in NAMES:
        np.testing.assert_array_equal(getattr(everything, name), getattr(scores, name), err_msg=name)
        assert getattr(everything, name).dtype == getattr(scores, name).dtype
    asked = read_token_table(path, Extras(temperatures=True))[1]
    assert asked.log_z is not None
    assert asked.top_ids is None
    assert read_token_table(path, NO_EXTRAS)[1].log_z is None


def test_types_and_nulls_of_the_columns():
    scores = with_extras()
    table = as_table(0, "a run", scores)
    assert [str(table.schema.field(name).type.value_type) for name in NAMES] == ["float", "float", "int32", "halffloat"]
    assert table.column("log_z").is_valid().to_pylist() == scores.scored.tolist()
    may_decide = (scores.entropy > math.log(2)) & (scores.rank <= 10)
    assert table.column("top_ids").is_valid().to_pylist() == may_decide.tolist()
    assert 0 < may_decide.sum() < scores.scored.sum()
    assert set(NAMES).isdisjoint(as_table(0, "a run", token_scores()).column_names)


def test_each_column_has_an_encoding_that_suits_it():
    table = as_table(0, "a run", with_extras(4000), "x" * 12_000)
    by_default = pa.BufferOutputStream()
    pq.write_table(table, by_default, compression="zstd")
    assert len(as_parquet(table)) < 0.7 * by_default.getvalue().size


def with_column(name: str, values: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    """A table with one column replaced."""
    table = as_table(0, "a run", with_extras())
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values, kind))


def with_value(name: str, value: Any, row: int | None = None) -> pa.Table:
    """A table with one list replaced, in the first row with values of this column."""
    table = as_table(0, "a run", with_extras())
    lists = table.column(name).to_pylist()
    at = next(i for i, one in enumerate(lists) if one) if row is None else row
    lists[at] = value(lists[at]) if callable(value) else value
    return with_column(name, lists, table.column(name).type)


def first(value):
    return lambda items: [value, *items[1:]]


CASES = {
    "a list that is too short": (with_value("log_z", [1.0]), "found a list of 1 items, expected 13"),
    "a list that is too long": (with_value("top_ids", [1] * 11), "found a list of 11 items, expected 10"),
    "a null in a list": (with_value("top_logits", first(None)), "found null in a list, expected a number"),
    "a negative ln Z": (with_value("log_z", [-1.0] * 13), "found an impossible value, expected numbers from 0 to 21.4"),
    "a ln Z that is not a number": (with_value("log_z", first(math.nan)), "found an impossible value"),
    "a ln Z that rises": (with_value("log_z", lambda items: items[::-1]), "found a list that rises"),
    "a ln Z above -logprob": (with_value("log_z", [20.0] * 13), "found a value too large for this logprob"),
    "a ln Z of a token that is not scored": (with_value("log_z", [1.0] * 13, row=0), "because logprob is null"),
    "logits without ln Z": (with_value("log_z", None), "column top_logits, row 7: found a list, expected null"),
    "a largest logit below 0": (with_value("top_logits", [-1.0] * 10), "a first item below 0"),
    "a negative id": (with_value("top_ids", first(-1)), "found an impossible value, expected numbers from 0 to"),
    "an id beyond int32": (with_column("top_ids", [[2**40] * 10] * 400), "found an impossible value"),
    "a logprob above 0": (with_value("top_logprobs", first(0.5)), "found an impossible value"),
    "logprobs that rise": (with_value("top_logprobs", lambda items: items[::-1]), "found a list that rises"),
    "ids without logprobs": (with_value("top_logprobs", None), "in only one of top_ids and top_logprobs"),
    "no column of logprobs": (as_table(0, "a", with_extras()).drop_columns("top_logprobs"), "only one of the columns"),
    "texts": (with_column("log_z", [["1"]] * 400), "column log_z has type list<element: string>, expected a list of f"),
    "numbers": (with_column("top_ids", [1] * 400), "column top_ids has type int64, expected a list of int32"),
    "a column twice": (as_table(0, "a", with_extras()).append_column("log_z", pa.array([[1.0]] * 400)), "2 columns lo"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_impossible_list_is_refused_with_its_column_and_row(tmp_path, case):
    table, reason = CASES[case]
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="column") as raised:
        read_token_table(tmp_path / "x.parquet")
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


def test_lists_that_another_program_wrote_again_are_read(tmp_path):
    scores = with_extras()
    table = as_table(0, "a run", scores)
    for name in NAMES:
        wider = pa.large_list(pa.int64() if name == "top_ids" else pa.float64())
        table = table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(wider))
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=64)
    back = read_token_table(tmp_path / "x.parquet")[1]
    for name in NAMES:
        np.testing.assert_array_equal(getattr(back, name), getattr(scores, name), err_msg=name)
        assert getattr(back, name).dtype == getattr(scores, name).dtype


def test_a_table_with_many_candidates_is_not_too_large(tmp_path):
    scores = with_extras(k=100)
    assert read_token_table(write_token_table(tmp_path, 0, "a run", scores))[1].k == 100


@pytest.mark.parametrize("name", NAMES)
def test_scores_refuse_an_array_of_another_shape(name):
    scores = with_extras()
    with pytest.raises(ValueError, match=f"TokenScores: {name} has shape"):
        replace(scores, **{name: getattr(scores, name)[:, 1:]})
    assert isinstance(scores, TokenScores)
    assert scores.log_z is not None
    assert scores.log_z.shape[1] == len(INVERSE_TEMPERATURES)
