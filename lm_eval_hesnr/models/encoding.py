"""From a request with labels to its tokens, and to the windows in which they are scored. No model is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.models.window_request import EncodedTrajectory
from lm_eval_hesnr.scoring.load_tokenizer import tokenizing
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer
from lm_eval_hesnr.scoring.windows import plan_windows


def encode_request(
    request: Any, tokenizer: TrajectoryTokenizer, window: int, stride: int, name: str
) -> EncodedTrajectory:
    """The tokens of a request with labels, and the windows in which they are scored.

    Args:
        request: the request of one trajectory.
        tokenizer: the tokenizer of the model.
        window: how many tokens the engine can read at once.
        stride: tokens between the starts of two windows.
        name: the model's name, for error messages.

    Raises:
        InputError: the tokenizer fails.
    """
    context, text = request.args
    template = text.labels == Label.TEMPLATE if text.has_template else None
    whole = "".join((context, text))
    with tokenizing(f"{request.doc.get('id')}, {name}"):
        tokens = tokenizer(whole, template)
    running = np.concatenate([[0], np.cumsum(text.to_score)])
    positions = np.flatnonzero(running[tokens.end] > running[tokens.start])
    positions = positions[positions > 0]  # nothing predicts the first token
    plan = plan_windows(positions, window, stride) if len(positions) else []
    return EncodedTrajectory(whole, tokens, list(plan))
