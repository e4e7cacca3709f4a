"""The work files of `hesnr curate`: only its own files are continued, changed or removed, and by one process."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lm_eval_hesnr.curation.resumable_file import ResumableFile, log_of, work_files
from lm_eval_hesnr.errors import InputError


def stopped(out, *lines, signature="s"):
    """An unfinished output with one block for each line; return its data file."""
    with ResumableFile(out, signature) as output:
        for number, line in enumerate(lines):
            output.write(line)
            output.end_block({"n": number})
    return next(path for path in out.parent.iterdir() if path.suffix == ".part")


def continued(out, *lines, signature="s"):
    with ResumableFile(out, signature) as output:
        for line in lines:
            output.write(line)
        output.end_block({})
        output.finish()
        return [note["n"] for note in output.notes]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "o.jsonl"


def test_the_log_says_what_it_is_and_names_the_data(out):
    data = stopped(out, b"a\n")
    header = json.loads(log_of(out).read_bytes().splitlines()[0])
    assert header == {"format": "hesnr curate: log of an unfinished output", "version": 2, "data": data.name}
    assert re.fullmatch(r"o\.jsonl\.[0-9a-f]{32}\.part", data.name)
    assert sorted(work_files(out)) == sorted([log_of(out), data])


def test_other_files_with_similar_names_are_left_alone(out):
    names = ["o.jsonl.part", "o.jsonl.1.part", "o.jsonl.partial", "o.jsonl.log"]
    for name in names:
        out.with_name(name).write_text("mine")
    stopped(out, b"a\n")
    assert continued(out, b"b\n") == [0]
    assert out.read_bytes() == b"a\nb\n"
    assert {path.name: path.read_text() for path in out.parent.iterdir() if path != out} == dict.fromkeys(names, "mine")


FOREIGN = [
    b"mine\n",
    b"",
    b"{}\n",
    b"[" * 20_000,
    b'{"package": "lm_eval_hesnr 0.1.0"}\n{"bytes": 1, "note": {}}\n',  # of an earlier version
    b'{"format": "hesnr curate: log of an unfinished output", "version": 2, "data": "../x.jsonl"}\n',
    b'{"format": "hesnr curate: log of an unfinished output", "version": 2, "data": 1}\n',
    b'{"format": "hesnr curate: log of an unfinished output", "version": 2, "data": "in.jsonl"}\n',
]


@pytest.mark.parametrize("content", FOREIGN)
def test_a_foreign_log_is_refused_by_name_and_unchanged(out, content):
    log_of(out).write_bytes(content)
    with pytest.raises(InputError, match=rf"^{log_of(out)}: is (not a log of this version|empty; delete it)"):
        ResumableFile(out, "s")
    assert [path.read_bytes() for path in out.parent.iterdir()] == [content]


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path, target: path.symlink_to(target), "a symbolic link"),
        (lambda path, target: path.symlink_to("nowhere"), "a symbolic link"),
        (lambda path, target: os.link(target, path), "a hard link"),
        (lambda path, target: os.mkfifo(path), "a named pipe"),
        (lambda path, target: path.mkdir(), "a folder"),
    ],
)
@pytest.mark.parametrize("which", ["log", "data"])
def test_a_link_or_special_file_in_place_of_a_work_file_is_refused(out, make, kind, which):
    data = stopped(out, b"a\n")
    path = log_of(out) if which == "log" else data
    target = out.parent / "target"
    path.rename(target)  # even our own content is not written through a link
    content = target.read_bytes()
    make(path, target)
    with pytest.raises(InputError, match=f"^{path}: is {kind}, and not a file that hesnr wrote; move it"):
        ResumableFile(out, "s")
    assert target.read_bytes() == content
    assert path.is_symlink() or path.exists()


def test_a_second_writer_is_refused_and_the_first_one_goes_on(out):
    with ResumableFile(out, "s") as first:
        first.write(b"a\n")
        first.end_block({})
        for signature in ("s", "other"):
            with pytest.raises(InputError, match=f"^{out}: another hesnr curate is writing it"):
                ResumableFile(out, signature)
        first.write(b"b\n")
        first.end_block({})
        first.finish()
    assert out.read_bytes() == b"a\nb\n"
    assert list(out.parent.iterdir()) == [out]


WRITER = """
import sys, time
from pathlib import Path
from lm_eval_hesnr.curation.resumable_file import ResumableFile
with ResumableFile(Path(sys.argv[1]), "s") as output:
    output.write(b"a\\n")
    output.end_block({"n": 0})
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.end_to_end
def test_a_second_process_is_refused_until_the_first_one_is_killed(out):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(out)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == b"ready\n"
        with pytest.raises(InputError, match=f"^{out}: another hesnr curate is writing it"):
            ResumableFile(out, "s")
        writer.kill()
    assert continued(out, b"b\n") == [0]
    assert out.read_bytes() == b"a\nb\n"


def test_a_log_that_was_removed_between_opening_and_locking_is_not_used(out, monkeypatch):
    stopped(out, b"a\n")
    module = "lm_eval_hesnr.curation.resumable_file"
    from lm_eval_hesnr.files.own_files import open_own_file

    def removed_meanwhile(path):
        file = open_own_file(path)
        path.unlink()
        return file

    monkeypatch.setattr(f"{module}.open_own_file", removed_meanwhile)
    with pytest.raises(InputError, match="another hesnr curate is writing it"):
        ResumableFile(out, "s")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, None])
def test_a_disk_or_a_system_without_locks_is_used_without(out, monkeypatch, number):
    def flock(*_):
        raise OSError(number, "no locks")

    monkeypatch.setattr("lm_eval_hesnr.files.own_files.fcntl.flock", flock)
    if number is None:
        monkeypatch.setattr("lm_eval_hesnr.files.own_files.fcntl", None)
    stopped(out, b"a\n")
    assert continued(out, b"b\n") == [0]
    assert out.read_bytes() == b"a\nb\n"


def test_data_that_another_program_changed_is_not_given_the_final_name(out):
    for change in (Path.unlink, lambda path: path.write_bytes(b"x" * 100)):
        with ResumableFile(out, "s") as output:
            output.write(b"a\n")
            output.end_block({})
            change(work_files(out)[1])
            with pytest.raises(InputError, match="another program changed or removed it"):
                output.finish()
        assert not out.exists()


@pytest.mark.parametrize(
    ("damage", "left"),
    [
        (lambda log, data: log.write_bytes(log.read_bytes()[:-3]), [0]),
        (lambda log, data: log.write_bytes(log.read_bytes() + b"\0" * 50 + b"\n"), [0, 1]),
        (lambda log, data: log.write_bytes(log.read_bytes() + b'{"bytes": 1, "note": {"n": 9}}\n'), [0, 1]),
        (lambda log, data: log.write_bytes(log.read_bytes() + b"[" * 200_000 + b"\n"), [0, 1]),
        (lambda log, data: os.truncate(log, 2**33), [0, 1]),  # a sparse file
        (lambda log, data: log.write_bytes(b"\n".join(log.read_bytes().split(b"\n")[:1]) + b"\n"), []),
        (lambda log, data: data.write_bytes(data.read_bytes()[:3]), [0]),
        (lambda log, data: data.unlink(), []),
    ],
)
def test_what_is_damaged_is_written_again(out, damage, left):
    data = stopped(out, b"a\n", b"b\n")
    damage(log_of(out), data)
    lines = [b"a\n", b"b\n", b"c\n"][len(left) :]
    assert continued(out, *lines) == left
    assert out.read_bytes() == b"a\nb\nc\n"


def test_a_full_disk_at_the_first_line_leaves_nothing(out, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lm_eval_hesnr.curation.resumable_file.os.fsync", full)
    with pytest.raises(InputError, match=rf"^{out.parent}: cannot be written to \(No space left on device\)"):
        ResumableFile(out, "s")
    assert list(out.parent.iterdir()) == []
