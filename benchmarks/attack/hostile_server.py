"""A server on 127.0.0.1 that answers like vLLM, with one hostile part."""

from __future__ import annotations

import gzip
import json
import math
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

VOCABULARY = 4000
LONG = 60
"""Prompts with more tokens belong to the run. Shorter ones are the test of the answer format."""
RED = "\x1b[31mred\x1b]0;title\x07\x9b31m\u202e\u3164"
SLOW_SECONDS = 120

Entries = list[Any]


def entries_of(ids: list[int], k: int) -> Entries:
    """Possible logprobs of a prompt, in vLLM's form: tokens of rank 1 to k + 3."""
    logprobs = [math.log(0.4 * 0.6**i) for i in range(k + 3)]
    entries: Entries = [None]
    for t, own in enumerate(ids[1:], start=1):
        rank = 1 + t * 7 % (k + 3)
        others = [(own + 1 + i) % VOCABULARY for i in range(k + 3)]
        entry = {str(own): {"logprob": logprobs[rank - 1], "rank": rank, "decoded_token": "x"}}
        for place in range(k):
            if place != rank - 1:
                entry[str(others[place])] = {"logprob": logprobs[place], "rank": place + 1, "decoded_token": "x"}
        entries.append(entry)
    return entries


def _value(name: str, value: Any) -> Callable[[Any, list[int]], None]:
    """Replace one value of the prompt's tenth token."""

    def _change(choice: Any, ids: list[int]) -> None:
        choice["prompt_logprobs"][10][str(ids[10])][name] = value

    return _change


def _whole(key: str, value: Any) -> Callable[[Any, list[int]], None]:
    def _change(choice: Any, ids: list[int]) -> None:
        choice[key] = value

    return _change


RANKS: tuple[Any, ...] = (
    float("nan"), float("inf"), 2**32 + 1, 2**31, 10**400, 0, -1, 1.5, "3", True, False, [], {}, 1e300,
)  # fmt: skip
LOGPROBS: tuple[Any, ...] = (
    "7e3", "-1", False, True, None, float("nan"), float("inf"), 5.0, 10**400, [], {}, float("-inf"),
)  # fmt: skip
SPOILS: dict[str, Callable[[Any, list[int]], None]] = {
    **{f"rank {value!r:.40}": _value("rank", value) for value in RANKS},
    **{f"logprob {value!r:.40}": _value("logprob", value) for value in LOGPROBS},
    "prompt_logprobs is null": _whole("prompt_logprobs", None),
    "prompt_logprobs is text": _whole("prompt_logprobs", "x" * 1000),
    "prompt_logprobs is an object": _whole("prompt_logprobs", {"10": 1}),
    "prompt_logprobs is empty": _whole("prompt_logprobs", []),
    "ids are text": _whole("prompt_token_ids", "x"),
    "ids are other ids": lambda choice, ids: choice.update(prompt_token_ids=[1] * len(ids)),
    "ids are floats with NaN": lambda choice, ids: choice.update(prompt_token_ids=[float("nan")] * len(ids)),
    "an entry is a list": lambda choice, ids: choice["prompt_logprobs"].__setitem__(10, [1]),
    "an entry has a million tokens": lambda choice, ids: choice["prompt_logprobs"][10].update(
        {str(i + 10**6): {"logprob": -30.0 - i, "rank": i} for i in range(300_000)}),
    "another rank of a top token": lambda choice, ids: next(
        one for key, one in choice["prompt_logprobs"][10].items() if key != str(ids[10])).update(rank=1000),
    "too few entries": lambda choice, ids: choice["prompt_logprobs"].pop(),
    "a million entries": lambda choice, ids: choice["prompt_logprobs"].extend([None] * 1_000_000),
    "one top token": lambda choice, ids: choice["prompt_logprobs"].__setitem__(
        10, {str(ids[10]): {"logprob": -0.1, "rank": 1}}),
}  # fmt: skip
"""Changes of one part of an answer, each of which makes it impossible."""

RAW: dict[str, bytes] = {
    "no JSON": b"<html>hello</html>",
    "empty body": b"",
    "deep JSON": b"[" * 2_000_000,
    "deep JSON that closes": b'{"choices":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a list": b"[1, 2, 3]",
    "a number of a million digits": b'{"choices": ' + b"9" * 1_000_000 + b"}",
    "not UTF-8": b'{"choices": "\xff\xfe\xed\xa0\x80"}',
    "many objects": b"{},",
}
"""Bodies with status 200."""

STATUSES: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "an error with escapes": (400, json.dumps({"error": {"message": RED * 50}}).encode(), {}),
    "an error with raw escapes": (418, RED.encode() * 50, {}),
    "an error of backslashes": (400, b"\\" * 65535 + b"x", {}),
    "an error with half surrogates": (422, b'{"error": {"message": "\\ud800 \\udfff"}}', {}),
    "an error of 200 MB": (400, b"x", {}),
    "an error in punycode": (400, b"xn--" + b"a" * 2_000_000, {"Content-Type": "text/plain; charset=punycode"}),
    "an error in an unknown charset": (400, b"x", {"Content-Type": "text/plain; charset=\xff;x"}),
    "an error in UTF-7 and zlib": (400, b"+AGEAZ-" * 9, {"Content-Type": "text/plain; charset=zlib_codec"}),
    "Retry-After for ever": (503, b"busy", {"Retry-After": "1e9"}),
    "Retry-After in the year 9999": (429, b"busy", {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    "Retry-After that is no time": (429, b"busy", {"Retry-After": RED.encode("ascii", "replace").decode()[:5] + "nan"}),
    "a circle of redirections": (302, b"", {"Location": "/v1/completions"}),
    "a redirection to a file": (307, b"", {"Location": "file:///etc/passwd"}),
    "500 for ever": (500, b"no", {}),
    "204": (204, b"", {}),
    "a large header": (200, b"{}", {"X-Large": "x" * 60_000}),
    "many headers": (200, b"{}", {f"X-{i}": "x" for i in range(2000)}),
}
"""Status, body and headers."""

STREAMS = (
    "endless chunks", "one byte per second", "gzip of 2 GB", "gzip in gzip", "a length that is too large",
    "a length that is too small", "a negative length", "a length of text", "bad chunks", "closed at once",
    "no status line", "an endless header", "zstd without support", "never an answer",
)  # fmt: skip
"""Answers that are wrong as HTTP."""
MODELS = {
    "a model list with escapes": {"data": [{"id": RED, "owned_by": RED, "root": RED}]},
    "a model list that is text": {"data": "x"},
    "a model list of numbers": {"data": [1, None, []]},
    "a model with a name of 15 MB": {"data": [{"id": "\x7f" * 2_500_000, "owned_by": "test"}]},
    "max_model_len is NaN": {"data": [{"id": "m", "max_model_len": float("nan")}]},
    "max_model_len is 1e30": {"data": [{"id": "m", "max_model_len": 1e30}]},
    "max_model_len is -5": {"data": [{"id": "m", "max_model_len": -5}]},
    "max_model_len is text": {"data": [{"id": "m", "max_model_len": "\x1b[31m"}]},
    "root with escapes": {"data": [{"id": "m", "max_model_len": 2000, "root": "/no/such/" + RED, "owned_by": RED}]},
    "a root that is a list": {"data": [{"id": "m", "max_model_len": 2000, "root": [1], "owned_by": {}}]},
}
"""Answers of /v1/models."""
REPEATED = {"many objects": (b'{"choices": [', 20_000_000, b"{}]}"), "an error of 200 MB": (b"", 200_000_000, b"")}
"""Bodies that are repeated when they are sent, so that no other process pays for them: before, how often, and after."""
HOSTILE = (*SPOILS, *RAW, *STATUSES, *STREAMS, *MODELS)


def _repeated(what: str, body: bytes) -> bytes:
    before, times, after = REPEATED.get(what, (b"", 1, b""))
    return before + body * times + after


class HostileServer(ThreadingHTTPServer):
    """The server. `what` names the hostile part of its answers; `good` answers are without one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.what = "good"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients may hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HostileServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        models = {"data": [{"id": "m", "owned_by": "test", "max_model_len": 2000}]}
        known = {"/v1/models": MODELS.get(self.server.what, models), "/version": {"version": "1"}}
        self._send(200 if self.path in known else 404, json.dumps(known.get(self.path, {})).encode(), {})

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt, what = question.get("prompt"), self.server.what
        if isinstance(prompt, str) or len(prompt) <= LONG or what in MODELS:
            what = "good"
        if what in RAW:
            self._send(200, _repeated(what, RAW[what]), {})
        elif what in STATUSES:
            status, body, headers = STATUSES[what]
            self._send(status, _repeated(what, body), headers)
        elif what in STREAMS:
            self.close_connection = True
            self._stream(what)
        elif isinstance(prompt, str):
            self._send(
                200, json.dumps({"choices": [{"index": 0, "text": "x", "prompt_logprobs": [None]}]}).encode(), {}
            )
        else:
            entries = entries_of(prompt, int(question.get("prompt_logprobs") or 1))
            choice = {"index": 0, "text": "x", "prompt_logprobs": entries, "prompt_token_ids": prompt}
            if what in SPOILS:
                SPOILS[what](choice, prompt)
            self._send(200, json.dumps({"choices": [choice]}).encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, what: str) -> None:
        """Write an answer that is wrong as HTTP, or without end."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        write = self.wfile.write
        until = time.monotonic() + SLOW_SECONDS
        if what == "endless chunks":
            write(head + b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
            while time.monotonic() < until:
                write(chunk)
        elif what in ("one byte per second", "an endless header", "never an answer"):
            write(b"" if what == "never an answer" else head)
            write(b"Content-Length: 1000000\r\n\r\n" if what == "one byte per second" else b"")
            while time.monotonic() < until:
                time.sleep(0.5)
                if what != "never an answer":
                    write(b" " if what == "one byte per second" else b"X-A: b\r\n" * 100)
        elif what.startswith("gzip"):
            body = gzip.compress(b" " * (1 << 20)) * 2048
            body = gzip.compress(body) if what == "gzip in gzip" else body
            encoding = b"gzip, gzip" if what == "gzip in gzip" else b"gzip"
            write(head + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body)
        elif what == "closed at once":
            return
        else:
            length = {"a length that is too large": b"99999999", "a length that is too small": b"1",
                      "a negative length": b"-5", "a length of text": b"many"}.get(what)  # fmt: skip
            if what == "bad chunks":
                write(head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\nffffffffffffffff\r\n{}")
            elif what == "no status line":
                write(b"\x1b[31m hello\r\n\r\n")
            elif length is None:
                write(head + b"Content-Encoding: zstd\r\nContent-Length: 9\r\n\r\n\x28\xb5\x2f\xfdxxxxx")
            else:
                write(head + b"Content-Length: " + length + b'\r\n\r\n{"choices": []}')
