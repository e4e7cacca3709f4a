"""Files are replaced as a whole, only regular files are replaced, and only our own unfinished ones are removed."""

import os
import time
from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import (
    check_output,
    check_writable,
    is_folder,
    kind_of,
    make_folder,
    read_regular,
    remove_abandoned,
    replace_file,
    user_path,
    writing,
)

ODD = {
    "a symbolic link": lambda path: path.symlink_to(path.with_name("target")),
    "a folder": lambda path: path.mkdir(),
    "a named pipe": lambda path: os.mkfifo(path),
}


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "settings.json"
    replace_file(path, "old")
    replace_file(path, b"new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("settings.json", "new")]


def test_a_refused_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "settings.json"
    replace_file(path, "old")
    with pytest.raises(UnicodeEncodeError):
        replace_file(path, "\ud800")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("settings.json", "old")]


@pytest.mark.parametrize("kind", ODD)
def test_only_a_regular_file_is_replaced(tmp_path, kind):
    path, target = tmp_path / "o.jsonl", tmp_path / "target"
    target.write_text("mine")
    ODD[kind](path)
    with pytest.raises(FileExistsError, match=f"it is {kind}, expected a regular file: '{path}'"):
        replace_file(path, "new")
    for force in (False, True):
        with pytest.raises(InputError, match=f"^{path}: is {kind}; name a regular file, or a new one$"):
            check_output(path, force=force)
    assert kind_of(path) == kind
    assert target.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [path, target]


def test_an_output_that_exists_is_replaced_only_with_force(tmp_path):
    path = tmp_path / "o.jsonl"
    check_output(path, force=False)
    path.touch()
    check_output(path, force=True)
    with pytest.raises(InputError, match=r"o\.jsonl: exists already; give another name, or --force to replace it"):
        check_output(path, force=False)
    with pytest.raises(InputError, match=r"cannot be written to \(File name too long\)"):
        check_output(tmp_path / ("x" * 300), force=False)


def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a named pipe, not a regular file"):
        read_regular(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"1")
    assert read_regular(tmp_path / "link") == b"1"


def test_only_abandoned_unfinished_files_are_removed(tmp_path):
    digits = "0f" * 16
    ours, of_others = tmp_path / f"a.parquet.{digits}.partial", tmp_path / f"b.parquet.{digits}.partial"
    young, link = tmp_path / f"a.parquet.{'1f' * 16}.partial", tmp_path / f"a.parquet.{'2f' * 16}.partial"
    downloaded = tmp_path / "a.parquet.partial"
    for path in (ours, of_others, downloaded, young):
        path.touch()
    link.symlink_to(ours)
    for path in (ours, of_others, downloaded, link):
        os.utime(path, (time.time() - 7200,) * 2, follow_symlinks=False)
    remove_abandoned([tmp_path / "missing", *tmp_path.iterdir()], lambda path: path == tmp_path / "a.parquet")
    assert sorted(tmp_path.iterdir()) == sorted([of_others, downloaded, young, link])


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    assert make_folder(tmp_path / "a" / "b", "token_table").is_dir()
    with pytest.raises(InputError, match=r"^token_table: cannot make the folder .*file/x .*; choose another$"):
        make_folder(tmp_path / "file" / "x", "token_table")


def test_an_error_of_the_disk_is_one_line_with_the_file_or_the_place():
    renamed = OSError(1, "full", "out/a.part", None, "out/a")
    for error, start in (
        (OSError(28, "full"), "out"),
        (OSError(28, "full", "out/a.log"), "out/a.log"),
        (renamed, "out/a"),
    ):
        with (
            pytest.raises(InputError, match=rf"^{start}: cannot be written to \(full\); fix that"),
            writing(Path("out")),
        ):
            raise error


@pytest.mark.parametrize(
    ("path", "reason"),
    [("~no-such-user/x", "home folder"), ("a" * 300, "too long"), ("a\0b", "null"), (f"{'a/' * 3000}x", "too long")],
    ids=["home", "long name", "nul", "long path"],
)
def test_a_path_that_the_system_cannot_look_for_is_one_short_line(path, reason):
    with pytest.raises(InputError, match=reason) as caught:
        user_path(path)
    assert len(str(caught.value)) < 300


def test_a_name_that_no_path_can_have_is_not_a_folder(tmp_path):
    assert is_folder(str(tmp_path))
    assert not any(map(is_folder, ["a" * 300, "a\0b", "a/" * 3000, str(tmp_path / "x")]))


def test_other_paths_of_the_user_do_not_need_to_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").write_text("")
    assert user_path("~/x") == tmp_path / "x"
    assert user_path(tmp_path / "file" / "x") == tmp_path / "file" / "x"


def test_a_place_for_files_is_checked_and_nothing_is_left(tmp_path):
    check_writable(tmp_path / "a" / "b", "--output_path a/b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "else")
    for name in ("file", "file/a", "dangling/a", "n" * 300):
        with pytest.raises(InputError, match=r"--output_path x: cannot write there \(.+\); choose another"):
            check_writable(tmp_path / name, "--output_path x")
