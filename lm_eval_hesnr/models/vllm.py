"""`vllm-topk`: the harness's `vllm` model, which also scores a whole trajectory in one request.

vLLM computes the logprobs of a prompt from the model's logits in float32, before temperature and penalties, and gives
those of the k most likely tokens beside the token's own. How that differs from `hf-topk`: `scoring.statistics`. Of the
model's context one token is left for the one that vLLM insists on generating, so windows are one token shorter.
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
from lm_eval_hesnr.files import make_folder
from lm_eval_hesnr.models.arguments import as_number, as_number_or_none, named_arguments, refuse_several_processes
from lm_eval_hesnr.models.base import Reading, TrajectoryModel, embedded_model
from lm_eval_hesnr.scoring.fingerprints import fingerprint_of_files
from lm_eval_hesnr.scoring.statistics import Statistics, statistics_of

try:
    from lm_eval.models.vllm_causallms import VLLM
    from vllm import SamplingParams, TokensPrompt
    from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError
except ImportError as error:
    raise InputError(f"vllm-topk: vLLM does not load here ({error}); `pip install vllm`, or use hf-topk") from error

eval_logger = logging.getLogger("lm_eval.hesnr")

DEFAULTS: dict[str, Any] = {
    "max_num_batched_tokens": 2048,
    "gpu_memory_utilization": 0.8,
    "enable_prefix_caching": False,
    "max_logprobs": 100,
}
"""Engine arguments that differ from vLLM's own. It makes logits of all the tokens of a step, about 6 bytes for each and
entry of the vocabulary (1.9 GB for 2048 and 152 000), which its memory profile does not count. `max_logprobs` is a
limit, not a size."""

_PLAN = (
    "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "max_num_batched_tokens",
    "gpu_memory_utilization", "max_logprobs", "max_num_seqs", "enable_prefix_caching", "distributed_executor_backend",
    "enforce_eager", "batch_size", "max_batch_size", "device",
)  # fmt: skip
"""Arguments that change where and in which order things are computed, and numbers by rounding alone."""

_UNITS = {
    "tensor_parallel_size": "processes", "pipeline_parallel_size": "processes", "data_parallel_size": "processes",
    "max_length": "tokens", "max_model_len": "tokens", "max_num_batched_tokens": "tokens", "max_num_seqs": "prompts",
}  # fmt: skip
"""Arguments that are numbers, and of what."""

_TOKENS_PER_CALL, _TOKENS_PER_CALL_WITH_STORE = 2**18, 2**16
"""Tokens that one call of the engine reads: what it gives back of them is held in memory, about 300 bytes a token, and
is stored when the call is over."""


class VLLMTopK(TrajectoryModel, VLLM):
    """The harness's `vllm` model for every stock request; requests that carry labels are scored whole.

    Takes all arguments of `vllm`. Without `pretrained` the embedded tiny model is used, and said so.
    """

    def __init__(
        self, pretrained: Any = None, stride: int | None = None, score_store: str | None = None, **kwargs: Any
    ) -> None:
        """Start the engine as `vllm` does, with our `DEFAULTS` where nothing else is said.

        Args:
            pretrained: as in `vllm`; None for the embedded tiny model.
            stride: tokens between windows over a trajectory longer than the model's context; half a window if None.
            score_store: folder that scores are read from and written to, see `scoring.store`.
            **kwargs: whatever `vllm` and vLLM's own `LLM` take.

        Raises:
            InputError: no such checkpoint, or arguments that make no sense.
        """
        refuse_several_processes("vllm-topk", "with tensor_parallel_size= or data_parallel_size=")
        if pretrained is None:
            pretrained = embedded_model(kwargs)
        if kwargs.get("logprobs_mode", "raw_logprobs") != "raw_logprobs":
            raise InputError(f"logprobs_mode={kwargs['logprobs_mode']}: the measures are of raw_logprobs, drop it")
        for name, unit in _UNITS.items():
            if kwargs.get(name) is not None:
                kwargs[name] = as_number(name, kwargs[name], 1, unit)
        stride = as_number_or_none("stride", stride, 1, "tokens")
        self.pretrained, self._engine_args = str(pretrained), kwargs
        if score_store is not None:
            make_folder(score_store, "score_store")
        self.score_store, self._given_stride = score_store, stride
        with named_arguments("vllm-topk", VLLMTopK, VLLM):
            try:
                super().__init__(pretrained=self.pretrained, **DEFAULTS | kwargs)
            except (OSError, ValueError, ImportError, RuntimeError) as error:  # no checkpoint, wrong options, no ray
                raise InputError(f"vllm-topk, pretrained={pretrained}: {' '.join(str(error).split())}") from error
        if self.data_parallel_size <= 1:
            # vLLM's own end of its engine races with the thread that watches it, and can abort the interpreter at exit
            weakref.finalize(self, self.model.llm_engine.engine_core.shutdown)
        self.stride  # noqa: B018 (a wrong one is said at once)

    @property
    def model_name(self) -> str:
        """What the model is called in messages and signatures."""
        return EMBEDDED_MODEL.name if self.pretrained == str(EMBEDDED_MODEL) else self.pretrained

    @cached_property
    def signature(self) -> dict[str, Any]:
        """What of this model determines the scores, and how the engine was told to run."""
        named = ("pretrained", "revision", "dtype", "tokenizer", "add_bos_token", "max_length", "max_model_len")
        told = {key: value for key, value in (DEFAULTS | self._engine_args).items() if key not in named}
        return {
            "model": self.model_name,
            "revision": self.model_args["revision"],
            "dtype": self._dtype,
            "tokenizer": self._tokenizer_digest,
            "add_bos_token": self.add_bos_token,
            "window": self._window,
            "stride": self.stride,
            "vllm_args": {key: value if isinstance(value, (int, float)) else str(value) for key, value in told.items()},
            "vllm": importlib.metadata.version("vllm"),
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "lm_eval_hesnr": __version__,
        }

    @property
    def _dtype(self) -> str:
        if self.data_parallel_size > 1:  # no engine here to ask
            return str(self.model_args["dtype"])
        return str(self.model.llm_engine.model_config.dtype).removeprefix("torch.")

    @property
    def _window(self) -> int:
        return int(self.max_length) - 1

    @property
    def _settings(self) -> dict[str, Any]:
        told = {key: value for key, value in self.signature["vllm_args"].items() if key not in _PLAN}
        return self.signature | {"vllm_args": told}

    def _fingerprint_of_weights(self) -> str | None:
        """Of the checkpoint's files: the weights themselves are in the engine's own process."""
        assert self.score_store is not None
        remembered = Path(self.score_store).expanduser()
        names = [(self.pretrained, self.model_args["revision"]), (self._engine_args.get("lora_local_path"), None)]
        folders = [_folder(name, revision) for name, revision in names if name]
        if None in folders:
            eval_logger.warning("score store: no files of %s found, its name has to stand for it", self.pretrained)
            return None
        digests = [fingerprint_of_files(folder, remembered) for folder in folders if folder]
        return hashlib.blake2b(" ".join(digests).encode(), digest_size=32).hexdigest()

    def _read(self, readings: Sequence[Reading]) -> Iterator[tuple[int, Statistics]]:
        k = max(reading.k for reading in readings)  # one number for all prompts: some versions mix them up
        allowed = (DEFAULTS | self._engine_args)["max_logprobs"]
        if 0 <= allowed < k:
            raise InputError(f"k={k}: vLLM was told max_logprobs={allowed}; raise it in --model_args")
        options = {"flat_logprobs": True} if hasattr(SamplingParams(), "flat_logprobs") else {}
        params = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=k, detokenize=False, **options)
        for group in self._groups(readings):
            prompts = [readings[i].prompt for i in group]
            for i, prompt, output in zip(group, prompts, self._generated(prompts, params), strict=True):
                yield i, _statistics(output, prompt, readings[i])

    def _groups(self, readings: Sequence[Reading]) -> Iterator[list[int]]:
        """Indices of readings, as many as go into one call of the engine."""
        most = _TOKENS_PER_CALL if self.score_store is None else _TOKENS_PER_CALL_WITH_STORE
        group: list[int] = []
        n_tokens = 0
        for i, reading in enumerate(readings):
            length = reading.window.n_tokens
            # with data parallel the harness loads the model anew for each call: there is but one
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
                "vLLM's engine ended, its log above says why; with score_store= the same command goes on from what is "
                "stored"
            ) from error
        return outputs


def _statistics(output: Any, prompt: list[int], reading: Reading) -> Statistics:
    """Statistics of one output's wanted tokens; each entry holds the token's own logprob and the k largest."""
    entries = output.prompt_logprobs
    if entries is None or len(entries) != len(prompt) or list(output.prompt_token_ids) != prompt:
        n_entries = "no" if entries is None else len(entries)
        raise InputError(f"vLLM gave {n_entries} prompt logprobs for a prompt of {len(prompt)} tokens, or for another")
    flat = getattr(entries, "logprobs", None)
    if flat is not None:
        starts = np.asarray(entries.start_indices)[reading.rows]
        n_entries = np.asarray(entries.end_indices)[reading.rows] - starts
        if (n_entries > reading.k).all() and (n_entries == n_entries[0]).all():
            at = starts[:, None] + np.arange(reading.k + 1)  # (R, 1 + k): the token itself, then the most likely ones
            ids = np.asarray(entries.token_ids)[starts]
            if not np.array_equal(ids, reading.ids[reading.window.positions]):
                raise InputError("vLLM gave prompt logprobs of other tokens than the prompt's")
            values = np.asarray(flat)[at]
            return statistics_of(values[:, 0], values[:, 1:], np.asarray(entries.ranks)[starts])
    target = np.empty(len(reading.rows))
    top = np.empty((len(reading.rows), reading.k))
    rank = np.empty(len(reading.rows))
    for i, row in enumerate(reading.rows):
        entry = entries[int(row)]
        if len(entry) < reading.k:
            raise InputError(f"vLLM gave {len(entry)} of {reading.k} top logprobs")
        own = entry[prompt[row]]
        target[i], rank[i] = own.logprob, own.rank
        top[i] = sorted((one.logprob for one in entry.values()), reverse=True)[: reading.k]
    return statistics_of(target, top, rank)


def _folder(name: str, revision: str | None) -> Path | None:
    """Where a checkpoint's files are: a folder, or the local copy of a repository that vLLM has downloaded."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None
