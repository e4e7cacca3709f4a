from types import SimpleNamespace

import huggingface_hub
import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.hub import HubRefs

COMMIT, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def asked(monkeypatch):
    """The names that the Hub was asked about; it knows org/model."""
    names = []

    def list_repo_refs(self, repo):
        names.append(repo)
        if repo != "org/model":
            raise OSError("404 Client Error\nnot found")
        branch, tag = (SimpleNamespace(name=name, target_commit=one) for name, one in (("main", COMMIT), ("v1", OTHER)))
        return SimpleNamespace(branches=[branch], tags=[tag])

    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_refs", list_repo_refs)
    return names


def test_branches_and_tags_are_listed_once_until_they_are_forgotten(asked):
    refs = HubRefs()
    assert refs("org/model") == refs("org/model") == {"main": COMMIT, "v1": OTHER}
    assert asked == ["org/model"]
    refs.forget()
    refs("org/model")
    assert len(asked) == 2


def test_revisions_that_cannot_be_listed_are_one_line(asked):
    with pytest.raises(InputError, match=r"org/x: its revisions cannot be listed \(404 Client Error not found\); name"):
        HubRefs()("org/x")


def test_the_commit_of_a_revision(asked):
    refs = HubRefs()
    assert refs.commit_of("org/model", "v1") == OTHER
    assert refs.commit_of("org/model", COMMIT) == COMMIT
    assert refs.commit_of("org/model", "gone") is None


def test_a_hub_that_cannot_be_reached_is_asked_once(asked):
    refs = HubRefs()
    assert [refs.commit_of("org/x", revision) for revision in ("main", "v1", "v2")] == [None] * 3
    refs.forget()
    assert refs.commit_of("org/x", "main") is None
    assert asked == ["org/x"]
