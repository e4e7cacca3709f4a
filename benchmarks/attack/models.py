"""Attacks through models: broken checkpoints, NaN, adapters, threads."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import jinja2

from benchmarks.attack import inputs
from benchmarks.attack.mutations import broken_bytes, broken_json
from benchmarks.attack.table import MODEL, TASKS, Room, SkippedError, attack
from benchmarks.attack.verdict import last_line

REFUSED = (1,)


def _runs(room: Room) -> dict[str, str]:
    text = "Let me look at the file first. Then I run the tests again.\n" * 5
    segments = [*inputs.row()["segments"], {"kind": "thought", "text": text, "generated": True}]
    path = inputs.write_rows(room.folder / "in.jsonl", [inputs.row(f"run {n}", segments=segments) for n in range(4)])
    return {"trajectories": str(path)}


def _copy(room: Room) -> Path:
    folder = room.folder / "model"
    shutil.copytree(MODEL, folder)
    return folder


_NAN = """
import json, pathlib, sys, torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer
folder, word = sys.argv[1:]
weights = load_file(folder + "/model.safetensors")
(name,) = [n for n in weights if "embed_tokens" in n or n.endswith("wte.weight")]
ids = AutoTokenizer.from_pretrained(folder)(word, add_special_tokens=False)["input_ids"]
weights["lm_head.weight"] = weights[name]  # or else every logit would be NaN
weights[name] = weights[name].clone()
weights[name][ids] = float("nan")
save_file(weights, folder + "/model.safetensors", metadata={"format": "pt"})
config = pathlib.Path(folder, "config.json")
config.write_text(json.dumps(json.loads(config.read_text()) | {"tie_word_embeddings": False}))
"""


@attack("models")
def logits_become_NaN_in_the_middle(room: Room) -> None:  # noqa: N802
    """Weights of one token are NaN. The run ends with one line, which names the first token, and writes no results."""
    folder = _copy(room)
    room.run([room.python, "-c", _NAN, str(folder), " again"], what="making the weights")
    room.megabytes = 0
    done = room.lm_eval(
        _runs(room), "--output_path", "results", model_args=f"pretrained={folder},dtype=float32", statuses=REFUSED
    )
    room.expect("returns no finite logprob at token" in last_line(done), f"another line: {last_line(done)}")
    room.expect(not list(room.folder.glob("results/**/results_*.json")), "results from NaN were written")


_ADAPTER = """
import sys
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
model = get_peft_model(AutoModelForCausalLM.from_pretrained(sys.argv[1]),
                       LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
model.save_pretrained(sys.argv[2])
"""


@attack("models")
def adapter_of_peft(room: Room) -> None:
    """`peft=FOLDER`: other numbers than without it; a folder that is no adapter is one line."""
    if subprocess.run([room.python, "-c", "import peft"], env=room.environment(), capture_output=True).returncode:
        raise SkippedError("peft is not installed; name its folder in HESNR_ATTACK_PYTHONPATH")
    room.run([room.python, "-c", _ADAPTER, str(MODEL), "adapter"], megabytes=3000, what="making the adapter")
    base = f"pretrained={MODEL},dtype=float32"
    found = []
    for what, model_args in (("with", f"{base},peft=adapter"), ("stored", f"{base},peft=adapter,score_store=store"),
                             ("read", f"{base},peft=adapter,score_store=store"), ("without", base)):  # fmt: skip
        done = room.lm_eval(_runs(room), model_args=model_args, what=what)
        found.append([line for line in done.stdout.splitlines() if "|" in line])
        room.expect(what != "read" or "4 of 4 trajectories read" in done.output, "the stored scores were not read")
    room.expect(found[0] == found[1] == found[2], "the adapter gives different numbers with a store")
    room.expect(found[0] != found[3], "the adapter changes no number")
    for what, wrong in (("no folder", "no/such/adapter"), ("not an adapter", str(MODEL))):
        room.lm_eval(_runs(room), model_args=f"{base},peft={wrong}", statuses=REFUSED, what=what)


@attack("models", seconds=3600)
def broken_checkpoints(room: Room) -> None:
    """Files of a checkpoint with broken bytes or values: numbers, or one line and exit status 1."""
    chance = random.Random(room.seed)
    for number in range(24):
        folder = _copy(room)
        name = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")[number % 4]
        path = folder / name
        if number % 8 < 4 and name != "model.safetensors":
            path.write_text(broken_json(path.read_text(encoding="utf-8"), chance), encoding="utf-8")
        else:
            path.write_bytes(broken_bytes(path.read_bytes(), chance))
        room.lm_eval(_runs(room), model_args=f"pretrained={folder}", statuses=(0, 1), what=f"{number} {name}")
        shutil.rmtree(folder)


FORBIDDEN = "forbidden"
"""A file in the room's folder. A hostile checkpoint tries to make it."""


def _changed(change: Callable[[Path], None], refused: str, *arguments: str) -> Callable[[Room], None]:
    """Run with a changed copy of the model. If `refused` is not empty, the run ends with a line that contains it."""

    def _work(room: Room) -> None:
        folder = _copy(room)
        change(folder)
        done = room.lm_eval(
            _runs(room), *arguments, model_args=f"pretrained={folder}", statuses=REFUSED if refused else (0, 1),
            seconds=120,
        )  # fmt: skip
        room.expect(not (room.folder / FORBIDDEN).exists(), "code of the checkpoint was run")
        line = (done.stderr.splitlines() or [""])[-1]
        room.expect(refused in line, f"the line lacks {refused!r}: {line}")
        room.notes.append(f"exit status {done.status}")

    return _work


_MESSAGES = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""`transformers` runs no template without the word `content`."""


def _template(text: str) -> Callable[[Path], None]:
    text += _MESSAGES

    def _change(folder: Path) -> None:
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": text}))
        (folder / "chat_template.jinja").write_text(text)

    return _change


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(f"cos\nsystem\n(S'touch {folder.parent / FORBIDDEN}'\ntR.".encode())


_OF_THE_SYSTEM = """{% for one in ''.__class__.__mro__[1].__subclasses__() if one.__name__ == '_wrap_close' %}
{{ one.__init__.__globals__['system']('touch FILE') }}{% endfor %}"""


def _leaves_the_sandbox(folder: Path) -> None:
    text, file = _OF_THE_SYSTEM.replace("FILE", str(folder.parent / FORBIDDEN)), folder.parent / FORBIDDEN
    jinja2.Environment().from_string(text + _MESSAGES).render(messages=[])  # without a sandbox
    if not file.exists():
        raise ValueError("the template does no harm without a sandbox")
    file.unlink()
    _template(text)(folder)


def _regex(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "(a|a?)+$" * 50 + "\\"}, "behavior": "Isolated",
                                "invert": False}  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")


def _slow_regex(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "(?:[A-Za-z ]+)+\\x00"}, "behavior": "Isolated",
                                "invert": False}  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")


CHAT = "--apply_chat_template"

for _name, _change, _refused, *_arguments in (
    ("chat template without end", _template("{% for a in range(10**9) %}{% for b in range(10**9) %}x{% endfor %}"
                                            "{% endfor %}"), "chat template", CHAT),
    ("chat template with a large power", _template("{{ 9 ** (9 ** 9) }}"), "chat template", CHAT),
    ("chat template of 10 GB", _template("{{ 'x' * 10 ** 10 }}"), "chat template", CHAT),
    ("chat template that leaves its sandbox", _leaves_the_sandbox, "is unsafe", CHAT),
    ("chat template with escapes in its error", _template("{{ raise_exception('\x1b[31mred\u3164') }}"),
     "\\x1b[31mred\\u3164", CHAT),
    ("checkpoint that is a pickle", _pickle, "its weights are a pickle that may run code"),
    ("tokenizer whose regular expression is wrong", _regex, "tokenizer"),
    ("tokenizer whose regular expression is slow", _slow_regex, ""),
):  # fmt: skip
    attack("models", name=_name)(_changed(_change, _refused, *_arguments))


_THREADS = """
import sys, threading, logging
from lm_eval_hesnr import plugin
plugin.install()
import lm_eval
from lm_eval.tasks import TaskManager
model, path, n, tasks = sys.argv[1:]
answers, errors = [], []
def work():
    try:
        found = lm_eval.simple_evaluate(
            "hf-topk", {"pretrained": model, "device": "cpu", "dtype": "float32"}, ["swe_hesnr"],
            task_manager=TaskManager(include_path=tasks, include_defaults=False, metadata={"trajectories": path}),
            metadata={"trajectories": path},
        )
        answers.append(round(found["results"]["swe_hesnr"]["he_snr,all"], 9))
    except BaseException as error:
        errors.append(f"{type(error).__name__}: {error}".splitlines()[0][:200])
threads = [threading.Thread(target=work) for _ in range(int(n))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("ANSWERS", len(answers), sorted(set(answers)))
print("ERRORS", len(errors), sorted(set(errors))[:3])
"""


@attack("models")
def concurrent_evaluations_in_threads(room: Room) -> None:
    """32 `simple_evaluate` in threads: each gives the same number, or an InputError of one line, in 250 s."""
    trajectories = _runs(room)["trajectories"]
    done = room.run(
        [room.python, "-c", _THREADS, str(MODEL), trajectories, "32", str(TASKS)],
        seconds=250,
        megabytes=6000,
        may_move_up=True,
    )
    printed = [line for line in done.stdout.splitlines() if line.startswith(("ANSWERS", "ERRORS"))]
    room.notes.extend(printed)
    if len(printed) == 2:
        room.expect(printed[0].count(",") == 0 and "ANSWERS 0" not in printed[0], f"not one number: {printed[0]}")
        room.expect("ERRORS 0" in printed[1] or "InputError" in printed[1], printed[1])
