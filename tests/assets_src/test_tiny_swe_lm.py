"""How the tiny model is made: batches, styles of calls, the editor tool, and a family small enough for a test."""

import json
import random
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from assets_src.tiny_swe_lm import evaluate, family, functions, overlap
from assets_src.tiny_swe_lm import table as table_module
from assets_src.tiny_swe_lm.calls import restyle
from assets_src.tiny_swe_lm.data import IGNORED, Stream, draw_batch
from assets_src.tiny_swe_lm.editor import run_editor
from assets_src.tiny_swe_lm.family import stages, train_family
from assets_src.tiny_swe_lm.languages import rust_text
from assets_src.tiny_swe_lm.model import Size
from assets_src.tiny_swe_lm.pictures import curve, histogram
from assets_src.tiny_swe_lm.sources import SourceFile
from assets_src.tiny_swe_lm.table import entropy_bars, readings, steps_of_training, table
from assets_src.tiny_swe_lm.tokenizer import agent_spans, as_chat, train_tokenizer
from assets_src.tiny_swe_lm.train import Run, Schedule
from assets_src.tiny_swe_lm.working_folder import keep_to_plan
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.forms import checkpoints_of, found_in
from lm_eval_hesnr.results.sweep.request import read_config, request_of

ROOT = Path(__file__).parents[2]
SESSION = (
    "### Task\nPlease fix it.\n\n"
    "### Agent\nTHOUGHT: Look first.\n\n```bash\necho 'a\nb'\n```\n\n"
    "### Observation\n<returncode>0</returncode>\n<output>\na\nb\n</output>\n\n"
    "### Agent\nDone.\n\n```bash\nsubmit\n```\n\n"
)


def test_a_batch_is_a_function_of_seed_and_step():
    streams = {"code": Stream(np.arange(1000, dtype=np.uint16)), "sessions": Stream(np.arange(1000, dtype=np.uint16))}
    shares = {"code": 0.5, "sessions": 0.5}

    def batch(seed, step):
        return draw_batch(streams, shares, window=8, n_rows=4, seed=seed, step=step)

    assert torch.equal(batch(0, 5).inputs, batch(0, 5).inputs)
    assert not torch.equal(batch(0, 5).inputs, batch(0, 6).inputs)
    assert not torch.equal(batch(0, 5).inputs, batch(1, 5).inputs)
    assert torch.equal(batch(0, 5).targets, batch(0, 5).inputs + 1)  # each target is the token after


def test_a_mask_leaves_targets_out():
    ids = np.arange(100, dtype=np.uint16)
    streams = {"chats": Stream(ids, ids % 2 == 0)}
    targets = draw_batch(streams, {"chats": 1.0}, window=6, n_rows=2, seed=0, step=0).targets
    assert set((targets[targets != IGNORED] % 2).tolist()) == {0}
    assert (targets == IGNORED).sum() == 6


def test_the_schedule_warms_up_and_ends_where_it_says():
    schedule = Schedule(first_step=10, last_step=30, warmup_steps=4, peak=1.0, end=0.1)
    assert [schedule.lr(step) for step in (10, 13, 14)] == [0.25, 1.0, 1.0]
    assert schedule.lr(30) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("style", "first", "last"),
    [
        ("json", 'Look first.\n{"command": "echo \'a\\nb\'"}', "Done.\n{}"),
        (
            "xml",
            "Look first.\n\n<function=bash>\n<parameter=command>\necho 'a\nb'\n</parameter>\n</function>",
            "Done.\n\n<function=submit>\n</function>",
        ),
    ],
)
def test_a_session_is_written_in_another_style(style, first, last):
    sections = restyle(SESSION, style).split("### ")
    assert sections[2] == f"Agent\n{first}\n\n"
    assert sections[4] == f"Agent\n{last}\n\n"
    assert sections[3] == SESSION.split("### ")[3]


def test_the_agents_part_of_a_chat():
    chat = as_chat(SESSION)
    texts = [chat[start:stop] for start, stop in agent_spans(chat)]
    assert texts == [
        "THOUGHT: Look first.\n\n```bash\necho 'a\nb'\n```<|im_end|>",
        "Done.\n\n```bash\nsubmit\n```<|im_end|>",
    ]


def test_the_editor_replaces_text_that_occurs_once(tmp_path: Path):
    def edit(command, **arguments):
        return run_editor(tmp_path, "/repo", {"command": command, "path": "/repo/a/b.c", **arguments})

    assert edit("create", file_text="int x;\nint y;\n") == "Created /repo/a/b.c.\n"
    assert "is there already" in edit("create", file_text="")
    assert edit("view", view_range=[2, 2]).endswith("/repo/a/b.c:\n     2\tint y;\n")
    assert "found more than once, in lines [1, 2]" in edit("str_replace", old_str="int ", new_str="long ")
    assert "does not contain" in edit("str_replace", old_str="short", new_str="")
    assert "     2\tlong y;\n" in edit("str_replace", old_str="int y", new_str="long y")
    assert "     1\t// x\n" in edit("insert", insert_line=0, new_str="// x")
    assert (tmp_path / "a/b.c").read_text() == "// x\nint x;\nlong y;\n"


def test_rust_out_of_a_page():
    page = (
        '<pre class="rust"><code><a href=#1 id=1 data-nosnippet>1</a><span class="kw">fn </span>f(a: <i>&amp;u8</i>) '
        "{}\n"
        "<a href=#2 id=2 data-nosnippet>2</a></code></pre>"
    )
    assert rust_text(page) == "fn f(a: &u8) {}\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A working folder with a finished corpus: the source files of the recipe, and one session many times."""
    out = tmp_path_factory.mktemp("corpus")
    code = [path.read_text() for path in sorted((ROOT / "assets_src/tiny_swe_lm").glob("*.py"))]
    tokenizer = train_tokenizer([*code, as_chat(SESSION)], 600)
    tokenizer.save(str(out / "tokenizer.json"))
    streams = {
        "code": "".join(code),
        "languages": "".join(code),
        "sessions": SESSION * 50,
        "chats": as_chat(SESSION) * 50,
    }
    for name, text in streams.items():
        ids = np.array(tokenizer.encode(text).ids, dtype=np.uint16)
        np.save(out / f"{name}_train.npy", ids)
    np.save(out / "chats_train_wanted.npy", np.arange(len(ids)) % 3 > 0)
    return out


class _StopError(Exception):
    """Simulates a kill: nothing is saved after it."""


def _make(corpus: Path, out: Path, should_stop=lambda: False) -> bool:
    """Make a family of four small stages in `out`."""
    out.mkdir(exist_ok=True)
    for path in [*corpus.glob("*.npy"), corpus / "tokenizer.json"]:
        if not (out / path.name).exists():
            (out / path.name).symlink_to(path)
    torch.set_num_threads(1)
    size = Size(hidden=32, layers=1, heads=2, kv_heads=1, mlp=32)
    run = Run(
        out=out, size=size, batch_tokens=128, bf16=False, compile=False, save_every=5, should_stop=should_stop
    )  # fmt: skip
    return train_family(run, stages(16, 4, 4, short=32, long=64))


MEMBERS = (
    "base_0001", "base_0002", "base_0004", "base_0006", "base_0009", "base_0012", "final", "extended_unadapted",
    "extended", "tuned",
)  # fmt: skip


def test_a_family_that_is_stopped_and_killed_has_the_same_weights_in_the_end(corpus, tmp_path):
    assert _make(corpus, tmp_path / "straight")
    assert tuple(json.loads((tmp_path / "straight/members.json").read_text())) == MEMBERS

    calls = iter([False] * 3 + [True])
    assert not _make(corpus, tmp_path / "stopped", lambda: next(calls))  # asked to stop: saves, and continues later
    kills = iter([False] * 12)

    def kill() -> bool:
        try:
            return next(kills)
        except StopIteration:
            raise _StopError from None

    with pytest.raises(_StopError):
        _make(corpus, tmp_path / "stopped", kill)
    assert _make(corpus, tmp_path / "stopped")
    for name in MEMBERS:
        first, second = (load_file(tmp_path / run / name / "model.safetensors") for run in ("straight", "stopped"))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first), name


def test_members_load_and_their_configuration_has_the_trained_context(corpus, tmp_path):
    from lm_eval_hesnr.models.hf import HFTopK

    assert _make(corpus, tmp_path)
    configs = {name: json.loads((tmp_path / name / "config.json").read_text()) for name in MEMBERS}
    lengths = {name: config["max_position_embeddings"] for name, config in configs.items()}
    assert lengths == {name: 32 if name.startswith("base") else 64 for name in MEMBERS}
    kinds = {name: config["rope_parameters"]["rope_type"] for name, config in configs.items()}
    assert kinds == {name: "yarn" if name.startswith("extended") else "default" for name in MEMBERS}
    assert configs["extended"]["rope_parameters"]["factor"] == 2.0
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("base_0012", "extended_unadapted")]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])  # only the configuration differs
    for name in ("base_0012", "extended", "tuned"):
        assert HFTopK(pretrained=str(tmp_path / name)).max_length == lengths[name]


def test_seeded_styles_are_the_same_each_time():
    from assets_src.tiny_swe_lm.calls import chosen_style

    styles = [chosen_style(random.Random(f"0-{i}"), {"json": 0.3, "xml": 0.3}) for i in range(400)]
    assert styles == [chosen_style(random.Random(f"0-{i}"), {"json": 0.3, "xml": 0.3}) for i in range(400)]
    assert {style: round(styles.count(style) / 400, 1) for style in ("json", "xml", None)} == {
        "json": 0.3, "xml": 0.3, None: 0.4,
    }  # fmt: skip


def test_a_line_of_the_table():
    action = {"ppl": 37.361, "he_ppl": 10.2344, "he_snr": 0.10058, "decisions": 25948.0, "topk_acc": 0.6397}
    results = {f"{name},action": value for name, value in action.items()} | {"ppl,all": 29.686}
    summary = {"action": {"intervals": {"he_snr": [0.09831, 0.10292]}}}
    config = {"signature": {"window": 2048}, "summary": summary}
    data = {"results": {"swe_hesnr": results}, "configs": {"swe_hesnr": config}}
    assert table({"final": data}).splitlines()[2] == (
        "| `final` | 2048 | 29.69 | 37.36 | 10.234 | 0.1006 | 0.0983 to 0.1029 | 25,948 | 0.640 |"
    )


def test_every_pair_of_the_table_was_read(tmp_path):
    (tmp_path / "members.json").write_text(json.dumps(MEMBERS))
    names = {reading.name for reading in readings(tmp_path)}
    assert {name for pair in steps_of_training(tmp_path) for name in pair} == names


@pytest.mark.parametrize("command", [table_module.main, evaluate.main, overlap.main])
def test_a_working_folder_without_a_family_is_one_line(tmp_path, command):
    arguments = ["--model", str(tmp_path)] if command is evaluate.main else []
    with pytest.raises(InputError, match=r"^.*: \S+ is missing, .*`python -m assets_src.tiny_swe_lm.family --out .*`$"):
        command(["--out", str(tmp_path), *arguments])


def test_a_working_folder_keeps_to_the_plan_it_was_begun_with(tmp_path):
    keep_to_plan(tmp_path / "new", {"seed": 0, "steps": 2400})
    keep_to_plan(tmp_path / "new", {"seed": 0, "steps": 2400})
    with pytest.raises(InputError, match=r"plan.json: steps was 2400 and is 16 now, .* use another --out"):
        keep_to_plan(tmp_path / "new", {"seed": 0, "steps": 16})
    with pytest.raises(InputError, match="seed was 0 and is 5 now"):
        family.main(["--out", str(tmp_path / "new"), "--seed", "5"])
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"plan\.json with its settings is missing"):
        keep_to_plan(tmp_path, {"seed": 0})


def test_examined_files_are_not_examined_again(tmp_path, monkeypatch):
    files = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.py"
        path.write_text(
            f"# {'-' * 200}\n\ndef add_{name}(size, count):\n    size += 2\n    size *= count\n    return size\n"
        )
        files.append(SourceFile(source="here", name=path.name, path=path, held_out=False))
    monkeypatch.setattr(functions, "iter_code_files", lambda seed, within_budget: files)
    lines = tmp_path / "lines.jsonl"
    whole = functions.collect_functions(0, lines)
    assert [item["name"] for item in whole] == ["add_a", "add_b"]
    first, second = lines.read_text().splitlines(keepends=True)
    lines.write_text(first + second[:40])  # killed while it wrote the second line
    files[0].path.unlink()
    again = functions.collect_functions(0, lines)
    assert [item["name"] for item in again] == ["add_a", "add_b"]
    assert again[0] == json.loads(json.dumps(whole[0]))
    assert len(lines.read_text().splitlines()) == 2


def test_every_reading_is_a_checkpoint_of_a_sweep(tmp_path, monkeypatch):
    (tmp_path / "members.json").write_text(json.dumps(MEMBERS))
    for member in MEMBERS:
        (tmp_path / member).mkdir()
        (tmp_path / member / "config.json").write_text("{}")
    commands = []
    monkeypatch.setattr(table_module.subprocess, "run", lambda command, check: commands.append(command))
    names = []
    for render in ("transcript", "chat"):
        chosen = [reading for reading in readings(tmp_path) if reading.render == render]
        table_module.sweep(tmp_path, chosen)
        request = request_of(read_config(commands[-1][commands[-1].index("--config") + 1]))
        assert request.settings.metadata == {"render": render}
        found = [one for entry in request.entries for one in found_in(entry, lambda repo: {})]
        names += [one.name for one in checkpoints_of(found, {})]
    assert names == [reading.name for reading in readings(tmp_path)]


def test_overlap_of_windows_by_hand():
    ids, chosen = np.arange(10, dtype=np.uint16), np.arange(10) != 4
    of_three = overlap.windows(ids, chosen, 3)
    assert list(of_three) == [0, 1, 5, 6, 7]  # no window contains token 4
    streams = [np.array([9, 0, 1, 2, 3, 7], dtype=np.uint16), np.array([7, 8, 9, 5, 6], dtype=np.uint16)]
    found = overlap.found_in(streams, set(of_three.values()), 3)
    assert [start for start, window in of_three.items() if window in found] == [0, 1, 7]
    assert list(overlap.stretches([0, 1, 7], 3)) == [(0, 4), (7, 10)]
    shifted = np.frombuffer(b"\x00" + ids.tobytes() + b"\x00", dtype=np.uint16)  # the same bytes, not the same tokens
    assert overlap.found_in([shifted], set(of_three.values()), 3) == set()


def test_the_pictures():
    cells = {"edges": "0 0.05 0.06 2.4", "tokens": "2 1 4 1"}
    data = {"configs": {"swe_hesnr": {"summary": {"action": {"histogram": cells}}}}}
    bars = entropy_bars(data)
    assert [(round(edge, 2), height) for edge, height in bars if height] == [(0.05, 37.5), (0.1, 50.0), (2.35, 12.5)]
    for text in (histogram("A & B", bars, {"ln 2": 0.693}, "x"), curve("C", {"a": [(1, 7.3), (900, 2.1)]}, "x", "y")):
        root = ElementTree.fromstring(text)
        assert root.findtext("{http://www.w3.org/2000/svg}title") in ("A & B", "C")
