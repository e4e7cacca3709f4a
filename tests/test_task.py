import io
import json
import logging
import math
import re
import sys
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr import plugin
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure, totals
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.documents import document_totals
from lm_eval_hesnr.results.token_tables import measure_tables, read_tables
from tests.builders import bash_action, curated_row, segment, write_rows

COMMAND = "grep -rn 'needle' src/  # where is it\nsed -i 's/a/b/' src/x.py\n"


def run(name, resolved=True, turns=3):
    segments = [segment("system", "You fix code."), segment("task", "Make the tests pass.")]
    for i in range(turns):
        command = COMMAND + f"python -m unittest tests.test_{name}{i}"
        segments += [
            segment("thought", f"THOUGHT: look {i}\n\n", True),
            bash_action(command) | {"text": f"```bash\n{command}\n```", "continues": True},
            segment("observation", f"<returncode>{i}</returncode>\n<output>\nsrc/x.py:{i}: needle\n</output>"),
        ]
    return curated_row(name, *segments, resolved=resolved)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four good runs, one of them failed and one of unknown outcome."""
    rows = [run("alpha"), run("beta", turns=5), run("gamma", resolved=False), run("delta", resolved=None, turns=1)]
    return write_rows(tmp_path_factory.mktemp("runs") / "runs.jsonl", rows)


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
    for name in HIGHER_IS_BETTER:
        for scope in ("action", "all"):
            assert isinstance(row[f"{name},{scope}"], float), (name, scope)
            assert isinstance(row[f"{name}_stderr,{scope}"], float), (name, scope)
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


def test_diagnostics_have_no_direction_and_no_arrow_in_the_table(evaluate, runs):
    from lm_eval.utils import make_table

    results = evaluate(metadata={"trajectories": str(runs), "scopes": "action"}, limit=1)
    cells = [[cell.strip() for cell in line.split("|")] for line in make_table(results).splitlines()[2:]]
    arrows = {row[5]: row[6] for row in cells if len(row) > 6}
    assert arrows == {
        "he_snr": "↑", "he_ppl": "↓", "ppl": "↓", "top1_acc": "↑", "topk_acc": "↑",
        "decisions": "", "decision_rate": "", "mean_entropy": "", "mean_top_mass": "", "self_he_snr": "",
        "q_over_entropy": "", "bits_per_byte": "↓",
    }  # fmt: skip


def test_a_group_of_our_tasks_has_an_average_and_keeps_the_directions(tiny_model, runs, tmp_path):
    plugin.install()
    import lm_eval
    from lm_eval.tasks import TaskManager
    from lm_eval.utils import make_table

    (tmp_path / "both.yaml").write_text(
        "group: both\ntask: [swe_hesnr, swe_hesnr_ablation]\n"
        "aggregate_metric_list: [{metric: mean_top_mass, weight_by_size: false, filter_list: action}]\n"
    )
    arguments = {"pretrained": str(tiny_model), "dtype": "float32"}
    paths = [plugin.task_folder(), str(tmp_path)]
    metadata = arguments | {"trajectories": str(runs)}
    manager = TaskManager(include_defaults=False, include_path=paths, metadata=metadata)
    results = lm_eval.simple_evaluate(
        "hf-topk", arguments, ["both"], task_manager=manager, device="cpu", log_samples=False, limit=1
    )
    own, of_group = results["results"]["swe_hesnr"], results["results"]["both"]
    assert of_group["mean_top_mass,action"] == pytest.approx(own["mean_top_mass,action"])
    assert results["higher_is_better"]["both"] == HIGHER_IS_BETTER
    assert "mean_top_mass" in make_table(results, "groups")
    json.dumps(results, allow_nan=False)


def test_results_equal_those_of_the_token_table(evaluate, runs, tmp_path):
    """The whole way once more, from the written table and the formulas of the paper."""
    table_folder = tmp_path / "tokens"
    metadata = {"trajectories": str(runs), "token_table": str(table_folder), "scopes": list(SCOPES)}
    results = evaluate(metadata=metadata)
    row, documents = results["results"]["swe_hesnr"], results["configs"]["swe_hesnr"]["documents"]
    written = read_tables(table_folder, SCOPES, EPSILON)
    assert (documents["ids"], documents["sha256"]) == (written.names, written.digests)
    for scope, rows in document_totals(documents).items():
        expected = np.stack([totals(profile, EPSILON) for profile in written.profiles[scope]])
        np.testing.assert_allclose(measure("he_snr", rows), measure("he_snr", expected), rtol=1e-7)
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
    columns = "doc_id position token_id label char_start char_end logprob entropy rank top_mass collision n_bytes text"
    assert " ".join(frame.columns) == columns
    assert frame.position.tolist() == list(range(len(frame)))
    assert set(frame.doc_id) == {1}
    text = AutoTokenizer.from_pretrained(tiny_model).decode(frame.token_id.tolist(), clean_up_tokenization_spaces=False)
    assert text.startswith(
        "### System\nYou fix code.\n\n### Task\nMake the tests pass.\n\n### Agent\nTHOUGHT: look 0\n\n```bash"
    )
    assert "".join(frame.text) == text
    assert frame.n_bytes.tolist() == [len(part.encode()) for part in frame.text]
    context = frame[frame.label.isin(["system", "task"])]
    assert context.logprob.isna().all()
    assert frame[frame.char_start > context.char_end.max()].logprob.notna().all()
    spelled = "".join(text[r.char_start : r.char_end] for r in frame.itertuples() if r.label == "code")
    assert spelled.replace(" ", "").startswith("grep-rn'needle'src/sed-i's/a/b/'src/x.py")
    signature = json.loads(table.schema.metadata[b"hesnr"])
    assert {"model", "revision", "dtype", "k", "tokenizer", "window", "lm_eval_hesnr"} <= signature.keys()


def block_of(messages):
    """The block of findings at the end of a run: its heading, and the code and evidence of each finding."""
    heads = [i for i, message in enumerate(messages) if re.fullmatch(r"\w+, \S+: \d+ findings?", message)]
    assert len(heads) == 1, messages
    assert all(message.startswith("  ") for message in messages[heads[0] + 1 :])
    return messages[heads[0]], [tuple(line.strip().split(": ", 1)) for line in messages[heads[0] + 1 :]]


def test_score_action_has_no_results_of_the_scopes_it_does_not_score(evaluate, runs, caplog, harness_logs):
    whole = evaluate(metadata={"trajectories": str(runs)})["results"]["swe_hesnr"]
    caplog.clear()
    row = evaluate(metadata={"trajectories": str(runs), "score": "action"})["results"]["swe_hesnr"]
    assert row["he_snr,action"] == pytest.approx(whole["he_snr,action"], rel=1e-4)
    assert row["ppl,action"] == pytest.approx(whole["ppl,action"], rel=1e-4)
    assert {key.partition(",")[2] for key in row if "," in key} == {"action"}
    about_all = [record for record in caplog.records if re.search(r"\ball\b", record.getMessage())]
    assert [(one.levelname, one.getMessage()) for one in about_all] == [
        ("INFO", "swe_hesnr: score=action: the scope all is not scored")
    ]
    with pytest.raises(InputError, match="score=action scores no token of the scopes thought"):
        evaluate(metadata={"trajectories": str(runs), "score": "action", "scopes": "thought"})


def test_each_finding_is_one_line_with_its_scopes_at_the_end(evaluate, runs, caplog, harness_logs):
    evaluate(metadata={"trajectories": str(runs)})
    head, found = block_of(caplog.messages)
    assert head == "swe_hesnr, tiny_swe_lm: 2 findings"
    assert [code for code, _ in found] == ["no-interval", "candidates-too-few"]
    assert all(re.search(r"action \d.*, all \d", evidence) for _, evidence in found)


def test_a_threshold_that_finds_nothing_is_one_line_with_advice(evaluate, runs, caplog, harness_logs):
    results = evaluate(metadata={"trajectories": str(runs), "threshold": "valley"})["results"]["swe_hesnr"]
    assert results["he_snr,all"] is None
    assert results["ppl,all"] > 1
    _, (first, *others) = block_of(caplog.messages)
    assert first == (
        "no-number",
        "he_snr, he_ppl, decisions, decision_rate, self_he_snr, q_over_entropy (action, all): N/A, "
        "threshold=valley found no threshold; use threshold=static, or add trajectories",
    )
    assert "N/A" not in str(others)


def test_without_decisions_the_two_measures_over_them_are_one_line(evaluate, runs, caplog, harness_logs):
    metadata = {"trajectories": str(runs), "epsilon": 2.302, "scopes": ["action", "thought"]}
    results = evaluate(metadata=metadata)
    assert results["results"]["swe_hesnr"]["decisions,action"] == 0
    _, (first, *_) = block_of(caplog.messages)
    assert first[1].startswith(
        "he_snr, he_ppl, self_he_snr, q_over_entropy (action, thought): N/A, no token with entropy > 2.302 is among"
    )


def test_scores_that_cannot_be_stored_are_also_the_first_finding(evaluate, runs, tmp_path, monkeypatch, harness_logs):
    from lm_eval_hesnr.scoring import store

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "replace_file", full)
    evaluate(metadata={"trajectories": str(runs)}, model_args={"score_store": str(tmp_path)})
    _, found = block_of(harness_logs.messages)
    assert found[0][0] == "scores-not-stored"
    assert found[0][1].endswith("No space left on device; the run continues without storing scores; free disk space, "
                                "and run again")  # fmt: skip


def test_results_and_samples_are_plain_json(evaluate, runs):
    """Every value is a number, null or a word of the harness; there is no standard error of a standard error."""
    for metadata in ({}, {"threshold": "valley"}, {"score": "action"}):
        results = evaluate(metadata={"trajectories": str(runs), **metadata}, log_samples=True)
        json.dumps({key: results[key] for key in results}, allow_nan=False)
        row = results["results"]["swe_hesnr"]
        n_scopes = 1 if metadata.get("score") else 2
        assert len(row) == 3 + 2 * len(HIGHER_IS_BETTER) * n_scopes
        assert not [key for key in row if "stderr_stderr" in key]
        words = {value for key, value in row.items() if isinstance(value, str) and key not in ("name", "alias")}
        assert words <= {"N/A"}


def test_a_sample_has_numbers_and_the_text_stands_once(evaluate, runs):
    samples = evaluate(metadata={"trajectories": str(runs)}, log_samples=True)["samples"]["swe_hesnr"]
    assert [(sample["filter"], sample["doc_id"]) for sample in samples] == [
        (scope, i) for scope in ("action", "all") for i in range(3)
    ]
    for sample in samples:
        ((logprob, is_greedy),) = sample["filtered_resps"]
        assert sample["metrics"] == list(HIGHER_IS_BETTER)
        n_tokens = sample["decisions"] / sample["decision_rate"]
        assert sample["ppl"] == pytest.approx(math.exp(-logprob / n_tokens))
        assert is_greedy == (sample["top1_acc"] == 1)
    first, second = samples[0], samples[3]
    assert "needle" in first["arguments"][0][1]
    assert len(json.dumps({**second, "metrics": None})) < 1800
    assert second["arguments"] == [("alpha: see the sample with filter action", "")]
    assert first["prompt_hash"] == second["prompt_hash"]


def test_bootstrap_iters_0_leaves_out_standard_errors_as_in_all_tasks(evaluate, runs):
    row = evaluate(metadata={"trajectories": str(runs)}, bootstrap_iters=0)["results"]["swe_hesnr"]
    assert {value for key, value in row.items() if "_stderr" in key} == {"N/A"}


def test_another_epsilon_and_k(evaluate, runs):
    options = {"trajectories": str(runs), "k": 4, "epsilon": 0.9, "scopes": "action"}
    results = evaluate(metadata=options)
    row = results["results"]["swe_hesnr"]
    assert "he_snr,all" not in row
    assert row["mean_entropy,action"] <= math.log(4)
    assert results["configs"]["swe_hesnr"]["signature"]["epsilon"] == 0.9


def test_long_trajectories_are_left_out_and_counted(evaluate, runs):
    counts = evaluate(metadata={"trajectories": str(runs), "max_tokens": 240})["configs"]["swe_hesnr"]["trajectories"]
    assert counts["left_out_too_long"] == 2
    assert counts["scored"] == 1
    with pytest.raises(InputError, match="all trajectories have more than max_tokens = 3 tokens"):
        evaluate(metadata={"trajectories": str(runs), "max_tokens": 3})


@pytest.mark.parametrize("render", ["transcript", "chat"])
def test_with_max_tokens_each_trajectory_is_rendered_once(runs, chat_model, render, monkeypatch):
    from lm_eval_hesnr import task as module

    rendered: Any = []
    for name in ("transcript", "chat"):
        original = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda run, *a, original=original: rendered.append(run.id) or original(run, *a)
        )
    metadata = {"trajectories": str(runs), "max_tokens": 240, "render": render} | chat_model
    task = module.SweHesnr({"task": "swe_hesnr", "metadata": metadata})
    task.build_all_requests(rank=0, world_size=1)
    assert [instance.doc["id"] for instance in task.instances] == ["delta"]
    assert sorted(rendered) == ["alpha", "beta", "delta"]


def test_bad_files_are_named_and_the_good_ones_scored(evaluate, runs, tmp_path, caplog, harness_logs):
    (tmp_path / "good.jsonl").write_text(runs.read_text())
    (tmp_path / "cut.json").write_text('{"a": [1, 2')
    with caplog.at_level(logging.WARNING, logger="lm_eval.hesnr"):
        counts = evaluate(metadata={"trajectories": str(tmp_path)})["configs"]["swe_hesnr"]["trajectories"]
    assert (counts["bad"], counts["scored"]) == (1, 3)
    assert any("cut.json, line 1" in record.getMessage() for record in caplog.records)
    with pytest.raises(InputError, match=r"cut\.json, line 1.*strict is on"):
        evaluate(metadata={"trajectories": str(tmp_path), "strict": True})


def test_what_no_reader_knows_is_in_the_log_once(evaluate, runs, tmp_path, caplog, harness_logs):
    (tmp_path / "good.jsonl").write_text(runs.read_text())
    with_unknown = run("epsilon") | {"meta": {"unknown_records": {"new": 2}}}
    (tmp_path / "more.jsonl").write_text(json.dumps(with_unknown) + "\n" + json.dumps(with_unknown))
    for name in "xy":
        (tmp_path / f"{name}.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    with caplog.at_level(logging.INFO, logger="lm_eval.hesnr"):
        evaluate(metadata={"trajectories": str(tmp_path)})
    assert sum("2 lines, none of a known format" in message for message in caplog.messages) == 2
    assert sum(message.startswith("swe_hesnr: known formats: ") for message in caplog.messages) == 1
    assert caplog.messages.count("swe_hesnr: unknown records inside sessions: 4 of type new") == 1


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


def test_the_harness_s_cache_is_refused(evaluate, runs, tmp_path):
    with pytest.raises(InputError, match=r"--use_cache: .* use score_store=DIR"):
        evaluate(metadata={"trajectories": str(runs)}, use_cache=str(tmp_path / "cache"))


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


def digest_in(results):
    return results["configs"]["swe_hesnr"]["signature"]["trajectories"]


def digests_in(folder):
    return {json.loads(pq.read_schema(path).metadata[b"hesnr"])["trajectories"] for path in folder.glob("*.parquet")}


def test_results_and_token_tables_have_one_digest_that_of_what_was_scored(evaluate, runs, tmp_path):
    def digest(name, **options):
        results = evaluate(metadata={"trajectories": str(runs), "token_table": str(tmp_path / name)}, **options)
        assert digests_in(tmp_path / name) == {digest_in(results)}
        return digest_in(results)

    whole = digest("whole")
    assert whole == digest("three", limit=3)  # the failed one is left out
    first = digest("first", limit=1)
    assert len({whole, first, digest("second", samples={"swe_hesnr": [1]})}) == 3
    assert first == digest("the first again", samples={"swe_hesnr": [0]})


def test_every_rank_knows_the_digest_of_what_all_ranks_score(runs):
    from lm_eval_hesnr.task import SweHesnr

    def requests(rank, n_ranks):
        task = SweHesnr({"task": "swe_hesnr", "metadata": {"trajectories": str(runs), "token_table": str(runs.parent)}})
        task.build_all_requests(rank=rank, world_size=n_ranks, limit=2)
        return [(i.doc["id"], i.args[1].token_table.signature["trajectories"]) for i in task.instances]

    one = requests(0, 1)
    assert len({digest for _, digest in one}) == 1
    assert sorted(requests(0, 2) + requests(1, 2)) == sorted(one)


def test_a_task_object_can_run_twice(runs):
    """The second run begins with all that was loaded, not with what the first one left."""
    from lm_eval_hesnr.task import SweHesnr

    task = SweHesnr({"task": "swe_hesnr", "metadata": {"trajectories": str(runs), "max_tokens": 240}})
    counts = []
    for limit in (1, None):
        task.build_all_requests(rank=0, world_size=1, limit=limit)
        counts.append([task.selection.counts[key] for key in ("left_out_too_long", "scored")])
    assert counts == [[2, 1], [2, 1]]


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
    from lm_eval_hesnr.scope_filter import ScopedProfile
    from lm_eval_hesnr.task import SweHesnr

    def value(index):
        rng = np.random.default_rng(index)
        columns = (-rng.exponential(1, 99), rng.uniform(0, 2.3, 99), rng.integers(1, 15, 99), rng.uniform(0.9, 1, 99))
        profile = EntropyProfile.of_tokens(*columns, k=10)
        return ScopedProfile("action", index, profile, {"code": 1}, 99, 0, "0" * 16)

    def results(order):
        task = SweHesnr(config={"task": "swe_hesnr", "metadata": {"trajectories": str(path)}})
        items = [value(index) for index in order]
        row = {name: [function(items), function.stderr(items)] for name, function in task.aggregation().items()}
        return json.dumps([row, task.dump_config()["summary"]], sort_keys=True)

    one = results(range(11))
    assert results([*range(0, 11, 3), *range(1, 11, 3), *range(2, 11, 3)]) == one
    assert len(json.loads(one)[0]) == len(HIGHER_IS_BETTER)


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
    table = lines[(first := next(i for i, line in enumerate(lines) if line.startswith("  scope  "))) : first + 6]
    assert table[0].split() == ["scope", "he_snr", "95", "%", "interval", "he_ppl", "ppl", "topk_acc", "decisions"]
    order = ["thought", "action_raw", "action_no_markup", "action_no_whitespace", "action"]
    assert [line.split()[0] for line in table[1:]] == order
    row = results["results"]["swe_hesnr_ablation"]
    assert [int(line.split()[-1]) for line in table[1:]] == [row[f"decisions,{scope}"] for scope in order]


def test_hostile_text_reaches_the_log_only_as_escapes(evaluate, tmp_path, harness_logs, monkeypatch):
    hostile = "\x1b]0;x\x07\x9b2J\r\u202e\u3164\nERROR forged"
    row = run(hostile, turns=1) | {"model": hostile, "source": hostile}
    without_decisions = curated_row("2", segment("task", hostile), segment("observation", ""))
    write_rows(tmp_path / "runs\x1b[2J.jsonl", [row, without_decisions])
    (tmp_path / "bad\x9b.json").write_text(json.dumps({hostile: hostile}))
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    evaluate(metadata={"trajectories": str(tmp_path)})
    ours = [record.getMessage() for record in harness_logs.records if record.name == "lm_eval.hesnr"]
    escaped = "\\x1b]0;x\\x07\\x9b2J\\r\\u202e\\u3164\\nERROR forged"
    assert any(f"without {escaped}, he_snr would" in line for line in ours)
    assert all(line.isprintable() and "\u3164" not in line for line in ours)
    assert stdout.errors == "backslashreplace"  # the harness prints arrows at the end of its own command


def test_what_write_out_prints_has_no_effect_on_a_terminal(evaluate, tmp_path, caplog, harness_logs):
    hostile = "\x1b]0;x\x07\x9b2J\r\u202e\u3164"
    segments = [segment(kind, f"{kind} {hostile}") for kind in ("system", "task", "observation")]
    runs = write_rows(tmp_path / "runs.jsonl", [curated_row(hostile, *segments, source=hostile)])
    caplog.set_level(logging.INFO, logger="lm_eval")
    results = evaluate(metadata={"trajectories": str(runs)}, write_out=True, log_samples=True)
    (prompt,) = [message for message in harness_logs.messages if "context prompt" in message]
    (shown,) = [message for message in harness_logs.messages if message.startswith("Request: ")]
    assert all(line.isprintable() and "\u3164" not in line for line in (prompt + shown).splitlines())
    assert "### System\nsystem \\x1b]0;x\\x07\\x9b2J\\r\\u202e\\u3164\n\n### Task\ntask \\x1b" in prompt
    context, text = results["samples"]["swe_hesnr"][0]["arguments"][0]
    assert json.loads(json.dumps([context, text])) == [
        f"### System\nsystem {hostile}\n\n### Task\ntask {hostile}", f"\n\n### Observation\nobservation {hostile}\n\n"
    ]  # fmt: skip


def test_temperatures_give_calibrated_he_snr_also_from_token_tables_and_the_store(evaluate, runs, tmp_path):
    metadata = {"trajectories": str(runs), "token_table": str(tmp_path / "tokens"), "temperatures": True}
    stored = {"model_args": {"score_store": str(tmp_path / "store")}}
    plain = evaluate(metadata={"trajectories": str(runs)}, **stored)
    results = evaluate(metadata=metadata, **stored)
    row, usual = results["results"]["swe_hesnr"], plain["results"]["swe_hesnr"]
    assert row.keys() - usual.keys() == {
        f"calibrated_he_snr{suffix},{scope}" for suffix in ("", "_stderr") for scope in ("action", "all")
    }
    for key in usual.keys() - {"alias", "name"}:
        assert row[key] == pytest.approx(usual[key], rel=1e-5), key
    assert evaluate(metadata=metadata, **stored)["results"]["swe_hesnr"] == row
    json.dumps(results, allow_nan=False, default=str)
    assert results["higher_is_better"]["swe_hesnr"]["calibrated_he_snr"] is True
    for folder in (tmp_path / "tokens", tmp_path / "store"):
        scopes = {name: SCOPES[name] for name in ("action", "all")}
        measured = measure_tables(read_tables(folder, scopes, EPSILON), "static", EPSILON)
        for scope, found in measured.items():
            summary = results["configs"]["swe_hesnr"]["summary"][scope]
            assert found["summary"]["calibration"] == summary["calibration"]
            for name in found["measures"].keys() | {"calibrated_he_snr"}:
                value, error = (row[f"{name}{suffix},{scope}"] for suffix in ("", "_stderr"))
                assert found["measures"][name] == pytest.approx(value, rel=1e-9), name
                assert found["stderr"][name] == pytest.approx(error, rel=1e-9), name


def test_a_temperature_that_cannot_be_fitted_is_a_finding(evaluate, runs, caplog, harness_logs):
    results = evaluate(metadata={"trajectories": str(runs), "temperatures": True}, limit=1)
    assert results["results"]["swe_hesnr"]["calibrated_he_snr,action"] is None
    found = block_of(caplog.messages)
    assert "temperature-not-fitted" in str(found)
    assert "calibrated_he_snr (action, all): N/A, it needs scored tokens of this scope in at least two" in caplog.text


def test_candidates_are_columns_of_the_token_table(evaluate, runs, tmp_path):
    evaluate(metadata={"trajectories": str(runs), "token_table": str(tmp_path), "candidates": True, "score": "action"})
    for path in tmp_path.glob("*.parquet"):
        frame = pq.read_table(path).to_pandas()
        may_decide = (frame.entropy > math.log(2)) & (frame["rank"] <= 10)
        assert frame.top_ids.notna().tolist() == may_decide.tolist() == frame.top_logprobs.notna().tolist()
        assert may_decide.any()
        for row in frame[may_decide].itertuples():
            at = list(row.top_ids).index(row.token_id)
            assert row.top_logprobs[at] == pytest.approx(row.logprob, rel=2e-3, abs=1e-3)
        assert "log_z" not in frame.columns


def test_the_same_tokens_have_the_same_standard_errors_everywhere(evaluate, tmp_path, capsys):
    """In the run, in its score store, its token tables and its results file, for any order of the trajectories."""
    from lm_eval_hesnr.cli import main

    rows = [run(f"r{i}", turns=1 + i % 4) for i in range(7)]
    found = []
    for name, order in (("straight", rows), ("turned", rows[::-1])):
        path = write_rows(tmp_path / f"{name}.jsonl", order)
        metadata = {"trajectories": str(path), "token_table": str(tmp_path / name), "scopes": ["action"]}
        results = evaluate(metadata=metadata, model_args={"score_store": str(tmp_path / "store")})
        (tmp_path / f"{name}.json").write_text(json.dumps(results, default=str))
        names = {f"{name},action": name for name in HIGHER_IS_BETTER}
        row = results["results"]["swe_hesnr"]
        found.append({measure: (row[key], row[f"{measure}_stderr,action"]) for key, measure in names.items()})
    assert found[0] == found[1]
    for source in ("straight", "turned", "store", "straight.json"):
        assert main(["measure", str(tmp_path / source), "--scopes", "action", "--json"]) == 0
        one = json.loads(capsys.readouterr().out)["action"]
        assert {name: (one["measures"][name], one["stderr"][name]) for name in found[0]} == found[0], source


def test_a_difference_from_results_files_is_the_one_from_token_tables(evaluate, tmp_path, capsys):
    from lm_eval_hesnr.cli import main

    path = write_rows(tmp_path / "runs.jsonl", [run(f"r{i}", turns=1 + i % 3) for i in range(6)])
    for name, model_args in (("a", {}), ("b", {"max_length": 64})):
        results = evaluate(
            metadata={"trajectories": str(path), "token_table": str(tmp_path / name / "tokens")}, model_args=model_args
        )
        (tmp_path / f"results_{name}.json").write_text(json.dumps(results, default=str))
    pages = []
    for pair in (["a", "b"], ["results_a.json", "results_b.json"]):
        assert main(["measure", *[str(tmp_path / name) for name in pair], "--scopes", "action,all", "--json"]) == 0
        pages.append(json.loads(capsys.readouterr().out))
    for scope in ("action", "all"):
        tables, files = [found[scope]["verdicts"][0] for found in pages]
        assert files["verdict"] == tables["verdict"] != "no verdict"
        for one in (files, tables):
            assert one["cautions"][0].startswith("they differ in window (64 in ")
        for name, expected in tables["differences"].items():
            got = files["differences"][name]
            size = max(1, *(one["measures"][name]["value"] for one in pages[0][scope]["runs"]))  # ppl is in thousands
            assert got["value"] == pytest.approx(expected["value"], abs=1e-6 * size), name
            assert got["interval"] == pytest.approx(expected["interval"], abs=1e-6 * size), name
            assert got["p_value"] == pytest.approx(expected["p_value"], abs=2e-3)
