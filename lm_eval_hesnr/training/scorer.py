"""Scores the model of a training on the same trajectories again and again.

Trajectories are loaded, labelled and tokenized once. Every process must take part in every step, because a process that
waits for another one would wait for ever. So an error in one process is an error in all of them.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from accelerate.utils import broadcast_object_list, gather_object
from lm_eval.evaluator import evaluate

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.window_request import EncodedTrajectory
from lm_eval_hesnr.task import SweHesnr
from lm_eval_hesnr.training.undisturbed import undisturbed

eval_logger = logging.getLogger("lm_eval.hesnr")

T = TypeVar("T")
TASK = "swe_hesnr"
_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Scorer:
    """One task and one engine for a whole training."""

    def __init__(
        self,
        trainer: Any,
        metadata: dict[str, Any],
        *,
        limit: int | None,
        is_chat: bool,
        tokenizer: Any,
        model_args: Mapping[str, Any],
    ) -> None:
        """Keep the settings.

        Args:
            trainer: a `transformers.Trainer`.
            metadata: the options of the task.
            limit: only the first trajectories, this many; None for all.
            is_chat: render with the chat template of the tokenizer.
            tokenizer: the tokenizer; None for the trainer's `processing_class`.
            model_args: arguments of `hf-topk`.
        """
        self.trainer, self.metadata, self.limit, self.is_chat = trainer, metadata, limit, is_chat
        self.tokenizer, self.model_args = tokenizer, model_args
        self._task: _RepeatedTask | None = None
        self._engine: _TrainingModel | None = None

    def score(self, model: Any) -> dict[str, Any]:
        """`<measure>,<scope>` and `<measure>_stderr,<scope>` to value, the same in every process.

        Raises:
            InputError: this process or another one failed.
        """
        accelerator = self.trainer.accelerator
        with undisturbed(model), _findings_once(self._task):
            task, engine = together(accelerator, lambda: self._made(model))
            try:
                results = together(accelerator, lambda: self._results(task, engine))
            finally:
                task.forget_answers()
            # only the first process has the results
            shared: list[Any] = broadcast_object_list([results]) if accelerator.num_processes > 1 else [results]
        return dict(shared[0])

    def _results(self, task: _RepeatedTask, engine: _TrainingModel) -> dict[str, Any] | None:
        """The results of the task in the first process; None in the others."""
        found = evaluate(
            lm=engine,
            task_dict={"tasks": {TASK: task}, "groups": {}},
            limit=self.limit,
            log_samples=False,
            apply_chat_template=self.is_chat,
        )
        task.raise_failure()
        return None if found is None else dict(found["results"][TASK])

    def _made(self, model: Any) -> tuple[_RepeatedTask, _TrainingModel]:
        if self._engine is None or self._engine.model is not model:
            self._engine = _TrainingModel(self.trainer, model, self._copied_tokenizer(), self.model_args)
        if self._task is None:
            task = _RepeatedTask({"task": TASK, "metadata": self.metadata})
            task.accelerator = self.trainer.accelerator
            task.prepare(apply_chat_template=self.is_chat, model_args={"tokenizer": self._engine.tokenizer})
            self._task = task
        self._engine.check = self._task.raise_failure
        return self._task, self._engine

    def _copied_tokenizer(self) -> Any:
        """The tokenizer. It is a copy, because the harness may add a padding token."""
        given = self.tokenizer or self.trainer.processing_class
        if given is None:
            raise InputError("HESNRCallback: the trainer has no tokenizer; give Trainer(processing_class=tokenizer)")
        return copy.deepcopy(getattr(given, "tokenizer", given))  # a processor has a tokenizer


@contextmanager
def _findings_once(task: SweHesnr | None) -> Iterator[None]:
    """Log the findings about a run only at the first evaluation, when there is no task yet: they hardly change."""

    def _is_new(record: logging.LogRecord) -> bool:
        return task is None or record.module != "run_log"

    eval_logger.addFilter(_is_new)
    try:
        yield
    finally:
        eval_logger.removeFilter(_is_new)


@contextmanager
def _without_warnings(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def together(accelerator: Any, work: Callable[[], T]) -> T:
    """The result of `work`, after every process has done it.

    Raises:
        InputError: `work` failed in another process.
        Exception: what `work` raised in this process.
    """
    result, error = None, None
    try:
        result = work()
    except Exception as raised:
        error = raised
    reason = None if error is None else str(error) if isinstance(error, InputError) else repr(error)
    reasons = gather_object([reason]) if accelerator.num_processes > 1 else [reason]
    if error is not None:
        raise error
    for rank, other in enumerate(reasons):
        if other is not None:
            raise InputError(f"process {rank}: {other}")
    return result  # type: ignore[return-value]


class _RepeatedTask(SweHesnr):
    """The task with requests that are built once. No step fails in one process alone, except the aggregation."""

    accelerator: Any
    failure: Exception | None = None
    """The first error of `process_results`. It is raised later, because other processes wait for this one."""

    def build_all_requests(self, **options: Any) -> None:
        """Build the requests of this rank, or reset those of the last call."""
        if self._instances is None:
            together(self.accelerator, lambda: super(_RepeatedTask, self).build_all_requests(**options))
        self.results = {}

    def apply_filters(self) -> Any:
        """Apply the filters, after every process has its answers."""
        return together(self.accelerator, super().apply_filters)

    def process_results(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """The measures of a document; none of them after an error, which is kept in `failure`."""
        try:
            return super().process_results(doc, results)
        except Exception as error:
            self.failure = self.failure or error
            return {}

    def raise_failure(self) -> None:
        """Raise the error that `process_results` kept, if there is one."""
        if self.failure is not None:
            raise self.failure

    def forget_answers(self) -> None:
        """Make the requests as new. Their answers are large."""
        self.failure = None
        requests: list[Any] = self._instances or []
        for request in requests:
            request.resps, request.filtered_resps, request.text_is_in = [], {}, None


class _TrainingModel(HFTopK):
    """`hf-topk` around a model in training. If there are copies of it in several processes, they share the work."""

    check: Callable[[], None]
    """Raises an error if this process has failed. It is called before the first process gets the values of all."""

    def __init__(self, trainer: Any, model: Any, tokenizer: Any, model_args: Mapping[str, Any]) -> None:
        precision = _PRECISIONS.get(trainer.accelerator.mixed_precision)
        arguments = {"mixed_precision_dtype": precision, **model_args}
        with _without_warnings("lm_eval.models.huggingface"):  # about several processes, which this class knows
            super().__init__(pretrained=model, tokenizer=tokenizer, **arguments)
        self._hides_progress = bool(trainer.args.disable_tqdm)
        self._encoded: dict[int, EncodedTrajectory] = {}
        self.training_accelerator = trainer.accelerator
        if trainer.accelerator.num_processes > 1:
            self.accelerator = trainer.accelerator
            self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes

    def encode(self, request: Any) -> EncodedTrajectory:
        """The tokens of a request, computed once."""
        index = request.doc["index"]
        if index not in self._encoded:
            self._encoded[index] = super().encode(request)
        return self._encoded[index]

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """The answers of `hf-topk`, after every process has its own."""
        hidden = disable_tqdm or self._hides_progress
        return together(
            self.training_accelerator, lambda: super(_TrainingModel, self).loglikelihood(requests, disable_tqdm=hidden)
        )

    def gather_object(self, obj: Any, dst: int = 0) -> Any:
        """The objects of all processes in process `dst`, after no process has failed."""
        together(self.training_accelerator, self.check)
        return super().gather_object(obj, dst)
