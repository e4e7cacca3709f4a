"""The trajectories whose tokens the page shows, from the token tables of two runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.metrics.decomposition import PARTS, part_totals
from lm_eval_hesnr.metrics.measures import number_or_none
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.report.subject import Document, Subject
from lm_eval_hesnr.results.report.tables import Table, table_of
from lm_eval_hesnr.results.report.token_block import shown_texts, token_block
from lm_eval_hesnr.results.token_tables import available

_WORST, _WORST_OF_OTHERS = 15, 5
"""The number of tokens in the list of the first trajectory, and of each other one. A page has at most about 2000 HTML
elements."""
_AROUND = 10
"""Tokens of the text before and after one of them."""
_LABELS = {label.label_name: label for label in Label}


class WorstToken(NamedTuple):
    """A token where the run in focus is much worse than the reference; with one run, a decision that it finds hard."""

    position: int
    before: str
    token: str
    after: str
    surprisal: list[float]
    """-ln p in each run, nats."""
    entropy: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The tokens of one trajectory."""

    document: Document
    runs: Sequence[str]
    """The names of the runs whose tokens it has."""
    k: int
    n_tokens: int
    block: str
    """See `token_block`."""
    has_text: bool
    parts: Mapping[str, float | None] | None
    """The parts of the difference of he_snr in this trajectory, see `metrics.decomposition`."""
    worst: Sequence[WorstToken]
    token_names: Mapping[int, str]
    """The text of the tokens that are candidates, as far as the trajectory itself has them."""


class Views(NamedTuple):
    """The views of a page."""

    views: list[View]
    notes: list[str]


def views_of(subject: Subject, documents: Sequence[Document], show: str, *, with_text: bool) -> Views:
    """The trajectories to show.

    Args:
        subject: the runs.
        documents: all trajectories, the largest effect first.
        show: a number of trajectories, the first of `documents` that have a token table; or ids with commas.
        with_text: whether the views contain the text.

    Raises:
        InputError: there is no trajectory with one of these ids.
    """
    notes: list[str] = []
    chosen, n_wanted = _chosen(documents, show)
    if not n_wanted or not any(run.tables for run in subject.pair):
        if chosen is not documents:
            notes.append("note: no token tables: the page does not show tokens; score with --metadata token_table=DIR")
        return Views([], notes)
    views: list[View] = []
    for document in chosen:
        if len(views) == n_wanted:
            break
        view = _view(subject, document, with_text, notes)
        if view is not None:
            views.append(replace(view, worst=view.worst[:_WORST_OF_OTHERS]) if views else view)
        elif chosen is not documents:
            notes.append(f"note: {document.id}: no token table, so its tokens are not shown")
    return Views(views, notes)


def _chosen(documents: Sequence[Document], show: str) -> tuple[Sequence[Document], int]:
    """The trajectories to try, in their order, and how many of them to show."""
    by_id: dict[str, list[Document]] = {}
    for document in documents:
        by_id.setdefault(document.id, []).append(document)
    if show in by_id:
        return by_id[show], len(by_id[show])
    if show.isascii() and show.isdigit():
        return documents, int(show[:9])
    names = [name.strip() for name in show.split(",") if name.strip()]
    if not names:
        raise InputError(f"--show {show}: expected a number, or ids with commas")
    for name in names:
        if name not in by_id:
            n = counted(len(documents), "trajectory")
            raise InputError(
                f"--show {show}: {did_you_mean(name, by_id)}expected a number, or ids with commas; no trajectory of "
                f"{n} is named {name}"
            )
    chosen = [document for name in dict.fromkeys(names) for document in by_id[name]]
    return chosen, len(chosen)


def _view(subject: Subject, document: Document, with_text: bool, notes: list[str]) -> View | None:
    found: list[tuple[ReportRun, Table]] = []
    for run in subject.pair:
        needs_text = with_text and not any(table.texts for _, table in found)
        if table := _table(run, document, needs_text, notes):
            found.append((run, table))
    if not found:
        return None
    tables = [table for _, table in found]
    scores = [table.scores for table in tables]
    epsilon = _epsilon(subject)
    texts = next((table.texts for table in tables if table.texts is not None), None)
    shown = shown_texts(texts) if texts is not None else None
    return View(
        document=document,
        runs=[run.name for run, _ in found],
        k=scores[0].k,
        n_tokens=len(scores[0].token_ids),
        block=token_block(scores, epsilon, shown),
        has_text=shown is not None,
        parts=_parts(subject, tables, epsilon),
        worst=list(_worst(tables, labels_of(subject), epsilon, shown)),
        token_names=_token_names(tables, shown),
    )


def _table(run: ReportRun, document: Document, with_text: bool, notes: list[str]) -> Table | None:
    if run.tables is None or run.compared is None:
        return None
    name, digest = run.compared.ids[document.index], run.compared.digests[document.index]
    try:
        return table_of(run.tables, name, digest, with_text=with_text)
    except InputError as error:
        notes.append(f"note: {error}")
        return None


def _epsilon(subject: Subject) -> float | None:
    compared = subject.reference.compared
    return compared.thresholds.get(subject.scope) if compared else None


def labels_of(subject: Subject) -> frozenset[Label]:
    """The labels of the scope, as the run has them."""
    return scope_labels(subject.reference, subject.scope)


def scope_labels(run: ReportRun, scope: str) -> frozenset[Label]:
    """The labels of a scope of a run; those of the scope of this name if the run does not say so."""
    scopes = run.run.config["signature"].get("scopes")
    given = scopes.get(scope) if isinstance(scopes, dict) else None
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    return frozenset(_LABELS[name] for name in names if name in _LABELS) or SCOPES.get(scope, frozenset())


def _parts(subject: Subject, tables: Sequence[Table], epsilon: float | None) -> dict[str, float | None] | None:
    labels = labels_of(subject)
    if len(tables) < 2 or epsilon is None or not all(available(table.scores, labels) for table in tables):
        return None
    a, b = (table.scores for table in tables)
    in_a, in_b = (one.in_scope(labels) & one.decisions(epsilon) for one in (a, b))
    row = part_totals(a.snr, in_a, b.snr, in_b)
    return {name: number_or_none(part(row)) for name, part in PARTS.items()}


def _worst(
    tables: Sequence[Table], labels: frozenset[Label], epsilon: float | None, texts: Sequence[str] | None
) -> Iterator[WorstToken]:
    if epsilon is None:
        return
    scores = [table.scores for table in tables]
    in_scope = scores[0].in_scope(labels)
    decided = np.any([one.decisions(epsilon) for one in scores], axis=0) & in_scope
    for one in scores:
        decided &= one.scored
    positions = np.flatnonzero(decided)
    cost = scores[0].logprob - scores[1].logprob if len(scores) > 1 else -scores[0].snr
    for position in positions[np.argsort(-cost[positions], kind="stable")][:_WORST].tolist():
        before, token, after = ("", "", "") if texts is None else _around(texts, position)
        yield WorstToken(
            position,
            before,
            token,
            after,
            [-float(one.logprob[position]) for one in scores],
            [float(one.entropy[position]) for one in scores],
        )


def _around(texts: Sequence[str], position: int) -> tuple[str, str, str]:
    before = "".join(texts[max(0, position - _AROUND) : position])
    return before, texts[position], "".join(texts[position + 1 : position + 1 + _AROUND])


def _token_names(tables: Sequence[Table], texts: Sequence[str] | None) -> dict[int, str]:
    if texts is None:
        return {}
    ids = [table.scores.top_ids for table in tables if table.scores.top_ids is not None]
    wanted = set(np.unique(np.concatenate(ids)).tolist()) if ids else set()
    pairs: Iterable[tuple[int, str]] = zip(tables[0].scores.token_ids.tolist(), texts, strict=True)
    return {token_id: text for token_id, text in pairs if text and token_id in wanted}
