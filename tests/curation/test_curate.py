import errno
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zstandard

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.curation import curate as module
from lm_eval_hesnr.curation import line_counts
from lm_eval_hesnr.curation.curate import _noted, curate
from lm_eval_hesnr.curation.filters import LEFT_OUT, Filters, LeftOut
from lm_eval_hesnr.curation.items import Item
from lm_eval_hesnr.curation.resumable_file import log_of
from lm_eval_hesnr.curation.tally import Tally
from lm_eval_hesnr.errors import BadFileError, InputError
from lm_eval_hesnr.trajectories import paths
from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.without_action import UnreadCalls
from tests.builders import bash_action, curated_row, segment

EVERYTHING = Filters()


def row(id_, resolved=None, source="test", text="ls", meta=None):
    turn = segment("task", "Fix it."), segment("thought", "Look.", generated=True), bash_action(text)
    return curated_row(id_, *turn, resolved=resolved, source=source, meta=meta)


def written(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in rows))
    return path


def ids(path):
    return [trajectory.id for trajectory in load_trajectories(path).trajectories]


@pytest.fixture
def runs(tmp_path):
    """Two files: seven good trajectories, two bad lines."""
    instance = {"instance_id": "a"}
    first = [row("a", True, meta=instance), row("b", False, text="cat x # y"), "{\n", row("c")]
    second = [
        row("a", True, text="pwd", meta=instance),
        row("d", True, source="other"),
        row("e", True),
        '{"x": 1}\n',
        row("f", False),
    ]
    written(tmp_path / "in" / "1.jsonl", first)
    written(tmp_path / "in" / "2.jsonl", second)
    return str(tmp_path / "in")


def test_the_counts(runs, tmp_path):
    tally = curate([runs], tmp_path / "out" / "o.jsonl", EVERYTHING)
    assert {column: n for (source, column), n in tally.counts.items() if source == "test"} == {
        "files": 2, "read": 6, "resolved": 3, "unresolved": 2, "unknown": 1, "written": 6, "steps": 6,
        "code": 2 * 4 + 4 + 3, "comment": 3, "whitespace": 2, "thought": 30, "task": 42,
    }  # fmt: skip
    assert tally.counts["other", "files"] == 1
    assert [line.removeprefix(runs).split(":")[0] for line in tally.bad] == ["/1.jsonl, line 3", "/2.jsonl, line 4"]
    assert ids(tmp_path / "out" / "o.jsonl") == ["a", "b", "c", "a", "d", "e", "f"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["o.jsonl"]


def test_the_output_holds_what_was_read_and_reads_the_same(runs, tmp_path):
    curate([runs], tmp_path / "o.jsonl", EVERYTHING)
    curate([str(tmp_path / "o.jsonl")], tmp_path / "p.jsonl", EVERYTHING)
    assert load_trajectories(tmp_path / "o.jsonl").trajectories == load_trajectories(runs).trajectories
    assert (tmp_path / "p.jsonl").read_bytes() == (tmp_path / "o.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("filters", "kept", "left_out"),
    [
        (Filters(known_resolved=True), ["a", "a", "d", "e"], {"not resolved": 3}),
        (Filters(sources=("other",)), ["d"], {"other source": 6}),
        (Filters(sources=("other", "test"), known_resolved=True, dedupe=True), ["a", "d", "e"],
         {"not resolved": 3, "duplicate": 1}),
        (Filters(dedupe=True), ["a", "b", "c", "d", "e", "f"], {"duplicate": 1}),
    ],
)  # fmt: skip
def test_filters(runs, tmp_path, filters, kept, left_out):
    tally = curate([runs], tmp_path / "o.jsonl", filters)
    assert ids(tmp_path / "o.jsonl") == kept
    assert {column: tally.total(column) for column in LEFT_OUT if tally.total(column)} == left_out
    assert tally.total("read") == tally.total("written") + sum(left_out.values()) == 7


def test_each_instance_is_written_once(tmp_path):
    """By the name of the instance. Without one, two runs with the same id and other texts are both written."""
    named = {"instance_id": "x__y-1"}
    rows = [row("run 1", meta=named), row("run 2", meta=named, text="pwd"), row("run 1"), row("run 1", text="pwd")]
    source = written(tmp_path / "i.jsonl", [*rows, row("run 1", text="pwd", source="other"), row("run 1", meta=named)])
    tally = curate([str(source)], tmp_path / "o.jsonl", Filters(dedupe=True))
    kept = load_trajectories(tmp_path / "o.jsonl").trajectories
    assert kept == [load_trajectories(source).trajectories[i] for i in (0, 2, 3)]
    assert tally.total("duplicate") == 3


def test_different_real_runs_that_share_an_id_are_kept(real_trajectories, tmp_path):
    tally = curate([str(real_trajectories / "atif")], tmp_path / "o.jsonl", Filters(dedupe=True))
    assert len(set(ids(tmp_path / "o.jsonl"))) < tally.total("written") == tally.total("read")


def test_max_tokens_counts_the_transcript(random_model, tmp_path):
    from transformers import AutoTokenizer

    from lm_eval_hesnr.labelling.render import transcript

    source = written(tmp_path / "i.jsonl", [row("short"), row("long", text="echo one more word; " * 20)])
    tokenizer = AutoTokenizer.from_pretrained(random_model)
    short, long = (len(tokenizer(transcript(t).text)["input_ids"]) for t in load_trajectories(source).trajectories)
    for limit, kept in ((short, ["short"]), (long - 1, ["short"]), (long, ["short", "long"])):
        filters = Filters(max_tokens=limit, tokenizer=str(random_model))
        curate([str(source)], tmp_path / "o.jsonl", filters, force=True)
        assert ids(tmp_path / "o.jsonl") == kept


def test_a_tokenizer_that_does_not_exist(runs, tmp_path):
    with pytest.raises(InputError, match=r"--tokenizer: the tokenizer .*nothing cannot be loaded"):
        curate([runs], tmp_path / "o.jsonl", Filters(max_tokens=9, tokenizer=str(tmp_path / "nothing")))


def stop_after(n):
    def progress(path, tally):
        if tally.n_results >= n:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.zst"])
@pytest.mark.parametrize("filters", [EVERYTHING, Filters(dedupe=True), Filters(known_resolved=True)])
def test_a_stop_anywhere_does_not_change_the_output(runs, tmp_path, monkeypatch, name, filters):
    monkeypatch.setattr(module, "BLOCK_RESULTS", 2)
    whole = curate([runs], tmp_path / "whole" / name, filters)
    for n in range(1, 9):
        out = tmp_path / str(n) / name
        with pytest.raises(KeyboardInterrupt):
            curate([runs], out, filters, progress=stop_after(n))
        assert not out.exists()
        if n == 1:  # no whole block
            assert list(out.parent.iterdir()) == []
            continue
        data_path = next(out.parent.glob("*.part"))
        with data_path.open("ab") as data, log_of(out).open("ab") as log:
            data.write(b"what was on the way when the power went")
            log.write(b'{"bytes": 1, "no')
        seen: list[int] = []
        note = partial(lambda seen, path, tally: seen.append(tally.n_results), seen)
        resumed = curate([runs], out, filters, progress=note)
        assert seen[0] == n // 2 * 2 + 1
        assert resumed == whole
        assert out.read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert list(out.parent.iterdir()) == [out]


def call_of(tool, **arguments):
    one = row(tool, text=json.dumps(arguments))
    one["segments"][2]["calls"] = [{"tool": tool, "arguments": arguments, "executed": True}]
    return one


UNKNOWN_TOOLS = [
    call_of("book_flight", seat="1A"),
    call_of("bash", command="ls"),
    call_of("frobnicate", x="y"),
    call_of("book_flight", seat="1B"),
    call_of("frobnicate", path="a.py", content="x = 1"),  # its arguments say what it does
]


@pytest.mark.parametrize("workers", [1, 2])
def test_unknown_tools_are_counted_also_over_a_stop_and_in_processes(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(module, "BLOCK_RESULTS", 1)
    source, out = str(written(tmp_path / "in.jsonl", UNKNOWN_TOOLS)), tmp_path / "o.jsonl"
    with pytest.raises(KeyboardInterrupt):
        curate([source], out, EVERYTHING, progress=stop_after(3), workers=workers)
    tally = curate([source], out, EVERYTHING, workers=workers)
    assert tally.unknown_tools == {"book_flight": 2, "frobnicate": 1}


def test_runs_without_an_action_are_kept_over_a_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_RESULTS", 1)
    runs = [curated_row(name, {"kind": "thought", "text": "<a_b></a_b>", "generated": True}) for name in "abcd"]
    source, out = str(written(tmp_path / "in.jsonl", runs)), tmp_path / "o.jsonl"
    with pytest.raises(KeyboardInterrupt):
        curate([source], out, EVERYTHING, progress=stop_after(3))
    assert curate([source], out, EVERYTHING).unread_calls == [UnreadCalls(source, False, ("<a_b>",))] * 4


def test_very_many_unknown_tools_are_counted_and_only_some_are_named(tmp_path, capsys):
    calls = [{"tool": f"frobnicate{'q' * i}", "arguments": {"a": "some words"}, "executed": True} for i in range(300)]
    turn = {"kind": "action", "text": "some words", "generated": True, "calls": calls}
    source = written(tmp_path / "in.jsonl", [curated_row("a", segment("task", "Fix it."), turn)])
    for options, names in (([], 200), (["-v"], 300)):
        assert main(["curate", str(source), "-o", str(tmp_path / "o.jsonl"), "--force", *options]) == 0
        (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("unknown tools: ")]
        assert line.count("frobnicate") == names
        assert line.endswith(" and 100 more (-v names all)") == (names == 200)


def test_unknown_tools_are_printed(tmp_path, capsys):
    source, out = str(written(tmp_path / "in.jsonl", UNKNOWN_TOOLS)), str(tmp_path / "o.jsonl")
    assert main(["curate", source, "-o", out]) == 0
    assert "unknown tools: book_flight (2), frobnicate (1)\n" in capsys.readouterr().out
    known = str(written(tmp_path / "known.jsonl", [row("a"), call_of("sub::agent", prompt="x")]))
    assert main(["curate", known, "-o", str(tmp_path / "p.jsonl")]) == 0
    assert "unknown tools" not in capsys.readouterr().out


def test_actions_that_are_too_costly_to_parse_are_counted(tmp_path, capsys):
    runs = written(tmp_path / "in" / "a.jsonl", [row("a", text="# c\n" + "a?" * 30_000), row("b", text="ls # c")])
    assert main(["curate", str(runs), "-o", str(tmp_path / "out.jsonl")]) == 0
    assert "unparsed: 1 action is too costly to parse completely" in capsys.readouterr().out


def test_other_inputs_or_filters_start_again(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_RESULTS", 2)
    out = tmp_path / "o.jsonl"
    with pytest.raises(KeyboardInterrupt):
        curate([runs], out, EVERYTHING, progress=stop_after(5))
    with pytest.raises(KeyboardInterrupt):
        curate([runs], out, Filters(dedupe=True), progress=stop_after(5))
    written(tmp_path / "in" / "0.jsonl", [row("new")])
    curate([runs], out, Filters(dedupe=True))
    assert ids(out) == ["new", "a", "b", "c", "d", "e", "f"]


@pytest.mark.end_to_end
def test_worker_processes_change_nothing(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_RESULTS", 2)
    one = curate([runs], tmp_path / "1" / "o.jsonl.zst", EVERYTHING)
    two = curate([runs], tmp_path / "2" / "o.jsonl.zst", EVERYTHING, workers=2)
    assert one == two
    assert (tmp_path / "1" / "o.jsonl.zst").read_bytes() == (tmp_path / "2" / "o.jsonl.zst").read_bytes()


def test_strict_stops_at_the_first_bad_file_and_a_call_without_it_continues(runs, tmp_path, monkeypatch):
    with pytest.raises(BadFileError, match=r"1\.jsonl, line 3: not valid JSON"):
        curate([runs], tmp_path / "o.jsonl", EVERYTHING, strict=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "in"]
    monkeypatch.setattr(module, "BLOCK_RESULTS", 1)
    with pytest.raises(KeyboardInterrupt):
        curate([runs], tmp_path / "o.jsonl", EVERYTHING, progress=stop_after(4))
    with pytest.raises(BadFileError, match=r"1\.jsonl, line 3"):
        curate([runs], tmp_path / "o.jsonl", EVERYTHING, strict=True)
    assert len(curate([runs], tmp_path / "o.jsonl", EVERYTHING).bad) == 2


def test_a_finished_output_is_kept(runs, tmp_path):
    out = written(tmp_path / "o.jsonl", [row("precious")])
    with pytest.raises(InputError, match="exists already; give another name, or --force"):
        curate([runs], out, EVERYTHING)
    with pytest.raises(KeyboardInterrupt):
        curate([runs], out, EVERYTHING, force=True, progress=stop_after(3))
    assert ids(out) == ["precious"]
    curate([runs], out, EVERYTHING, force=True)
    assert len(ids(out)) == 7


def test_the_output_is_not_an_input(runs, tmp_path):
    out = tmp_path / "in" / "o.jsonl"
    curate([runs], out, EVERYTHING)
    curate([runs], out, EVERYTHING, force=True)
    assert ids(out) == ["a", "b", "c", "a", "d", "e", "f"]
    (tmp_path / "symbolic").symlink_to(out)
    (tmp_path / "hard").hardlink_to(out)
    for given in (out, tmp_path / "symbolic", tmp_path / "hard"):
        with pytest.raises(InputError, match=r"o\.jsonl: is one of the inputs"):
            curate([str(given)], out, EVERYTHING, force=True)
    assert len(ids(out)) == 7


@pytest.mark.parametrize("name", ["2.jsonl", "3.jsonl.zst"])
def test_a_file_of_an_input_folder_is_replaced_only_if_hesnr_wrote_it(runs, tmp_path, name, capsys):
    out = tmp_path / "in" / name
    content = b'{"messages": []}\n'
    out.write_bytes(zstandard.compress(content) if name.endswith(".zst") else content)
    before = out.read_bytes()
    for given in (runs, f"{runs}/*"):
        with pytest.raises(InputError, match="is one of the files of the inputs, and hesnr did not write it"):
            curate([given], out, EVERYTHING, force=True)
        assert out.read_bytes() == before
    out.unlink()
    for is_there in (False, True):
        assert main(["curate", runs, "-o", str(out), "--force"]) == 1
        assert ("the old file was not read, and was replaced" in capsys.readouterr().err) == is_there


def test_inputs_with_the_names_of_work_files_stay(runs, tmp_path):
    for name in ("o.jsonl.part", "o.jsonl.part.log"):
        (tmp_path / name).write_bytes((tmp_path / "in" / "1.jsonl").read_bytes())
    before = (tmp_path / "o.jsonl.part").read_bytes()
    with pytest.raises(InputError, match=r"o\.jsonl\.part\.log: is one of the inputs"):
        curate([str(tmp_path / "o.jsonl.part.log")], tmp_path / "o.jsonl", EVERYTHING)
    with pytest.raises(
        InputError, match=r"o\.jsonl\.part\.log: is not a log of this version of hesnr curate for o\.js"
    ):
        curate([runs], tmp_path / "o.jsonl", EVERYTHING)
    assert (tmp_path / "o.jsonl.part.log").read_bytes() == before
    (tmp_path / "o.jsonl.part.log").unlink()
    curate([str(tmp_path / "o.jsonl.part")], tmp_path / "o.jsonl", EVERYTHING)
    assert ids(tmp_path / "o.jsonl") == ["a", "b", "c"]
    assert (tmp_path / "o.jsonl.part").read_bytes() == before


def test_an_output_that_appears_meanwhile_is_kept(runs, tmp_path):
    out = tmp_path / "o.jsonl"

    def appears(path, tally):
        out.write_text("mine")

    with pytest.raises(InputError, match="exists already; give another name, or --force"):
        curate([runs], out, EVERYTHING, progress=appears)
    assert out.read_text() == "mine"
    assert curate([runs], out, EVERYTHING, force=True).total("written") == 7
    assert len(ids(out)) == 7


def test_a_folder_that_is_removed_meanwhile_is_one_line(runs, tmp_path):
    out = tmp_path / "out" / "o.jsonl"
    with pytest.raises(InputError, match="another program changed or removed it"):
        curate([runs], out, EVERYTHING, progress=lambda path, tally: shutil.rmtree(out.parent, ignore_errors=True))
    assert not out.parent.exists()


def test_nothing_to_write_makes_no_output(runs, tmp_path):
    tally = curate([runs], tmp_path / "out" / "o.jsonl", Filters(sources=("none such",)))
    assert (tally.total("read"), tally.total("written")) == (7, 0)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_is_one_line_and_what_was_done_is_kept(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_RESULTS", 2)
    blocks = []

    def full_after_two_blocks(descriptor):
        blocks.append(descriptor)
        if len(blocks) > 3:  # the log's first line and two blocks
            raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out" / "o.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("lm_eval_hesnr.curation.resumable_file.os.fsync", full_after_two_blocks)
        with pytest.raises(InputError, match=r"out: cannot be written to \(No space left"):
            curate([runs], out, EVERYTHING)
    assert not out.exists()
    seen = []
    curate([runs], out, EVERYTHING, progress=lambda path, tally: seen.append(tally.n_results))
    assert seen[0] == 5
    assert len(ids(out)) == 7


@pytest.mark.parametrize(
    ("inputs", "out", "message"),
    [
        (["in", "docs"], "o.jsonl", r"docs: no \.json, \.jsonl, .* file in this folder"),
        (["missing"], "o.jsonl", "missing: no such file, folder or glob"),
        (["in"], "o.json", r"o\.json: the output should end in \.jsonl or \.jsonl\.zst"),
    ],
)
def test_wrong_usage(runs, tmp_path, monkeypatch, inputs, out, message):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "docs" / "notes.md", ["# notes"])
    with pytest.raises(InputError, match=message):
        curate(inputs, tmp_path / out, EVERYTHING)


def test_half_a_surrogate_pair_is_written_as_a_replacement_character(tmp_path):
    source = written(tmp_path / "i.jsonl", [row("a\udc00", text="echo \ud83d"), row("ü", text="echo ü")])
    curate([str(source)], tmp_path / "o.jsonl", EVERYTHING)
    assert load_trajectories(tmp_path / "o.jsonl").trajectories == load_trajectories(source).trajectories
    assert ids(tmp_path / "o.jsonl") == ["a\ufffd", "ü"]
    assert '"text": "echo \ufffd"'.encode() in (tmp_path / "o.jsonl").read_bytes()


def test_a_value_that_cannot_be_written_is_a_bad_input(tmp_path, monkeypatch):
    source = written(tmp_path / "i.jsonl", [row("a"), row("b")])
    read = line_counts.curated.read

    def fails_for_a(data, path):
        if data["id"] == "a":
            raise RecursionError("too deep")
        return read(data, path)

    monkeypatch.setattr(line_counts, "curated", type("Reader", (), {"read": staticmethod(fails_for_a)}))
    tally = curate([str(source)], tmp_path / "o.jsonl", EVERYTHING)
    assert tally.bad == [f"{source}: 'a': its curated form cannot be read again (too deep)"]
    assert ids(tmp_path / "o.jsonl") == ["b"]


def test_a_bad_trajectory_is_never_counted_as_left_out_by_a_filter():
    for content, column, bad in ((Bad("too long"), 0, ["too long"]), (LeftOut("too long"), 1, [])):
        tally = module._tally_of(Item(Path("x.json"), content), None, EVERYTHING, set())
        assert (tally.total("too long"), tally.bad) == (column, bad)


def test_a_folder_is_listed_once(runs, tmp_path, monkeypatch, capsys):
    listed: Any = []
    files_under = paths.files_under
    monkeypatch.setattr(paths, "files_under", lambda path: listed.append(path) or files_under(path))
    assert main(["curate", runs, "-o", str(tmp_path / "o.jsonl")]) == 1
    assert listed == [Path(runs)]


@pytest.mark.parametrize(
    "change", [{"counts": 5}, {"bad": 3}, {"bad": [1]}, {"results": -1}, {"instances": [[]]}, {"unread_calls": [[1]]}]
)
def test_a_log_with_a_note_that_hesnr_does_not_write_is_named(change: dict[str, Any]):
    good = Tally(bad=["x"], n_results=1).to_note()
    assert _noted(good, Path("o.jsonl")) == Tally(bad=["x"], n_results=1)
    notes: list[dict[str, Any]] = [good | change, {}]
    for note in notes:
        with pytest.raises(InputError, match=r"^o.jsonl.part.log: is not a log that hesnr wrote \("):
            _noted(note, Path("o.jsonl"))
