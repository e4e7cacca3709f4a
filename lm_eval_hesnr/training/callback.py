"""`HESNRCallback`: scores trajectories at the evaluations of a `transformers.Trainer`, and logs HE-SNR."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from transformers import TrainerCallback

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.options import Options
from lm_eval_hesnr.training.scorer import Scorer
from lm_eval_hesnr.training.whole_model import refuse_sharded

eval_logger = logging.getLogger("lm_eval.hesnr")

PREFIX = "eval_hesnr_"
MEASURES = ("he_snr", "he_ppl", "ppl", "decisions", "topk_acc")
"""The measures that are logged."""


class HESNRCallback(TrainerCallback):
    """Adds HE-SNR to the evaluations of a `Trainer`: `trainer.add_callback(HESNRCallback(trainer, "runs/"))`.

    The arguments of the training say when it evaluates (`eval_strategy`, `eval_steps`, `eval_on_start`). The numbers go
    to the trainer's log, as `eval_hesnr_he_snr`, `eval_hesnr_ppl` and so on. Scopes other than `action` are a part of
    the key: `eval_hesnr_all_ppl`. With `metric_for_best_model="hesnr_he_snr"`, they choose the best checkpoint.

    Scoring changes neither the model nor its modes, nor any random state: the training is the same with and without it.
    If several processes have copies of the model (DDP, ZeRO-1, ZeRO-2), each scores a part of the trajectories.
    """

    def __init__(
        self,
        trainer: Any,
        trajectories: str | Sequence[str] | None = None,
        *,
        every: int = 1,
        scopes: Sequence[str] = ("action",),
        limit: int | None = None,
        render: str = "transcript",
        tokenizer: Any = None,
        model_args: Mapping[str, Any] | None = None,
        strict: bool = False,
        **options: Any,
    ) -> None:
        """Check the arguments. Trajectories are loaded at the first evaluation.

        Args:
            trainer: the trainer to which this callback is added.
            trajectories: files, folders and globs; None for the embedded sample set.
            every: score at the first evaluation and then at every N-th one.
            scopes: the scopes to measure.
            limit: only the first trajectories, this many.
            render: `transcript`, or `chat` for the chat template of the tokenizer.
            tokenizer: the tokenizer; None for the trainer's `processing_class`.
            model_args: arguments of `hf-topk`, such as `mem_budget`, `max_length` and `stride`.
            strict: raise errors. If False, an error is logged as a warning, and the training goes on.
            **options: other keys of --metadata, such as `max_tokens`, `k` and `epsilon`.

        Raises:
            InputError: an argument is wrong.
        """
        for name, number in (("every", every), ("limit", 1 if limit is None else limit)):
            if type(number) is not int or number < 1:
                raise InputError(f"HESNRCallback: {name}={number!r}: expected a whole number of at least 1")
        if render not in ("transcript", "chat"):
            raise InputError(f"HESNRCallback: render={render!r}: expected transcript or chat")
        self.trainer, self.every, self.strict = trainer, every, strict
        metadata = {"scopes": list(scopes), **options, "strict": strict}
        if "score" not in options and list(scopes) == ["action"]:
            metadata["score"] = "action"  # the same numbers for less work
        if trajectories is not None:
            metadata["trajectories"] = trajectories if isinstance(trajectories, str) else list(trajectories)
        _check_options(metadata)
        self._scorer = Scorer(
            trainer, metadata, limit=limit, is_chat=render == "chat", tokenizer=tokenizer, model_args=model_args or {}
        )
        self._keys = {
            f"{PREFIX}{'' if scope == 'action' else f'{scope}_'}{name}": f"{name},{scope}"
            for scope in scopes
            for name in (*MEASURES, "he_snr_stderr")
        }
        self._n_evaluations = 0
        self._scored_state: tuple[int, int] | None = None
        self._logs: dict[str, float] = {}
        self._last_warning: str | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Check what can be checked before the first step.

        Raises:
            InputError: the model is sharded, or `metric_for_best_model` cannot work.
        """
        refuse_sharded(self.trainer, kwargs.get("model"))
        self._check_best_metric(args)
        if str(getattr(args.eval_strategy, "value", args.eval_strategy)) == "no":
            eval_logger.warning("HESNRCallback: eval_strategy is no, so nothing is scored; set eval_strategy=steps")

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Score, log the numbers, and add them to the metrics of this evaluation.

        Raises:
            InputError: scoring failed, and `strict` is on.
        """
        metrics, model = kwargs["metrics"], kwargs["model"]
        # with several evaluation data sets, the trainer calls this once per data set
        now = state.global_step, _weights_version(model)
        if now != self._scored_state:
            self._scored_state = now
            is_due = self._n_evaluations % self.every == 0
            self._n_evaluations += 1
            self._logs = self._score(model) if is_due else {}
            if self._logs:
                self.trainer.log(dict(self._logs))
        metrics.update(self._logs)
        if (best := _best_key(args)) in self._keys:  # the trainer needs the key; NaN is never better than a number
            metrics.setdefault(best, math.nan)

    def _score(self, model: Any) -> dict[str, float]:
        """The numbers by their key in the log; empty if scoring failed."""
        begin = time.perf_counter()
        try:
            refuse_sharded(self.trainer, model)
            results = self._scorer.score(model)
        except Exception as error:
            if self.strict:
                raise
            self._warn(f"{error}" if isinstance(error, InputError) else repr(error))
            return {}
        found = {key: results.get(name) for key, name in self._keys.items()}
        logs = {key: float(value) for key, value in found.items() if isinstance(value, (int, float))}
        return {**logs, f"{PREFIX}seconds": time.perf_counter() - begin}

    def _warn(self, reason: str) -> None:
        """Log a failure once, until its reason changes."""
        if reason != self._last_warning:
            eval_logger.warning("HESNRCallback: not scored, the training goes on: %s", reason)
        self._last_warning = reason

    def _check_best_metric(self, args: Any) -> None:
        key = _best_key(args)
        if not key.startswith(PREFIX):
            return
        if key not in self._keys:
            known = [name.removeprefix("eval_") for name in self._keys]
            hint = did_you_mean(args.metric_for_best_model, known)
            raise InputError(
                f"metric_for_best_model={args.metric_for_best_model}: {hint}HESNRCallback has {', '.join(known)}"
            )
        is_better = HIGHER_IS_BETTER.get(self._keys[key].split(",")[0])
        if is_better is None or is_better is not bool(args.greater_is_better):
            expected = (
                "it has no better direction; choose hesnr_he_snr" if is_better is None else f"set it to {is_better}"
            )
            raise InputError(
                f"metric_for_best_model={args.metric_for_best_model}, greater_is_better={args.greater_is_better}: "
                f"{expected}"
            )


def _check_options(metadata: Mapping[str, Any]) -> None:
    """Check keys and values as `lm_eval` does, and refuse unknown keys, which nobody else could mean."""
    known = [field.name for field in fields(Options)]
    for name in metadata:
        if name not in known:
            raise InputError(f"HESNRCallback: unknown option {name}; {did_you_mean(name, known)}see docs/options.md")
    try:
        Options.from_metadata(metadata)
    except InputError as error:
        raise InputError(str(error).replace("--metadata: ", "HESNRCallback: ", 1)) from None


def _best_key(args: Any) -> str:
    """The key in the metrics by which the trainer chooses the best checkpoint; empty if it does not."""
    name = args.metric_for_best_model or ""
    return name if name.startswith("eval_") or not name else f"eval_{name}"


def _weights_version(model: Any) -> int:
    """A number that changes when weights change: a trainer may load the best checkpoint without a new step."""
    return hash(tuple((parameter.data_ptr(), parameter._version) for parameter in model.parameters()))
