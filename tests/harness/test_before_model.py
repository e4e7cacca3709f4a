"""Wrong runs of our tasks are refused before the model is made, and the runs of others are left alone."""

import io
import json
import threading
from types import SimpleNamespace

import pytest

from lm_eval_hesnr import plugin
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.harness import before_model
from lm_eval_hesnr.harness.flags import without_effect
from lm_eval_hesnr.results.token_tables import read_tables
from tests.builders import bash_action, curated_row, segment, write_rows

plugin.install()
import lm_eval  # noqa: E402
from lm_eval import evaluator  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

OURS = "class: !function lm_eval_hesnr.task.SweHesnr\n"
OTHER = (
    "task: other\ndataset_path: json\ndataset_kwargs: {data_files: {test: DOCS}}\ntest_split: test\n"
    "output_type: generate_until\ndoc_to_text: question\ndoc_to_target: answer\nmetric_list: [{metric: exact_match}]\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs, wrong files, and a folder of tasks: one of others, ours under other names, groups and a tag."""
    made = tmp_path_factory.mktemp("inputs")
    rows = [
        curated_row(name, segment("task", "Fix it."), bash_action(f"grep -rn needle src/{name}\n" * 4), resolved=True)
        for name in ("alpha", "beta", "gamma")
    ]
    write_rows(made / "runs.jsonl", rows)
    write_rows(made / "failed.jsonl", [rows[0] | {"resolved": False}])
    (made / "empty").mkdir()
    (made / "unknown.json").write_text('{"hello": "world"}')
    (made / "docs.jsonl").write_text('{"question": "1 + 1 =", "answer": "2"}\n')
    (made / "tasks").mkdir()
    (made / "my_task.py").write_text("from lm_eval_hesnr.task import SweHesnr\n\n\nclass Mine(SweHesnr):\n    pass\n")
    files = {
        "other": OTHER.replace("DOCS", str(made / "docs.jsonl")),
        "own": f"task: own_name\ntag: own_tag\n{OURS}metadata: {{trajectories: no/such}}\n",
        "group": "group: own_group\ntask: [{group: inner, task: [own_name]}]\n",
        "mixed": "group: mixed_group\ntask: [other, own_name]\n",
        "twice": (
            "group: twice\ntask:\n- {task: own_name, task_alias: A, metadata: {trajectories: a}}\n"
            "- {task: own_name, task_alias: B, metadata: {trajectories: b}}\n"
        ),
        "same": "group: same\ntask: [own_name, own_name]\n",
        "included": "include: own.yaml\ntask: included\n",
        "extended": "task: extended\nclass: !function ..my_task.Mine\nmetadata: {trajectories: no/such}\n",
    }
    for name, text in files.items():
        (made / "tasks" / f"{name}.yaml").write_text(text.replace("..my_task", str(made / "my_task")))
    return made


@pytest.fixture
def evaluate(tiny_model, folder):
    """Call `simple_evaluate` with our task and the tasks of the folder; `FOLDER` in texts is the folder."""

    def evaluate(metadata=None, *, tasks=("swe_hesnr",), model="hf-topk", model_args=None, **options):
        arguments = {"pretrained": str(tiny_model), "dtype": "float32"} | (model_args or {})
        given = {"trajectories": str(folder / "runs.jsonl")} | (metadata or {})
        given = {key: v.replace("FOLDER", str(folder)) if isinstance(v, str) else v for key, v in given.items()}
        if "task_manager" not in options:
            paths = [plugin.task_folder(), str(folder / "tasks")]
            options["task_manager"] = TaskManager(
                include_defaults=False, include_path=paths, metadata=arguments | given if metadata is not None else {}
            )
        defaults = {"model_args": arguments} if isinstance(model, str) else {}
        return lm_eval.simple_evaluate(
            model, tasks=list(tasks), **{"device": "cpu", "log_samples": False} | defaults | options
        )

    return evaluate


@pytest.fixture
def no_weights(monkeypatch):
    """Fail where the harness makes a model, or reads its weights."""
    from lm_eval.models.huggingface import HFLM

    def _fail(*_, **__):
        raise AssertionError("the weights are loaded")

    monkeypatch.setattr(HFLM, "_create_model", _fail)


@pytest.fixture
def no_model(monkeypatch):
    """Fail where the harness makes a model."""

    def _fail(*_, **__):
        raise AssertionError("the model is made")

    monkeypatch.setattr("lm_eval.api.registry.get_model", _fail)


@pytest.mark.parametrize(
    ("metadata", "line"),
    [
        ({"trajectorys": "x"}, "unknown key 'trajectorys'"),
        ({"trajectories": "no/such"}, "no/such: no such file"),
        ({"trajectories": "FOLDER/empty"}, "FOLDER/empty: no "),
        ({"trajectories": "FOLDER/unknown.json"}, "FOLDER/unknown.json: no trajectory could be read"),
        ({"trajectories": "FOLDER/failed.jsonl"}, "all are known to have failed (1 trajectory"),
        ({"epsilon": 9}, "epsilon should be below ln k"),
        ({"k": "ten"}, "k should be a whole number"),
        ({"max_tokens": 3}, "all trajectories have more than max_tokens = 3"),
        ({"render": "chat", "tokenizer": "no/such"}, "render=chat: the tokenizer no/such cannot be loaded"),
        ({"token_table": "FOLDER/unknown.json"}, "token_table: cannot make the folder"),
    ],
)
def test_wrong_metadata_is_refused_before_the_model(evaluate, no_model, folder, metadata, line):
    with pytest.raises(InputError, match=line.replace("FOLDER", str(folder)).replace("(", r"\(")):
        evaluate(metadata)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"predict_only": True}, "--predict_only: "),
        ({"use_cache": "cache"}, "--use_cache: .*score_store=DIR"),
        ({"check_integrity": True}, "--check_integrity: "),
        ({"limit": 0}, "--limit 0: expected a number above 0"),
        ({"limit": -1.5}, "--limit -1.5: expected a number above 0"),
        ({"limit": float("inf")}, "--limit inf: "),
        ({"samples": {"swe_hesnr": [3]}}, "--samples swe_hesnr: expected different whole numbers from 0 to 2"),
        ({"samples": {"swe_hesnr": [1, 0]}}, "in ascending order"),
        ({"samples": {"swe_hesnr": []}}, "--samples swe_hesnr: "),
        ({"samples": {"swe_hesn": [0]}}, "--samples swe_hesn: no such name; did you mean swe_hesnr?"),
        ({"samples": "samples.json"}, "--samples: expected a JSON object"),
        ({"samples": {"hesnr": [0]}}, "--samples hesnr: is not a single task of this run; the tasks are swe_hesnr$"),
        ({"samples": {"swe_hesnr": [0], "other": [0]}}, "--samples other: is not a single task of this run; "),
        ({"tasks": ["swe_hesnr", "other"], "samples": {"other": [0], "own_tag": [0]}}, "--samples own_tag: is not a "),
        ({"limit": "2"}, "--limit '2': expected a number above 0"),
        ({"limit": [1]}, r"--limit \[1\]: expected a number above 0"),
        ({"limit": True}, "--limit True: expected a number above 0"),
        ({"system_instruction": "\udcff"}, r"--system_instruction '\\udcff': expected text in UTF-8"),
        ({"system_instruction": 5}, "--system_instruction 5: expected text in UTF-8"),
        ({"apply_chat_template": "false"}, "--apply_chat_template false: .*leave the flag out to use no template"),
        ({"apply_chat_template": "No"}, "--apply_chat_template No: .*leave the flag out"),
        ({"apply_chat_template": True, "metadata": {"render": "transcript"}}, "contradicts --apply_chat_template"),
        ({"model": "hf"}, "--model hf: .*use --model hf-topk, vllm-topk or completions-topk;"),
        ({"model": "dummy", "tasks": ["other", "swe_hesnr"]}, "--model dummy: .*use --model hf-topk"),
        ({"model": "hf_topk"}, "--model hf_topk: no such name; did you mean hf-topk?"),
        ({"model": "HF-TopK", "tasks": ["other"]}, "--model HF-TopK: no such name; did you mean hf-topk?"),
    ],
)
def test_a_wrong_option_is_refused_before_the_model(evaluate, no_model, options, line):
    with pytest.raises(InputError, match=line.replace("?", r"\?")):
        evaluate(options.pop("metadata", {}), **options)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("FOLDER/runs.jsonl", "Not a directory"), ("FOLDER/unknown.json/a", "Not a directory"),
     ("FOLDER/runs.jsonl/a.json", "Not a directory"), ("/proc/results", ""), ("FOLDER/" + "n" * 300, "too long")],
)  # fmt: skip
def test_an_output_path_that_cannot_be_written_is_refused_before_the_model(evaluate, no_model, folder, path, reason):
    tracker = SimpleNamespace(output_path=path.replace("FOLDER", str(folder)))
    with pytest.raises(InputError, match=rf"--output_path {tracker.output_path}: cannot write there .*{reason}"):
        evaluate({}, evaluation_tracker=tracker)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("FOLDER/" + "n" * 235 + ".json", ": cannot write there .File name too long"),
     ("FOLDER/new/" + "n" * 250, ": cannot write there .File name too long"),
     ("FOLDER/a\0b", ": cannot write there .embedded null byte"),
     (2026, ": expected a path as text"), (["a"], ": expected a path as text")],
)  # fmt: skip
def test_a_name_that_cannot_be_given_to_the_results_is_refused_before_the_model(
    evaluate, no_model, folder, path, reason
):
    """The harness appends the time to the name of the file, and the model's name to a folder."""
    tracker = SimpleNamespace(output_path=path.replace("FOLDER", str(folder)) if isinstance(path, str) else path)
    with pytest.raises(InputError, match=f"--output_path .*{reason}"):
        evaluate({}, evaluation_tracker=tracker, model_args={"pretrained": "m" * 256} if "new" in str(path) else {})
    assert not (folder / "new").exists()


def test_tasks_of_any_iterable_are_checked_and_reach_the_harness(evaluate, no_model, folder):
    calls = []
    checked = before_model.checked_simple_evaluate(
        lambda model, tasks, task_manager: calls.append(tasks), plugin.task_folder(), ["hf-topk"]
    )
    manager = TaskManager(include_defaults=False, include_path=[plugin.task_folder(), str(folder / "tasks")])
    for tasks in (iter(["own_name"]), {"own_name"}, {"own_name": 1}.keys()):
        with pytest.raises(InputError, match="no/such: no such file"):
            checked("hf-topk", tasks, task_manager=manager)
    checked("hf-topk", iter(["other"]), task_manager=manager)
    assert calls == [["other"]]


@pytest.mark.parametrize(
    ("name", "value", "option"), [("device", "cpu", "cuda:0"), ("batch_size", 4, 1), ("max_batch_size", 4, 8)]
)
def test_a_model_argument_that_the_harness_sets_itself_is_refused_before_the_model(
    evaluate, no_model, name, value, option
):
    line = f"--model_args {name}={value}: the harness sets {name} itself; leave it out, and give --{name} {value}"
    with pytest.raises(InputError, match=line):
        evaluate({}, **{name: option}, model_args={name: value})


def test_a_model_argument_in_one_place_only_is_accepted(evaluate, tiny_model):
    arguments = {"pretrained": str(tiny_model), "device": "cpu", "batch_size": 1, "dtype": "float32"}
    assert evaluate({}, model_args=arguments, device=None, batch_size=None, limit=1)["results"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"stride": 0}, "stride=0: expected a number of tokens"),
        ({"stride": 99999}, "stride=99999: expected a number of tokens from 1 to 2047"),
        ({"stride": 4096, "rope_type": "yarn", "rope_factor": 2}, "stride=4096: expected .* from 1 to 4095"),
        ({"score_store": "FOLDER/unknown.json"}, "score_store: cannot make the folder"),
        ({"dtype": "float33"}, "dtype=float33: did you mean 'float32'"),
        ({"softmax_dtype": "nn"}, "softmax_dtype=nn: "),
        ({"backend": "causl"}, "backend=causl: "),
        ({"rope_type": "yarm", "rope_factor": 2}, "rope_type=yarm: expected one of yarn"),
        ({"batch_size": "many"}, "batch_size=many: expected"),
        ({"batch_size": "auto:"}, "batch_size=auto:: expected"),
        ({"device": "cdua"}, "device=cdua: expected a device of PyTorch"),
    ],
)
def test_a_wrong_model_argument_is_refused_before_the_weights(evaluate, no_weights, folder, arguments, line):
    arguments = {key: v.replace("FOLDER", str(folder)) if isinstance(v, str) else v for key, v in arguments.items()}
    options = {key: arguments.pop(key) for key in ("batch_size", "device") if key in arguments}
    with pytest.raises(InputError, match=line):
        evaluate({}, model_args=arguments, **options)


@pytest.mark.parametrize("name", ["own_name", "own_tag", "own_group", "mixed_group", "included", "extended", "PATH"])
def test_our_task_is_found_under_every_kind_of_name(evaluate, no_model, folder, name):
    with pytest.raises(InputError, match="no/such: no such file"):
        evaluate(tasks=[name.replace("PATH", str(folder / "tasks" / "own.yaml"))])


def test_our_task_is_found_in_configurations_and_objects(evaluate, no_model, folder):
    from lm_eval_hesnr.task import SweHesnr

    with pytest.raises(InputError, match="no/such: no such file"):
        evaluate(tasks=[{"task": "mine", "class": SweHesnr, "metadata": {"trajectories": "no/such"}}])
    task = SweHesnr({"task": "mine", "metadata": {"trajectories": str(folder / "runs.jsonl"), "max_tokens": 1}})
    with pytest.raises(InputError, match="all trajectories have more than max_tokens"):
        evaluate(tasks=[task])


def test_without_a_manager_of_the_user_the_metadata_is_checked_too(no_model, monkeypatch):
    """The harness's own manager reads thousands of files, so this one is small."""
    made = []

    def small_manager(*, include_defaults=True, include_path=None, metadata=None):
        made.append(metadata)
        return TaskManager(include_defaults=False, include_path=include_path or plugin.task_folder(), metadata=metadata)

    monkeypatch.setattr(before_model, "TaskManager", small_manager)
    with pytest.raises(InputError, match="epsilon should be below"):
        lm_eval.simple_evaluate("hf-topk", "pretrained=a,dtype=auto", ["swe_hesnr"], metadata={"k": 2, "epsilon": 1})
    assert made == [None, {"pretrained": "a", "dtype": "auto", "k": 2, "epsilon": 1}]


def test_a_stock_model_object_is_refused_before_any_request_is_built(evaluate, monkeypatch):
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.dummy import DummyLM

    built = []
    monkeypatch.setattr(ConfigurableTask, "build_all_requests", lambda *_, **__: built.append(1))
    with pytest.raises(InputError, match="DummyLM: swe_hesnr needs a model that scores whole trajectories"):
        evaluate({}, model=DummyLM(), tasks=["other", "swe_hesnr"])
    assert not built


def test_the_trajectories_are_read_once(evaluate, monkeypatch):
    from lm_eval_hesnr import task as module

    read = []
    original = module.select

    def counted(*args, **options):
        read.append(args)
        return original(*args, **options)

    monkeypatch.setattr(module, "select", counted)
    results = evaluate({}, limit=1)
    assert len(read) == 1
    assert results["configs"]["swe_hesnr"]["trajectories"]["scored"] == 1


def test_a_share_as_limit_counts_the_trajectories_that_are_short_enough(evaluate):
    counts = evaluate({"max_tokens": 10_000}, limit=0.5)["configs"]["swe_hesnr"]["trajectories"]
    assert (counts["left_out_too_long"], counts["scored"]) == (0, 2)


def test_max_tokens_counts_with_the_models_tokenizer_although_a_manager_does_not_know_it(evaluate, folder, tmp_path):
    """The embedded tokenizer would count without an error."""
    manager = TaskManager(
        include_defaults=False, include_path=plugin.task_folder(),
        metadata={"trajectories": str(folder / "runs.jsonl"), "max_tokens": 100},
    )  # fmt: skip
    with pytest.raises(InputError, match=r"max_tokens: the tokenizer .*no_model cannot be loaded"):
        evaluate(task_manager=manager, model_args={"pretrained": str(tmp_path / "no_model")})


def test_several_tasks_write_their_token_tables_into_folders_of_their_own(evaluate, tmp_path):
    tables = {"token_table": str(tmp_path / "tables")}
    evaluate(tables, tasks=["swe_hesnr", "own_name"], limit=2)
    names = ["00000-alpha.parquet", "00001-beta.parquet"]
    written = sorted(path.relative_to(tmp_path / "tables").as_posix() for path in tmp_path.rglob("*.parquet"))
    assert written == [f"{task}/{name}" for task in ("own_name", "swe_hesnr") for name in names]
    for task in ("own_name", "swe_hesnr"):
        assert sorted(read_tables(tmp_path / "tables" / task, {}, 0.5).names) == ["alpha", "beta"]
    with pytest.raises(InputError, match=r"it has 2 folders with token tables, one for each task, .*tables/own_name"):
        read_tables(tmp_path / "tables", {}, 0.5)


@pytest.mark.parametrize("tasks", [["swe_hesnr"], ["swe_hesnr", "swe_hesnr"], ["other", "own_name"]])
def test_the_token_tables_of_one_task_are_in_the_folder_itself(evaluate, no_model, tmp_path, tasks):
    found: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lm_eval_hesnr.task.SweHesnr.use_own_table_folder", found.append)
        with pytest.raises(AssertionError, match="the model is made"):
            evaluate({"token_table": str(tmp_path)}, tasks=tasks)
    assert found == []


@pytest.mark.parametrize(("name", "folder_name"), [("a", "a"), ("../a b", ".._a_b"), ("..", "_")])
def test_tasks_that_a_program_gives_to_evaluate_have_folders_of_their_own_too(folder, tmp_path, name, folder_name):
    from lm_eval_hesnr.task import SweHesnr

    metadata = {"trajectories": str(folder / "runs.jsonl"), "token_table": str(tmp_path / "x")}
    tasks = {one: SweHesnr({"task": one, "metadata": metadata}) for one in (name, "other")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(before_model, "refuse_stock_model", lambda *_: None)
        before_model.checked_evaluate(lambda lm, tasks: None)(None, tasks)
    assert [task.token_table for task in tasks.values()] == [tmp_path / "x" / folder_name, tmp_path / "x" / "other"]


def test_options_without_effect_are_one_line(evaluate, harness_logs):
    evaluate({}, limit=1, batch_size=8, gen_kwargs={"temperature": 1.0}, torch_random_seed=5, numpy_random_seed=6)
    (line,) = [message for message in harness_logs.messages if "no effect" in message]
    assert line == (
        "swe_hesnr: no effect on these tasks: --gen_kwargs (no text is generated), --batch_size (trajectories are read "
        "one by one), --seed (nothing is random)"
    )
    harness_logs.clear()
    evaluate({}, limit=1, batch_size=1)
    assert not [message for message in harness_logs.messages if "no effect" in message]


@pytest.mark.parametrize(("n", "line"), [(100, "--bootstrap_iters (the standard errors have"), (0, ""), (-1, "")])
def test_an_option_that_removes_standard_errors_is_not_one_without_effect(n, line):
    found = without_effect({"bootstrap_iters": n}, {"bootstrap_iters": 100000})
    assert found.startswith(line)
    assert bool(found) is bool(line)


def test_runs_of_others_reach_the_harness_unchanged(folder):
    calls = []

    def original(model, model_args=None, tasks=None, task_manager=None, **_):
        calls.append((model, model_args, tasks, task_manager))
        return "results"

    checked = before_model.checked_simple_evaluate(original, plugin.task_folder(), ["hf-topk"])
    manager = TaskManager(include_defaults=False, include_path=str(folder / "tasks"))
    tasks = ["other", "no_such_task", 5]
    assert checked("hff", "a=b", tasks=tasks, task_manager=manager) == "results"
    assert calls == [("hff", "a=b", tasks, manager)]
    assert calls[0][2] is tasks


@pytest.mark.parametrize(
    ("function", "model", "tasks", "n_warnings"),
    [
        ("requested_tasks", "hf", ["swe_hesnr"], 1),
        ("requested_tasks", "hf-topk", ["other"], 1),
        ("requested_tasks", "hf", ["other"], 0),
        ("refuse_unknown_model", "hf", ["other", {"task": "swe_hesnr"}], 1),
        ("refuse_unknown_model", "hf", "other", 0),
        ("refuse_flags", "hf-topk", ["swe_hesnr"], 1),
        ("refuse_flags", "hf-topk", ["other"], 0),
    ],
)
def test_an_error_in_our_checks_is_a_warning_and_never_stops_a_run(
    monkeypatch, harness_logs, function, model, tasks, n_warnings
):
    def broken(*_):
        raise RuntimeError("changed upstream")

    checked = before_model.checked_simple_evaluate(lambda model, tasks: tasks, plugin.task_folder(), ["hf-topk"])
    monkeypatch.setattr(before_model, function, broken)
    assert checked(model, tasks) == tasks
    line = (
        "swe_hesnr: the checks before the model failed (RuntimeError('changed upstream')); the run goes on without them"
    )
    assert harness_logs.messages == [line] * n_warnings


def test_stdout_accepts_every_character_only_in_runs_of_our_tasks(monkeypatch):
    """The harness prints a table with arrows after all scoring."""
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    checked = before_model.checked_simple_evaluate(lambda model, tasks: tasks, plugin.task_folder(), ["hf-topk"])
    monkeypatch.setattr(before_model._Run, "checked", lambda self, _: self.given)
    found = [checked("hf-topk", tasks) and stdout.errors for tasks in (["other"], ["swe_hesnr"])]
    assert found == ["strict", "backslashreplace"]


def test_the_harness_has_its_own_error_for_wrong_arguments():
    with pytest.raises(TypeError, match="unexpected keyword argument 'taskz'"):
        lm_eval.simple_evaluate("hf-topk", taskz=["swe_hesnr"])


def test_threads_run_one_after_the_other_and_each_gets_its_own_results(evaluate):
    """Without the lock, models are loaded at the same time, which transformers does not support."""
    alone = {limit: evaluate({}, limit=limit)["results"]["swe_hesnr"] for limit in (1, 2)}
    found = {}
    running, most = [], []
    original = evaluator.evaluate.__wrapped__

    def run(i):
        found[i] = evaluate({}, limit=1 + i % 2)["results"]["swe_hesnr"]

    def counted(*args, **kwargs):
        running.append(1)
        most.append(len(running))
        try:
            return original(*args, **kwargs)
        finally:
            running.pop()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator, "evaluate", before_model.checked_evaluate(counted))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=300)
    assert not any(thread.is_alive() for thread in threads)
    assert max(most) == 1
    assert json.dumps([found[i] for i in range(4)]) == json.dumps([alone[1 + i % 2] for i in range(4)])


ALIASES = [{"task": "own_name", "metadata": {"trajectories": name}} for name in "ab"]


@pytest.mark.parametrize("tasks", [["twice"], ALIASES, ["own_name", ALIASES[0]]])
def test_one_name_with_two_configurations_is_refused(evaluate, no_weights, tasks):
    with pytest.raises(InputError, match="own_name is requested with two different configurations"):
        evaluate({}, tasks=tasks)


def test_trajectories_of_the_command_line_replace_those_of_a_yaml_and_the_log_says_so(evaluate, caplog, harness_logs):
    results = evaluate({}, tasks=["same"], limit=1)
    assert results["configs"]["own_name"]["trajectories"]["scored"] == 1
    (line,) = [line for line in caplog.messages if "replaces the trajectories" in line]
    assert line.endswith("runs.jsonl replaces the trajectories of own_name (no/such)")
    evaluate({}, limit=1)
    assert caplog.text.count("replaces the trajectories") == 1


@pytest.mark.parametrize("model", ["vllm-topk", "completions-topk"])
def test_temperatures_are_refused_before_an_engine_without_logits_is_made(evaluate, no_model, model):
    with pytest.raises(InputError, match=f"--model {model}: it does not give --metadata temperatures=true, which ne"):
        evaluate({"temperatures": True}, model=model)
