"""`vllm-topk`: the harness's `vllm` model, which also scores a whole trajectory in one request.

vLLM computes the logprobs of a prompt from the model's logits in float32, before temperature and penalties. For each
token it returns the token's own logprob and those of the k most likely tokens. `scoring.statistics` describes the
differences from `hf-topk`. vLLM always generates one token, so a window is one token shorter than the model's context.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
import weakref
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from lm_eval_hesnr import __version__
from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import is_folder, make_folder, user_path
from lm_eval_hesnr.models.arguments import (
    as_number,
    as_number_or_none,
    embedded_model,
    named_arguments,
    refuse_several_processes,
)
from lm_eval_hesnr.models.base import TrajectoryModel
from lm_eval_hesnr.models.progress import Progress
from lm_eval_hesnr.models.window_request import WindowRequest
from lm_eval_hesnr.scoring.fingerprints import fingerprint_of_files
from lm_eval_hesnr.scoring.statistics import Extras, Statistics, statistics_of, with_candidates

try:
    from lm_eval.models.vllm_causallms import VLLM
    from vllm import SamplingParams, TokensPrompt
    from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError
except ImportError as error:
    raise InputError(f"vllm-topk: vLLM cannot be imported ({error}); run `pip install vllm`, or use hf-topk") from error

eval_logger = logging.getLogger("lm_eval.hesnr")

DEFAULTS: dict[str, Any] = {
    "max_num_batched_tokens": 2048,
    "gpu_memory_utilization": 0.8,
    "enable_prefix_caching": False,
    "max_logprobs": 100,
}
"""Our defaults that differ from vLLM's. In each step, vLLM computes the logits of all tokens. They take about 6 bytes
per token and vocabulary entry (1.9 GB for 2048 tokens and 152 000 entries). vLLM's memory profile does not count them.
`max_logprobs` is only a limit and costs no memory."""

_PLAN = (
    "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "max_num_batched_tokens",
    "gpu_memory_utilization", "max_logprobs", "max_num_seqs", "enable_prefix_caching", "distributed_executor_backend",
    "enforce_eager", "batch_size", "max_batch_size", "device",
)  # fmt: skip
"""Arguments that change where, and in which order, vLLM computes. They change numbers by rounding only."""

_UNITS = {
    "tensor_parallel_size": "processes", "pipeline_parallel_size": "processes", "data_parallel_size": "processes",
    "max_length": "tokens", "max_model_len": "tokens", "max_num_batched_tokens": "tokens", "max_num_seqs": "prompts",
}  # fmt: skip
"""Arguments that must be whole numbers, with their units."""

_TOKENS_PER_CALL, _TOKENS_PER_CALL_WITH_STORE = 2**18, 2**16
"""How many tokens one call of the engine reads. Its answer is in memory (about 300 bytes per token). Scores are stored
when the call ends, so calls are shorter with a score store."""


class VLLMTopK(TrajectoryModel, VLLM):
    """The harness's `vllm` model. Requests with labels are scored as whole trajectories; all others by the harness.

    It takes all arguments of `vllm`. Without `pretrained`, it uses the embedded tiny model and logs a warning.
    """

    offered = Extras(candidates=True)

    def __init__(
        self, pretrained: Any = None, stride: int | None = None, score_store: str | None = None, **kwargs: Any
    ) -> None:
        """Start the engine as `vllm` does, with `DEFAULTS` for arguments that are not given.

        Args:
            pretrained: as in `vllm`; None for the embedded tiny model.
            stride: tokens between windows over a trajectory longer than the model's context; half a window if None.
            score_store: the folder where scores are read and written, see `scoring.store`.
            **kwargs: all other arguments of `vllm` and of vLLM's own `LLM`.

        Raises:
            InputError: the checkpoint does not exist, or an argument is invalid.
        """
        refuse_several_processes("vllm-topk", "with tensor_parallel_size= or data_parallel_size=")
        if pretrained is None:
            pretrained = embedded_model(kwargs)
        if kwargs.get("logprobs_mode", "raw_logprobs") != "raw_logprobs":
            raise InputError(f"logprobs_mode={kwargs['logprobs_mode']}: the measures need raw_logprobs; leave it out")
        for name, unit in _UNITS.items():
            if kwargs.get(name) is not None:
                kwargs[name] = as_number(name, kwargs[name], 1, unit)
        self.given_stride = as_number_or_none("stride", stride, 1, "tokens")
        self.pretrained, self._engine_args = str(pretrained), kwargs
        # the harness makes a number of a folder that is named by one
        self.score_store = None if score_store is None else str(make_folder(str(score_store), "score_store"))
        with named_arguments("vllm-topk", VLLMTopK, VLLM):
            try:
                super().__init__(pretrained=self.pretrained, **DEFAULTS | kwargs)
            # no checkpoint, wrong options, or ray is not installed
            except (OSError, ValueError, ImportError, RuntimeError) as error:
                raise InputError(f"vllm-topk, pretrained={pretrained}: {' '.join(str(error).split())}") from error
        if self.data_parallel_size <= 1:
            # At exit, vLLM's own shutdown races with the thread that watches the engine, and can abort the interpreter
            weakref.finalize(self, self.model.llm_engine.engine_core.shutdown)
        self.check_stride()

    @property
    def model_name(self) -> str:
        """The model's name in messages and signatures."""
        return EMBEDDED_MODEL.name if self.pretrained == str(EMBEDDED_MODEL) else self.pretrained

    @cached_property
    def signature(self) -> dict[str, Any]:
        """The settings that determine the scores: the model, and the arguments of the engine."""
        named = ("pretrained", "revision", "dtype", "tokenizer", "add_bos_token", "max_length", "max_model_len")
        others = {key: value for key, value in (DEFAULTS | self._engine_args).items() if key not in named}
        return {
            "model": self.model_name,
            "revision": self.model_args["revision"],
            "dtype": self._dtype,
            "tokenizer": self.tokenizer_digest,
            "add_bos_token": self.add_bos_token,
            "window": self.window,
            "stride": self.stride,
            "vllm_args": {
                key: value if isinstance(value, (int, float)) else str(value) for key, value in others.items()
            },
            "vllm": importlib.metadata.version("vllm"),
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "lm_eval_hesnr": __version__,
        }

    @property
    def _dtype(self) -> str:
        if self.data_parallel_size > 1:  # this process has no engine
            return str(self.model_args["dtype"])
        return str(self.model.llm_engine.model_config.dtype).removeprefix("torch.")

    @property
    def window(self) -> int:
        """The model's context in tokens, minus the token that vLLM generates."""
        return int(self.max_length) - 1

    @property
    def store_settings(self) -> dict[str, Any]:
        """The settings that change numbers by more than rounding. They key the score store."""
        vllm_args = {key: value for key, value in self.signature["vllm_args"].items() if key not in _PLAN}
        return self.signature | {"vllm_args": vllm_args}

    def weights_fingerprint(self) -> str | None:
        """A digest of the checkpoint's files (the weights are in another process); None if no files are found."""
        assert self.score_store is not None
        remembered = user_path(self.score_store)
        names = [(self.pretrained, self.model_args["revision"]), (self._engine_args.get("lora_local_path"), None)]
        folders = [_folder(name, revision) for name, revision in names if name]
        if None in folders:
            eval_logger.warning("score store: found no files of %s, so only its name identifies it", self.pretrained)
            return None
        digests = [fingerprint_of_files(folder, remembered) for folder in folders if folder]
        return hashlib.blake2b(" ".join(digests).encode(), digest_size=32).hexdigest()

    def read(self, requests: Sequence[WindowRequest], progress: Progress) -> Iterator[tuple[int, Statistics]]:
        """Yield each request's index with the statistics of its tokens, after each call of the engine."""
        k = max(request.k for request in requests)  # one k for all prompts: some versions of vLLM mix them up
        allowed = (DEFAULTS | self._engine_args)["max_logprobs"]
        if 0 <= allowed < k:
            raise InputError(f"k={k} is more than max_logprobs={allowed}; raise max_logprobs in --model_args")
        options = {"flat_logprobs": True} if hasattr(SamplingParams(), "flat_logprobs") else {}
        params = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=k, detokenize=False, **options)
        for group in self._groups(requests):
            prompts = [requests[i].prompt for i in group]
            for i, prompt, output in zip(group, prompts, self._generated(prompts, params), strict=True):
                yield i, _statistics(output, prompt, requests[i])

    def _groups(self, requests: Sequence[WindowRequest]) -> Iterator[list[int]]:
        """Yield the indices of the requests for each call of the engine."""
        most = _TOKENS_PER_CALL if self.score_store is None else _TOKENS_PER_CALL_WITH_STORE
        group: list[int] = []
        n_tokens = 0
        for i, request in enumerate(requests):
            length = request.window.n_tokens
            # with data parallelism the harness loads the model again in each call, so there is only one call
            if group and n_tokens + length > most and self.data_parallel_size <= 1:
                yield group
                group, n_tokens = [], 0
            group.append(i)
            n_tokens += length
        yield group

    def _generated(self, prompts: list[list[int]], params: SamplingParams) -> list[Any]:
        tokens = [TokensPrompt(prompt_token_ids=prompt) for prompt in prompts]
        outputs: list[Any]
        try:
            if self.data_parallel_size > 1:
                outputs = self._model_generate(prompts, generate=True, sampling_params=[params] * len(prompts))
            else:
                outputs = self.model.generate(
                    tokens, sampling_params=params, use_tqdm=False, lora_request=self.lora_request
                )
        except (EngineDeadError, EngineGenerateError) as error:
            raise InputError(
                "vLLM's engine stopped; its log above gives the reason. With score_store=, the same command continues "
                "after the stored scores"
            ) from error
        return outputs


def _statistics(output: Any, prompt: list[int], request: WindowRequest) -> Statistics:
    """Statistics of the request's tokens. An entry of vLLM contains the token's own logprob and the k largest ones."""
    entries = output.prompt_logprobs
    if entries is None or len(entries) != len(prompt) or list(output.prompt_token_ids) != prompt:
        n_entries = "no" if entries is None else len(entries)
        raise InputError(
            f"vLLM returned {n_entries} prompt logprobs for a prompt of {len(prompt)} tokens, or those of another "
            "prompt; try another version of vLLM"
        )
    flat = getattr(entries, "logprobs", None)
    if flat is not None:
        starts = np.asarray(entries.start_indices)[request.rows]
        n_entries = np.asarray(entries.end_indices)[request.rows] - starts
        if (n_entries > request.k).all() and (n_entries == n_entries[0]).all():
            at = starts[:, None] + np.arange(request.k + 1)  # (R, 1 + k): the token itself, then the most likely ones
            ids = np.asarray(entries.token_ids)[starts]
            if not np.array_equal(ids, request.ids[request.window.positions]):
                raise InputError(
                    "vLLM returned logprobs of other tokens than those of the prompt; try another version of vLLM"
                )
            values, top_ids = np.asarray(flat)[at], np.asarray(entries.token_ids)[at[:, 1:]]
            found = statistics_of(values[:, 0], values[:, 1:], np.asarray(entries.ranks)[starts])
            return with_candidates(found, top_ids, values[:, 1:]) if request.extras.candidates else found
    target = np.empty(len(request.rows))
    top = np.empty((len(request.rows), request.k))
    top_ids = np.empty(top.shape, np.int32)
    rank = np.empty(len(request.rows))
    for i, row in enumerate(request.rows):
        entry = entries[int(row)]
        if len(entry) < request.k:
            raise InputError(
                f"vLLM returned only {len(entry)} of the {request.k} top logprobs; try another version of vLLM"
            )
        own = entry[prompt[row]]
        target[i], rank[i] = own.logprob, own.rank
        likely = sorted(entry.items(), key=lambda item: -item[1].logprob)[: request.k]
        top_ids[i], top[i] = [key for key, _ in likely], [one.logprob for _, one in likely]
    found = statistics_of(target, top, rank)
    return with_candidates(found, top_ids, top) if request.extras.candidates else found


def _folder(name: str, revision: str | None) -> Path | None:
    """The folder with a checkpoint's files: `name` itself, or the local copy of a repository; None if not found."""
    if is_folder(name):
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None
