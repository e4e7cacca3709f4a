"""Token tables are written where no foreign file is. A full disk costs tables, and not the run."""

import os
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.scoring.token_table import TableWriter, TokenTableFile, read_token_table, table_folder
from tests.builders import size_limit, token_scores, unread

TEXT = "abc" * 1000
NAME = "00003-a_run.parquet"


def table(folder, doc_id=3):
    return TokenTableFile(folder, doc_id, "a run", {})


def linked(path):
    path.with_name("target").write_text("mine")
    path.symlink_to(path.with_name("target"))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.write_text("mine"), "another file"),
        (lambda path: path.touch(), "another file"),
        (lambda path: pq.write_table(pa.table({"mine": [1]}), path), "another file"),
        (linked, "a symbolic link"),
        (lambda path: path.symlink_to("nowhere"), "a symbolic link"),
        (lambda path: os.mkfifo(path), "a named pipe"),
        (lambda path: path.mkdir(), "a folder"),
    ],
)
def test_a_foreign_file_is_refused_before_scoring_and_unchanged(tmp_path, make, kind):
    early = table(tmp_path)
    path = tmp_path / NAME
    make(path)
    before = unread(path)
    for call in (lambda: table(tmp_path), lambda: early.write(token_scores(), TEXT)):
        with pytest.raises(InputError, match=f"^{path}: is {kind}, and not a token table; move it, or choose another"):
            call()
    assert unread(path) == before
    assert not kind.startswith("a symbolic") or not path.exists() or path.read_text() == "mine"


def test_an_older_table_is_replaced(tmp_path):
    for seed in (1, 2):
        path = table(tmp_path).write(token_scores(seed=seed), TEXT)
    assert read_token_table(path)[1].logprob.tolist() == pytest.approx(
        token_scores(seed=2).logprob.tolist(), nan_ok=True
    )
    assert list(tmp_path.iterdir()) == [tmp_path / NAME]


def test_tables_that_cannot_be_written_are_counted_and_no_older_ones_stay(tmp_path, harness_logs):
    tables, older = TableWriter(), token_scores(n_tokens=5)
    for doc_id in range(4):
        table(tmp_path, doc_id).write(older, TEXT)
    tables.write(table(tmp_path, 0), token_scores(), TEXT)
    with size_limit(1000):
        for doc_id in (1, 2):
            tables.write(table(tmp_path, doc_id), token_scores(), TEXT)
    tables.write(table(tmp_path, 3), token_scores(), TEXT)  # there is space again
    tables.log_missing()
    assert harness_logs.messages == [
        f"token_table: {tmp_path}/00001-a_run.parquet: File too large; the run continues, and tries to write the next "
        "tables",
        "token_table: 2 of 4 tables could not be written and are missing in the folder; the numbers of this run are "
        "complete; run again to write all tables (with score_store=DIR, stored scores are used)",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000-a_run.parquet", NAME]


def test_nothing_is_logged_if_all_tables_are_written(tmp_path, harness_logs):
    tables = TableWriter()
    tables.write(table(tmp_path), token_scores(), TEXT)
    tables.log_missing()
    assert harness_logs.messages == []


def test_the_folder_is_made_and_rid_of_unfinished_tables(tmp_path):
    folder = tmp_path / "a" / "tables"
    assert table_folder(folder) == folder
    old, foreign = folder / f"{NAME}.{'0f' * 16}.partial", folder / f"notes.{'0f' * 16}.partial"
    for path in (old, foreign):
        path.touch()
        os.utime(path, (time.time() - 7200,) * 2)
    table_folder(folder)
    assert list(folder.iterdir()) == [foreign]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"^token_table .*: cannot write there .*; choose another$"):
        table_folder(tmp_path)
