"""`hf-topk`: the harness's `hf` model, which also scores a whole trajectory in one request."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers
from lm_eval.models.huggingface import HFLM

from lm_eval_hesnr import __version__
from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import make_folder
from lm_eval_hesnr.models.arguments import as_number_or_none, embedded_model, named_arguments
from lm_eval_hesnr.models.base import TrajectoryModel
from lm_eval_hesnr.models.cost import ModelSize, weights_of
from lm_eval_hesnr.models.hf_arguments import checked_options, checked_rope_factor, refuse_long_stride
from lm_eval_hesnr.models.load_errors import checked_source, load_error, refuse_pickled_code
from lm_eval_hesnr.models.progress import Progress
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from lm_eval_hesnr.models.torch_engine.memory import parse_bytes
from lm_eval_hesnr.models.torch_engine.rope import context_of, extend_rope, position_table_of
from lm_eval_hesnr.models.whole_checkpoint import only_whole_checkpoints
from lm_eval_hesnr.models.window_request import EncodedTrajectory, WindowRequest
from lm_eval_hesnr.ranks import merge_ranks
from lm_eval_hesnr.scoring.fingerprints import fingerprint_of_model
from lm_eval_hesnr.scoring.load_tokenizer import tokenizing
from lm_eval_hesnr.scoring.statistics import ALL_EXTRAS, Statistics
from lm_eval_hesnr.scoring.token_scores import PLAN_KEYS

eval_logger = logging.getLogger("lm_eval.hesnr")


class HFTopK(TrajectoryModel, HFLM):
    """The harness's `hf` model. Requests with labels are scored as whole trajectories; all others by the harness.

    It takes all arguments of `hf`. Without `pretrained`, it uses the embedded tiny model and logs a warning.
    """

    offered = ALL_EXTRAS

    def __init__(
        self,
        pretrained: Any = None,
        stride: int | None = None,
        score_store: str | None = None,
        mem_budget: str | int | None = None,
        rope_type: str | None = None,
        rope_factor: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Load the model as `hf` does.

        Args:
            pretrained: as in `hf`; None for the embedded tiny model.
            stride: tokens between windows over a trajectory longer than the model's context; half a window if None.
            score_store: the folder where scores are read and written, see `scoring.store`.
            mem_budget: memory for scoring in addition to the weights, in bytes or as "2GiB". If None, it depends on the
                device's free memory.
            rope_type: extend the model's context by scaling its RoPE (`models.torch_engine.rope`); needs `rope_factor`.
                The context becomes `max_length` tokens, or `rope_factor` times its old length.
            rope_factor: how many times longer the context becomes.
            **kwargs: all other arguments of `hf`.

        Raises:
            InputError: the checkpoint does not exist, or an argument is invalid.
        """
        if pretrained is None:
            pretrained = embedded_model(kwargs)
        pretrained = checked_source(pretrained)
        refuse_pickled_code(kwargs)
        kwargs = checked_options(kwargs)
        self.mem_budget = None if mem_budget is None else parse_bytes(mem_budget)
        self._given_context = kwargs.get("max_length"), checked_rope_factor(rope_type, rope_factor)
        self.given_stride = as_number_or_none("stride", stride, 1, "tokens")
        # the harness makes a number of a folder that is named by one
        self.score_store = None if score_store is None else str(make_folder(str(score_store), "score_store"))
        self._load(pretrained, kwargs)
        max_length, factor = self._given_context
        self._set_context(rope_type, factor, max_length)
        if self.given_stride is not None:
            self.check_stride()

    def _load(self, pretrained: Any, options: dict[str, Any]) -> None:
        """Run the constructor of `hf`."""
        try:
            with named_arguments("hf-topk", HFTopK, HFLM), tokenizing(f"hf-topk, pretrained={pretrained}"):
                super().__init__(pretrained=pretrained, **options)
        except InputError:
            raise
        except Exception as error:  # no checkpoint, a damaged one, wrong options, code of the checkpoint
            eval_logger.debug("hf-topk cannot load the model", exc_info=True)
            raise load_error("hf-topk", pretrained, options, error) from error
        if getattr(self, "accelerator", None) is not None:  # hf uses the local rank, and does not set a rank on a CPU
            self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes

    def _create_model(self, *args: Any, **kwargs: Any) -> None:
        """Check what depends on the model's configuration, then load the weights as `hf` does."""
        refuse_long_stride(self.given_stride, self.config, *self._given_context)
        with only_whole_checkpoints(self):
            super()._create_model(*args, **kwargs)

    def _set_context(self, rope_type: str | None, factor: float | None, max_length: int | None) -> None:
        """Extend the context if `rope_type` is given, and compare `max_length` with what the model can read."""
        self.rope_extension = None
        if rope_type is not None and factor is not None:
            self.rope_extension = extend_rope(self.model, rope_type, factor, max_length)
            self._max_length: int | None = self.rope_extension.max_length
            eval_logger.info("%s: context extended by %s", self.model_name, self.rope_extension)
        elif (context := context_of(self.model)) and self.max_length > context:
            eval_logger.warning(
                "max_length=%d is more than the context of %d tokens that %s was made for, and no rope_type extends it",
                self.max_length, context, self.model_name,
            )  # fmt: skip
        self._n_positions = position_table_of(self.model)
        if max_length and self._n_positions and self.max_length > self._n_positions:
            raise InputError(
                f"max_length={self.max_length}: {self.model_name} has a table of only {self._n_positions} positions; "
                "leave out max_length=, or give a smaller one"
            )

    def gather_object(self, obj: Any, dst: int = 0) -> list[Any] | None:
        """One object per rank. On rank `dst`, samples and values are merged to equal those of one process."""
        gathered: list[Any] | None = super().gather_object(obj, dst)
        return gathered and merge_ranks(gathered)

    def get_model_info(self) -> dict[str, Any]:
        """What the harness writes about the model, with the dtype as a string, because JSON has no dtypes."""
        info = super().get_model_info()
        return info | {"model_dtype": str(info["model_dtype"])}

    @property
    def model_name(self) -> str:
        """The model's name in messages and signatures."""
        name = self.pretrained if isinstance(self.pretrained, str) else self.model.config.name_or_path
        return Path(name).name if name == str(EMBEDDED_MODEL) else str(name)

    @property
    def signature(self) -> dict[str, Any]:
        """The settings that determine the scores."""
        return {
            "model": self.model_name,
            "revision": self.revision,
            "peft": self.peft,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "attention": getattr(self.model.config, "_attn_implementation", None),
            "tokenizer": self.tokenizer_digest,
            "add_bos_token": self.add_bos_token,
            "window": self.max_length,
            "stride": self.stride,
            "tp_size": getattr(self.model, "tp_size", None),
            "rope": None if self.rope_extension is None else str(self.rope_extension),
            **self._rows.plan(self.max_length),
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "lm_eval_hesnr": __version__,
        }

    @property
    def window(self) -> int:
        """The model's context in tokens, minus the virtual tokens of PEFT's prompt tuning."""
        return min(int(self.max_length), self._n_positions or int(self.max_length)) - self._rows.n_virtual

    def encode(self, request: Any) -> EncodedTrajectory:
        """The tokens of a request with labels, and the windows in which they are scored.

        Raises:
            InputError: the model has no embedding for one of the tokens.
        """
        encoded = super().encode(request)
        highest = int(encoded.tokens.ids.max(initial=-1))
        # with tensor parallelism, a process may have only some of the embeddings
        n_embeddings = max(
            int(self.model.get_input_embeddings().num_embeddings),
            int(getattr(self.model.config.get_text_config(), "vocab_size", None) or 0),
        )
        if highest >= n_embeddings:
            raise InputError(
                f"{request.doc.get('id')}: the tokenizer returns the token {highest}, but {self.model_name} has only "
                f"{n_embeddings} embeddings; use the tokenizer that belongs to these weights"
            )
        return encoded

    def read(self, requests: Sequence[WindowRequest], progress: Progress) -> Iterator[tuple[int, Statistics]]:
        """Yield each request's index with the statistics of its tokens, one request after the other."""
        for i, request in enumerate(requests):
            yield i, self._statistics(request, progress)

    @property
    def store_settings(self) -> dict[str, Any]:
        """The settings that change numbers by more than rounding, and the precision. They key the score store."""
        precision = {
            "mixed_precision_dtype": str(self.mixed_precision_dtype),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
        }
        return {key: value for key, value in self.signature.items() if key not in PLAN_KEYS} | precision

    def weights_fingerprint(self) -> str:
        """A digest of the model as it is now: a training loop may have changed it since the last call."""
        return fingerprint_of_model(self.model)

    def size(self, n_tokens: int) -> ModelSize:
        """The size of the model, with the memory that a window of n tokens needs."""
        return ModelSize(*weights_of(self.model), self._rows.least_bytes(n_tokens))

    def all_processes(self, own: bool) -> bool:
        """Whether `own` is true in every process of a tensor-parallel model, because all must score the same texts."""
        return self._rows.all_ranks(own)

    @cached_property
    def _rows(self) -> RequestedRows:
        if self.backend != "causal":
            raise InputError(f"{self.model_name}: expected a causal language model, but this one is {self.backend}")
        with self._autocast():
            return RequestedRows(self.model, name=self.model_name, mem_budget=self.mem_budget)

    def _autocast(self) -> torch.autocast:
        """The precision that `mixed_precision_dtype` sets."""
        return torch.autocast(
            device_type=self.device.type,
            dtype=self.mixed_precision_dtype,
            enabled=self.mixed_precision_dtype is not None,
        )

    def _statistics(self, request: WindowRequest, progress: Progress) -> Statistics:
        window, rows = request.window, self._rows
        ids = torch.as_tensor(request.ids, device=rows.device)
        targets = ids[torch.as_tensor(window.positions, device=ids.device)]
        # Usually the model need not read the last target. But if logits depend on the length of the text, it reads the
        # whole window, so that scores do not depend on which tokens are scored.
        end = window.start + self.window if rows.needs_whole_text else window.end - 1
        with self._autocast():
            # the row at position t - 1 predicts token t
            found = rows.statistics(
                ids[window.start : end], request.rows - 1, targets, request.k, progress.advance, request.extras
            )
        columns = [column for column in found if column is not None and column.dim() == 1]
        bits = torch.stack([column.view(torch.int32) for column in columns]).cpu()  # one copy for all columns
        known = (column.view(original.dtype).numpy() for column, original in zip(bits, columns, strict=True))
        extras = (None if column is None else column.cpu().numpy() for column in found[len(columns) :])
        return Statistics(*known, *extras)
