"""Memory is bounded by what a file decodes to, not by its length. The good records around a bomb are kept."""

import gzip
import json
import zipfile
from typing import Any

import pytest

from lm_eval_hesnr.trajectories import containers, decoding, json_records, opening, parquet, runs
from lm_eval_hesnr.trajectories.decoding import Bad, has_too_many_values, n_values
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.records import records

CHAT = {"id": "good", "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": "done"}]}
GOOD = json.dumps(CHAT).encode()
LIMIT = 200


@pytest.fixture
def small(monkeypatch):
    """Limits that a test reaches quickly."""
    monkeypatch.setattr(decoding, "MAX_VALUES", LIMIT)


@pytest.mark.parametrize("unit", [b"{}", b"[]", b"1", b'""', b'{"":1}', b'{"a":{"a":{}}}', b"[[[[]]]]"])
def test_a_text_of_too_many_values_is_not_decoded(tmp_path, small, unit):
    line = b"[" + b",".join([unit] * (LIMIT + 1)) + b"]"
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(GOOD + b"\n" + line + b"\n" + GOOD))
    first, bad, last = records(tmp_path / "x.jsonl.gz")
    assert first.value == last.value == CHAT
    assert bad.value == Bad("more than 200 commas, colons and brackets in one value; use JSON Lines")


@pytest.mark.parametrize("text", ['{"a": [1, 2, {"b": null}], "c": "x"}', "[[], {}]", '"a"', "[1,1,1]"])
def test_the_marks_of_a_text_are_never_fewer_than_its_values(text, monkeypatch):
    n = n_values(json.loads(text))
    monkeypatch.setattr(decoding, "MAX_VALUES", n - 2)
    assert has_too_many_values(text + " " * n) or n == 1


def test_a_session_of_too_many_values_is_read_up_to_the_limit(tmp_path, small):
    event = {"type": "assistant", "sessionId": "s", "message": {"role": "assistant", "content": "hello"}}
    (tmp_path / "x.jsonl").write_text((json.dumps(event) + "\n") * LIMIT)
    loaded = load_trajectories(tmp_path)
    (run,) = loaded.trajectories
    assert run.meta["incomplete"].startswith("read up to line ")
    assert len(run.segments) < LIMIT / 5
    assert "one run of more than 512 MiB or 200 values" in loaded.bad[0]


def test_a_file_of_many_runs_may_be_larger_than_one_run(tmp_path, small):
    (tmp_path / "x.jsonl").write_bytes((GOOD + b"\n") * LIMIT)
    assert len(load_trajectories(tmp_path).trajectories) == LIMIT


@pytest.mark.parametrize(
    ("place", "name"),
    [(json_records, "decoded"), (containers, "decoded"), (parquet, "without_nulls"), (runs, "reader_of")],
)
def test_a_bad_file_that_needs_too_much_memory_does_not_cost_the_others(tmp_path, monkeypatch, place, name):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    function = getattr(place, name)

    def fails(value):
        if "bomb" in str(value):
            raise MemoryError
        return function(value)

    monkeypatch.setattr(place, name, fails)
    bomb = {"id": "bomb", "messages": CHAT["messages"]}
    (tmp_path / "a.json").write_text(json.dumps(bomb))
    pq.write_table(pa.Table.from_pylist([bomb]), tmp_path / "b.parquet")
    with zipfile.ZipFile(tmp_path / "c.eval", "w") as archive:
        archive.writestr("samples/1.json", json.dumps(bomb))
    (tmp_path / "z.json").write_bytes(GOOD)
    loaded = load_trajectories(tmp_path)
    assert "good" in [run.id for run in loaded.trajectories]
    assert any("needs more memory than is available" in line for line in loaded.bad)


@pytest.fixture
def rows(tmp_path):
    """Writes columns to a Parquet file."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    def write(**columns):
        path = tmp_path / "x.parquet"
        pq.write_table(pa.table(columns), path, compression="zstd")
        return path

    return write


@pytest.mark.parametrize(
    ("unit", "n"),
    [(1, 201), (None, 201), ([True], 101), ({"a": 1}, 101), ("x" * 2**15, 33)],
    ids=["numbers", "nulls", "lists", "objects", "text"],
)
def test_a_row_that_decodes_to_too_much_is_bad_and_the_others_are_read(rows, unit, n, small, monkeypatch):
    cell = [unit] * n
    monkeypatch.setattr(decoding, "MAX_BYTES", 2**20)
    first, bad, last = records(rows(a=[cell[:3], cell, cell[:3]]))
    assert first.value == last.value == {"a": cell[:3]}
    assert bad.value == Bad("more than 1 MiB or 200 values in one row")


def test_a_row_whose_text_is_json_of_too_many_values_is_bad(rows, small):
    messages = [json.dumps(CHAT["messages"]), "[" + "{}," * LIMIT + "{}]", json.dumps(CHAT["messages"])]
    path = rows(messages=messages)
    loaded = load_trajectories(path)
    assert len(loaded.trajectories) == 2
    assert loaded.bad == [f"{path}, row 2: more than 512 MiB or 200 values in one row"]


def test_a_text_that_all_rows_share_is_not_decoded_for_all_at_once(rows, monkeypatch):
    sizes: Any = []
    is_small = parquet._is_small
    monkeypatch.setattr(parquet, "_is_small", lambda batch: sizes.append(len(batch)) or is_small(batch))
    monkeypatch.setattr(decoding, "MAX_BYTES", 2**21)
    assert len(list(records(rows(a=["x" * 2**20] * 20)))) == 20
    assert set(sizes) == {1}


@pytest.mark.parametrize("limit", ["LARGEST_GROWTH", "MAX_GROUP_BYTES"])
def test_a_parquet_bomb_is_refused_before_it_is_decoded(rows, monkeypatch, limit):
    monkeypatch.setattr(opening, "ALWAYS_ALLOWED", 0)
    monkeypatch.setattr(opening if limit == "LARGEST_GROWTH" else parquet, limit, 1)
    (record,) = records(rows(a=["x" * 2**20] * 20, b=[None] * 20))
    assert record.value.reason.startswith("cannot be read (")
    assert "more than 0 MiB" in record.value.reason


def test_a_text_that_the_file_contains_once_counts_for_each_of_its_rows(rows, monkeypatch):
    monkeypatch.setattr(opening, "ALWAYS_ALLOWED", 2**23)
    monkeypatch.setattr(opening, "LARGEST_GROWTH", 0)
    monkeypatch.setattr(decoding, "MAX_BYTES", 2**21)
    *read, last = records(rows(a=["x" * 2**20] * 20))
    assert 5 < len(read) < 10
    assert "it decompresses to more than 8 MiB" in last.value.reason


def test_many_small_rows_are_read_and_a_bomb_of_rows_is_not(rows, monkeypatch):
    monkeypatch.setattr(opening, "ALWAYS_ALLOWED", 0)
    assert len(list(records(rows(a=[f"{i} {i * 7919 % 1009}" for i in range(3000)])))) == 3000
    (record,) = records(rows(a=[None] * 3000))
    assert record.value.reason.startswith("cannot be read (it decompresses to more than")


def test_files_of_a_zip_are_bounded_together(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "ALWAYS_ALLOWED", 2**16)
    monkeypatch.setattr(opening, "LARGEST_GROWTH", 0)
    with zipfile.ZipFile(tmp_path / "x.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(9):
            archive.writestr(f"samples/{i}.json", json.dumps(CHAT | {"more": "x" * 2**14}))
    *good, last = records(tmp_path / "x.eval")
    assert len(good) == 3
    assert "decompresses to more than" in last.value.reason


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_file_in_a_zip_is_not_decompressed_by_a_method_without_a_limit(tmp_path, method):
    path = tmp_path / "x.eval"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("samples/1.json", json.dumps(CHAT))
        archive.writestr("samples/2.json", json.dumps(CHAT), zipfile.ZIP_STORED)
    bad, good = records(path)
    assert "method that is not supported; expected a zip whose files are stored or deflated" in bad.value.reason
    assert good.value["inspect_sample"] == CHAT


def test_a_name_that_occurs_twice_in_a_zip_is_said_once_and_the_others_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.eval", "w") as archive:
        for name in "abcde":
            archive.writestr(f"samples/{name}.json", json.dumps(CHAT))
        for entry in archive.filelist[3:]:
            entry.filename = "samples/b.json"
    *good, bad = records(tmp_path / "x.eval")
    assert [record.place for record in good] == ["samples/a.json", "samples/c.json"]
    assert bad.value == Bad("1 samples have a name that occurs more than once, the first 'samples/b.json'")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_what_the_end_of_a_parquet_file_says_does_not_hide_its_pages(tmp_path, monkeypatch, version):
    """The pages have 100,000 values; the end of the file says that there is one."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    n, path = 100_000, tmp_path / "x.parquet"
    table = pa.table({"x": pa.array([[None] * n], pa.list_(pa.int8()))})
    pq.write_table(table, path, data_page_version=version, use_dictionary=False, write_statistics=False)
    monkeypatch.setattr(opening, "ALWAYS_ALLOWED", n)
    monkeypatch.setattr(opening, "LARGEST_GROWTH", 0)
    body, count = path.read_bytes(), b"\xc0\x9a\x0c"  # 100,000 as a zigzag varint
    end = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    path.write_bytes(body[:end] + body[end:].replace(count, b"\x82\x80\x00"))
    assert pq.read_metadata(path).row_group(0).column(0).num_values == 1
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: pytest.fail("it was decoded"))
    (record,) = records(path)
    assert "it decompresses to more than 0 MiB" in record.value.reason


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda pa: pa.array([1, 3], pa.timestamp("us", tz="Foo/Bar")), "UnknownTimeZoneError('Foo/Bar')"),
        (lambda pa: pa.StructArray.from_arrays([pa.array([1, 2])] * 2, names=["a", "a"]), "duplicate field names"),
        (lambda pa: pa.array([2**62, 3], pa.timestamp("us")), "date value out of range"),
    ],
    ids=["time zone", "equal names", "time"],
)
def test_a_column_that_python_cannot_represent_is_one_line(rows, make, reason):
    (record,) = records(rows(a=make(pytest.importorskip("pyarrow"))))
    assert record.value.reason.startswith("not valid Parquet (")
    assert reason in record.value.reason


def test_a_map_column_is_read_as_pairs_and_counted(rows, small):
    pa = pytest.importorskip("pyarrow")
    pairs = [[("a", 1), ("a", 2)], [("b", 1)] * LIMIT, [("c", 3)]]
    first, bad, last = records(rows(x=pa.array(pairs, pa.map_(pa.string(), pa.int64()))))
    assert (first.value, last.value) == ({"x": [["a", 1], ["a", 2]]}, {"x": [["c", 3]]})
    assert bad.value == Bad("more than 512 MiB or 200 values in one row")
