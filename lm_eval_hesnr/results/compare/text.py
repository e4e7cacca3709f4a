"""A comparison of runs as text: one page that answers which run to take."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lm_eval_hesnr.messages.counts import counted, listed, quoted
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.bounds import DIRECTIONS
from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.results.compare.choice import SEE_PARTS
from lm_eval_hesnr.results.compare.comparable import contexts
from lm_eval_hesnr.results.compare.comparison import Comparison
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.verdict import NO_VERDICT, Verdict, least_p_line
from lm_eval_hesnr.results.text_table import aligned, interval_cell, number, shortened_name

WIDTH = 120
"""Characters of a line."""
COLUMNS = {
    "he_ppl": ".3f", "ppl": ".3f", "self_he_snr": ".4f", "q_over_entropy": ".4f", "bits_per_byte": ".4f",
    "top1_acc": ".4f", "topk_acc": ".4f", "mean_entropy": ".4f", "decisions": ".0f", CALIBRATED: ".4f",
}  # fmt: skip
"""The measures that a table may have after he_snr and its interval, with their formats."""
SHOWN = ("he_ppl", "ppl", "bits_per_byte", "top1_acc", "self_he_snr", "decisions")
SHOWN_CALIBRATED = (CALIBRATED, "he_ppl", "ppl", "bits_per_byte", "top1_acc", "decisions")
"""If a run has calibrated_he_snr, it takes the place of self_he_snr: both are about the temperature of a model."""
SHOWN_ON_A_SET = ("he_ppl", "top1_acc", "topk_acc", "mean_entropy", "q_over_entropy", "decisions")
"""The measures of the table. On a set of tokens, the accuracies are those of the decisions."""
_SHORTEST_NAME = 12
_NAME_IN_TEXT = 20
"""Characters of a name in the text of a table."""


def comparison_lines(found: Comparison, *, set_of: str | None = None) -> list[str]:
    """The table of all runs, and the verdict on each.

    Args:
        found: the comparison.
        set_of: the name of the reference run, if the measures are over its decisions.
    """
    has_calibrated = any(CALIBRATED in values for values in found.values.values())
    shown = SHOWN_ON_A_SET if set_of else SHOWN_CALIBRATED if has_calibrated else SHOWN
    return [
        *wrapped(_heading(found, set_of), ""),
        "",
        *_table(found, {name: COLUMNS[name] for name in shown}),
        *wrapped(_directions(shown), ""),
        "",
        *wrapped(_compared_with(found), ""),
        *_verdict_lines(found.verdicts[run.name] for run in found.runs if run is not found.baseline),
        *_rivals_lines(found),
        *(line for text in (_other_contexts(found), _without_difference(found)) for line in wrapped(text, "")),
    ]


def _compared_with(found: Comparison) -> str:
    every = [*found.verdicts.values(), *found.rivals]
    n_tested = max((verdict.comparisons for verdict in every), default=0)
    all_tested = f"; p-values after Holm over {n_tested} comparisons, which include those with the highest {HEADLINE}"
    after = all_tested if n_tested > 1 else ""
    least = least_p_line(every)
    return (
        f"Compared with {found.baseline.name} by the difference of {HEADLINE}, paired by trajectory{after}"
        f"{f' ({least})' if least else ''}:"
    )


def _rivals_lines(found: Comparison) -> list[str]:
    """The verdicts on the run to take, compared with its rivals."""
    if not found.rivals:
        return []
    taken, rivals = found.rivals[0].run, [quoted(verdict.baseline) for verdict in found.rivals]
    head = f"{quoted(taken)}, the run to take by the last lines, compared with {listed(rivals)}:"
    return [*wrapped(head, ""), *_verdict_lines(found.rivals, with_opposite=not found.choice.has_opposite)]


def _other_contexts(found: Comparison) -> str:
    """A caution if not all runs read the same context; empty if they do. The most frequent context is `the others`."""
    runs = [run for run in found.runs if run.name not in found.left_out]
    differing, groups = contexts(runs, found.scope)
    if not differing:
        return ""
    largest = max(groups, key=lambda values: len(groups[values]))
    others = "the others" if len(groups[largest]) > 1 else listed(groups[largest])
    described = [
        f"{listed(values)} in {listed([quoted(name) for name in names])}"
        for values, names in groups.items()
        if values != largest
    ]
    described.append(f"{listed(largest)} in {others}")
    return (
        f"Caution: the runs differ in {listed(differing)}: {'; '.join(described)}. A difference between runs with "
        "other contexts can come from the model or from the context."
    )


def _without_difference(found: Comparison) -> str:
    """A note if a paired difference of calibrated_he_snr is missing, because results files do not have its sums."""
    runs = [run for run in found.runs if found.scope in run.calibrated]
    if len(runs) < 2 or all(found.scope in run.replicates for run in runs):
        return ""
    return f"Results files give no paired difference of {CALIBRATED}: give the folders of the token tables."


def choice_lines(found: Comparison, *, with_advice: bool = True) -> list[str]:
    """Which run to take, and why. A reason that the verdicts have given is not repeated.

    Args:
        found: the comparison.
        with_advice: whether to advise --decompose.
    """
    chosen = found.choice
    given = {run for run, verdict in found.verdicts.items() if verdict.kind == NO_VERDICT}
    sentences = [one if with_advice else one.removesuffix(SEE_PARTS) for one in chosen.reasons]
    if chosen.take:
        if repeated := [name for name in chosen.not_considered if name in given]:
            sentences.append(f"Not considered, as there is no verdict: {listed([quoted(name) for name in repeated])}.")
        sentences += [
            f"Not considered, as there is no verdict: {name}: {why}."
            for name, why in chosen.not_considered.items()
            if name not in given
        ]
    return [line for sentence in sentences for line in wrapped(sentence, "")]


def _heading(found: Comparison, set_of: str | None) -> str:
    signature = found.baseline.signature
    epsilon = found.baseline.thresholds.get(found.scope, signature.get("epsilon"))
    threshold = signature.get("threshold", "static")
    known = f"epsilon {epsilon:.4f}" if isinstance(epsilon, float) else "epsilon not known"
    at = known if threshold == "static" else f"threshold {threshold}"
    over = f", over the decisions of {set_of}" if set_of else ""
    last = f", {set_of} last" if set_of else ""
    sizes = sorted({len(run.ids) for run in found.runs})
    n = ("" if len(sizes) == 1 else f"{sizes[0]} to ") + counted(sizes[-1], "trajectory")
    return (
        f"{counted(len(found.runs), 'run')}, {n}, scope {found.scope}, {at}{over}; the highest {HEADLINE} first{last}:"
    )


def _table(found: Comparison, columns: Mapping[str, str]) -> list[str]:
    head = ["run", HEADLINE, "95 % interval", *columns]
    rows = [_row(found.values[run.name], columns) for run in found.runs]
    taken = sum(max(map(len, cells)) + 2 for cells in zip(head[1:], *rows, strict=True))
    room = max(_SHORTEST_NAME, WIDTH - taken)
    named = [[shortened_name(run.name, room), *row] for run, row in zip(found.runs, rows, strict=True)]
    return aligned([head, *named], right=range(1, len(head)))


def _row(values: Mapping[str, Estimate], columns: Mapping[str, str]) -> list[str]:
    cells = [number(values[HEADLINE].value), interval_cell(values[HEADLINE].interval)]
    known = {name: values[name].value if name in values else None for name in columns}
    return cells + [number(known[name], form) for name, form in columns.items()]


def _directions(shown: Sequence[str]) -> str:
    higher, lower = (
        ", ".join(name for name in (HEADLINE, *shown) if DIRECTIONS[name] is better) for better in (True, False)
    )
    means = (
        f"{HEADLINE} is the mean of probability / entropy over the decisions of a run: tokens where its entropy is "
        "above epsilon and the true token is among its k candidates. "
    )
    better = f"Better if higher: {higher}; if lower: {lower}. The others are diagnostics."
    return better if shown is SHOWN_ON_A_SET else means + better


def _verdict_lines(verdicts: Iterable[Verdict], *, with_opposite: bool = True) -> Iterator[str]:
    """Each verdict with its cautions. Other contexts are said once, for all runs."""
    for verdict in verdicts:
        yield from wrapped(f"{verdict.sentence}.", "  ")
        for caution in verdict.cautions:
            if caution != verdict.context and (with_opposite or caution != verdict.opposite):
                yield from wrapped(f"caution: {caution}.", "    ")


def left_out_lines(found: Comparison, what: str) -> list[str]:
    """One paragraph for each run that cannot be compared with the baseline: why something is missing.

    Args:
        found: the comparison.
        what: what is missing, such as `parts are not known`.
    """
    lines = []
    for run, why in found.left_out.items():
        lines += ["", *wrapped(f"{run} and {found.baseline.name}: {what}: {why}.", "")]
    return lines


def differences_lines(found: Comparison) -> list[str]:
    """The paired difference of every measure, one line each, of each run that has a verdict or could be paired.

    On a set of tokens, the number of decisions is the same for all runs, and has no line.
    """
    constant = ("decisions",) if found.baseline.signature.get("set_of") else ()
    lines = []
    for verdict in found.verdicts.values():
        rows = [("measure", "difference", "95 % interval", "p")]
        for name, one in verdict.differences.items():
            if name in constant:
                continue
            value, interval, p_value = one or (None, None, None)
            rows.append((name, number(value, "+.4f"), interval_cell(interval, "+.4f"), number(p_value, ".2g")))
        if verdict.differences:
            lines += ["", f"{verdict.run} minus {verdict.baseline}:", *aligned(rows, right=(1, 2, 3))]
    return lines


def parts_lines(baseline: str, run: str, parts: Mapping[str, Difference | None]) -> list[str]:
    """The parts of the difference of he_snr between a run and the baseline, one line each."""
    baseline, run = shortened_name(baseline, _NAME_IN_TEXT), shortened_name(run, _NAME_IN_TEXT)
    about = {
        "total": f"{HEADLINE} of {run} minus that of {baseline}",
        "within": "change at the tokens that are decisions of both",
        "entering": f"effect of the tokens that are decisions of {run} alone",
        "leaving": f"effect of the tokens that are decisions of {baseline} alone",
        "kept": f"share of the decisions of {baseline} that remain",
    }
    rows = [("part", "value", "95 % interval", "p", "what it is")]
    for name, found in parts.items():
        value, interval, p_value = found or (None, None, None)
        form = ".4f" if name == "kept" else "+.4f"
        p = "" if name == "kept" else number(p_value, ".2g")
        rows.append((name, number(value, form), interval_cell(interval, form), p, about[name]))
    return aligned(rows, right=(1, 2, 3))


def wrapped(text: str, indent: str) -> list[str]:
    """The text in lines of at most `WIDTH` characters, with an indent."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  " if indent else "",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
