"""JSON requests to one server that may be slow, busy, restarting or broken."""

from __future__ import annotations

import codecs
import json
import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar

import requests

from lm_eval_hesnr.errors import AnswerError, InputError, RequestRefusedError
from lm_eval_hesnr.models.server.download import CONNECT_SECONDS, NETWORK_ERRORS, Download, download
from lm_eval_hesnr.models.server.limits import Limits
from lm_eval_hesnr.models.server.messages import censored, may_contain, without_secret

eval_logger = logging.getLogger("lm_eval.hesnr")

_LONGEST_WAIT_SECONDS = 30
_TEMPORARY_STATUSES = (408, 409, 425, 429)
"""Statuses below 500 that are temporary: the request is sent again."""

_KEY_HINT = " (the API key is read from OPENAI_API_KEY)"
_ADDRESS_HINT = " (is base_url= right? it should end in /v1/completions)"
_REFUSED = {401: _KEY_HINT, 403: _KEY_HINT, 404: _ADDRESS_HINT, 405: _ADDRESS_HINT, 501: _ADDRESS_HINT}
"""Statuses of requests that the server did not read, with a hint for the user."""

_IN_WORDS = {
    "Connection refused": "connection refused",
    "Failed to resolve": "the host name is not found",
    "Read timed out": "no data for too long, see timeout=",
    "Connection aborted": "the connection was dropped",
    "Connection reset": "the connection was dropped",
    "Connection broken": "the answer was cut off",
    "no complete answer": "the answer took too long, see timeout=",
    "connect timeout": f"no connection in {CONNECT_SECONDS} s",
}
"""Parts of the messages of `requests`, each with the words that replace the message."""

_PERMANENT = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
)
"""Errors that would happen again in a second attempt."""

Result = TypeVar("Result")


class _TemporaryError(Exception):
    """An attempt failed, and the next one may succeed."""

    def __init__(self, reason: str, wait: float = 0) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds that the server asks for."""


class Connection:
    """A connection to one server. It repeats a failed request, with growing waits, if the failure may be temporary."""

    def __init__(
        self, root: str, *, header: dict[str, str], verify: bool | str, attempts: int, first_wait: float, secret: str
    ) -> None:
        """Store the settings; nothing is sent yet.

        Args:
            root: such as `http://127.0.0.1:8000`.
            header: sent with every request.
            verify: as in `requests`: whether to check certificates, or the file to check them with.
            attempts: the largest number of times that one request is sent.
            first_wait: seconds before the second attempt. Each further wait is twice as long, 30 s at most.
            secret: *** replaces it in every message, and in every text of an answer; empty if there is no secret.
        """
        self.root, self.attempts = root, attempts
        self._header, self._verify, self._first_wait, self._secret = header, verify, first_wait, secret
        # without `auth`, `requests` would replace our Authorization header by the one in ~/.netrc for this host
        self._auth = (lambda request: request) if "Authorization" in header else None
        self._parsing = threading.Lock()
        self._stopped = threading.Event()

    def get(self, path: str, read: Callable[[Any], Result], attempts: int = 3) -> Result:
        """The result of `read` on the JSON at this path.

        Raises:
            AnswerError: the server does not serve this path, or from `read`. The message starts with the path.
            InputError: no answer after a few attempts.
        """
        return self._send("GET", path, None, 30, Limits.of_request(0, 0), read, min(self.attempts, attempts))

    def post(
        self,
        path: str,
        question: Any,
        timeout: float,
        limits: Limits,
        read: Callable[[Any], Result],
        attempts: int | None = None,
    ) -> Result:
        """The result of `read` on the answer.

        Only one answer is parsed at a time. For 128 000 tokens it is 100 MB of JSON, and parsing needs several times
        this memory.

        Args:
            path: below the server's root.
            question: the JSON to send.
            timeout: seconds without data after which an attempt fails. It also fails if the whole answer takes twice
                as long.
            limits: the largest size of the answer.
            read: computes the result from the answer's JSON.
            attempts: overrides the connection's own number.

        Raises:
            AnswerError: from the server, or from `read`. The message starts with the path.
            InputError: no usable answer after all attempts.
        """
        return self._send("POST", path, question, timeout, limits, read, attempts or self.attempts)

    def in_parallel(self, function: Callable[[int], Result], n_items: int, n_at_a_time: int) -> Iterator[Result]:
        """Yield `function` of 0, 1, ..., n_items - 1, each as soon as it is done. The first error stops all calls.

        The threads are daemons, so a thread that waits for the server does not keep the program from ending.
        """
        items = iter(range(n_items))
        taking = threading.Lock()
        done: queue.Queue[Result | BaseException] = queue.Queue()
        stopped = self._stopped = threading.Event()

        def _work() -> None:
            while not stopped.is_set():
                with taking:
                    item = next(items, None)
                if item is None:
                    return
                try:
                    done.put(function(item))
                except BaseException as error:  # the waiting thread raises it again
                    done.put(error)
                    return

        try:
            for _ in range(min(n_at_a_time, n_items)):
                threading.Thread(target=_work, daemon=True).start()
            for _ in range(n_items):
                result = done.get()
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            stopped.set()

    def _send(
        self,
        verb: str,
        path: str,
        question: Any,
        timeout: float,
        limits: Limits,
        read: Callable[[Any], Result],
        attempts: int,
    ) -> Result:
        """Send a request until there is a usable answer."""
        url, stopped = self.root + path, self._stopped
        reason = ""
        for attempt in range(1, attempts + 1):
            wait = min(self._first_wait * 2 ** (attempt - 1), _LONGEST_WAIT_SECONDS)
            try:
                return self._send_once(verb, url, question, timeout, limits, read)
            except AnswerError as error:
                raise type(error)(f"{path}: {error}") from None
            except _TemporaryError as error:
                reason, wait = str(error), max(wait, error.wait)
            if attempt < attempts:
                eval_logger.warning("%s: %s; attempt %d of %d in %g s", url, reason, attempt + 1, attempts, wait)
                if stopped.wait(wait):
                    break
        way_out = "is the server running?"
        if attempts == self.attempts:
            way_out = "raise max_retries=, or run again: with score_store= a run continues where it stopped"
        raise InputError(f"{url}: no usable answer in {attempts} attempts; the last one: {reason}; {way_out}")

    def _send_once(
        self, verb: str, url: str, question: Any, timeout: float, limits: Limits, read: Callable[[Any], Result]
    ) -> Result:
        try:
            answer = download(
                verb,
                url,
                timeout=timeout,
                most_bytes=limits.n_bytes,
                json=question,
                headers=self._header,
                auth=self._auth,
                verify=self._verify,
            )
        except AnswerError:
            raise
        except NETWORK_ERRORS as error:
            is_certificate = isinstance(error, OSError) and not isinstance(error, requests.RequestException)
            if isinstance(error, _PERMANENT) or is_certificate:
                raise InputError(f"{url}: {self._censored(error)}") from None
            known = (words for part, words in _IN_WORDS.items() if part in str(error))
            raise _TemporaryError(next(known, self._censored(error))) from None
        if not answer.is_success:
            self._raise_for_status(answer)
        content = answer.content
        del answer  # free the memory before the next step needs more
        with self._parsing:
            try:
                value = _json(content, limits, self._secret)
                del content
                return read(value)
            except AnswerError as error:  # its message may contain parts of the answer
                raise type(error)(self._censored(error)) from None

    def _raise_for_status(self, answer: Download) -> NoReturn:
        """Raise the error for an answer with this status."""
        status = answer.status
        if 300 <= status < 400 and "Location" in answer.headers:
            location = self._censored(answer.headers["Location"])
            raise RequestRefusedError(f"HTTP {status}, it redirects to {location}{_ADDRESS_HINT}")
        text = censored(answer.content.decode(errors="replace"), self._secret, is_cut=answer.is_cut)
        reason = f"HTTP {status}{_REFUSED.get(status, '')}: {text or 'no message'}"
        if status in _REFUSED:
            raise RequestRefusedError(reason)
        if status < 500 and status not in _TEMPORARY_STATUSES:
            raise AnswerError(reason)
        raise _TemporaryError(reason, _retry_after(answer.headers.get("Retry-After", "")))

    def without_secret(self, text: str) -> str:
        """The text as it would be in an answer, where *** replaces the secret."""
        return str(without_secret(text, self._secret))

    def _censored(self, message: Any) -> str:
        return censored(message, self._secret)


def _json(content: bytearray, limits: Limits, secret: str) -> Any:
    """The JSON value of an answer, without the secret: parts of it become results and messages.

    Raises:
        AnswerError: it is not JSON, and a second request would not change that.
        _TemporaryError: it starts like JSON but is not complete.
    """
    if limits.has_too_many_values(content):
        raise AnswerError(f"the answer has more than {limits.n_values} JSON values, the most for this request")
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
        value = json.loads(text, object_pairs_hook=_object)
        return without_secret(value, secret) if may_contain(text, secret) else value
    except AnswerError:
        raise
    except RecursionError:
        raise AnswerError("the answer is nested too deeply") from None
    except ValueError as error:
        if content.removeprefix(codecs.BOM_UTF8)[:100].lstrip()[:1] not in (b"{", b"[", b""):
            raise RequestRefusedError(f"a web page or text instead of JSON{_ADDRESS_HINT}") from None
        if not isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):  # Python's limit on digits
            raise AnswerError(f"the answer contains a number that cannot be read ({error})") from None
        raise _TemporaryError(f"the answer is not valid JSON, perhaps it was cut off ({error})") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The JSON object. Two values of one key would be two answers."""
    value = dict(pairs)
    if len(value) < len(pairs):
        ((key, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise AnswerError(f"an object of the answer has the key {key!r} twice")
    return value


def _retry_after(header: str) -> float:
    """Seconds to wait from the `Retry-After` header, a number or a date; 60 at most, 0 without the header."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - datetime.now(timezone.utc)).total_seconds()
        except (ValueError, TypeError, LookupError, OverflowError):  # not a date, or a date without a time zone
            return 0
    return min(max(0.0, seconds), 60.0)  # in this order NaN becomes 0


def root_of(base_url: str) -> str:
    """The server's root address, from any address that users may give as `base_url`."""
    root = base_url.rstrip("/")
    for path in ("/v1/completions", "/v1/chat/completions", "/generate", "/v1"):
        if root.endswith(path):
            return root.removesuffix(path)
    return root
