import json
import logging
import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr import plugin
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.metrics.profile import EPSILON

COMMAND = "grep -rn 'needle' src/  # where is it\nsed -i 's/a/b/' src/x.py\n"


def segment(kind, text, generated=False, **more):
    return {"kind": kind, "text": text, "generated": generated} | more


def run(name, resolved=True, turns=3):
    segments = [segment("system", "You fix code."), segment("task", "Make the tests pass.")]
    for i in range(turns):
        command = COMMAND + f"python -m unittest tests.test_{name}{i}"
        segments += [
            segment("thought", f"THOUGHT: look {i}\n\n", True),
            segment(
                "action",
                f"```bash\n{command}\n```",
                True,
                continues=True,
                calls=[{"tool": "bash", "arguments": {"command": command}, "executed": True}],
            ),
            segment("observation", f"<returncode>{i}</returncode>\n<output>\nsrc/x.py:{i}: needle\n</output>"),
        ]
    return {
        "format": "hesnr-trajectory", "version": 1, "id": name, "source": "test", "resolved": resolved,
        "model": None, "segments": segments, "meta": {},
    }  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four good runs, one of them failed and one of unknown outcome."""
    path = tmp_path_factory.mktemp("runs") / "runs.jsonl"
    rows = [run("alpha"), run("beta", turns=5), run("gamma", resolved=False), run("delta", resolved=None, turns=1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def harness_logs(monkeypatch):
    """The harness keeps its log from the root logger, where pytest listens."""
    monkeypatch.setattr(logging.getLogger("lm_eval"), "propagate", True)


@pytest.fixture
def evaluate(tiny_model):
    """Run the task through the harness, with only our task folder indexed."""
    plugin.install()
    import lm_eval
    from lm_eval.tasks import TaskManager

    def evaluate(model="hf-topk", model_args=None, log_samples=False, metadata=None, **options):
        arguments = {"pretrained": str(tiny_model), "dtype": "float32"} | (model_args or {})
        manager = TaskManager(
            include_defaults=False, include_path=plugin.task_folder(), metadata=arguments | (metadata or {})
        )
        return lm_eval.simple_evaluate(
            model=model, model_args=arguments, tasks=["swe_hesnr"], task_manager=manager, device="cpu",
            log_samples=log_samples, **options,
        )  # fmt: skip

    return evaluate


def test_every_measure_of_both_scopes_with_its_standard_error(evaluate, runs):
    results = evaluate(metadata={"trajectories": str(runs)})
    row = results["results"]["swe_hesnr"]
    for measure in HIGHER_IS_BETTER:
        for scope in ("action", "all"):
            assert isinstance(row[f"{measure},{scope}"], float), (measure, scope)
            assert isinstance(row[f"{measure}_stderr,{scope}"], float), (measure, scope)
    assert results["higher_is_better"]["swe_hesnr"] == HIGHER_IS_BETTER
    config = results["configs"]["swe_hesnr"]
    assert config["trajectories"]["scored"] == 3
    assert config["trajectories"]["left_out_failed"] == 1
    signature = config["signature"]
    assert signature["k"] == 10
    assert signature["epsilon"] == EPSILON
    for key in ("model", "revision", "dtype", "label_rules", "render", "window", "lm_eval_hesnr"):
        assert signature[key] is not None, key
    json.dumps(results, allow_nan=False, default=str)


def test_results_equal_those_of_the_token_table(evaluate, runs, tmp_path):
    """The whole way once more, from the written table and the formulas of the paper."""
    table_folder = tmp_path / "tokens"
    metadata = {"trajectories": str(runs), "token_table": str(table_folder), "scopes": list(SCOPES)}
    row = evaluate(metadata=metadata)["results"]["swe_hesnr"]
    tables = [pq.read_table(path).to_pandas() for path in sorted(table_folder.glob("*.parquet"))]
    assert len(tables) == 3
    for scope, labels in SCOPES.items():
        names = {label.label_name for label in labels}
        tokens = [t[t.logprob.notna() & t.label.isin(names)] for t in tables]
        every = {c: np.concatenate([t[c] for t in tokens]).astype(float) for c in ("logprob", "entropy", "rank")}
        in_h = (every["entropy"] > EPSILON) & (every["rank"] <= 10)
        assert row[f"decisions,{scope}"] == in_h.sum()
        assert row[f"ppl,{scope}"] == pytest.approx(math.exp(-every["logprob"].mean()))
        if in_h.any():
            expected = (np.exp(every["logprob"][in_h]) / every["entropy"][in_h]).mean()
            assert row[f"he_snr,{scope}"] == pytest.approx(expected)


def test_the_token_table_has_every_token_in_order(evaluate, runs, tmp_path, tiny_model):
    from transformers import AutoTokenizer

    evaluate(metadata={"trajectories": str(runs), "token_table": str(tmp_path)})
    path = sorted(tmp_path.glob("*.parquet"))[1]
    assert path.name == "00001-beta.parquet"
    table = pq.read_table(path)
    frame = table.to_pandas()
    columns = "doc_id position token_id label char_start char_end logprob entropy rank top_mass"
    assert " ".join(frame.columns) == columns
    assert frame.position.tolist() == list(range(len(frame)))
    assert set(frame.doc_id) == {1}
    text = AutoTokenizer.from_pretrained(tiny_model).decode(frame.token_id.tolist(), clean_up_tokenization_spaces=False)
    assert text.startswith(
        "### System\nYou fix code.\n\n### Task\nMake the tests pass.\n\n### Agent\nTHOUGHT: look 0\n\n```bash"
    )
    context = frame[frame.label.isin(["system", "task"])]
    assert context.logprob.isna().all()
    assert frame[frame.char_start > context.char_end.max()].logprob.notna().all()
    spelled = "".join(text[r.char_start : r.char_end] for r in frame.itertuples() if r.label == "code")
    assert spelled.replace(" ", "").startswith("grep-rn'needle'src/sed-i's/a/b/'src/x.py")
    signature = json.loads(table.schema.metadata[b"hesnr"])
    assert {"model", "revision", "dtype", "k", "tokenizer", "window", "lm_eval_hesnr"} <= signature.keys()


def test_score_action_leaves_the_other_scopes_without_numbers(evaluate, runs, caplog, harness_logs):
    whole = evaluate(metadata={"trajectories": str(runs)})["results"]["swe_hesnr"]
    with caplog.at_level(logging.WARNING, logger="lm_eval.hesnr"):
        row = evaluate(metadata={"trajectories": str(runs), "score": "action"})["results"]["swe_hesnr"]
    assert row["he_snr,action"] == pytest.approx(whole["he_snr,action"], rel=1e-4)
    assert row["ppl,action"] == pytest.approx(whole["ppl,action"], rel=1e-4)
    assert row["ppl,all"] is None
    assert row["ppl_stderr,all"] == "N/A"


def test_a_threshold_that_finds_nothing_is_the_reason_said(evaluate, runs, caplog, harness_logs):
    results = evaluate(metadata={"trajectories": str(runs), "threshold": "valley"})["results"]["swe_hesnr"]
    assert results["he_snr,all"] is None
    assert results["ppl,all"] > 1
    assert "he_snr,all: N/A, no threshold was found" in caplog.messages


def test_another_epsilon_and_k(evaluate, runs):
    options = {"trajectories": str(runs), "k": 4, "epsilon": 0.9, "scopes": "action"}
    results = evaluate(metadata=options)
    row = results["results"]["swe_hesnr"]
    assert "he_snr,all" not in row
    assert row["mean_entropy,action"] <= math.log(4)
    assert results["configs"]["swe_hesnr"]["signature"]["epsilon"] == 0.9


def test_values_in_sample_files_are_plain_numbers(evaluate, runs):
    samples = evaluate(metadata={"trajectories": str(runs)}, log_samples=True)["samples"]["swe_hesnr"]
    first = json.loads(json.dumps(samples[0], default=str))
    assert isinstance(first["he_snr"], float)
    assert first["filter"] == "action"
    assert len(json.dumps(samples[0]["doc"])) < 1000


def test_long_trajectories_are_left_out_and_counted(evaluate, runs):
    counts = evaluate(metadata={"trajectories": str(runs), "max_tokens": 240})["configs"]["swe_hesnr"]["trajectories"]
    assert counts["left_out_too_long"] == 2
    assert counts["scored"] == 1
    with pytest.raises(InputError, match="at most max_tokens = 3"):
        evaluate(metadata={"trajectories": str(runs), "max_tokens": 3})


def test_bad_files_are_named_and_the_good_ones_scored(evaluate, runs, tmp_path, caplog, harness_logs):
    (tmp_path / "good.jsonl").write_text(runs.read_text())
    (tmp_path / "cut.json").write_text('{"a": [1, 2')
    with caplog.at_level(logging.WARNING, logger="lm_eval.hesnr"):
        counts = evaluate(metadata={"trajectories": str(tmp_path)})["configs"]["swe_hesnr"]["trajectories"]
    assert (counts["bad"], counts["scored"]) == (1, 3)
    assert any("cut.json, line 1" in record.getMessage() for record in caplog.records)
    with pytest.raises(InputError, match=r"cut\.json, line 1.*strict is on"):
        evaluate(metadata={"trajectories": str(tmp_path), "strict": True})


def test_runs_without_an_action_are_said_with_the_call_syntax(evaluate, runs, tmp_path, caplog, harness_logs):
    reply = "Look.\n<run_this>\nls\n</run_this>"
    chat = [{"role": "user", "content": "Fix it."}, {"role": "assistant", "content": reply}]
    (tmp_path / "runs.jsonl").write_text(runs.read_text() + json.dumps({"messages": chat}) + "\n")
    with caplog.at_level(logging.WARNING, logger="lm_eval.hesnr"):
        evaluate(metadata={"trajectories": str(tmp_path)})
    assert "swe_hesnr: 1 trajectory has no action; call syntax seen: <run_this>" in caplog.messages


def test_a_typo_in_a_key_names_the_key_meant(evaluate, runs):
    with pytest.raises(InputError, match="unknown key 'trajectory'; did you mean 'trajectories'"):
        evaluate(metadata={"trajectory": str(runs)})


def test_a_stock_model_is_refused_before_it_scores(evaluate, runs):
    with pytest.raises(InputError, match="use --model hf-topk"):
        evaluate(model="hf", metadata={"trajectories": str(runs)})


def test_a_cached_answer_of_another_run_is_refused(evaluate, runs, tmp_path):
    cache = str(tmp_path / "cache")
    evaluate(metadata={"trajectories": str(runs)}, use_cache=cache)
    with pytest.raises(InputError, match="run without --use_cache"):
        evaluate(metadata={"trajectories": str(runs), "k": 5}, use_cache=cache)


def test_only_failed_runs_is_an_error_that_names_the_switch(evaluate, tmp_path):
    path = tmp_path / "failed.jsonl"
    path.write_text(json.dumps(run("gamma", resolved=False)))
    with pytest.raises(InputError, match="only_resolved"):
        evaluate(metadata={"trajectories": str(path)})
    counts = evaluate(metadata={"trajectories": str(path), "only_resolved": False})["configs"]["swe_hesnr"]
    assert counts["trajectories"]["scored"] == 1


def test_one_document_has_no_standard_error(evaluate, runs):
    results = evaluate(metadata={"trajectories": str(runs)}, limit=1)
    assert results["configs"]["swe_hesnr"]["trajectories"]["scored"] == 1
    row = results["results"]["swe_hesnr"]
    assert isinstance(row["he_snr,all"], float)
    assert row["he_snr_stderr,all"] == "N/A"


CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"


@pytest.fixture
def chat_model(tiny_model, tmp_path):
    """The tiny model with a chat template that trims, as many do."""
    import shutil

    folder = shutil.copytree(tiny_model, tmp_path / "chat_model")
    (folder / "chat_template.jinja").write_text(CHATML)
    return {"pretrained": str(folder)}


def test_chat_by_flag_and_by_key_are_the_same(evaluate, runs, chat_model):
    metadata = {"trajectories": str(runs)}
    by_flag = evaluate(model_args=chat_model, metadata=metadata, apply_chat_template=True)
    by_key = evaluate(model_args=chat_model, metadata=metadata | {"render": "chat"})
    plain = evaluate(model_args=chat_model, metadata=metadata)
    by_flag_ppl, by_key_ppl, plain_ppl = (
        results["results"]["swe_hesnr"]["ppl,action"] for results in (by_flag, by_key, plain)
    )
    assert by_flag_ppl == pytest.approx(by_key_ppl, rel=1e-5)  # the harness cuts the last closing tag off
    assert plain_ppl != pytest.approx(by_key_ppl, rel=1e-3)
    assert by_flag["configs"]["swe_hesnr"]["signature"]["render"] == "chat"
    with pytest.raises(InputError, match="contradicts --apply_chat_template"):
        evaluate(model_args=chat_model, metadata=metadata | {"render": "transcript"}, apply_chat_template=True)


def test_the_order_in_which_processes_deliver_changes_no_byte(tmp_path):
    """Three processes' documents, interleaved as the harness deals them, against one process's."""
    path = tmp_path / "eleven.jsonl"
    path.write_text("".join(json.dumps(run(f"run {i}", turns=1)) + "\n" for i in range(11)))
    from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
    from lm_eval_hesnr.metrics.profile import EntropyProfile
    from lm_eval_hesnr.scope_filter import DocumentValue, ScopedProfile
    from lm_eval_hesnr.task import SweHesnr

    def value(index):
        rng = np.random.default_rng(index)
        columns = (-rng.exponential(1, 99), rng.uniform(0, 2.3, 99), rng.integers(1, 15, 99), rng.uniform(0.9, 1, 99))
        profile = EntropyProfile.of_tokens(*columns, k=10)
        return DocumentValue(0.0, ScopedProfile("action", index, profile, {"code": 1}, 99, 0))

    def results(order):
        task = SweHesnr(config={"task": "swe_hesnr", "metadata": {"trajectories": str(path)}})
        items = [value(index) for index in order]
        row = {name: function(items) for name, function in task.aggregation().items()}
        return json.dumps([row, task.dump_config()["summary"]], sort_keys=True)

    one = results(range(11))
    assert results([*range(0, 11, 3), *range(1, 11, 3), *range(2, 11, 3)]) == one
    assert len(json.loads(one)[0]) == 2 * len(HIGHER_IS_BETTER)


def test_the_ablation_is_one_table_in_the_papers_order(runs, tiny_model, caplog, harness_logs):
    plugin.install()
    import lm_eval
    from lm_eval.tasks import TaskManager

    arguments = {"pretrained": str(tiny_model), "dtype": "float32"}
    metadata = arguments | {"trajectories": str(runs)}
    manager = TaskManager(include_defaults=False, include_path=plugin.task_folder(), metadata=metadata)
    with caplog.at_level(logging.INFO, logger="lm_eval.hesnr"):
        results = lm_eval.simple_evaluate(
            "hf-topk", arguments, ["swe_hesnr_ablation"], task_manager=manager, device="cpu", log_samples=False
        )
    lines = [record.getMessage() for record in caplog.records if record.name == "lm_eval.hesnr"]
    table = lines[-6:]
    assert table[0].split() == ["scope", "he_snr", "he_ppl", "ppl", "topk_acc", "decisions"]
    order = ["thought", "action_raw", "action_no_markup", "action_no_whitespace", "action"]
    assert [line.split()[0] for line in table[1:]] == order
    row = results["results"]["swe_hesnr_ablation"]
    assert [int(line.split()[-1]) for line in table[1:]] == [row[f"decisions,{scope}"] for scope in order]
