import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import make_folder, replace_file, unfinished_name, user_path


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


@pytest.mark.parametrize(
    ("path", "reason"),
    [("~no-such-user/x", "home folder"), ("a" * 300, "too long"), ("a\0b", "null"), (f"{'a/' * 3000}x", "too long")],
    ids=["home", "long name", "nul", "long path"],
)
def test_a_path_that_the_system_cannot_look_for_is_one_short_line(path, reason):
    with pytest.raises(InputError, match=reason) as caught:
        user_path(path)
    assert len(str(caught.value)) < 300


def test_other_paths_of_the_user_do_not_need_to_exist(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").write_text("")
    assert user_path("~/x") == tmp_path / "x"
    assert user_path(tmp_path / "file" / "x") == tmp_path / "file" / "x"
