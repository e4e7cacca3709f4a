import json
import math
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import scope_result
from lm_eval_hesnr.results.compare.comparable import why_not
from lm_eval_hesnr.results.diagnosis.diagnose import diagnose
from lm_eval_hesnr.results.documents import documents_config
from lm_eval_hesnr.results.results_file import runs_of
from lm_eval_hesnr.results.run import Run
from tests.builders import compared_run, token_scores


def run(name="a", he_snr=0.3, ppl=2.0, topk_acc=0.99, mass=0.996, interval=(0.295, 0.305), **changes):
    results = {"he_snr,action": he_snr, "ppl,action": ppl, "topk_acc,action": topk_acc, "mean_top_mass,action": mass}
    results |= {"decisions,action": 5000.0, "mean_entropy,action": changes.pop("mean_entropy", 0.9)}
    summary = {
        "documents": 500, "intervals": {"he_snr": list(interval) if interval else None}, "near_epsilon": 0.001,
        "largest_influence": {"document": 7, "share": 0.01}, "he_snr_interval_width_by_documents": {50: 0.3, 500: 0.05},
    }  # fmt: skip
    config: dict[str, Any] = {
        "signature": {
            "model": "org/Alpha-7B", "dtype": "float32", "k": 10, "window": 4096, "stride": 2048, "rope": None,
            "score": "all", "trajectories": "e",
        },
        "trajectories": {"scored_tokens": 1000, "short_context_tokens": 0},
        "generated_by": {"google/gemini-3": 500},
        "summary": {"action": summary | changes.pop("summary", {})},
    }  # fmt: skip
    for key, value in changes.items():
        config[key] = config.get(key, {}) | value
    return Run(name, "swe_hesnr", results, config)


def codes(*runs):
    return [finding.code for finding in diagnose(runs)]


def test_a_good_run_has_nothing_to_say():
    assert codes(run()) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"interval": (0.2, 0.4)}, "few-decisions"),
        ({"interval": None}, "no-interval"),
        ({"mass": 0.9}, "candidates-too-few"),
        ({"mean_entropy": math.log(10) - 2e-7}, "constant-logits"),
        ({"summary": {"largest_influence": {"document": 7, "id": "x", "share": 0.2}}}, "one-trajectory"),
        ({"summary": {"largest_influence": {"document": 7, "id": "x", "share": None}}}, "one-trajectory"),
        ({"decisions_by_label": {"action": {"code": 95, "comment": 5}}}, "one-label"),
        ({"signature": {"dtype": "bfloat16"}, "summary": {"near_epsilon": 0.007}}, "precision-at-threshold"),
        ({"trajectories": {"short_context_tokens": 10}}, "windows"),
        ({"generated_by": {"other/alpha-70b-instruct": 3}}, "own-family"),
    ],
)
def test_each_signature_of_one_run(changes, code):
    (finding,) = diagnose([run(**changes)])
    assert finding.code == code
    assert finding.evidence
    assert finding.advice


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"he_snr": 0.35, "ppl": 1.9, "interval": (0.345, 0.355)}, []),
        ({"he_snr": 0.302, "ppl": 1.95, "interval": (0.297, 0.307)}, ["flat"]),
        ({"he_snr": 0.302, "ppl": 1.5, "interval": (0.297, 0.307)}, ["set-moved", "flat"]),
        ({"he_snr": 0.306, "ppl": 1.5, "interval": (0.301, 0.311)}, ["set-moved"]),
        ({"he_snr": 0.33, "ppl": 1.5, "interval": (0.32, 0.34)}, []),
        ({"he_snr": 0.255, "ppl": 4.0, "interval": (0.25, 0.26)}, []),  # clear, so nothing hides it
        ({"he_snr": 0.35, "ppl": 2.2, "interval": (0.345, 0.355)}, ["opposite"]),
        (
            {"he_snr": 0.35, "ppl": 2.2, "interval": (0.345, 0.355), "signature": {"window": 8192, "rope": "yarn"}},
            ["other-context", "opposite"],
        ),
        ({"he_snr": 0.35, "ppl": 2.2, "interval": (0.345, 0.355), "signature": {"k": 20}}, ["not-comparable"]),
        ({"signature": {"k": 20}}, ["not-comparable"]),
        ({"he_snr": 0.35, "ppl": 1.9, "interval": (0.345, 0.355), "topk_acc": 0.97}, ["topk-falls"]),
        ({"he_snr": 0.35, "ppl": 1.9, "interval": (0.345, 0.355), "signature": {"k": 20}}, ["not-comparable"]),
        (
            {"he_snr": 0.35, "ppl": 1.9, "interval": (0.345, 0.355), "signature": {"score": "action"}},
            ["not-comparable"],
        ),
        (
            {"he_snr": 0.35, "ppl": 1.9, "interval": (0.345, 0.355), "signature": {"trajectories": "f"}},
            ["not-comparable"],
        ),
        ({"he_snr": 0.35, "ppl": 2.000001, "interval": (0.345, 0.355)}, []),
    ],
)
def test_each_signature_between_two_runs(changes, expected):
    assert codes(run("a"), run("b", **changes)) == expected


def test_advice_names_how_many_trajectories_would_do():
    (finding,) = diagnose([run(interval=(0.2, 0.4))])
    assert "about 500 trajectories like these" in finding.advice
    assert "action 0.3000 +-33 % (5000 decisions), in 500 trajectories" in finding.evidence


def in_two_scopes(one):
    """The same run with a second scope, `all`, that has the same numbers."""
    results = one.results | {key.replace(",action", ",all"): value for key, value in one.results.items()}
    labels = dict.fromkeys(("action", "all"), one.config.get("decisions_by_label", {}).get("action"))
    summaries = dict.fromkeys(("action", "all"), one.config["summary"]["action"])
    return one._replace(results=results, config=one.config | {"summary": summaries, "decisions_by_label": labels})


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"interval": (0.2, 0.4)}, "he_snr has a wide interval: action 0.3000 +-33 % (5000 decisions), all 0.3000 "
         "+-33 % (5000 decisions), in 500 trajectories"),
        ({"interval": None}, "he_snr has no interval: decisions action 5000, all 5000 in 500 trajectories"),
        ({"interval": None, "summary": {"documents": 1}},
         "he_snr has no interval: decisions action 5000, all 5000 in 1 trajectory"),
        ({"mass": 0.9}, "mean_top_mass of the 10 candidates: action 90.0 %, all 90.0 %"),
        ({"summary": {"largest_influence": {"document": 7, "id": "x", "share": 0.2}}},
         "without x, he_snr would change: action 20 %, all 20 %"),
        ({"summary": {"largest_influence": {"document": 7, "id": "x", "share": None}}},
         "without x, he_snr would have no value: action, all"),
        ({"decisions_by_label": {"action": {"code": 95, "comment": 5}}},
         "most decisions are code: action 95 %, all 95 %"),
        ({"signature": {"dtype": "bfloat16"}, "summary": {"near_epsilon": 0.007}}, "the dtype is bfloat16, and tokens "
         "are within 0.01 nats of epsilon: action 0.70 %, all 0.70 %"),
        ({"summary": {"epsilon": None}, "he_snr": None, "signature": {"threshold": "valley"}},
         "he_snr (action, all): N/A, threshold=valley found no threshold"),
        ({"summary": {"tokens": 0}, "he_snr": None, "ppl": None},
         "he_snr, ppl (action, all): N/A, the scope has no scored token"),
    ],
)  # fmt: skip
def test_a_finding_in_two_scopes_is_one_line(changes, evidence):
    (finding,) = diagnose([in_two_scopes(run(**changes))])
    assert finding.evidence == evidence


def test_advice_on_one_label_counts_the_scopes():
    one = run(decisions_by_label={"action": {"code": 95, "comment": 5}})
    advice = [finding.advice for finding in (*diagnose([one]), *diagnose([in_two_scopes(one)]))]
    assert advice[0].startswith("this scope mainly measures code;")
    assert advice[1].startswith("these scopes mainly measure code;")


def test_a_results_file_of_another_task_is_refused():
    with pytest.raises(ValueError, match="it has no swe_hesnr results"):
        runs_of({"results": {"hellaswag": {}}, "configs": {"hellaswag": {}}}, "x.json")


def test_the_command_reads_results_files_in_order(tmp_path, capsys):
    for name, one in (("first.json", run()), ("second.json", run(he_snr=0.35, ppl=2.2, interval=(0.345, 0.355)))):
        data = {"results": {"swe_hesnr": one.results}, "configs": {"swe_hesnr": one.config}}
        (tmp_path / name).write_text(json.dumps(data))
    assert main(["diagnose", str(tmp_path / "first.json"), str(tmp_path / "second.json")]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "opposite: swe_hesnr, first.json -> second.json: he_snr and ppl disagree about which run is better: action "
        "he_snr 0.3000 -> 0.3500, ppl 2.000 -> 2.200; "
    )
    assert out.endswith("1 finding in 2 runs, in this order: first.json, second.json\n")


def places(value, path=()):
    """The path of every value in decoded JSON."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def mutated(data, path, to):
    """A copy of decoded JSON with the value at this path replaced; removed if `to` is Ellipsis."""
    copy = json.loads(json.dumps(data))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if to is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return copy


STRANGE = [..., None, True, -1, 10**400, 1e308, float("nan"), "", "\ud800", [], [1], [0.1, "x"], {}, {"a": None}]


def test_values_of_a_results_file_that_are_wrong_are_one_line(tmp_path, capsys):
    scores = {f"run {i}": token_scores(seed=i) for i in range(4)}
    profiles = [one.profile(one.scored, EPSILON) for one in scores.values()]
    found = scope_result(profiles, list(scores), method="static", epsilon=EPSILON, digests=["0" * 16] * 4)
    results = {f"{name},action": one.value for name, one in found.estimates.items()}
    config = run().config | {
        "summary": {"action": found.summary},
        "decisions_by_label": {"action": {"code": 9, "x": 1}},
        "documents": documents_config({"action": found}),
    }
    data = {"results": {"swe_hesnr": results}, "configs": {"swe_hesnr": config}}
    whole, other = tmp_path / "whole.json", tmp_path / "other.json"
    whole.write_text(json.dumps(data))
    assert main(["diagnose", str(whole), str(whole)]) == 0
    mutations = [(path, to) for path in list(places(json.loads(whole.read_text())))[1:] for to in STRANGE]
    for path, to in Random(0).sample(mutations, 80):
        other.write_text(json.dumps(mutated(data, path, to)))
        assert main(["diagnose", str(whole), str(other)]) in (0, 2)
        error = capsys.readouterr().err
        assert error == "" or (error.startswith("error: ") and f"{other}: " in error and error.count("\n") == 1)


@pytest.mark.parametrize("interval", [[], [0.1], [0.1, 0.2, 0.3], [0.1, "x"], "ab", 1.0, [None, None]])
def test_an_interval_that_is_not_two_numbers_is_one_line(tmp_path, capsys, interval):
    one = run(summary={"intervals": {"he_snr": interval}})
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"results": {"swe_hesnr": one.results}, "configs": {"swe_hesnr": one.config}}))
    assert main(["diagnose", str(path)]) == 2
    assert "configs, swe_hesnr, summary, action, intervals" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"summary": {"near_epsilon": "x"}}, "summary, action, near_epsilon: expected a number from 0 on, or null"),
        ({"summary": {"documents": 10**400}}, "summary, action, documents: expected a whole number from 0 on, found 1"),
        ({"summary": {"largest_influence": [1]}}, "action, largest_influence: expected an object, found a list of 1"),
        ({"summary": {"largest_influence": {"id": "a"}}}, "share: expected a number from 0 on, or null, found n"),
        ({"trajectories": {"scored_tokens": None}}, "trajectories, scored_tokens: expected a number from 0"),
        ({"decisions_by_label": {"action": {"code": {}}}}, "code: expected a number from 0 on, found an object"),
        ({"decisions_by_label": {"action": {"code": 1, "x": -1}}}, "x: expected a number from 0 on, found -1"),
        ({"he_snr": []}, "results, swe_hesnr, he_snr,action: expected a number, null or N/A, found a list of 0"),
    ],
)
def test_a_wrong_value_of_a_results_file_is_named_by_its_key(changes, line):
    one = run(**changes)
    with pytest.raises(ValueError, match=line):
        runs_of({"results": {"swe_hesnr": one.results}, "configs": {"swe_hesnr": one.config}}, "x.json")


@pytest.mark.parametrize("content", ["{", "[]", '{"results": {}}', None])
def test_a_file_that_is_no_result_is_named(tmp_path, capsys, content):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    assert main(["diagnose", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: ")


def test_files_with_two_tasks_are_compared_task_by_task(tmp_path):
    runs = []
    for name, he_snr in (("a", 0.30), ("b", 0.35)):
        one = run(name, he_snr=he_snr, interval=(he_snr - 0.005, he_snr + 0.005), ppl=2.4 - he_snr)
        data = {"results": dict.fromkeys("xy", one.results), "configs": dict.fromkeys("xy", one.config)}
        runs += runs_of(data, name)
    assert diagnose(runs) == []


def slow(n_runs):
    """A series of runs, each of them in the interval of its neighbours."""
    return [
        run(str(i), he_snr=0.300 + 0.004 * i, interval=(0.295 + 0.004 * i, 0.305 + 0.004 * i)) for i in range(n_runs)
    ]


def test_what_stands_for_all_neighbours_is_one_line():
    (finding,) = diagnose(slow(8))
    assert str(finding).startswith("flat: swe_hesnr, 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 6 -> 7: each value of he_snr is in ")
    assert finding.pairs[:2] == (("0", "1"), ("1", "2"))


def test_the_first_and_the_last_run_are_compared_too():
    """From run to run ppl changes too little; from the first to the last, it and he_snr say the opposite."""
    small = [run(str(i), he_snr=0.3 + 0.02 * i, ppl=2 + 0.007 * i, interval=(0.29, 0.31)) for i in range(3)]
    (finding,) = [one for one in diagnose(small) if one.code == "opposite"]
    assert str(finding).startswith("opposite: swe_hesnr, 0 -> 2: ")


def test_the_first_and_the_last_run_repeat_nothing_that_neighbours_say():
    series = [run("a"), run("b", he_snr=0.35, ppl=2.2, interval=(0.34, 0.36)), run("c", interval=None)]
    found = [(one.code, one.pairs) for one in diagnose(series) if one.pairs]
    assert found == [("opposite", (("a", "b"),)), ("opposite", (("b", "c"),))]


@pytest.mark.parametrize(
    ("topk_acc", "expected"),
    [
        ((0.80, 0.79, 0.50), [("a", "b"), ("b", "c"), ("a", "c")]),
        ((0.80, 0.50, 0.55), [("a", "b")]),
        ((0.80, 0.90, 0.75), [("b", "c")]),
    ],
)
def test_the_first_and_the_last_run_repeat_a_finding_whose_change_is_larger(topk_acc, expected):
    series = [run(name, topk_acc=value, interval=None) for name, value in zip("abc", topk_acc, strict=True)]
    found = [pair for one in diagnose(series) if one.code == "topk-falls" for pair in one.pairs]
    assert found == expected


def with_second_scope(one, **values):
    """The same run with a second scope, `all`, in which these values are different."""
    one = in_two_scopes(one)
    return one._replace(results=one.results | {f"{name},all": value for name, value in values.items()})


def test_the_first_and_the_last_run_repeat_a_finding_in_another_scope():
    """In `all`, topk_acc falls too little from run to run."""
    series = [
        with_second_scope(run(name, topk_acc=action, interval=None), topk_acc=everywhere)
        for name, action, everywhere in (("a", 0.80, 0.80), ("b", 0.70, 0.796), ("c", 0.73, 0.792))
    ]
    topk = [(one.pairs, one.evidence.partition(": ")[2]) for one in diagnose(series) if one.code == "topk-falls"]
    assert topk == [
        ((("a", "b"),), "action topk_acc 0.8000 -> 0.7000"),
        ((("a", "c"),), "action topk_acc 0.8000 -> 0.7300; all topk_acc 0.8000 -> 0.7920"),
    ]


def test_a_finding_with_the_same_evidence_in_several_runs_names_them_once():
    runs = [
        run(name, generated_by={"other/alpha-70b": 3}, mass=mass) for name, mass in (("a", 1), ("b", 0.9), ("c", 1))
    ]
    found = [str(one).partition(";")[0] for one in diagnose(runs) if one.runs]
    assert found == [
        "own-family: swe_hesnr, a, b, c: trajectories were generated by other/alpha-70b, of the same family as the "
        "evaluated model",
        "candidates-too-few: swe_hesnr, b: mean_top_mass of the 10 candidates: action 90.0 %",
    ]


def test_pairs_that_do_not_follow_each_other_are_separate():
    runs = [run("a"), run("b", signature={"k": 20}), run("c", signature={"k": 20}, he_snr=0.4), run("d")]
    (finding,) = [str(one) for one in diagnose(runs) if one.code == "not-comparable"]
    assert finding.startswith("not-comparable: swe_hesnr, a -> b, c -> d: the runs differ in k; ")


def test_a_name_with_a_comma_is_quoted():
    finding = diagnose([run("a"), run("a, window 2048", signature={"window": 2048})])[0]
    assert str(finding).startswith('other-context: swe_hesnr, a -> "a, window 2048": the runs differ in window: ')


def test_settings_are_compared_by_the_rule_of_measure():
    """A setting that one run does not know is not compared, and of the scopes only the definition of each one."""
    before, after = (
        in_two_scopes(run(name, interval=None, topk_acc=value)) for name, value in (("a", 0.9), ("b", 0.8))
    )
    del after.config["signature"]["dtype"]
    before.config["signature"]["scopes"] = {"action": ["code"], "all": ["code", "comment"]}
    after.config["signature"]["scopes"] = {"action": ["code"], "all": ["code"]}
    totals = {scope: compared_run("x", [0.1]).totals["action"] for scope in ("action", "all")}
    runs = [
        replace(compared_run("x", [0.1]), signature=one.config["signature"], totals=totals) for one in (before, after)
    ]
    assert why_not(runs[0], runs[1], "action") is None
    assert str(why_not(runs[0], runs[1], "all")).startswith("they differ in scopes (")
    found = [(one.code, one.evidence) for one in diagnose([before, after]) if one.pairs]
    assert found == [
        ("not-comparable", "the runs differ in scopes (all)"),
        ("topk-falls", "fewer true tokens are among the candidates: action topk_acc 0.9000 -> 0.8000"),
    ]


def test_a_scope_that_only_one_run_has_is_named():
    before, after = in_two_scopes(run("a", interval=None)), run("b", interval=None, topk_acc=0.8)
    found = [(one.code, one.evidence) for one in diagnose([before, after]) if one.pairs]
    assert found[0] == ("not-comparable", "only one of the runs has scope all")
    assert [code for code, _ in found[1:]] == ["topk-falls"]


def test_two_runs_of_two_tasks_are_compared_task_by_task():
    runs = [one._replace(task=task) for task in ("x", "y") for one in (run("a"), run("b", signature={"k": 20}))]
    assert [(one.task, one.pairs) for one in diagnose(runs)] == [("x", (("a", "b"),)), ("y", (("a", "b"),))]


def test_no_interval_wanted_of_a_measure_that_is_zero():
    assert codes(run(he_snr=0.0, interval=(0.0, 0.0))) == []


def test_a_narrower_interval_can_be_wanted():
    assert [finding.code for finding in diagnose([run()], width=0.01)] == ["few-decisions"]


@pytest.mark.parametrize(
    ("signature", "effect"),
    [({"rope": "linear x 4"}, "encoded the positions differently"), ({"window": 8192}, "contexts of different length")],
)
def test_a_finding_on_context_says_what_differs(signature, effect):
    (finding,) = [one for one in diagnose([run(), run("b", signature=signature)]) if one.code == "other-context"]
    assert effect in finding.evidence


def with_value(one, **values):
    """The same run with more results in scope `action`."""
    return one._replace(results=one.results | {f"{name},action": value for name, value in values.items()})


@pytest.mark.parametrize(
    ("calibrated", "expected"),
    [
        ((0.29, 0.291), ["temperature"]),
        ((0.29, 0.301), ["temperature"]),
        ((0.29, 0.279), ["temperature"]),
        ((0.29, 0.303), ["opposite"]),
        ((0.29, 0.277), ["opposite"]),
        ((0.29, None), ["opposite"]),
    ],
)
def test_a_change_that_calibration_removes_is_one_of_temperature(calibrated, expected):
    """As after the temperature .8: he_snr and ppl rise by 12 and 28 %. A third of the change of he_snr is 0.012."""
    before = with_value(run("a"), calibrated_he_snr=calibrated[0])
    after = with_value(run("b", he_snr=0.336, ppl=2.56, interval=(0.33, 0.34)), calibrated_he_snr=calibrated[1])
    assert codes(before, after) == expected


def test_a_change_of_temperature_is_not_also_one_of_the_decisions():
    """ppl rises by 28 %, and he_snr by only 4 %."""
    before, after = run("a"), run("b", he_snr=0.312, ppl=2.56, interval=(0.31, 0.314))
    assert "set-moved" in codes(before, after)
    assert codes(*(with_value(one, calibrated_he_snr=0.29) for one in (before, after))) == ["temperature"]


MEASURED = {  # he_snr and calibrated_he_snr of the tables in docs/measures.md, of the embedded model and of SmolLM2
    "nothing": ((0.1040, 0.0980), (0.1407, 0.1385)),
    "easiest +1": ((0.0702, 0.0788), (0.1040, 0.1149)),
    "half +1": ((0.1052, 0.1019), (0.1455, 0.1485)),
    "noise": ((0.1044, 0.0973), (0.1433, 0.1451)),
    "T = 0.8": ((0.1150, 0.0980), (0.1447, 0.1386)),
    "T = 1.25": ((0.0854, 0.0980), (0.1273, 0.1384)),
}


@pytest.mark.parametrize("model", [0, 1])
@pytest.mark.parametrize("change", list(MEASURED)[1:])
def test_of_the_measured_changes_only_those_of_temperature_are_called_so(model, change):
    before, after = (
        with_value(run(name, he_snr=he_snr, interval=None), calibrated_he_snr=calibrated)
        for name, (he_snr, calibrated) in (("a", MEASURED["nothing"][model]), ("b", MEASURED[change][model]))
    )
    assert ("temperature" in codes(before, after)) == change.startswith("T")


def test_a_finding_about_two_runs_in_two_scopes_is_one_line():
    interval = {"intervals": {"he_snr": [0.33, 0.34], "calibrated_he_snr": [0.285, 0.295]}}
    before = in_two_scopes(with_value(run("a"), calibrated_he_snr=0.29))
    after = in_two_scopes(with_value(run("b", he_snr=0.336, summary=interval), calibrated_he_snr=0.29))
    (finding,) = diagnose([before, after])
    one = "he_snr 0.3000 -> 0.3360, calibrated_he_snr 0.2900 (no interval) -> 0.2900 (95 % 0.2850 to 0.2950)"
    assert finding.evidence == (f"he_snr moves, but not at the temperature that fits each run: action {one}; all {one}")


def scored(name, better):
    """A run of eight made-up trajectories, with its documents; `better` moves every log-probability towards 0."""
    scores = {f"run {i}": token_scores(seed=i, better=better) for i in range(8)}
    profiles = [one.profile(one.scored, EPSILON) for one in scores.values()]
    digests = [one.digest for one in scores.values()]
    found = scope_result(profiles, list(scores), method="static", epsilon=EPSILON, digests=digests)
    one = run(name)
    results = {f"{measure},action": estimate.value for measure, estimate in found.estimates.items()}
    config = one.config | {"summary": {"action": found.summary}, "documents": documents_config({"action": found})}
    return one._replace(results=results, config=config)


def test_with_documents_runs_are_flat_only_if_their_paired_difference_is():
    same = [scored(name, 0) for name in "ab"]
    (finding,) = [one for one in diagnose(same) if one.pairs]
    assert finding.code == "flat"
    assert finding.evidence == "the 95 % interval of the paired difference of he_snr contains 0 (action)"
    better = [scored("a", 0), scored("b", 0.02)]
    assert [one.code for one in diagnose(better) if one.pairs] == []
    without = [one._replace(config=one.config | {"documents": None}) for one in better]
    assert [one.code for one in diagnose(without) if one.pairs] == ["flat"]
    other = better[1].config["documents"] | {"sha256": ["0" * 16] * 8}
    strange = better[1]._replace(config=better[1].config | {"documents": other})
    (finding,) = [one for one in diagnose([better[0], strange]) if one.pairs]
    assert (finding.code, finding.evidence) == (
        "not-comparable",
        "their trajectories have different tokens (another tokenizer, or another text)",
    )


def test_runs_on_other_trajectories_are_not_compared():
    a, b = scored("a", 0), scored("b", 0.02)
    documents = b.config["documents"]
    fewer = {
        "ids": documents["ids"][:7],
        "sha256": documents["sha256"][:7],
        "totals": {"action": documents["totals"]["action"][:7]},
    }
    fewer_documents = b._replace(config=b.config | {"documents": documents | fewer})
    (finding,) = [one for one in diagnose([a, fewer_documents]) if one.pairs]
    assert finding.code == "not-comparable"
    assert finding.evidence == "they have other trajectories (7 and 8; only in one of them: run 7)"


@pytest.mark.parametrize(
    ("self_he_snr", "evidence"),
    [
        (0.34, "at its decisions, the model is too confident: he_snr action 0.3000 (self_he_snr 0.3400)"),
        (0.26, "at its decisions, the model is not confident enough: he_snr action 0.3000 (self_he_snr 0.2600)"),
        (0.32, None),
    ],
)
def test_a_model_that_is_too_confident_is_named(self_he_snr, evidence):
    found = diagnose([with_value(run(), self_he_snr=self_he_snr)])
    assert [(one.code, one.evidence) for one in found] == ([("not-calibrated", evidence)] if evidence else [])


def test_calibration_is_not_judged_within_the_interval_of_he_snr():
    one = with_value(run(interval=(0.26, 0.34)), self_he_snr=0.339)
    assert codes(one) == ["few-decisions"]


def write(folder, *runs):
    """Write results files as the harness does, one in a folder of its own for each run; return the folder."""
    for one in runs:
        path = folder / one.name / "model" / "results_2026-01-01T00-00-00.000000.json"
        path.parent.mkdir(parents=True)
        data = {"results": {one.task: dict(one.results)}, "configs": {one.task: dict(one.config)}}
        path.write_text(json.dumps(data))
    return folder


def test_a_folder_is_read_in_order_of_the_numbers_in_names(tmp_path, capsys):
    folder = write(tmp_path, *(run(f"step{i}", mass=0.9) for i in (1000, 200, 30)))
    assert main(["diagnose", str(folder)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("candidates-too-few: swe_hesnr, step30, step200, step1000: mean_top_mass")
    assert out[1].startswith("flat: swe_hesnr, step30 -> step200 -> step1000: ")
    assert out[2:] == ["2 findings in 3 runs, in this order: step30, step200, step1000"]
    assert main(["diagnose", *(str(folder / f"step{i}") for i in (1000, 30))]) == 0
    assert capsys.readouterr().out.endswith("in this order: step1000, step30\n")


def test_a_bad_file_in_a_folder_is_named_and_the_others_are_diagnosed(tmp_path, capsys):
    folder = write(tmp_path, run("a"), run("b"))
    bad = folder / "a" / "model" / "results_2026-01-01T00-00-00.000000.json"
    bad.write_text("{")
    assert main(["diagnose", str(folder)]) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"error: {bad}: is not a results file")
    assert out == "no findings in 1 run\n"
    assert main(["diagnose", str(folder / "a")]) == 1
    assert capsys.readouterr().out == ""


def test_findings_as_json(tmp_path, capsys):
    folder = write(tmp_path, run("a", mass=0.9), run("b"))
    assert main(["diagnose", "--json", str(folder)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["task"]) for one in found["runs"]] == [("a", "swe_hesnr"), ("b", "swe_hesnr")]
    assert found["runs"][0]["file"].startswith(str(folder / "a"))
    assert [(one["code"], one["task"], one["runs"], one["pairs"]) for one in found["findings"]] == [
        ("candidates-too-few", "swe_hesnr", ["a"], []),
        ("flat", "swe_hesnr", [], [["a", "b"]]),
    ]
    assert main(["diagnose", "--json", str(folder / "a")]) == 0
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["task"], finding["runs"]) == ("swe_hesnr", ["Alpha-7B"])


def test_advice_is_not_repeated(tmp_path, capsys):
    folder = write(tmp_path, run("a", mass=0.9), run("b", mass=0.91, he_snr=0.4, interval=(0.39, 0.41)))
    assert main(["diagnose", str(folder)]) == 0
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.endswith("do not judge the long-context tax; raise k, and look at topk_acc")
    assert second == "candidates-too-few: swe_hesnr, b: mean_top_mass of the 10 candidates: action 91.0 %"
