import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.forms import Entry
from lm_eval_hesnr.results.sweep.request import read_config, request_of
from lm_eval_hesnr.results.sweep.settings import Options, Settings

WHOLE = """
checkpoints:
  - runs/a
  - {name: best, pretrained: org/model, revision: step5, step: 7, model_args: {dtype: float32}}
tasks: swe_hesnr,hellaswag
trajectories: [one.jsonl, two.jsonl]
metadata: {k: 20}
model_args: dtype=bfloat16,max_length=2048
gpus: [0, 1]
gpus-per-model: 1
launcher: accelerate launch --num_processes {n}
watch: true
until_idle: 2h
settle: 5
timeout: 6h
tokens: false
"""


def test_a_file_has_the_names_of_the_options_as_keys(tmp_path):
    (tmp_path / "sweep.yaml").write_text(WHOLE)
    request = request_of(read_config(tmp_path / "sweep.yaml"))
    assert request.entries == [Entry("runs/a"), Entry("org/model@step5", "best", 7, {"dtype": "float32"})]
    assert request.settings == Settings(
        tasks=("swe_hesnr", "hellaswag"),
        metadata={"k": 20, "trajectories": ["one.jsonl", "two.jsonl"]},
        model_args={"dtype": "bfloat16", "max_length": 2048},
    )
    assert request.options == Options(
        gpus=("0", "1"),
        gpus_per_model=1,
        launcher=("accelerate", "launch", "--num_processes", "{n}"),
        watch=30.0,
        until_idle=7200.0,
        settle=5.0,
        timeout=21600.0,
        tokens=False,
    )


def test_what_is_not_given_has_a_default():
    request = request_of({"checkpoints": ["a"]})
    assert request.settings == Settings()
    assert request.options == Options()
    assert request.options.in_order == "oldest"
    assert request_of({"checkpoints": ["a"], "watch": "5m"}).options.in_order == "newest"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give at least one CHECKPOINT"),
        ({"metadata": "k"}, "--metadata: expected key=value pairs, or JSON"),
        ({"metadata": "k=1"}, "k should be at least 2"),
        ({"metadata": '{"k": 1}'}, "k should be at least 2"),
        ({"metadata": '{"trajectorys": "a"}'}, "did you mean 'trajectories'"),
        ({"metadata": '{"token_table": "a"}'}, "token_table is set by the sweep"),
        ({"model_args": "pretrained=a"}, "--model_args: pretrained is set by the sweep"),
        ({"model_args": "score_store=a"}, "--model_args: score_store is set by the sweep"),
        ({"model": "completions-topk"}, "a server has one model"),
        ({"gpus_per_model": "0"}, "--gpus-per-model: expected a whole number"),
        ({"settle": "soon"}, "--settle soon: expected a duration"),
        ({"shard": "3/2"}, "--shard 3/2: expected I/N"),
        ({"steps": "a"}, "--steps a: expected FIRST:LAST"),
        ({"order": "best"}, "--order best: expected one of oldest, newest, spread"),
        ({"until_step": 5}, "add --watch"),
        ({"watch": True, "shard": "1/2"}, "--shard divides a fixed list"),
        ({"launcher": "a 'b"}, "--launcher: is not a command"),
        ({"checkpoints": [{"name": "a"}]}, "expected a text, or keys with at least pretrained:"),
        ({"checkpoints": [{"pretrained": "a", "revison": "b"}]}, "did you mean 'revision'"),
        ({"checkpoints": [{"pretrained": "a", "step": "5"}]}, "step should be a whole number"),
        ({"checkpoints": [{"pretrained": "a", "model_args": {"revision": "b"}}]}, "revision is set by the sweep"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_option(given, message):
    with pytest.raises(InputError, match=message):
        request_of({"checkpoints": ["a"]} | given if given else {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trajectory: a", r"unknown key 'trajectory'; did you mean 'trajectories'"),
        ("colour: red", r"unknown key 'colour'; known keys: "),
        ("- a", "expected keys such as checkpoints:"),
        ("a: [", "is not YAML"),
        ("a: \x00", "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        read_config(tmp_path / "sweep.yaml")
    assert str(tmp_path / "sweep.yaml") in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_args: {date: 2026-11-29}", r"--model_args: date: 2026-11-29: is not a text or a number .*; quote it"),
        ("metadata: {2026-11-29: 1}", r"--metadata: 2026-11-29: "),
        ("checkpoints: [{pretrained: b, model_args: {a: [2026-11-29 12:00:00]}}]", r"checkpoints, b, model_args: a: "),
    ],
)
def test_a_date_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "sweep.yaml").write_text(f"checkpoints: a\n{text}" if "checkpoints" not in text else text)
    with pytest.raises(InputError, match=message):
        request_of(read_config(tmp_path / "sweep.yaml"))


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"--config .*No such file"):
        read_config(tmp_path / "nothing.yaml")
