"""The log of the package: the logger `lm_eval.hesnr`, whose level and output the harness sets.

Its records may contain text from trajectories and servers. The filter is on the logger and not on a handler. So it is
active with every handler, and it does not see records of other libraries.
"""

from __future__ import annotations

import logging

from lm_eval_hesnr.messages.characters import one_line, visible

eval_logger = logging.getLogger("lm_eval.hesnr")


def _escape(record: logging.LogRecord) -> bool:
    """Replace the record's message, and its traceback if there is one, by text that is safe on a terminal."""
    record.msg, record.args = one_line(record.getMessage()), ()
    if record.exc_info:
        record.exc_text = visible(logging.Formatter().formatException(record.exc_info))
    return True


eval_logger.addFilter(_escape)
