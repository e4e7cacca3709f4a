"""What `hesnr sweep --dry-run` says about the cost of one checkpoint."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.models.arguments import as_number_or_none
from lm_eval_hesnr.models.cost import Reading, size_of_checkpoint
from lm_eval_hesnr.models.encoding import encode_request
from lm_eval_hesnr.models.hf_arguments import refuse_long_stride
from lm_eval_hesnr.models.load_errors import load_error
from lm_eval_hesnr.scoring.checkpoint_source import source_options
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer
from lm_eval_hesnr.selection import model_tokenizer


def cost_lines(
    checkpoint: str, tasks: Sequence[Any], model_args: Mapping[str, Any], limit: float | None
) -> Iterator[str]:
    """One line with the tokens of our tasks, and one with the size of the model.

    Args:
        checkpoint: the name of the first checkpoint that is evaluated.
        tasks: our tasks, after the checks before the model.
        model_args: the arguments of this checkpoint.
        limit: `--limit` of the harness.

    Raises:
        InputError: the configuration cannot be loaded, or the window or the stride cannot be used.
    """
    tokenizer = model_tokenizer(model_args, "--dry-run")
    window, stride = _windows(model_args, tokenizer)
    reader = TrajectoryTokenizer(tokenizer, name="--dry-run", add_bos_token=model_args.get("add_bos_token"))
    encoded = []
    for task in tasks:
        options = {"limit": None if limit is None else int(limit) if limit >= 1 else limit}
        with contextlib.redirect_stderr(io.StringIO()):  # a progress bar
            task.build_all_requests(rank=0, world_size=1, **options)
        encoded += [encode_request(one, reader, window, stride, "--dry-run") for one in task.instances]
    reading = Reading.of(encoded)
    yield f"run of {checkpoint}: {reading}"
    yield "    the others cost the same if they have the same tokenizer, context and model arguments"
    name = str(model_args["pretrained"])
    try:
        size = str(size_of_checkpoint(name, model_args, reading.longest))
    except Exception as error:  # transformers and the code of a checkpoint raise any type
        reason = " ".join(str(error).split()) or type(error).__name__
        size = f"its size is not known ({shortened(reason, 200)})"
    yield f"{name}: {size}"


def _windows(model_args: Mapping[str, Any], tokenizer: Any) -> tuple[int, int]:
    """The window and the stride of `hf-topk`, in tokens, after its own checks."""
    from lm_eval.models.utils import resolve_max_length
    from transformers import AutoConfig

    stride = as_number_or_none("stride", model_args.get("stride"), 1, "tokens")
    given = as_number_or_none("max_length", model_args.get("max_length"), 2, "tokens")
    try:
        config = AutoConfig.from_pretrained(model_args["pretrained"], **source_options(model_args))
        longest = resolve_max_length(config, tokenizer)
    except Exception as error:  # transformers and the code of a checkpoint raise any type
        raise load_error("--dry-run", model_args["pretrained"], model_args, error) from error
    window = given or round(longest * float(model_args.get("rope_factor") or 1))
    refuse_long_stride(stride, config, window, None)
    return window, stride or window // 2
