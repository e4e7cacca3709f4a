"""Only regular files are read, and pipes that the user named. Nothing waits for ever, bombs are stopped."""

import os
import socket
import threading
from pathlib import Path

import pytest
import zstandard

from lm_eval_hesnr.files import open_regular
from lm_eval_hesnr.trajectories import opening
from lm_eval_hesnr.trajectories.decoding import Bad, Record
from lm_eval_hesnr.trajectories.records import records

pytestmark = pytest.mark.usefixtures("ends_in_any_case")

LINES = b'{"a": 1}\n{"a": 2}\n'
BOTH = [Record("line 1", {"a": 1}), Record("line 2", {"a": 2})]


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "x.jsonl"
    os.mkfifo(path)
    return path


def test_a_pipe_without_a_writer_is_named_at_once(fifo):
    assert list(records(fifo, pipe=True)) == [Record("", Bad("an empty pipe: no program writes to it"))]


def test_a_pipe_is_read_to_its_end_however_late_the_text_comes(fifo):
    opened = threading.Event()

    def write():
        with fifo.open("wb", buffering=0) as stream:  # waits for the reader
            opened.set()
            stream.write(LINES[:5])
            stream.write(LINES[5:])

    keeps_it_open = os.open(fifo, os.O_RDWR)
    writer = threading.Thread(target=write)
    writer.start()
    opened.wait()
    found = records(fifo, pipe=True)
    assert next(found) == BOTH[0]
    writer.join()
    os.close(keeps_it_open)
    assert list(found) == BOTH[1:]


def test_a_shell_s_process_substitution_is_read(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, LINES)
    os.close(writing)
    assert list(records(Path(f"/dev/fd/{reading}"), pipe=True)) == BOTH
    os.close(reading)


def test_a_pipe_in_a_folder_is_not_read(fifo):
    (record,) = records(fifo)
    assert record.value.reason == "cannot be read (a named pipe, not a regular file)"


@pytest.mark.parametrize("name", ["x.json", "x.jsonl.gz", "x.parquet", "x.eval"])
@pytest.mark.parametrize(("target", "kind"), [("/dev/zero", "a device"), ("socket", "a socket"), (".", "a folder")])
def test_special_files_are_named_by_their_kind(tmp_path, monkeypatch, name, target, kind):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        Path(name).symlink_to(target)
        (record,) = records(Path(name), pipe=True)
    assert record.value.reason == f"cannot be read ({kind}, not a regular file)"


def test_links_to_files_are_followed(tmp_path):
    (tmp_path / "a").write_bytes(LINES)
    (tmp_path / "b.jsonl").symlink_to("a")
    assert list(records(tmp_path / "b.jsonl")) == BOTH


def test_a_name_with_a_nul_is_an_error_of_the_value():
    with pytest.raises(ValueError, match="null"):
        open_regular(Path("a\0b"))


@pytest.mark.parametrize("content", [b"\0", b"\n", b"[]\n"])
def test_a_bomb_is_stopped_before_it_is_unpacked(tmp_path, monkeypatch, content):
    monkeypatch.setattr(opening, "ALWAYS_ALLOWED", 2**16)
    monkeypatch.setattr(opening, "LARGEST_GROWTH", 10)
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(LINES + content * 2**20))
    *good, last = records(path)
    assert good[:2] == BOTH
    assert "it decompresses to more than 0 MiB, or to too many lines or rows for its size" in last.value.reason
