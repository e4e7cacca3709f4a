"""A chat template with limits on time, memory and output.

A template comes with a checkpoint, and it is a program. The sandbox of `transformers` bounds one `range`, but neither
nested loops nor the size of a text or a number. A single operation such as `10 ** (10 ** 10)` cannot be stopped from
inside the process. So the template runs in a forked process, which is killed at a limit. It is a copy of this process
and has the same template object, so the text is the same. One process renders all trajectories of a run. It runs only
the template, which is Python code, so it needs no lock that another thread of this process may hold.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import sys
import warnings
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import InputError

ChatTemplate = Callable[[list[dict[str, str]]], str]
"""A function from messages with `role` and `content` to the text that the model reads."""

SECONDS = 60.0
"""Time for one text. Real templates need milliseconds for a megabyte."""

MEMORY = 4 * 2**30
"""Bytes that the process may use in addition to what it has at its start."""

_LONGEST_ERROR = 500


class TemplateLimitError(InputError):
    """The template does not end within the limits."""


class BoundedTemplate:
    """Renders messages as `template` does. The process starts at the first call and ends with this object.

    Only Linux has the limits. Other systems cannot fork, or cannot fork safely; there, the template is called directly.
    """

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._connection: Connection | None = None

    def __call__(self, messages: list[dict[str, str]]) -> str:
        """The text of the messages.

        Raises:
            TemplateLimitError: the template does not end within the limits.
            RuntimeError: the template raised an error; the text is that of the error.
        """
        if sys.platform != "linux" or multiprocessing.current_process().daemon:  # which may not start another
            return self._template(messages)
        connection = self._connection or self._start()
        try:
            connection.send(messages)
            if not connection.poll(SECONDS):
                raise TemplateLimitError(f"the chat template did not end in {SECONDS:g} seconds")
            text, error = connection.recv()
        except (EOFError, ConnectionError):
            self._stop()
            raise TemplateLimitError("the process of the chat template ended, perhaps out of memory") from None
        except BaseException:
            self._stop()
            raise
        if error is not None:
            raise RuntimeError(error)
        return str(text)

    def _start(self) -> Connection:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        process = context.Process(target=_render_all, args=(self._template, theirs, ours), daemon=True)
        with warnings.catch_warnings():  # Python 3.12 warns of other threads; the process does not need them
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        theirs.close()
        self._connection, self._end = ours, weakref.finalize(self, _end, process, ours)
        return ours

    def _stop(self) -> None:
        self._end()
        self._connection = None


def _end(process: Any, connection: Connection) -> None:
    connection.close()
    process.kill()
    process.join()


def _render_all(template: ChatTemplate, connection: Connection, of_parent: Connection) -> None:
    """Answer messages with the pair of their text and an error, one of them None, until the parent ends."""
    import resource  # Windows has no such module

    of_parent.close()  # so that the end of the parent ends the connection
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches this process too, and the parent handles it
    gc.disable()  # objects of the parent, such as those of CUDA, must not be freed here
    _lower(resource.RLIMIT_AS, _address_space() + MEMORY)
    while True:
        try:
            messages = connection.recv()
        except (EOFError, ConnectionError):
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        # the parent's clock comes first; this limit ends a process whose parent was killed
        _lower(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime + 2 * SECONDS))
        connection.send(_rendered(template, messages))


def _rendered(template: ChatTemplate, messages: list[dict[str, str]]) -> tuple[str | None, str | None]:
    try:
        text = template(messages)
    except MemoryError:
        return None, f"it needs more than {MEMORY / 2**30:g} GiB of memory"
    except Exception as error:  # a template is a program and may raise anything
        return None, f"{str(error) or type(error).__name__:.{_LONGEST_ERROR}}"
    given = sum(len(message["content"]) for message in messages)
    if len(text) > 2 * given + 10**7:
        return None, f"it writes {len(text)} characters for messages of {given}"
    return text, None


def _lower(limit: int, value: int) -> None:
    """Set a soft limit of this process. A lower hard limit stays in force."""
    import resource

    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _address_space() -> int:
    """Bytes of address space that this process has now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
