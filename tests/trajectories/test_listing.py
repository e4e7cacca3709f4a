"""Folders that contain links to themselves, and other trees without end."""

import os

import pytest

from lm_eval_hesnr.trajectories.listing import files_of_glob, files_under

pytestmark = pytest.mark.usefixtures("ends_in_any_case")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with links to itself: the number of its paths grows with every level."""
    monkeypatch.chdir(tmp_path)
    for path in ("a/b/x.json", "a/y.json", "z.json", ".hidden/h.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}")
    for link, target in (("0", "."), ("a/00", ".."), ("a/b/0", "../.."), ("broken", "nowhere"), ("own", "own")):
        (tmp_path / link).symlink_to(target)
    return tmp_path


def names(paths):
    return list(map(str, paths))


def test_a_folder_is_listed_without_its_links_to_folders(tree):
    expected = [".hidden/h.json", "a/b/x.json", "a/y.json", "z.json"]
    assert files_under(tree) == [tree / name for name in expected]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/*.json", ["a/b/x.json", "a/y.json", "z.json"]),
        ("**", ["a/b/x.json", "a/y.json", "z.json"]),
        ("a/**/x.json", ["a/b/x.json"]),
        ("a/**/00/**/y.json", ["a/00/a/y.json"]),
        ("0/**/z.json", ["0/z.json"]),
        ("*/*.json", ["0/z.json", "a/y.json"]),
        ("[a]/**/y.json", ["a/y.json"]),
        ("**/nowhere", []),
    ],
)
def test_a_glob_names_each_file_by_its_shortest_path(tree, pattern, expected):
    assert names(files_of_glob(tree.__class__(pattern))) == expected
    assert files_of_glob(tree / pattern) == [tree / name for name in expected]


def test_a_link_to_a_folder_elsewhere_is_followed_by_a_glob(tree, tmp_path_factory):
    other = tmp_path_factory.mktemp("other[1]")
    (other / "o.json").write_text("{}")
    (tree / "a" / "link").symlink_to(other)
    assert "a/link/o.json" in names(files_of_glob(tree.__class__("**/*.json")))


def test_a_very_deep_folder_is_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    depth = 400
    for _ in range(depth):
        os.mkdir("d")  # noqa: PTH102 (the whole path would be too long)
        os.chdir("d")
    (tmp_path / "x.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert names(files_under(tmp_path.__class__("."))) == ["x.json"]
