"""A folder with many runs costs a fixed number of listings, and a report is searched once for all runs."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories import listing, side_files
from lm_eval_hesnr.trajectories.decoding import Decoded
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.side_files import json_of
from tests.trajectories.readers import test_auto_code_rover as rover
from tests.trajectories.readers import test_cursor as cursor
from tests.trajectories.readers import test_grok as grok
from tests.trajectories.readers import test_openhands_completions as openhands
from tests.trajectories.test_outcomes import summary, write


def rover_rounds(folder: Path, n: int) -> None:
    """The rounds of one task."""
    for i in range(n):
        write(folder / f"conversation_round_{i}.json", [rover.SYSTEM, rover.ISSUE, rover.SEARCH])


def openhands_logs(folder: Path, n: int) -> None:
    """Logs of one model that do not continue one another."""
    for i in range(n):
        log = {"messages": [openhands.says("user", f"{i}")], "response": openhands.response("x"), "kwargs": {}}
        write(folder / f"m-{i}.5.json", log)


def grok_agents(folder: Path, n: int) -> None:
    """A session, and sub-agents in folders next to it."""
    for i in range(n):
        grok.folder(folder / f"agent {i}", f"agent {i}", session_kind="subagent")
        (folder / "session" / "subagents" / f"agent {i}").mkdir(parents=True)


def cursor_agents(folder: Path, n: int) -> None:
    """Sub-agents of one session, next to as many other files."""
    for i in range(n):
        write(folder / "s" / f"{i}.jsonl", "")
        lines = [cursor.line("user", cursor.text("Go.")), cursor.line("assistant", cursor.text("Done."))]
        write(folder / "s" / "subagents" / f"{i}.jsonl", "\n".join(map(json.dumps, lines)))


def runs_next_to_summaries(folder: Path, n: int) -> None:
    """Chats, and a summary for each."""
    for i in range(n):
        write(folder / f"{i}.json", {"instance_id": f"{i}", "messages": [*rover.PROXY[0], rover.SEARCH]})
        write(folder / f"m.{i}.json", summary())


@pytest.mark.parametrize("make", [rover_rounds, openhands_logs, grok_agents, cursor_agents, runs_next_to_summaries])
def test_folders_are_not_listed_again_for_each_run(tmp_path, monkeypatch, make):
    def entries(n: int) -> int:
        """How many entries of folders are listed to read n runs."""
        counts: list[int] = []
        for name in ("iterdir", "glob"):
            monkeypatch.setattr(Path, name, counted(getattr(Path, name), counts))
        make(tmp_path / f"{n}", n)
        assert load_trajectories(tmp_path / f"{n}").trajectories
        monkeypatch.undo()
        return sum(counts)

    assert 0 < entries(40) < 3 * entries(20)


def counted(find: Callable[..., Any], counts: list[int]) -> Callable[..., Any]:
    """The function of a folder, with the number of what it finds added to `counts`."""

    def _find(path: Path, *args: Any) -> Any:
        found = list(find(path, *args))
        counts.append(1 + len(found))
        return iter(found)

    return _find


def test_a_folder_is_listed_again_after_it_changed(tmp_path):
    names = listing.kept_for_folder(lambda folder: [path.name for path in listing.paths_in(folder)])
    for name in ("b", "a"):
        (tmp_path / name).touch()
        os.utime(tmp_path, (1, ord(name)))
        expected = sorted(path.name for path in tmp_path.iterdir())
        assert names(tmp_path) == expected
        assert names(tmp_path) is names(tmp_path)
    assert names(tmp_path / "none") == names(tmp_path / "\0") == []


class Once(list[str]):
    """Names that can be searched, or read from the beginning to the end, only so often."""

    n_read = 0

    def __iter__(self):
        Once.n_read += 1
        return super().__iter__()

    def __contains__(self, name):
        raise AssertionError("a list is searched for a name")


@pytest.mark.parametrize("name", ["report.json", "m.dev.json"])
def test_the_lists_of_a_report_are_read_once_for_all_runs(tmp_path, monkeypatch, name):
    report = {**summary(), "resolved_ids": Once(["a"]), "unresolved_ids": Once(["b", "a"])}
    monkeypatch.setattr(Once, "n_read", 0)
    run, path = (
        tmp_path / "dev" / "x.json",
        write(tmp_path / "dev" / name, '{"total_instances"}'),
    )  # what is decoded is the report above
    os.utime(path, (1, 1))
    monkeypatch.setattr(side_files, "decoded", lambda raw: Decoded(report))
    assert [resolved_by_report(run, one, None) for one in ("a", "b", "c") * 5] == [True, False, None] * 5
    assert Once.n_read == 2


def test_what_is_derived_from_a_file_is_kept_for_each_function(tmp_path):
    path = write(tmp_path / "x.json", {"a": 1})
    os.utime(path, (1, 1))
    made: list[Any] = []

    def keys(value: Any) -> list[str]:
        made.append(value)
        return list(value)

    assert [json_of(path, derive=keys) for _ in range(3)] == [["a"]] * 3
    assert json_of(path) == {"a": 1}
    assert len(made) == 1
    assert json_of(tmp_path / "none.json", derive=keys) is None
