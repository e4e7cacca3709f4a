"""The end of a Parquet file and its page headers, read without pyarrow."""

import io
import os
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr.files.parquet_pages import decoded_size, row_groups


@pytest.fixture(scope="module")
def content():
    """A file with two row groups, and columns of texts, of lists and of objects."""
    rows = [{"id": f"run {i}", "steps": [i, i + 1], "meta": {"a": None, "b": "x"}} for i in range(40)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=25, write_page_index=True)
    return sink.getvalue().to_pybytes()


def sizes(raw):
    stream = io.BytesIO(raw)
    return [decoded_size(stream, chunk, 2**31) for chunks in row_groups(stream) for chunk in chunks]


def test_the_columns_of_each_row_group_are_those_that_pyarrow_finds(content):
    metadata = pq.read_metadata(io.BytesIO(content))
    for i, chunks in enumerate(row_groups(io.BytesIO(content))):
        expected = [metadata.row_group(i).column(j) for j in range(metadata.num_columns)]
        assert [chunk.column for chunk in chunks] == ["id", "steps", "meta", "meta"]
        assert [chunk.n_values for chunk in chunks] == [one.num_values for one in expected]
        assert [chunk.n_bytes for chunk in chunks] == [one.total_uncompressed_size for one in expected]
        assert [chunk.start for chunk in chunks] == [
            one.dictionary_page_offset or one.data_page_offset for one in expected
        ]
    assert i == 1
    assert all(size >= chunk.n_bytes for size, chunk in zip(sizes(content), chunks, strict=False))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a crash would end the tests")
def test_a_damaged_end_gives_columns_or_an_error_and_never_a_crash(content):
    """pyarrow ends the process if it is asked for a column of some of these files."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            status = _read_damaged(content)
        finally:
            os._exit(status)
    assert os.waitpid(process, 0)[1] == 0


def _read_damaged(content):
    chance = random.Random(0)
    end = int.from_bytes(content[-8:-4], "little")
    n_read = 0
    for _ in range(1500):
        raw = bytearray(content)
        raw[chance.randrange(len(raw) - 8 - end, len(raw) - 8)] = chance.randrange(256)
        try:
            pq.ParquetFile(io.BytesIO(raw))
            sizes(raw)
            n_read += 1
        except (pa.ArrowException, OSError, ValueError, LookupError):
            pass
    return 0 if n_read > 100 else 2
