"""Every public error of the package, in one tree.

ValueError
└── InputError (also SystemExit)         the caller made a mistake
    ├── BadFileError                     a file is bad, and `strict` is on
    └── AnswerError                      a server's answer is unusable, and a second request would not help
        └── RequestRefusedError          the server does not read the request at all
KeyboardInterrupt
└── Interrupted (also SystemExit)        the user pressed Ctrl-C
"""

from __future__ import annotations

import lm_eval_hesnr.messages.log  # noqa: F401 (every module of the package that logs also imports this one)
from lm_eval_hesnr.messages.characters import short_line

NEEDS_OUR_MODEL = (
    "swe_hesnr needs a model that scores whole trajectories, and this one does not: use --model hf-topk, vllm-topk or "
    "completions-topk; they also run all other tasks"
)
"""The reason why a stock model is refused: before a run, or at the first request of a caller without those checks."""


class InputError(ValueError, SystemExit):
    """The caller's mistake, as one line: the place, what was found, what was expected and what to do.

    Library code can catch it as a `ValueError`. If it is not caught, it ends the program as `SystemExit` does: with the
    line on stderr, exit status 1 and no traceback. The harness's command line does not catch errors. A traceback of
    forty frames would hide the one useful line.

    The message is the text with escapes for line ends and for characters that a terminal would act on or not show. A
    very long text loses its middle.
    """

    def __init__(self, message: str) -> None:
        super().__init__(short_line(message))
        self.code = f"error: {self}"


class BadFileError(InputError):
    """A file or record is bad, and `strict` is on."""


class AnswerError(InputError):
    """A server's answer cannot be used, and a second request would give the same answer."""


class RequestRefusedError(AnswerError):
    """The server does not read the request: it refuses the API key, or the address does not belong to its API."""


class Interrupted(KeyboardInterrupt, SystemExit):
    """Ctrl-C, after a line about how to continue. The program ends without a traceback, with exit status 130."""

    code = 130
