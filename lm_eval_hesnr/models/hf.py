"""`hf-topk`: the harness's `hf` model, which also scores a whole trajectory in one request."""

from __future__ import annotations

import logging
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers
from lm_eval.models.huggingface import HFLM
from safetensors import SafetensorError

from lm_eval_hesnr import __version__
from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import make_folder
from lm_eval_hesnr.models.arguments import as_number, as_number_or_none, named_arguments
from lm_eval_hesnr.models.base import Encoded, Reading, TrajectoryModel, embedded_model
from lm_eval_hesnr.models.torch_engine.forward import WantedRows
from lm_eval_hesnr.models.torch_engine.memory import parse_bytes
from lm_eval_hesnr.models.torch_engine.rope import context_of, extend_rope, position_table_of
from lm_eval_hesnr.ranks import merge_ranks
from lm_eval_hesnr.scoring.fingerprints import fingerprint_of_model
from lm_eval_hesnr.scoring.request import LabelledText
from lm_eval_hesnr.scoring.statistics import Statistics
from lm_eval_hesnr.scoring.store import ScoreStore
from lm_eval_hesnr.scoring.token_scores import PLAN_KEYS, TokenScores

eval_logger = logging.getLogger("lm_eval.hesnr")


class HFTopK(TrajectoryModel, HFLM):
    """The harness's `hf` model for every stock request; requests that carry labels are scored whole, in one pass.

    Takes all arguments of `hf`. Without `pretrained` the embedded tiny model is used, and said so.
    """

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
            score_store: folder that scores are read from and written to, see `scoring.store`.
            mem_budget: memory that scoring may use beside the weights, bytes or such as "2GiB"; from the device's free
                memory if None.
            rope_type: extend the model's context by scaling its RoPE (`models.torch_engine.rope`); needs `rope_factor`.
                The context becomes `max_length` tokens, or `rope_factor` times what it was.
            rope_factor: how many times longer.
            **kwargs: whatever `hf` takes.

        Raises:
            InputError: no such checkpoint, or arguments that make no sense.
        """
        if pretrained is None:
            pretrained = embedded_model(kwargs)
        if not torch.cuda.is_available() and str(kwargs.get("device") or "cuda").startswith("cuda"):
            kwargs["device"] = "cpu"  # hf would insist on its default, cuda, or believe in it
        if not torch.accelerator.is_available():
            os.environ.setdefault("ACCELERATE_USE_CPU", "true")  # else its processes would not know of each other
        self.mem_budget = None if mem_budget is None else parse_bytes(mem_budget)
        if (rope_type is None) is not (rope_factor is None):
            given, lacking = ("rope_type", "rope_factor") if rope_factor is None else ("rope_factor", "rope_type")
            raise InputError(f"{given} is given without {lacking}: a context extension needs both")
        factor = as_number_or_none("rope_factor", rope_factor, 1, whole=False)
        if kwargs.get("max_length") is not None:
            kwargs["max_length"] = as_number("max_length", kwargs["max_length"], 2, "tokens")
        stride = as_number_or_none("stride", stride, 1, "tokens")
        if score_store is not None:
            make_folder(score_store, "score_store")
        self.score_store, self._given_stride = score_store, stride
        with named_arguments("hf-topk", HFTopK, HFLM):
            try:
                super().__init__(pretrained=pretrained, **kwargs)
            except (
                OSError,
                ValueError,
                SafetensorError,
            ) as error:  # what transformers raises of no checkpoint, or of wrong options
                is_folder = not isinstance(pretrained, str) or Path(pretrained).is_dir()
                known = "" if is_folder else "there is no such folder, and as a name on the Hub it gives: "
                raise InputError(f"hf-topk, pretrained={pretrained}: {known}{' '.join(str(error).split())}") from error
        if getattr(self, "accelerator", None) is not None:  # hf takes the local rank, and on a CPU none
            self._rank, self._world_size = self.accelerator.process_index, self.accelerator.num_processes
        self.rope_extension = None
        if rope_type is not None and factor is not None:
            self.rope_extension = extend_rope(self.model, rope_type, factor, kwargs.get("max_length"))
            self._max_length: int | None = self.rope_extension.max_length
            eval_logger.info("%s: context extended by %s", self.model_name, self.rope_extension)
        elif (context := context_of(self.model)) and self.max_length > context:
            eval_logger.warning(
                "max_length=%d is more than the context of %d tokens that %s was made for, and no rope_type extends it",
                self.max_length, context, self.model_name,
            )  # fmt: skip
        self._n_positions = position_table_of(self.model)
        if kwargs.get("max_length") and self._n_positions and self.max_length > self._n_positions:
            raise InputError(
                f"max_length={self.max_length}: {self.model_name} has a table of {self._n_positions} positions and "
                "knows no others; drop max_length=, or give no more"
            )
        if stride is not None:
            self.stride  # noqa: B018 (a wrong one is said at once)

    def gather_object(self, obj: Any, dst: int = 0) -> list[Any] | None:
        """One object a rank, on rank `dst`, where the harness's samples and values become those of one process."""
        gathered: list[Any] | None = super().gather_object(obj, dst)
        return gathered and merge_ranks(gathered)

    @property
    def model_name(self) -> str:
        """What the model is called in messages and signatures."""
        name = self.pretrained if isinstance(self.pretrained, str) else self.model.config.name_or_path
        return Path(name).name if name == str(EMBEDDED_MODEL) else str(name)

    @property
    def signature(self) -> dict[str, Any]:
        """What of this model determines the scores."""
        return {
            "model": self.model_name,
            "revision": self.revision,
            "peft": self.peft,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "attention": getattr(self.model.config, "_attn_implementation", None),
            "tokenizer": self._tokenizer_digest,
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

    @cached_property
    def _rows(self) -> WantedRows:
        if self.backend != "causal":
            raise InputError(
                f"{self.model_name}: HE-SNR is defined for causal language models, this one is {self.backend}"
            )
        with self._autocast():
            return WantedRows(self.model, name=self.model_name, mem_budget=self.mem_budget)

    def _autocast(self) -> torch.autocast:
        """The precision that `mixed_precision_dtype` asks for."""
        return torch.autocast(
            device_type=self.device.type,
            dtype=self.mixed_precision_dtype,
            enabled=self.mixed_precision_dtype is not None,
        )

    @property
    def _window(self) -> int:
        return min(int(self.max_length), self._n_positions or int(self.max_length)) - self._rows.n_virtual

    @property
    def _settings(self) -> dict[str, Any]:
        precision = {
            "mixed_precision_dtype": str(self.mixed_precision_dtype),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
        }
        return {key: value for key, value in self.signature.items() if key not in PLAN_KEYS} | precision

    def _fingerprint_of_weights(self) -> str:
        """Of the model as it is now: a training loop may have changed it since the last call."""
        return fingerprint_of_model(self.model)

    def _stored(self, store: ScoreStore | None, encoded: Encoded, text: LabelledText) -> TokenScores | None:
        """As any model, but all processes of a tensor-parallel one score what one of them does not find."""
        stored = super()._stored(store, encoded, text)
        return stored if store is None or self._rows.all_ranks(stored is not None) else None

    def _statistics(self, reading: Reading) -> Statistics:
        window = reading.window
        ids = torch.as_tensor(reading.ids, device=self._rows.device)
        targets = ids[torch.as_tensor(window.positions, device=ids.device)]
        # the last wanted token is not read; where it matters, all is: scores may not depend on what is wanted
        end = window.start + self._window if self._rows.needs_whole_text else window.end - 1
        with self._autocast():
            # the row at position t - 1 predicts token t
            found = self._rows.statistics(ids[window.start : end], reading.rows - 1, targets, reading.k, self._say_read)
        bits = torch.stack([column.view(torch.int32) for column in found]).cpu()  # one copy for all four
        return Statistics(*(column.view(own.dtype).numpy() for column, own in zip(bits, found, strict=True)))
