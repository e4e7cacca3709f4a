"""What is committed of the laboratory."""

import hashlib
import time
from contextlib import suppress

import numpy as np
import pytest

from benchmarks.repository import ROOT
from lab.context.after_the_fact import loss_change
from lab.context.study import points
from lab.experiments import experiment
from lab.page import filled
from lab.predict.after_the_fact import plain_jackknife
from lab.predict.from_readings import study_of
from lab.predict.verdicts import Verdict, p1, together, verdicts
from lab.readings import FOLDER, Readings
from lab.shift import windows
from lab.shift.from_readings import trainings
from lab.shift.verdicts import excess
from lab.tax.from_readings import study_of as study_of_tax
from lab.tax.study import Model, best
from lab.theory.experiment import DATA
from lab.threshold.from_readings import thresholds
from lab.threshold.grid import GRID, PLATEAU
from lab.threshold.tables import all_numbers
from lab.threshold.verdicts import found_in
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.correlation.two_measures import correlation
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.results.compare.choice import NOT_SHOWN
from lm_eval_hesnr.task import SweHesnr

MOST_BYTES = 8_000_000


def test_all_raw_readings_together_are_small_and_say_with_which_code_they_were_made():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.json")) < MOST_BYTES
    for folder in (path for path in FOLDER.iterdir() if path.is_dir()):
        for name in Readings(folder).names():
            file = Readings(folder).file(name)
            assert file is not None
            assert file["about"]
            for part in file["parts"].values():
                assert len(part["made"]["commit"]) == 40
                assert not part["made"]["changed"]


def test_the_readings_of_theory_are_of_the_committed_trajectories():
    for name, path in DATA.items():
        metadata = {"score": "action"} | ({"trajectories": str(path)} if path else {})
        task = SweHesnr({"task": "swe_hesnr", "metadata": metadata})
        digests = [doc["sha256"] for doc in task.test_docs()]
        about = Readings(FOLDER / "theory").about(name)
        assert about is not None
        assert about["trajectories_sha256"] == hashlib.sha256("\n".join(digests).encode()).hexdigest(), name


def test_the_caution_of_the_report_says_what_was_found():
    """If HE-SNR is found to be better, `NOT_SHOWN` of the report and docs/measures.md must change."""
    for name, fast in (("predict", False), ("replication", True)):
        found = {one.name: one for one in verdicts(study_of(Readings(FOLDER / name), fast=fast))}
        assert found["P1"].verdict != "supports"
        assert together(list(found.values())) != "supports"
    assert NOT_SHOWN.startswith("It is not shown that he_snr predicts solved tasks better than bits_per_byte")


def test_the_numbers_in_the_text_are_those_of_the_readings():
    """The README and the documents repeat r of HE-SNR and ln PPL, and the interval of the difference."""
    readings = Readings(FOLDER / "predict")
    found, fast = (p1(study_of(readings, fast=fast)) for fast in (False, True))
    apart = study_of(readings, without=("high_lr",))
    without = p1(apart).numbers
    r, rival = (f"{found.numbers[key]:.2f}" for key in ("r", "r_rival"))
    null = f"{correlation(apart.null.x, apart.points.y):.2f}"
    assert f"{without['r']:.2f}" == f"{without['r_rival']:.2f}"
    both = f"{without['r']:.2f} for both, and {null} for training time alone"
    for name, sentences in {
        "README.md": [f"r {r}, {rival}; difference {interval(found)}."],
        "docs/measures.md": [f"is {r} and {rival}, and the 95 % interval of the difference is {interval(found)}", both],
        "docs/lab/README.md": [f"(r {r} for HE-SNR, {rival} for perplexity"],
        "docs/lab/predict.md": [
            f"r is {r} for `he_snr` and {rival} for `ppl`, and the 95 % interval of the difference is "
            f"{interval(found)} (fast form:",
            f"(fast form: {fast.numbers['r']:.2f}, {fast.numbers['r_rival']:.2f}, {interval(fast)})",
            both,
        ],
    }.items():
        text = " ".join((ROOT / name).read_text().split())
        for sentence in sentences:
            assert sentence in text, name


def test_the_numbers_in_the_text_of_replication_are_those_of_the_readings():
    readings = Readings(FOLDER / "replication")
    study = study_of(readings, fast=True)
    apart = study_of(readings, fast=True, without=("high_lr",))
    found, without = p1(study), p1(apart).numbers
    r, rival = (f"{found.numbers[key]:.2f}" for key in ("r", "r_rival"))
    assert found.interval is not None
    ends = f"{found.interval.low:.2f} to {found.interval.high:.2f}"
    rates = {one: score.rate for one, score in zip(study.points.names, study.points.scores, strict=True)}
    broken = [rate for name, rate in rates.items() if name.startswith("high_lr")]
    others = [rate for name, rate in rates.items() if not name.startswith("high_lr")]
    null = float(correlation(apart.null.x, apart.points.y))
    for name, sentences in {
        "README.md": [f"24 new ones (fast form) say no, weakly: {r}, {rival}; {ends}."],
        "docs/measures.md": [f"In 24 new ones, r is {r} and {rival}, and the interval is {ends}: against"],
        "docs/lab/README.md": [f"(r {r} for HE-SNR, {rival} for perplexity; the interval of the difference is {ends})"],
        "docs/lab/replication.md": [
            f"(r is {r} and {rival}; the 95 % interval of the difference is {ends})",
            f"{100 * min(broken):.1f} to {100 * max(broken):.1f} %, and the others {100 * min(others):.1f} to "
            f"{100 * max(others):.1f} %",
            f"but only just: {null:.3f}, ln PPL {without['r_rival']:.3f}, HE-SNR {without['r']:.3f}",
            "| he_snr,action | 0.82 | 0.56 |",
            "| ppl,action | 0.89 | 0.61 |",
            "| log(step) | 0.87 | 0.50 |",
            "P1 and P5 are against, and P3 supports",
        ],
    }.items():
        text = " ".join((ROOT / name).read_text().split())
        for sentence in sentences:
            assert sentence in text, (name, sentence)
    y, families = study.points.y, np.array(study.points.families)
    left, right = np.triu_indices(len(y), 1)
    inside, working = families[left] == families[right], (families[left] != "high_lr") & (families[right] != "high_lr")
    right_way = {
        name: (1 + np.sign((one.x[left] - one.x[right]) * (y[left] - y[right]))) / 2
        for name, one in (("he_snr", study.he_snr), ("ppl", study.ppl), ("time", study.null))
    }
    page = " ".join((ROOT / "docs" / "lab" / "replication.md").read_text().split())
    of_all = [100 * right_way[name][inside].mean() for name in ("he_snr", "ppl", "time")]
    assert "{:.0f} % of all 60 pairs (ln PPL {:.0f} %, log(tokens) {:.0f} %)".format(*of_all) in page
    apart_pairs = (right_way["he_snr"] != right_way["ppl"]) & working
    count = f"{apart_pairs.sum()} of {working.sum()} pairs, and HE-SNR is right in "
    assert f"{count}{right_way['he_snr'][apart_pairs].sum():.0f}" in page
    lost = {}
    for name, one in (("he_snr", study.he_snr), ("ppl", study.ppl), ("time", study.null)):
        of_family = [np.flatnonzero(families == family) for family in ("code", "recipe", "sessions")]
        of_rate = np.array([score.rate for score in study.points.scores])
        lost[name] = [100 * (of_rate[i].max() - of_rate[i][one.x[i].argmax()]) for i in of_family]
    assert "solves {:.1f}, {:.1f} and {:.1f} points less".format(*lost["he_snr"]) in page
    assert "it is {:.0f}, {:.0f} and {:.1f}; with".format(*lost["ppl"]) in page
    assert "last checkpoint {:.1f}, {:.0f} and {:.1f}.".format(*lost["time"]) in page
    _, plain = plain_jackknife(study)
    assert page.count(f"{plain.low:.2f} to {plain.high:+.2f}") == 2
    said = {one.name: one.verdict for one in verdicts(study)}
    assert said == {"P1": "against", "P2": "undecided", "P3": "supports", "P4": "undecided", "P5": "against",
                    "P6": "undecided"}  # fmt: skip


def test_the_numbers_in_the_text_of_context_are_those_of_the_readings():
    found = experiment("context").analyse(Readings(FOLDER / "context"), False).data["checkpoints"]

    def change(name: str, measure: str) -> str:
        return f"{100 * found[name]['changes']['2048'][measure]['value']:+.0f} %"

    page = " ".join((ROOT / "docs" / "lab" / "context.md").read_text().split())
    falls = [change("linear-000", name).lstrip("-") for name in ("total", "calibrated", "topk_acc", "within")]
    of_context = {one.name: one for one in points(Readings(FOLDER / "context"), fast=False)}
    losses = [loss_change(of_context[name].solved, "near") for name in ("linear-000", "linear-300")]
    for sentence in (
        "by {:.0%} after `linear-000`, and by {:.0%} after".format(*(one.value for one in losses if one)).replace(
            "%", " %"
        ),
        f"`he_snr` falls by {falls[0]} (calibrated: {falls[1]})",
        f"is among the ten candidates {falls[2]} less often",
        f"it falls by {falls[3]} (`within`)",
        f"bring `ppl` from {change('linear-000', 'ppl')} to {change('linear-300', 'ppl')}, and `he_snr` from "
        f"{change('linear-000', 'total')} to {change('linear-300', 'total')}",
        "it solves {:.0f} % and `linear-300` {:.0f} %".format(
            *(100 * found[name]["passed"]["far"]["after"] for name in ("yarn-300", "linear-300"))
        ),
        "worse right after linear scaling ({:.1f} in windows of 2048, and {:.1f} as it is in windows of 512)".format(
            of_context["linear-000"].value("he_ppl", 2048), of_context["as-it-is"].value("he_ppl", 512)
        ),
        "({:.0f} % of the tokens, and {:.0f} % as it is). After 30 and 100 steps, there are more ({:.0f} %)".format(
            *(
                100 * of_context[name].value("decision_rate", window)
                for name, window in (("linear-000", 2048), ("as-it-is", 512), ("linear-100", 2048))
            )
        ),
    ):
        assert sentence in page
    for line, sentence in (
        ("| ppl, 512 | +0.61 | +0.32 | -0.03 | -0.31 |", "`ppl` does (-0.31 and -0.42)"),
        ("| HE-SNR, 512 | -0.81 | -0.64 | -0.22 | +0.54 |", "(rho +0.54 in windows of 512, and +0.48 in windows of"),
        ("| ppl, 2048 | +0.77 | +0.56 | +0.30 | -0.42 |", "`ppl` +0.32 and +0.56)"),
        ("| HE-SNR, 2048 | -0.62 | -0.61 | -0.33 | +0.48 |", "(-0.64 and -0.61;"),
    ):
        assert line in page
        assert sentence in page
    values = {name: one["values"]["2048"] for name, one in found.items()}
    assert values["yarn-300"]["ppl"] < values["linear-300"]["ppl"]
    assert values["yarn-300"]["he_snr"] >= values["linear-300"]["he_snr"]
    ppl_512 = {name: one["changes"]["512"]["ppl"] for name, one in found.items() if name != "as-it-is"}
    assert [name for name, one in ppl_512.items() if one["interval"][0] <= 0] == ["dynamic-000"]
    assert all(one["passed"]["near"]["change"]["interval"][1] >= 0 for one in found.values())


def test_the_numbers_in_the_text_of_tax_are_those_of_the_readings():
    study = study_of_tax(Readings(FOLDER / "tax"), fast=False)
    page = " ".join((ROOT / "docs" / "lab" / "tax.md").read_text().split())
    by_rate = {one.title: one for one in study.tuned["cross_entropy"]}
    tuned, slow, smooth, gem = by_rate["0.002"], by_rate["0.0003"], study.tuned["smoothing"][1], study.tuned["gem"][1]

    def s_of(one: Model, data: str) -> str:
        return f"{one.measured[f'he_snr,{data}'].value:.3f}"

    def calibrated(one: Model) -> str:
        return f"{one.measured['calibrated_he_snr,swe_mini'].value:.3f}"

    def solved(one: Model) -> str:
        return f"{100 * one.measured['pass@8'].value:.0f} %"

    def falls(data: str) -> str:
        control = study.controls[1.25].measured[f"he_snr,{data}"].value
        return f"{100 - 100 * control / study.control_of.measured[f'he_snr,{data}'].value:.0f} %"

    for sentence in (
        f"has an S of {s_of(tuned, 'swe_mini')} in place of {s_of(study.start, 'swe_mini')}",
        f"and solves {solved(tuned)} in eight attempts",
        f"In-style, S rises from {s_of(study.start, 'micro_swe')} to {s_of(tuned, 'micro_swe')}",
        f"chooses 3e-4 for cross entropy (pass@8 {solved(slow)}), and not 2e-3 ({solved(tuned)})",
        f"S falls by {falls('micro_swe')} (in-style) and {falls('swe_mini')} (out-of-style)",
        f"p / entropy rises from {study.start.numbers['set_snr,micro_swe']:.3f} to "
        f"{tuned.numbers['set_snr,micro_swe']:.3f}",
        f"its top-1 accuracy falls from {100 * study.start.numbers['set_rank_1,swe_mini']:.0f} to "
        f"{100 * tuned.numbers['set_rank_1,swe_mini']:.0f} %",
        f"lower S there, {s_of(smooth, 'micro_swe')} and not {s_of(tuned, 'micro_swe')}",
        "| S | +0.25 | +0.35 | -0.74 | -0.29 |",
        "(rho -0.74)",
        "rho is -0.29",
        "only the decision rate orders them in both groups (rho -0.81 and -0.68)",
        "| decision rate | -0.81 | -0.68 | -0.24 | -0.30 |",
        "KL to the start ({} and not {}), GEM ({}) and the entropy bonus ({})".format(
            *(calibrated(study.tuned[loss][1]) for loss in ("kl", "cross_entropy", "gem", "entropy"))
        ),
        "KL to the start does ({} and not {}), but it solves half as many tasks".format(
            *(calibrated(study.tuned[loss][1]) for loss in ("kl", "cross_entropy"))
        ),
        "T* is {:.2f} and {:.2f}".format(*(one.numbers["temperatures,micro_swe"] for one in (gem, tuned))),
    ):
        assert sentence in page
    assert all(best(models).title == "0.0003" for loss in ("cross_entropy", "entropy", "unlikelihood")
               for models in [study.tuned[loss]])  # fmt: skip


def test_the_numbers_in_the_text_of_shift_are_those_of_the_readings():
    page = " ".join((ROOT / "docs" / "lab" / "shift.md").read_text().split())
    some = trainings(Readings(FOLDER / "shift"), fast=False)
    shares = np.array([[windows.share(rows.sum(axis=0)) for rows in one.windows[1.0]] for one in some])
    first, last = shares[:, 0], shares[:, -1]
    intervals = [
        found.interval
        for one in some
        for rows in one.windows[1.0]
        for n in windows.ORDERS
        if (found := excess(rows, n)) and found.interval
    ]
    assert len(intervals) == 72
    exclude_0 = sum(one.low > 0 or one.high < 0 for one in intervals)
    moves = np.stack([one.moves.reshape(len(windows.CLASSES), -1) for one in some if one.moves is not None])
    from_four = 100 * moves[:, windows.CLASSES.index("near ln 4"), windows.CLASSES.index("near ln 3")]
    from_four /= moves[:, windows.CLASSES.index("near ln 4")].sum(axis=1)
    ties = np.stack([one.tie_windows for one in some if one.tie_windows is not None])[:, 2:]
    in_window, by_flanks = (np.stack([of(ties, n) for n in (3, 4)]) for of in (windows.found, windows.expected))
    for sentence in (
        f"from {first.min():.2f} to {first.max():.2f} in the first checkpoints to {last.min():.2f} to {last.max():.2f}",
        f"exclude 0 by chance, and {exclude_0} do",
        f"{from_four.min():.0f} to {from_four.max():.0f} % are near ln 3 in the last one",
        f"{in_window.min():.0f} to {in_window.max():.0f} are found where {by_flanks.min():.0f} to "
        f"{by_flanks.max():.0f} are",
    ):
        assert sentence in page, sentence


def test_the_numbers_in_the_text_of_threshold_are_those_of_the_readings():
    page = " ".join((ROOT / "docs" / "lab" / "threshold.md").read_text().split())
    study = thresholds(Readings(FOLDER / "threshold"), fast=True)
    found = found_in(study)
    rows = {(one["k"], one["method"], one["epsilon"]): one for one in all_numbers(study, found)}
    of_ten = {epsilon: one["r"] for (k, method, epsilon), one in rows.items() if (k, method) == (10, "static")}
    flat = [r for epsilon, r in of_ten.items() if epsilon <= 1.32]
    default, ln_5 = (rows[10, "static", epsilon] for epsilon in (EPSILON, PLATEAU[1]))
    wide = rows[20, "static", EPSILON]
    adaptive = [rows[10, name, None]["r"] for name in ("quantile 0.80", "otsu")]
    differences = [one.test.interval for one in found.adaptive if one.test is not None]
    assert found.nested is not None
    gain = found.nested.interval
    others = [one["r"] for (k, method, _), one in rows.items() if k == 10 and method != "static" and one["r"]]
    assert max(others) < default["r"]
    printed = [one for (k, method, epsilon), one in rows.items()
               if (k, method) == (10, "static") and epsilon in GRID[::3] and epsilon < EPSILON]  # fmt: skip
    assert all(one["tau"] > default["tau"] for one in printed)
    small = [one["r_apart"] for one in printed[:-1]]
    assert min(small) > default["r_apart"]
    assert [one > 0.01 for one in found.nested.errors - found.nested.fixed] == [True, False, True, False]
    for sentence in (
        f"(r is {min(flat):.2f} to {max(flat):.2f} with ten candidates). Above, r falls: to {ln_5['r']:.2f} at ln 5",
        f"(on average larger by {-found.nested.gain:.2f} logits, {-gain.high:.2f} to {-gain.low:+.2f})",
        f"epsilon (r {rows[5, 'static', EPSILON]['r']:.2f})",
        f"r at the default is {wide['r']:.2f}, and without `high_lr` {wide['r_apart']:.2f} in place of "
        f"{default['r_apart']:.2f}",
        f"has r {adaptive[0]:.2f} and `otsu` {adaptive[1]:.2f}, in place of {default['r']:.2f}",
        f"differences: {' and '.join(f'{one.low:.2f} to {one.high:+.2f}' for one in differences)})",
        f"p of the default alone, which nobody searched for, is {default['p_value']:.3f}",
        f"After the search it is {default['max_p_value']:.2f}:",
        f"all from 0.4 to 1.132 a higher r ({min(small):.2f} to {max(small):.2f}, and {default['r_apart']:.2f} of the",
        f"Without `high_lr`, `otsu` has {rows[10, 'otsu', None]['r_apart']:.2f}, and the default "
        f"{default['r_apart']:.2f}",
        f"from {rows[10, 'static', 0.4]['r_apart']:.2f} at 0.4 to {default['r_apart']:.2f} at the default",
    ):
        assert sentence in page, sentence
    valley = study.adaptive("valley").predictor.values
    assert f"exists in {int(np.isfinite(valley).sum())} of the {len(valley)} checkpoints only" in page


def interval(found: Verdict) -> str:
    assert found.interval is not None
    return f"{found.interval.low:.2f} to {found.interval.high:+.2f}"


@pytest.mark.parametrize("name", ["context", "predict", "replication", "shift", "tax", "threshold"])
def test_a_page_is_what_the_committed_readings_give_in_less_than_a_minute(name):
    """The page shows the complete form if there is one, else the fast form, else no block is made."""
    page = (ROOT / "docs" / "lab" / f"{name}.md").read_text()
    forms = []
    for fast in (False, True):
        began = time.process_time()
        with suppress(InputError):
            forms.append(experiment(name).analyse(Readings(FOLDER / name), fast))
        assert time.process_time() - began < 60
    if forms:
        assert filled(page, forms[0].blocks) == page
        assert (ROOT / "docs" / "lab" / f"{name}.svg").read_text() == forms[0].picture
    else:
        assert page.count("<!-- block ") == page.count("Not made yet.\n<!-- end -->")
