import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import check_writable, make_folder, replace_file, unfinished_name


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


def test_only_unfinished_files_of_replace_file_are_recognised(tmp_path):
    assert unfinished_name(tmp_path / f"a.parquet.{'0f' * 16}.partial") == "a.parquet"
    assert unfinished_name(tmp_path / "a.parquet.partial") is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    assert make_folder(tmp_path / "a" / "b", "token_table").is_dir()
    with pytest.raises(InputError, match=r"^token_table: cannot make the folder .*file/x .*; choose another$"):
        make_folder(tmp_path / "file" / "x", "token_table")


def test_a_place_for_files_is_checked_and_nothing_is_left(tmp_path):
    check_writable(tmp_path / "a" / "b", "--output_path a/b")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "else")
    for name in ("file", "file/a", "dangling/a", "n" * 300):
        with pytest.raises(InputError, match=r"--output_path x: cannot write there \(.+\); choose another"):
            check_writable(tmp_path / name, "--output_path x")
