"""What `hesnr sweep --dry-run` says about the cost of one checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.models.cost import Reading, size_of_checkpoint
from lm_eval_hesnr.models.encoding import encode_request
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer
from lm_eval_hesnr.selection import model_tokenizer

_CONTEXTS = ("n_positions", "max_position_embeddings", "n_ctx")
_DEFAULT_CONTEXT = 2048
"""What the harness takes if neither the model nor its tokenizer says it."""


def cost_lines(tasks: Sequence[Any], model_args: Mapping[str, Any], limit: float | None) -> Iterator[str]:
    """One line with the tokens of our tasks, and one with the size of the model.

    Args:
        tasks: our tasks, after the checks before the model.
        model_args: the arguments of the first checkpoint that is evaluated.
        limit: `--limit` of the harness.
    """
    tokenizer = model_tokenizer(model_args, "--dry-run")
    window = int(model_args.get("max_length") or _context(model_args, tokenizer))
    stride = int(model_args.get("stride") or window // 2)
    reader = TrajectoryTokenizer(tokenizer, name="--dry-run", add_bos_token=model_args.get("add_bos_token"))
    encoded = []
    for task in tasks:
        options = {"limit": None if limit is None else int(limit) if limit >= 1 else limit}
        task.build_all_requests(rank=0, world_size=1, **options)
        encoded += [encode_request(one, reader, window, stride, "--dry-run") for one in task.instances]
    reading = Reading.of(encoded)
    yield f"each checkpoint: {reading}"
    name = str(model_args["pretrained"])
    try:
        size = str(size_of_checkpoint(name, model_args, reading.longest))
    except Exception as error:  # transformers and the code of a checkpoint raise any type
        reason = " ".join(str(error).split()) or type(error).__name__
        size = f"its size is not known ({shortened(reason, 200)})"
    yield f"{name}: {size}"


def _context(model_args: Mapping[str, Any], tokenizer: Any) -> int:
    """The context length, as the harness finds it."""
    from transformers import AutoConfig

    known = {key: model_args[key] for key in ("revision", "subfolder", "trust_remote_code") if key in model_args}
    config = AutoConfig.from_pretrained(model_args["pretrained"], **known).get_text_config()
    found = next((value for name in _CONTEXTS if (value := getattr(config, name, None))), None)
    own = tokenizer.model_max_length
    return int(found or (own if own < 10**9 else _DEFAULT_CONTEXT))
