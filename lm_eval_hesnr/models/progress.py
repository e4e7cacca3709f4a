"""The progress bar of one scoring call, in tokens that the engine has read."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from types import TracebackType

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm


class Progress:
    """Counts the tokens that the engine reads. Where windows overlap, a token counts once for each of them.

    While the bar is drawn, log lines are written above it, each on its own line.

    `TrajectoryModel` calls `finish_window` after each window that `read` yields; an engine never calls it. An engine
    that reads a window in parts may call `advance` after each part, so that the bar moves earlier.
    """

    def __init__(self, n_tokens: int, *, disable: bool) -> None:
        """Prepare the bar.

        Args:
            n_tokens: the total number of tokens in all windows.
            disable: True to draw no bar.
        """
        # the delay: tqdm would draw the bar now, and nothing would close it after Ctrl-C before the `with` block
        self._bar = tqdm(
            total=n_tokens, unit="tok", unit_scale=True, desc="Scoring trajectories", disable=disable, delay=1
        )
        self._is_drawn = not disable
        self._redirected = ExitStack()
        self._n_counted = 0  # tokens of the unfinished window that the bar has already counted

    def advance(self, n_tokens: int) -> None:
        """Count tokens of the current window. A negative number means that they must be read again."""
        self._bar.update(n_tokens)
        self._n_counted += n_tokens

    def finish_window(self, n_tokens: int) -> None:
        """Count the rest of a window of `n_tokens`: what `advance` has not counted yet."""
        self._bar.update(n_tokens - self._n_counted)
        self._n_counted = 0

    def __enter__(self) -> Progress:
        """Draw the bar."""
        try:
            if self._is_drawn:
                self._redirected.enter_context(logging_redirect_tqdm(_loggers_on_the_console()))
            self._bar.delay = 0
            self._bar.refresh()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self._bar.close()
        self._redirected.close()


def _loggers_on_the_console() -> list[logging.Logger]:
    """The loggers that write to the console themselves: the harness's, the root logger, or one of another library."""
    known = [logging.root, *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    return [
        logger
        for logger in known
        if any(getattr(handler, "stream", None) in (sys.stdout, sys.stderr) for handler in logger.handlers)
    ]
