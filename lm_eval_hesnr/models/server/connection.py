"""JSON to and from one server that may be slow, busy, restarted or wrong."""

from __future__ import annotations

import codecs
import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests

from lm_eval_hesnr.errors import AnswerError, InputError, RequestRefusedError

eval_logger = logging.getLogger("lm_eval.hesnr")

_CONNECT_SECONDS = 10
_LONGEST_WAIT_SECONDS = 30
_WORTH_ANOTHER_TRY = (408, 409, 425, 429)
"""Statuses below 500 that tell of the moment, not of the request."""

_KEY = " (the API key is read from OPENAI_API_KEY)"
_ADDRESS = " (is base_url= right? it should end in /v1/completions)"
_NOT_READ = {401: _KEY, 403: _KEY, 404: _ADDRESS, 405: _ADDRESS, 501: _ADDRESS}
"""Statuses of requests that the server did not look into, with what the caller can do."""

_IN_WORDS = {
    "Connection refused": "connection refused",
    "Failed to resolve": "no host of this name is found",
    "Read timed out": "no byte for too long, see timeout=",
    "Connection aborted": "the connection was dropped",
    "Connection reset": "the connection was dropped",
    "Connection broken": "the answer was cut",
    "connect timeout": f"no connection in {_CONNECT_SECONDS} s",
}
"""What `requests` says somewhere in its errors, and what is said of it here."""

Result = TypeVar("Result")


_NEVER = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
)
"""Errors that another try would not mend."""


class _CutError(Exception):
    """JSON that ends too early."""


class Connection:
    """One server: asks again, later and later, whatever may be mended by that."""

    def __init__(
        self, root: str, *, header: dict[str, str], verify: bool | str, attempts: int, first_wait: float, secret: str
    ) -> None:
        """Take an address; nothing is sent.

        Args:
            root: such as `http://127.0.0.1:8000`.
            header: sent with every request.
            verify: as in `requests`: whether, or by which file, certificates are checked.
            attempts: how often one request is sent at most.
            first_wait: seconds before the second attempt, twice as many before each further one, 30 at most.
            secret: blotted out of what the server says; empty if there is none.
        """
        self.root, self.attempts = root, attempts
        self._header, self._verify, self._first_wait, self._secret = header, verify, first_wait, secret
        # whoever gives `requests` no `auth` gets the header that ~/.netrc has for this host in the place of ours
        self._auth = (lambda request: request) if "Authorization" in header else None
        self._parsing = threading.Lock()
        self._stopped = threading.Event()

    def get(self, path: str, attempts: int = 3) -> Any:
        """The JSON at this path.

        Raises:
            AnswerError: the server has none; its text begins with the path.
            InputError: no answer after a few attempts.
        """
        return self._ask("GET", path, None, 30, lambda answer: answer, min(self.attempts, attempts))

    def post(
        self,
        path: str,
        question: Any,
        timeout: float,
        read: Callable[[Any], Result],
        attempts: int | None = None,
    ) -> Result:
        """What `read` makes of the answer.

        One answer is parsed at a time: that of 128 000 tokens is 100 MB of JSON and several times that in memory.

        Args:
            path: below the server's root.
            question: what to send.
            timeout: seconds without a byte after which an attempt is given up.
            read: from the answer's JSON to what is wanted of it.
            attempts: fewer than the connection's own.

        Raises:
            AnswerError: by the server, or by `read`; its text begins with the path.
            InputError: no usable answer after all attempts.
        """
        return self._ask("POST", path, question, timeout, read, attempts or self.attempts)

    def in_parallel(self, function: Callable[[int], Result], n_items: int, n_at_a_time: int) -> Iterator[Result]:
        """`function` of 0, 1, ..., as each is done; the first error stops all.

        Threads that wait for the server never keep the program from ending.
        """
        todo = iter(range(n_items))
        taking = threading.Lock()
        done: queue.Queue[Result | BaseException] = queue.Queue()
        self._stopped = threading.Event()
        stopped = self._stopped

        def work() -> None:
            while not stopped.is_set():
                with taking:
                    item = next(todo, None)
                if item is None:
                    return
                try:
                    done.put(function(item))
                except BaseException as error:  # raised again by whoever waits
                    done.put(error)
                    return

        try:
            for _ in range(min(n_at_a_time, n_items)):
                threading.Thread(target=work, daemon=True).start()
            for _ in range(n_items):
                result = done.get()
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            stopped.set()

    def _ask(
        self, verb: str, path: str, question: Any, timeout: float, read: Callable[[Any], Result], attempts: int
    ) -> Result:
        reason, stopped = "", self._stopped
        for attempt in range(1, attempts + 1):
            wait = min(self._first_wait * 2 ** (attempt - 1), _LONGEST_WAIT_SECONDS)
            try:
                response = requests.request(
                    verb,
                    self.root + path,
                    json=question,
                    headers=self._header,
                    auth=self._auth,
                    verify=self._verify,
                    timeout=(_CONNECT_SECONDS, timeout),
                    allow_redirects=False,  # a POST would become a GET, and the key would go to another server
                )
                if response.status_code < 300:
                    with self._parsing:
                        content = response.content
                        del response
                        answer = _json(content)
                        del content
                        return read(answer)
                reason = self._said(response)
                if response.status_code in _NOT_READ or response.is_redirect:
                    raise RequestRefusedError(reason)
                if response.status_code < 500 and response.status_code not in _WORTH_ANOTHER_TRY:
                    raise AnswerError(reason)
                wait = max(wait, _retry_after(response))
            except AnswerError as error:
                raise type(error)(f"{path}: {error}") from None
            except _NEVER as error:
                raise InputError(f"{self.root}{path}: {self._blot(error)}") from None
            except requests.RequestException as error:
                known = (words for sign, words in _IN_WORDS.items() if sign in str(error))
                reason = next(known, self._blot(error))
            except _CutError as error:
                reason = f"the answer is no JSON, perhaps cut ({error})"
            except OSError as error:  # no such file of certificates
                raise InputError(f"{self.root}{path}: {self._blot(error)}") from None
            if attempt < attempts:
                eval_logger.warning(
                    "%s%s: %s; attempt %d of %d in %g s", self.root, path, reason, attempt + 1, attempts, wait
                )
                if stopped.wait(wait):
                    break
        way_out = "is the server up?"
        if attempts == self.attempts:
            way_out = "raise max_retries=, or run again: what was scored is in score_store=, where one is given"
        raise InputError(
            f"{self.root}{path}: no usable answer in {attempts} attempts; the last one: {reason}; {way_out}"
        )

    def _said(self, response: requests.Response) -> str:
        """Status and message of an answer that is an error, one line."""
        if response.is_redirect:
            return f"HTTP {response.status_code}, it is at {self._blot(response.headers['Location'])}{_ADDRESS}"
        return f"HTTP {response.status_code}{_NOT_READ.get(response.status_code, '')}: {self._blot(response.text)}"

    def _blot(self, said: Any) -> str:
        text = " ".join(str(said).split())
        if self._secret:
            text = text.replace(self._secret, "***")
        return text if len(text) <= 300 else text[:300] + "..."


def _json(content: bytes) -> Any:
    """What the text of an answer holds.

    Raises:
        AnswerError: what is no JSON, and would be none another time.
        _CutError: the beginning of JSON.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise AnswerError("the answer is nested too deeply") from None
    except ValueError as error:
        if content.removeprefix(codecs.BOM_UTF8)[:100].lstrip()[:1] not in (b"{", b"[", b""):
            raise RequestRefusedError(f"a web page or text instead of JSON{_ADDRESS}") from None
        raise _CutError(str(error)) from None


def _retry_after(response: requests.Response) -> float:
    """Seconds that the server asks to wait, as a number or by a date, a minute at most; 0 if it does not."""
    asked = response.headers.get("Retry-After", "")
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(asked) - datetime.now(timezone.utc)).total_seconds()
        except (ValueError, TypeError):  # no date, or one without a time zone
            return 0
    return min(max(0.0, seconds), 60.0)  # in this order NaN is 0


class Blotted(logging.Filter):
    """Keeps a secret out of a logger: the harness logs its own failing requests with all their headers."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record through without the secret."""
        said = record.getMessage()
        if self._secret in said:
            record.msg, record.args = said.replace(self._secret, "***"), ()
        return True


def root_of(base_url: str) -> str:
    """The server's root, from any address below it that people give."""
    root = base_url.rstrip("/")
    for path in ("/v1/completions", "/v1/chat/completions", "/generate", "/v1"):
        if root.endswith(path):
            return root.removesuffix(path)
    return root
