"""One HTTP request and its answer, with limits on size and time for every part of the answer."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import Any, NamedTuple, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter

from lm_eval_hesnr.errors import AnswerError

CONNECT_SECONDS = 10
WHOLE_ANSWER = 2
"""The whole answer may take this many times as long as the server may be silent."""

_BLOCK = 2**16
"""Bytes that are read at once, and the most that are read of an error message."""

_TOO_LONG = "no complete answer in time"

Result = TypeVar("Result")

NETWORK_ERRORS = (OSError, ValueError, HTTPException, urllib3.exceptions.HTTPError)
"""Errors of `download`: `requests` also lets errors of other libraries through if an answer is not valid HTTP."""


class Download(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    content: bytearray
    """After decompression. Of an answer whose status is not 2xx, only the first part."""

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def is_cut(self) -> bool:
        """Whether the content of an answer without success may be only its first part."""
        return len(self.content) >= _BLOCK


class _Session(requests.Session):
    """A session that does not look at redirections.

    A POST would become a GET, and the key would go to another server. With `allow_redirects=False`, `requests` still
    reads the whole answer and decodes the new address.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, which means that the answer is not a redirection."""


class _Adapter(HTTPAdapter):
    """Makes connections that another thread can end, even while headers without end are read."""

    def __init__(self) -> None:
        super().__init__()
        self._sockets: list[socket.socket] = []
        self._is_ended = False

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The pool of `requests`, whose connections are noted here."""
        pool, adapter = super().get_connection_with_tls_context(*args, **kwargs), self
        kind: Any = pool.ConnectionCls

        class _Noted(kind):
            def connect(self) -> None:
                super().connect()
                adapter._sockets.append(self.sock)
                if adapter._is_ended:
                    adapter.end()

        pool.ConnectionCls = _Noted
        return pool

    def end(self) -> None:
        """End all connections, now and later. The thread that reads from one gets an error or the end of the data."""
        self._is_ended = True
        for one in self._sockets:
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # not that of TLS, which another thread is using


def download(verb: str, url: str, *, timeout: float, most_bytes: int, **options: Any) -> Download:
    """Send one request, and read its answer.

    The work is done in a daemon thread, so that the limit on time also covers what `requests` has no limit for: the
    look-up of the host's name, and headers that never end. So Ctrl-C works during all of it.

    Args:
        verb: GET or POST.
        url: the whole address.
        timeout: seconds without data; the whole answer may take `WHOLE_ANSWER` times as long.
        most_bytes: of the answer, after decompression.
        **options: for `requests`.

    Raises:
        AnswerError: the answer is too large.
        NETWORK_ERRORS: there is no answer, or it is not complete.
    """
    seconds, adapter = CONNECT_SECONDS + WHOLE_ANSWER * timeout, _Adapter()

    def _work() -> Download:
        end = time.monotonic() + seconds
        with _Session() as session:
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            response = session.request(verb, url, timeout=(CONNECT_SECONDS, timeout), stream=True, **options)
        with response:
            response.raw.chunked = False  # then http.client decodes the chunks; it limits the length of their headers
            answer = Download(response.status_code, response.headers, bytearray())
            if answer.is_success:
                _read(response, answer.content, most_bytes, end)
            else:
                with suppress(*NETWORK_ERRORS):  # the status alone is a reason
                    answer.content.extend(next(response.iter_content(_BLOCK), b"")[:_BLOCK])
        return answer

    return _within(seconds, _work, adapter.end)


def _read(response: requests.Response, content: bytearray, most_bytes: int, end: float) -> None:
    for block in response.iter_content(_BLOCK):
        content += block
        if len(content) > most_bytes:
            content.clear()
            raise AnswerError(f"the answer has more than {most_bytes} bytes, the most for this request")
        if time.monotonic() > end:  # nobody waits for the answer any more
            raise requests.Timeout(_TOO_LONG)


def _within(seconds: float, work: Callable[[], Result], end: Callable[[], None]) -> Result:
    """The result of `work`, or the error that it raised.

    If it takes longer, or Ctrl-C is pressed, `end` is called, so that its thread does not use the processor any more.

    Raises:
        requests.Timeout: it takes longer.
    """
    done: queue.Queue[Result | BaseException] = queue.Queue()

    def _put() -> None:
        try:
            done.put(work())
        except BaseException as error:  # the waiting thread raises it again
            done.put(error)

    threading.Thread(target=_put, daemon=True).start()
    try:
        result = done.get(timeout=seconds)
    except queue.Empty:
        end()
        raise requests.Timeout(_TOO_LONG) from None
    except BaseException:
        end()
        raise
    if isinstance(result, BaseException):
        raise result
    return result
