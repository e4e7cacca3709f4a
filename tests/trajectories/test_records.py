"""Files of every kind contain the same records, and damage is reported with its place."""

import gzip
import json
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories import decoding
from lm_eval_hesnr.trajectories.decoding import Bad, Record
from lm_eval_hesnr.trajectories.hub import HubName, hub_name, hub_records
from lm_eval_hesnr.trajectories.load import iterate_trajectories
from lm_eval_hesnr.trajectories.records import records

ROWS = [{"id": "a", "n": 1}, {"id": "é", "n": 2}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def zst(data):
    return zstandard.ZstdCompressor().compress(data)


def found(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return list(records(path))


@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson", "x.json", "x.traj", "x.txt", "x"])
@pytest.mark.parametrize("pack", [("", lambda b: b), (".gz", gzip.compress), (".zst", zst)], ids=["", "gz", "zst"])
def test_lines(tmp_path, name, pack):
    ending, packed = pack
    assert found(tmp_path, name + ending, packed(LINES)) == [Record("line 1", ROWS[0]), Record("line 2", ROWS[1])]


def test_frames_and_members_that_follow_one_another(tmp_path):
    both = [Record("line 1", ROWS[0]), Record("line 2", ROWS[1])]
    first, second = (line + b"\n" for line in LINES.splitlines())
    assert found(tmp_path, "x.jsonl.gz", gzip.compress(first) + gzip.compress(second)) == both
    assert found(tmp_path, "x.jsonl.zst", zst(first) + zst(second)) == both


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.JSON"])
def test_one_value_on_many_lines_with_a_byte_order_mark(tmp_path, name):
    data = b"\xef\xbb\xbf" + json.dumps(ROWS, indent=1).encode()
    assert found(tmp_path, name, data) == [Record("", ROWS)]


def test_parquet_rows_without_the_nulls_that_its_columns_fill_in(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [
        {"messages": [{"role": "user", "tool_calls": None}, {"role": "tool", "tool_calls": [{"id": "x", "n": 1}]}]},
        {"messages": [], "other": 2.5},
    ] * 10
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet")
    parquet_rows = list(records(tmp_path / "x.parquet"))
    assert [record.place for record in parquet_rows] == [f"row {i}" for i in range(1, 21)]
    assert parquet_rows[0].value == {
        "messages": [{"role": "user"}, {"role": "tool", "tool_calls": [{"id": "x", "n": 1}]}]
    }


@pytest.mark.parametrize(
    ("name", "data", "place", "reason"),
    [
        (
            "x.json",
            b'{"a": "b',
            "line 1",
            "not valid JSON (Unterminated string starting at, column 7); the file seems cut",
        ),
        ("x.json", b"", "line 1", "not valid JSON (Expecting value, column 1)"),
        ("x.json", b'{"a": \xff}', "", "not UTF-8 text (byte 6: invalid start byte)"),
        ("x.json", b"[" * 100_000, "", "JSON nested too deeply"),
        ("x.json", b"1" * 5000, "", "not valid JSON (Exceeds the limit"),
        ("x.jsonl", b'{"a": \xff}', "line 1", "not UTF-8 text"),
        ("x.json.gz", b"no gzip", "", "cannot be read (Not a gzipped file"),
        ("x.jsonl.gz", gzip.compress(LINES * 999)[:-20], "", "cannot be read after line"),
        ("x.parquet", b"no parquet", "", "not valid Parquet ("),
        ("x.parquet", b"PAR1" + b"\xff" * 40 + b"PAR1", "", "not valid Parquet ("),
        ("x.jsonl.zst", b"no zst", "", "cannot be read ("),
    ],
)
def test_a_damaged_record_is_bad_at_its_place(tmp_path, name, data, place, reason):
    last = found(tmp_path, name, data)[-1]
    assert last.place == place
    assert isinstance(last.value, Bad)
    assert last.value.reason.startswith(reason)


def test_a_broken_line_leaves_the_others_readable(tmp_path):
    found_rows = found(tmp_path, "x.jsonl", b'\n{"a": 1}\n{"a": \n\xff\n2\n')
    assert [(r.place, isinstance(r.value, Bad)) for r in found_rows] == [
        ("line 2", False),
        ("line 3", True),
        ("line 4", True),
        ("line 5", False),
    ]


def test_the_decompressed_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_BYTES", 2**20)
    bomb = gzip.compress(b'{"a": "' + b"x" * 2**22)
    assert found(tmp_path, "x.json.gz", bomb) == [
        Record("", Bad("one value of more than 1 MiB; use JSON Lines")),
    ]
    lines = gzip.compress(b'{"a": "' + b"x" * 2**22 + b'"}\n{"a": 1}\n')
    assert found(tmp_path, "x.jsonl.gz", lines) == [
        Record("line 1", Bad("a line of more than 1 MiB")),
        Record("line 2", {"a": 1}),
    ]


def test_lines_are_streamed(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(LINES * 1000)
    stream: Any = records(path)
    assert next(stream).value == ROWS[0]
    stream.close()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("hf://org/name", HubName("org/name", None, None)),
        ("hf://datasets/org/name:train", HubName("org/name", None, "train")),
        ("hf://org/name/config:train[:10]", HubName("org/name", "config", "train[:10]")),
        ("org/name:tool", HubName("org/name", None, "tool")),
        ("hf://org/name@v1.0", HubName("org/name", None, None, "v1.0")),
        ("hf://datasets/org/name@0a1b2c3/config:train", HubName("org/name", "config", "train", "0a1b2c3")),
        ("hf://org/name@refs/pr/3/config", HubName("org/name", "config", None, "refs/pr/3")),
        ("hf://org/name@refs/convert/parquet:train", HubName("org/name", None, "train", "refs/convert/parquet")),
        ("org/name@main:train", HubName("org/name", None, "train", "main")),
        ("org/name@main", None),
        ("hf://org/name@", None),
        ("hf://org/name/config@main", None),
        ("org/name", None),
        ("a/b/c:d", None),
        ("/data/runs", None),
        ("runs/x.jsonl", None),
        ("C:\\runs\\x.jsonl", None),
        ("hf://name", None),
    ],
)
def test_names_of_hub_data_sets(given, expected):
    assert hub_name(given) == expected


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder that `datasets` loads as the data set org/name, with its own cache."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "org" / "name"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_bytes(LINES + b'{"id": "c", "m": 3}\n')
    datasets.disable_progress_bars()
    return folder


def test_rows_of_a_hub_data_set(hub):
    rows = [*ROWS, {"id": "c", "m": 3}]
    expected = [("train", Record(f"row {i}", row)) for i, row in enumerate(rows, start=1)]
    assert list(hub_records(HubName("org/name", None, None))) == expected
    assert list(hub_records(HubName("org/name", None, "train"))) == expected


def test_a_hub_data_set_in_the_place_of_a_path(hub):
    chat = [{"role": "user", "content": "go"}, {"role": "assistant", "content": "done"}]
    rows = [{"id": "1", "messages": chat}, {"id": "2", "messages": []}, {"id": "3", "messages": chat}]
    (hub / "train.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    results = list(iterate_trajectories("org/name:train"))
    assert [str(path) for path, _ in results] == ["hf:/datasets/org/name/train"] * 3
    assert [result.reason if isinstance(result, Bad) else result.id for _, result in results] == [
        "1",
        "hf:/datasets/org/name/train, row 2: key 'messages' should be a list with messages, found []",
        "3",
    ]


def test_a_revision_pins_the_data_set_and_is_in_the_path(monkeypatch):
    datasets = pytest.importorskip("datasets")
    chat = [{"role": "user", "content": "go"}, {"role": "assistant", "content": "done"}]
    asked = []

    def load_dataset_builder(*names, **options):
        asked.append((*names, options))
        if options["revision"] == "gone":
            raise ValueError("no such revision")
        builder = SimpleNamespace(base_path="", info=SimpleNamespace(download_size=None))
        builder.download_and_prepare = lambda: None
        builder.as_dataset = lambda split: [{"id": "1", "messages": chat}, {"a": 1}]
        return builder

    monkeypatch.setattr(datasets, "load_dataset_builder", load_dataset_builder)
    results = list(iterate_trajectories("hf://org/name@v2/config:train"))
    assert asked == [("org/name", "config", {"revision": "v2"})]
    assert [str(path) for path, _ in results] == ["hf:/datasets/org/name@v2/train"] * 2
    assert [result.reason if isinstance(result, Bad) else result.id for _, result in results] == [
        "1",
        "hf:/datasets/org/name@v2/train, row 2: no known trajectory format (an object with keys 'a')",
    ]
    with pytest.raises(InputError, match=r"hf://org/name@gone: the data set cannot be read \(no such revision\)"):
        list(hub_records(HubName("org/name", None, None, "gone")))


def test_a_data_set_that_cannot_be_loaded_is_one_line(hub):
    with pytest.raises(InputError, match="hf://org/name: the data set cannot be read") as caught:
        list(hub_records(HubName("org/name", None, "nosplit")))
    assert "\n" not in str(caught.value)


def test_objects_on_one_line_without_a_line_end_between_them(tmp_path):
    *good, bad = found(tmp_path, "a.jsonl", b'{"a": "}{"}{"b": 1}\n{"c": 2}3\n')
    assert good == [Record("line 1", {"a": "}{"}), Record("line 1", {"b": 1})]
    assert bad == Record("line 2", Bad("not valid JSON (Extra data, column 9); the file seems cut off"))


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_text_after_one_value_on_many_lines_is_named_once(tmp_path, name):
    assert found(tmp_path, name, b'{\n"a": 1\n}\nmore text') == [
        Record("line 4", Bad("not valid JSON (Extra data, column 1)"))
    ]
