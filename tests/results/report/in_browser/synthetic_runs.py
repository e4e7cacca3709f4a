"""Runs as lm_eval leaves them, results files with token tables, made without a model; also for `benchmarks/report.py`.

This module imports nothing of the harness, so that the tests of the report can run in an environment without it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.assets import TRAJECTORIES
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import ScopeResult, scope_result
from lm_eval_hesnr.results.documents import documents_config
from lm_eval_hesnr.scoring.token_scores import TokenScores, bytes_of_tokens
from lm_eval_hesnr.scoring.token_table import write_token_table
from tests.possible_scores import possible

K = 10
_TOKEN = re.compile(r" ?\w{1,12}|\n+ *| +|[^\w\s]{1,3}|[^\w \n]+")
_LABELS = {
    "action": Label.CODE, "thought": Label.THOUGHT, "observation": Label.OBSERVATION, "system": Label.SYSTEM,
    "task": Label.TASK,
}  # fmt: skip
"""The label of a segment's tokens; `other` for the other kinds."""


@dataclass(frozen=True)
class Document:
    """A text with its T tokens."""

    name: str
    text: str
    ends: np.ndarray
    """(T,) int32: each token's end in the text, in characters; it starts where the one before ends."""
    labels: np.ndarray
    """(T,) uint8."""
    seed: int = 0

    @property
    def token_ids(self) -> np.ndarray:
        """(T,) int32: equal strings have equal ids."""
        starts = np.concatenate([[0], self.ends[:-1]])
        tokens = [self.text[start:end] for start, end in zip(starts, self.ends, strict=True)]
        return np.array([zlib.crc32(one.encode("utf-8", "replace")) % 150_000 for one in tokens], np.int32)


def document(name: str, segments: Sequence[tuple[str, str]], *, n_tokens: int | None = None, seed: int = 0) -> Document:
    """Return a document of segments, (kind, text) each, cut after `n_tokens` tokens."""
    pieces, labels, ends, length = [], [], [], 0
    for kind, text in segments:
        for found in _TOKEN.finditer(text):
            ends.append(length + found.end())
            labels.append(_LABELS.get(kind, Label.OTHER))
        pieces.append(text)
        length += len(text)
    cut = ends[:n_tokens]
    text = "".join(pieces)[: cut[-1]]
    return Document(name, text, np.array(cut, np.int32), np.array(labels[:n_tokens], np.uint8), seed)


@cache
def _segments() -> list[tuple[str, str]]:
    rows = map(json.loads, TRAJECTORIES.read_text(encoding="utf-8").splitlines())
    return [(one["kind"], one["text"] + "\n") for row in rows for one in row["segments"] if one["text"]]


def documents(n_documents: int, n_tokens: int, *, seed: int = 0) -> list[Document]:
    """Return documents of `n_tokens` tokens each, of segments of the embedded runs in random order."""
    random = np.random.default_rng(seed)
    found = []
    for i in range(n_documents):
        chosen: list[tuple[str, str]] = []
        while sum(len(text) for _, text in chosen) < 8 * n_tokens:
            chosen += [_segments()[j] for j in random.permutation(len(_segments()))[:100]]
        found.append(document(f"run-{i:03d}", chosen, n_tokens=n_tokens, seed=seed + i))
    return found


def scores(
    one: Document, *, better: float = 0.0, run: int = 0, signature: Mapping[str, Any] | None = None
) -> TokenScores:
    """Return scores as a trained model gives them: it is sure of most tokens, and has some decisions in each line.

    Two runs agree on most tokens. `better` moves every log-probability towards 0.
    """
    shared, own = np.random.default_rng(one.seed), np.random.default_rng([one.seed, run])
    n_tokens = len(one.ends)
    is_open = shared.random(n_tokens) < 0.3
    entropy = np.where(is_open, shared.beta(2, 2.5, n_tokens) * np.log(K), shared.exponential(0.08, n_tokens))
    entropy = np.clip(entropy * own.lognormal(0, 0.15, n_tokens), 1e-4, np.log(K) * 0.999)
    surprisal = shared.gamma(0.9, np.maximum(entropy, 0.02)) * own.lognormal(0, 0.3, n_tokens) * (1 - better)
    p = np.clip(np.exp(-surprisal), 1e-6, np.where(entropy < 0.1, 0.99999, 0.998))
    rank = 1 + shared.poisson(surprisal)
    found = TokenScores(
        token_ids=one.token_ids,
        labels=one.labels,
        char_start=np.concatenate([[0], one.ends[:-1]]).astype(np.int32),
        char_end=one.ends,
        scored=np.arange(n_tokens) > 0,
        logprob=_after_first(np.log(p)),
        entropy=_after_first(entropy),
        rank=np.where(np.arange(n_tokens) > 0, rank, 0).astype(np.int32),
        top_mass=_after_first(1 - 0.1 * entropy / np.log(K)),
        collision=_after_first(np.clip(np.exp(-entropy), 1e-6, 1)),
        n_bytes=bytes_of_tokens(one.text, np.concatenate([[0], one.ends[:-1]]), one.ends),
        k=K,
        signature=dict(signature or {}),
    )
    return possible(found)


def with_candidates(found: TokenScores) -> TokenScores:
    """Return the scores with the candidates of every decision: the token itself, and other tokens of the text."""
    decided = found.scored & (found.entropy > np.log(2)) & (found.rank <= K)
    ids = np.stack([np.roll(found.token_ids, i) for i in range(K)], axis=1)
    p = np.exp(found.logprob.astype(np.float64))[:, None] * 0.9 ** np.arange(K)
    return replace(
        found,
        top_ids=np.where(decided[:, None], ids, -1).astype(np.int32),
        top_logprobs=np.where(decided[:, None], np.log(p), np.nan).astype(np.float16),
    )


def _after_first(values: np.ndarray) -> np.ndarray:
    """The values as float32; NaN for the first token, which nothing predicts."""
    return np.concatenate([[np.nan], values[1:]]).astype(np.float32)


def settings(model: str, **others: Any) -> dict[str, Any]:
    """Return the signature of a run."""
    return {
        "model": model, "revision": "main", "dtype": "float32", "tokenizer": "840bf24e", "window": 131072, "k": K,
        "epsilon": EPSILON, "threshold": "static", "score": "all", "render": "transcript", "label_rules": 4,
        "scopes": {scope: sorted(one.label_name for one in SCOPES[scope]) for scope in ("action", "all")},
        "trajectories": "e405e48a", "lm_eval_hesnr": "0.1.0", "transformers": "5.23.0", **others,
    }  # fmt: skip


def write_run(
    folder: Path,
    runs: Sequence[Document],
    *,
    model: str | None = None,
    better: float = 0.0,
    number: int = 0,
    with_tables: Collection[int] | None = None,
    candidates: bool = False,
    **others: Any,
) -> Path:
    """Write the results file and the token tables of one run; return the path of the results file.

    Args:
        folder: is made.
        runs: the documents.
        model: the model's name; by default, that of the folder.
        better: as in `scores`.
        number: another number makes other scores.
        with_tables: the documents that get a token table; by default, all.
        candidates: whether the token tables have candidates.
        others: further keys of the signature.
    """
    signature = settings(model or f"/models/{folder.name}", **others)
    profiles: dict[str, list[Any]] = {"action": [], "all": []}
    digests = []
    for i, one in enumerate(runs):
        found = scores(one, better=better, run=number, signature=signature)
        found = with_candidates(found) if candidates else found
        if with_tables is None or i in with_tables:
            write_token_table(folder / "tokens", i, one.name.encode("utf-8", "replace").decode(), found, one.text)
        digests.append(found.digest)
        for scope, of_scope in profiles.items():
            of_scope.append(found.profile(found.in_scope(SCOPES[scope]), EPSILON))
    names = [one.name for one in runs]
    results = {
        scope: scope_result(of_scope, names, method="static", epsilon=EPSILON, digests=digests)
        for scope, of_scope in profiles.items()
    }
    return write_results(folder, results, signature)


def write_results(folder: Path, results: Mapping[str, ScopeResult], signature: Mapping[str, Any]) -> Path:
    """Write a results file as the harness does; return its path. The token tables are in `folder / "tokens"`."""
    values: dict[str, float | str | None] = {}
    for scope, result in results.items():
        for name, found in result.estimates.items():
            values[f"{name},{scope}"] = found.value
            values[f"{name}_stderr,{scope}"] = "N/A" if found.stderr is None else found.stderr
    first = next(iter(results.values()))
    config = {
        "signature": dict(signature),
        "trajectories": {"files": 1, "bad": 0, "scored": len(first.names)},
        "generated_by": {},
        "decisions_by_label": {},
        "summary": {scope: result.summary for scope, result in results.items()},
        "documents": documents_config(results),
        "metadata": {"token_table": str(folder / "tokens"), "pretrained": signature["model"]},
    }
    content = {
        "results": {"swe_hesnr": values},
        "configs": {"swe_hesnr": config},
        "config": {"model": "hf-topk", "model_args": {"pretrained": signature["model"]}},
        "date": 1795948515.88,
        "lm_eval_version": "0.4.13",
        "transformers_version": "5.23.0",
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results_2026-11-29T10-41-26.942964.json"
    path.write_text(json.dumps(content, indent=2))
    return path


def many_documents(result: ScopeResult, n_documents: int) -> ScopeResult:
    """Return a result of `n_documents` documents that repeats the profiles of a smaller one, with other digests."""
    n = len(result.profiles)
    chosen = [i % n for i in range(n_documents)]
    return replace(
        result,
        profiles=[result.profiles[i] for i in chosen],
        names=[result.names[i] if j < n else f"run-{j:03d}" for j, i in enumerate(chosen)],
        digests=[result.digests[i] if j < n else f"{j:016x}" for j, i in enumerate(chosen)],
    )


def write_sweep(folder: Path, steps: Mapping[str, int], runs: Sequence[Document], **options: Any) -> Path:
    """Write the folder of a finished sweep; `steps` maps a checkpoint to its step. Later ones are better. Return it."""
    for number, (name, step) in enumerate(steps.items()):
        path = write_run(folder / name, runs, number=number, better=0.4 * number / len(steps), **options)
        state = {
            "format": "hesnr-sweep-checkpoint", "version": 1, "name": name, "pretrained": f"/models/{name}",
            "step": step, "status": "done", "results": path.name, "token_table": "tokens",
        }  # fmt: skip
        (folder / name / "state.json").write_text(json.dumps(state))
    sweep = {"format": "hesnr-sweep", "version": 1, "settings": {}, "checkpoints": list(steps)}
    (folder / "sweep.json").write_text(json.dumps(sweep))
    return folder
