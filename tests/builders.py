"""Builders that several test files share: curated rows, trajectories, requests, token scores, models."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lm_eval.api.instance import Instance

from lm_eval_hesnr.assets import TRAJECTORIES
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.profile import EPSILON, SUMS
from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, from_tables
from lm_eval_hesnr.results.token_tables import read_tables
from lm_eval_hesnr.scoring.request import LabelledText
from lm_eval_hesnr.scoring.token_scores import STATISTICS, TokenScores
from lm_eval_hesnr.scoring.token_table import write_token_table
from lm_eval_hesnr.trajectories.checked import checked
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import reader_of
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory
from tests.possible_scores import possible

SIZES = {
    "vocab_size": 300, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.3,
}  # fmt: skip
"""The shape of a small model, in the names that most configurations of transformers share."""


def segment(kind: str, text: str, generated: bool = False, **fields: Any) -> dict[str, Any]:
    """Return a segment as a curated file contains it."""
    return {"kind": kind, "text": text, "generated": generated, **fields}


def bash_action(command: str, **fields: Any) -> dict[str, Any]:
    """Return the segment of an action that is one executed shell command."""
    calls = [{"tool": "bash", "arguments": {"command": command}, "executed": True}]
    return segment("action", command, generated=True, calls=calls, **fields)


def curated_row(
    name: str,
    *segments: dict[str, Any],
    resolved: bool | None = None,
    source: str = "test",
    meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one row of a curated file."""
    head = {"format": "hesnr-trajectory", "version": 1, "id": name, "source": source, "resolved": resolved}
    return {**head, "model": None, "segments": list(segments), "meta": meta or {}}


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write one JSON object a line; return the path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def first_turns(path: Path, n_runs: int, only_resolved: bool = False) -> Path:
    """Write the first nine segments of the first embedded runs, so that scoring them is quick; return the path."""
    rows = [json.loads(line) for line in TRAJECTORIES.read_text(encoding="utf-8").splitlines()]
    chosen = [row for row in rows if row["resolved"] or not only_resolved][:n_runs]
    return write_rows(path, [row | {"segments": row["segments"][:9]} for row in chosen])


def trajectory(*segments: Segment, **fields: Any) -> Trajectory:
    """Return a trajectory of these segments; its other fields have values for a test."""
    values: dict[str, Any] = {"id": "a run", "source": "test", "resolved": None, "model": None, **fields}
    return Trajectory(segments=segments, **values)


def request(
    context: str,
    text: str,
    *,
    k: int = 10,
    to_score: slice | np.ndarray = slice(None),
    label: Label = Label.OBSERVATION,
    name: str = "a run",
    **options: Any,
) -> Instance:
    """Return a request for the scores of `text` after `context`, every character with the same label.

    `to_score` selects the characters of `text` whose tokens are scored.
    """
    labels = np.full(len(context) + len(text), label, np.uint8)
    chosen = np.zeros(len(labels), bool)
    chosen[len(context) :][to_score] = True
    labelled = LabelledText(text, labels=labels, to_score=chosen, k=k, **{"has_template": False} | options)
    return Instance("loglikelihood", doc={"id": name}, arguments=(context, labelled), idx=0)


def token_scores(
    n_tokens: int = 400,
    *,
    first_scored: int = 7,
    k: int = 10,
    seed: int = 0,
    better: float = 0.0,
    other: bool = False,
    signature: dict[str, Any] | None = None,
) -> TokenScores:
    """Return random scores of code, comments and observations.

    `better` moves every log-probability towards 0. With `other`, another model scored the same tokens.
    """
    random = np.random.default_rng(seed)
    scored = np.arange(n_tokens) >= first_scored

    def _where_scored(values: np.ndarray) -> np.ndarray:
        return np.where(scored, values, np.nan).astype(np.float32)

    token_ids = random.integers(0, 150_000, n_tokens, dtype=np.int32)
    labels = random.choice([Label.CODE, Label.COMMENT, Label.OBSERVATION], n_tokens).astype(np.uint8)
    if other:
        random = np.random.default_rng([seed, 1])
    if signature is None:
        signature = {"model": "m", "k": k, "render": "transcript", "label_rules": 1}
    return possible(
        TokenScores(
            token_ids=token_ids,
            labels=labels,
            char_start=np.arange(n_tokens, dtype=np.int32) * 3,
            char_end=np.arange(n_tokens, dtype=np.int32) * 3 + 3,
            scored=scored,
            logprob=_where_scored(-random.gamma(2, 0.7, n_tokens) * (1 - better)),
            entropy=_where_scored(random.uniform(0, np.log(k), n_tokens)),
            rank=np.where(scored, random.integers(1, 15, n_tokens), 0).astype(np.int32),
            top_mass=_where_scored(random.uniform(0.9, 1, n_tokens)),
            collision=_where_scored(random.uniform(0.1, 0.8, n_tokens)),
            n_bytes=np.full(n_tokens, 3, np.int32),
            k=k,
            signature=signature,
        )
    )


def recorded(logits: np.ndarray, targets: np.ndarray, k: int) -> dict[str, Any]:
    """Return what a run with temperatures records of (n, V) logits, from the definitions in float64."""
    from scipy.special import logsumexp  # type: ignore[import-untyped]

    relative = logits - logits.max(axis=1, keepdims=True)
    log_z = np.stack([logsumexp(relative * inverse, axis=1) for inverse in INVERSE_TEMPERATURES], axis=1)
    log_p = relative - logsumexp(relative, axis=1, keepdims=True)
    target = np.take_along_axis(relative, targets[:, None], axis=1)
    top = -np.sort(-relative, axis=1)[:, :k]

    def _entropy(values: np.ndarray) -> np.ndarray:
        q = np.exp(values - logsumexp(values, axis=1, keepdims=True))
        return np.asarray(-(q * np.log(q)).sum(axis=1))

    p = -np.sort(-np.exp(log_p), axis=1)[:, :k]
    is_needed = _entropy(top * INVERSE_TEMPERATURES[0]) > np.log(2)
    return {
        "logprob": np.take_along_axis(log_p, targets[:, None], axis=1)[:, 0].astype(np.float32),
        "entropy": _entropy(top).astype(np.float32),
        "rank": (1 + (relative > target).sum(axis=1)).astype(np.int32),
        "top_mass": p.sum(axis=1).astype(np.float32),
        "log_z": log_z.astype(np.float32),
        "top_logits": np.where(is_needed[:, None], top, np.nan).astype(np.float32),
    }


def with_extras(n_tokens: int = 400, *, first_scored: int = 7, k: int = 10, seed: int = 0) -> TokenScores:
    """Return scores of random logits, with all optional statistics."""
    random = np.random.default_rng(seed)
    scores = token_scores(n_tokens, first_scored=first_scored, k=k, seed=seed)
    n_scored = n_tokens - first_scored
    logits = random.normal(0, random.uniform(1, 4, (n_scored, 1)), (n_scored, 4 * k))
    targets = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    found = recorded(logits, targets, k)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    ids = np.argsort(-p, axis=1)[:, :k]
    found["collision"] = np.square(np.take_along_axis(p, ids, axis=1)).sum(axis=1).astype(np.float32)
    kept = ((found["entropy"] > np.log(2)) & (found["rank"] <= k))[:, None]
    found["top_ids"] = np.where(kept, ids, -1).astype(np.int32)
    found["top_logprobs"] = np.where(kept, np.log(np.take_along_axis(p, ids, axis=1)), np.nan).astype(np.float16)
    whole: dict[str, Any] = {}
    for name, values in found.items():
        whole[name] = np.full((n_tokens, *values.shape[1:]), STATISTICS[name], values.dtype)
        whole[name][first_scored:] = values
    return replace(scores, **whole)


def compared_run(
    name: str,
    he_snr: Any,
    *,
    decisions: np.ndarray | int = 100,
    ppl: np.ndarray | float = 4,
    **signature: Any,
) -> ComparedRun:
    """Return a run in scope `action` with one document of 1000 tokens for each value of he_snr."""
    rows = np.zeros((len(he_snr), 2 * len(SUMS)))
    columns = {column: i for i, column in enumerate(SUMS)}
    above = len(SUMS)
    rows[:, columns["tokens"]] = 1000
    rows[:, columns["nll"]] = 1000 * np.log(ppl)
    rows[:, columns["rank_1"]] = 500
    rows[:, above + columns["top_k"]] = decisions
    rows[:, above + columns["snr"]] = decisions * np.asarray(he_snr)
    rows[:, above + columns["nll_top_k"]] = decisions * 2.0
    ids = [f"run {i}" for i in range(len(he_snr))]
    digests = [f"{i:016x}" for i in range(len(he_snr))]
    settings = {"model": "m", "dtype": "float32", "k": 10, "window": 2048, "scopes": {"action": ["code"]}}
    return ComparedRun(
        name=name, source=Path(name), signature=settings | signature, ids=ids, digests=digests, totals={"action": rows}
    )


def run_of_tables(folder: Path, scores: Sequence[TokenScores]) -> ComparedRun:
    """Write token tables into a folder; return the run in them in scope `action`."""
    for i, one in enumerate(scores):
        write_token_table(folder, i, f"run {i}", one)
    scopes = {"action": SCOPES["action"]}
    return from_tables(read_tables(folder, scopes, EPSILON), scopes, EPSILON)


def unread(path: Path) -> tuple[int, int, int, int]:
    """What changes if a file is replaced or written, but not if it is read: a stat_result also has the time of that."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns


@contextmanager
def size_limit(n_bytes: int) -> Iterator[None]:
    """Let this process write no file longer than this, as on a disk that gets full. Python ignores SIGXFSZ."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def assert_linear(work: Callable[[int], object], n: int) -> None:
    """Fail where `work(n)` costs more than 64 times the CPU time of `work(n // 16)`.

    Linear work costs about 16 times as much, quadratic work 256 times. Each is the least of three measurements.
    """

    def _cost(size: int) -> float:
        begin = time.thread_time()
        work(size)
        return time.thread_time() - begin

    small, large = (min(_cost(size) for _ in range(3)) for size in (n // 16, n))
    assert large < 64 * small, f"{large:.3f} s for {n}, {small:.6f} s for {n // 16}"


def model(config_class: Any = None, *, dtype: Any = None, attention: str | None = None, **settings: Any) -> Any:
    """Return a small causal model (a Llama by default) of random weights, the same ones each time; float32 by default.

    `settings` change or extend `SIZES`.
    """
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    config = (config_class or LlamaConfig)(**SIZES | settings)
    options = {"attn_implementation": attention} if attention else {}
    return AutoModelForCausalLM.from_config(config, dtype=dtype or torch.float32, **options).eval()


def compared_with_files(real_trajectories, pattern, independent):
    """[actions, thoughts, results] in the agents' session files, equal to those of an independent extraction.

    Args:
        real_trajectories: the fixture.
        pattern: a glob below the folder of agent sessions; the test is skipped if it matches no file.
        independent: a function of the path that returns the texts of actions, thoughts and results.
    """
    files = sorted((real_trajectories / "wild" / "agent_sessions_fixtures").glob(pattern))
    if not files:
        pytest.skip(f"no files {pattern}")
    total = [0, 0, 0]
    for path in files:
        expected = independent(path)
        (read,) = load_trajectories(path).trajectories
        kinds = ("action", "thought", "observation")
        assert tuple([s.text for s in read.segments if s.kind == kind] for kind in kinds) == expected
        total = [n + len(found) for n, found in zip(total, expected, strict=True)]
    return total


def read_record(data: Any, path: Path) -> Trajectory:
    """Return the trajectory in one decoded JSON value, with the checks of `load`. ValueError if it has none."""
    reader = reader_of(data)
    if reader is None:
        raise ValueError("no known trajectory format")
    return checked(reader.read(data, path))


def results_json(he_snr: float, ppl: float = 30.0, *, task: str = "swe_hesnr", **signature: Any) -> dict[str, Any]:
    """Return a results file of the harness for one run of our task, as small as its readers accept."""
    values = {
        "he_snr": he_snr,
        "he_snr_stderr": 0.001,
        "ppl": ppl,
        "he_ppl": 10.5,
        "decisions": 5000.0,
        "topk_acc": 0.99,
    }
    summary = {"documents": 28, "intervals": {"he_snr": [he_snr - 0.002, he_snr + 0.002]}, "near_epsilon": 0.001}
    config = {"signature": {"model": "m", "dtype": "float32", "k": 10, **signature}, "summary": {"action": summary}}
    return {
        "results": {task: {f"{name},action": value for name, value in values.items()}},
        "configs": {task: config},
    }


def write_slowly(model: Path, folder: Path, order: Sequence[str], *, closed: bool) -> None:
    """Write a copy of a checkpoint over two seconds, file by file in this order, perhaps with a closing file."""
    folder.mkdir(parents=True)
    for name in order:
        content = (model / name).read_bytes()
        with (folder / name).open("wb") as file:
            for part in range(5):
                file.write(content[len(content) * part // 5 : len(content) * (part + 1) // 5])
                file.flush()
                time.sleep(2 / 5 / len(order))
    if closed:
        (folder / "trainer_state.json").write_text("{}")
