"""Branches and tags of a model on the Hugging Face Hub, with their commits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import shortened

_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubRefs:
    """Lists the revisions of names on the Hub, each name once until `forget`."""

    def __init__(self) -> None:
        self._known: dict[str, Mapping[str, str]] = {}
        self._unreachable: set[str] = set()

    def __call__(self, repo: str) -> Mapping[str, str]:
        """Branch or tag to commit.

        Raises:
            InputError: the Hub cannot be reached, or has no such name.
        """
        from huggingface_hub import HfApi  # the import takes a while

        if repo not in self._known:
            try:
                refs = HfApi().list_repo_refs(repo)
            except Exception as error:  # the client raises many types
                reason = shortened(" ".join(str(error).split()) or type(error).__name__, 200)
                raise InputError(
                    f"{repo}: its revisions cannot be listed ({reason}); name them, as in {repo}@step1000,step2000"
                ) from error
            self._known[repo] = {one.name: one.target_commit for one in (*refs.branches, *refs.tags)}
        return self._known[repo]

    def forget(self) -> None:
        """Ask the Hub again at the next call."""
        self._known = {}

    def commit_of(self, repo: str, revision: str) -> str | None:
        """The commit of a revision: from the Hub, or from the local cache if it cannot be reached; None if unknown."""
        if _COMMIT.fullmatch(revision):
            return revision
        if repo not in self._unreachable:
            try:
                if commit := self(repo).get(revision):
                    return commit
            except InputError:
                self._unreachable.add(repo)
        return _cached_commit(repo, revision)


def _cached_commit(repo: str, revision: str) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(repo, "config.json", revision=revision)
    except ValueError:  # not a name of the Hub
        return None
    return Path(found).parent.name if isinstance(found, str) else None
