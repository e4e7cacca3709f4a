"""Requests to a server that sends any bytes, at any speed."""

import gzip
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from lm_eval_hesnr.errors import AnswerError, InputError, RequestRefusedError
from lm_eval_hesnr.models.server.connection import Connection
from lm_eval_hesnr.models.server.limits import Limits

KEY = "sk-very-secret"
OK = b"HTTP/1.1 200 OK\r\n"
SMALL = Limits(n_bytes=1000, n_values=100)


class Server:
    """A server that answers every connection with the same parts of bytes, as fast as they are read."""

    def __init__(self, answer):
        self.answer, self.n_requests = answer, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.n_requests += 1
            threading.Thread(target=self._send, args=[client], daemon=True).start()

    def _send(self, client):
        client.settimeout(10)
        with client:
            try:
                while b"\r\n\r\n" not in client.recv(65536):
                    pass
                for part in self.answer() if callable(self.answer) else [self.answer]:
                    client.sendall(part)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):  # a connection that is closed before all is read loses the answer
                    pass
            except OSError:  # the client hung up
                return


@pytest.fixture
def serve():
    servers = []

    def _start(answer):
        servers.append(Server(answer))
        return servers[-1]

    yield _start
    for server in servers:
        server.socket.shutdown(socket.SHUT_RDWR)  # ends the thread that accepts
        server.socket.close()


def connection(server, attempts=2):
    header = {"Authorization": f"Bearer {KEY}"}
    return Connection(server.url, header=header, verify=True, attempts=attempts, first_wait=0.01, secret=KEY)


def ask(server, timeout=0.3, limits=SMALL, attempts=2):
    return connection(server, attempts).post("/x", {}, timeout, limits, lambda answer: answer)


def repeated(first, part, wait=0.0):
    """The first bytes, then the same part again and again."""

    def _parts() -> Iterator[bytes]:
        yield first
        for _ in range(100_000):
            yield part
            time.sleep(wait)

    return _parts


BOMB = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
TOO_LARGE = {
    "a body without end": repeated(OK + b"\r\n", b"[" * 5000),
    "chunks without end": repeated(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"1" * 1024 + b"\r\n"),
    "a small body that decompresses to 50 MB": OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB,
    "compressed twice": OK + b"Content-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(BOMB),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_an_answer_that_is_too_large_is_refused_and_not_requested_again(serve, case):
    server = serve(TOO_LARGE[case])
    with pytest.raises(AnswerError, match=r"^/x: the answer has more than 1000 bytes, the most for this request$"):
        ask(server, timeout=5)
    assert server.n_requests == 1


def test_many_small_values_are_refused_before_they_are_decoded(serve):
    body = b"[" + b"{}," * 200 + b"{}]"
    with pytest.raises(AnswerError, match="more than 100 JSON values"):
        ask(serve(OK + b"\r\n" + body))


def test_the_limits_of_a_request_allow_the_largest_honest_answer():
    one = {"151643": {"logprob": -12.345678901234567, "rank": 151643, "decoded_token": "\u6f22" * 16}}
    text = json.dumps([{str(i): one["151643"] for i in range(11)}] * 1000, indent=1).encode()
    limits = Limits.of_request(1000, 10)
    assert len(text) < limits.n_bytes
    assert not limits.has_too_many_values(text)


SLOW = {
    "one byte of the body": repeated(OK + b"\r\n", b" ", wait=0.03),
    "one byte of a chunk": repeated(OK + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n", b" ", wait=0.03),
    "one byte of a header": repeated(OK + b"X: ", b"x", wait=0.03),
    "one interim answer": repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n", wait=0.03),
    "one byte of an error": repeated(b"HTTP/1.1 500 No\r\n\r\n", b"x", wait=0.03),
}


@pytest.mark.usefixtures("ends_in_any_case")  # it would take hours
@pytest.mark.parametrize("case", SLOW)
def test_an_answer_that_never_ends_takes_a_limited_time(serve, monkeypatch, case):
    monkeypatch.setattr("lm_eval_hesnr.models.server.download.CONNECT_SECONDS", 0.05)
    with pytest.raises(InputError, match="in 1 attempts; the last one: the answer took too long, see timeout="):
        ask(serve(SLOW[case]), timeout=0.1, attempts=1)


FLOODS = {
    "trailers": repeated(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 100, wait=0.01),
    "interim answers": repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n", wait=0.01),
    "a body": repeated(OK + b"\r\n", b" ", wait=0.01),
}


@pytest.mark.usefixtures("ends_in_any_case")
@pytest.mark.parametrize("case", FLOODS)
def test_no_thread_goes_on_reading_an_answer_that_took_too_long(serve, monkeypatch, case):
    monkeypatch.setattr("lm_eval_hesnr.models.server.download.CONNECT_SECONDS", 0.05)
    server, before = serve(FLOODS[case]), set(threading.enumerate())
    with pytest.raises(InputError, match="the answer took too long, see timeout="):
        ask(server, timeout=0.1, attempts=1, limits=Limits(10**6, 100))
    for thread in set(threading.enumerate()) - before:  # those of the client, and of the server
        thread.join(timeout=60)
        assert not thread.is_alive()


MALFORMED = {
    "a header line without end": OK + b"X: " + b"x" * 100_000,
    "a thousand headers": OK + b"X: x\r\n" * 1000 + b"\r\n",
    "a chunk size without end": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 100_000,
    "a chunk size that is not a number": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "a length that is too large": OK + b"Content-Length: 9\r\n\r\n{}",
    "no gzip": OK + b"Content-Encoding: gzip\r\n\r\n{}",
    "six encodings": OK + b"Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip\r\n\r\n{}",
    "a status that is not a number": b"HTTP/1.1 abc OK\r\n\r\n",
    "no HTTP": b"\x00\xff" * 100,
    "nothing": b"",
    "half a header": b"HTTP/1.1 200 OK\r\nContent-",
    "half a character": OK + b'\r\n["\xe6\xbc',
}


@pytest.mark.parametrize("case", MALFORMED)
def test_an_answer_that_is_not_valid_http_is_one_line(serve, case):
    with pytest.raises(InputError) as raised:
        ask(serve(MALFORMED[case]))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("digits", [b"1" * 5000, b"[-" + b"9" * 5000 + b"]"])
def test_a_number_that_python_cannot_read_is_not_requested_again(serve, digits):
    server = serve(OK + b"\r\n[" + digits + b"]")
    with pytest.raises(AnswerError, match="contains a number that cannot be read"):
        ask(server, limits=Limits(9999, 99))
    assert server.n_requests == 1


def test_a_key_that_an_object_has_twice_is_refused(serve):
    server = serve(OK + b'\r\n{"a": {"\x1b": 1, "b": 2, "\x1b": 3}}'.replace(b"\x1b", b"\\u001b"))
    with pytest.raises(AnswerError, match=r"^/x: an object of the answer has the key '\\x1b' twice$"):
        ask(server)
    assert server.n_requests == 1


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (b"http://127.0.0.1:9/x", "http://127.0.0.1:9/x"),
        (b"http://[", "http://["),
        (b"\xff\x1b[2J", "\xff\\x1b[2J"),
        (f"/{KEY}".encode(), "/***"),
    ],
)
def test_a_redirection_is_not_followed_whatever_its_address(serve, location, shown):
    server = serve(repeated(b"HTTP/1.1 307 No\r\nLocation: " + location + b"\r\n\r\n", b"x" * 65536))
    with pytest.raises(RequestRefusedError) as raised:
        ask(server, timeout=5)
    assert str(raised.value).startswith(f"/x: HTTP 307, it redirects to {shown} (is base_url= right?")
    assert server.n_requests == 1


@pytest.mark.parametrize("charset", ["punycode", "no such name", "utf-16"])
def test_the_charset_of_an_error_message_is_ignored(serve, charset):
    head = f"HTTP/1.1 400 No\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode()
    with pytest.raises(AnswerError, match=r"^/x: HTTP 400: a-a-.{296}\.\.\.$"):
        ask(serve(head + b"a-" * 500_000))


def test_characters_of_a_message_that_a_terminal_acts_on_are_escaped(serve):
    with pytest.raises(AnswerError) as raised:
        ask(serve(b"HTTP/1.1 400 No\r\n\r\n\x1b[2J\x07 \xff \xe2\x80\xae \xed\xa0\x80."))
    assert str(raised.value) == "/x: HTTP 400: \\x1b[2J\\x07 \ufffd \\u202e \ufffd\ufffd\ufffd."


@pytest.mark.parametrize(
    "body",
    [r"sk\u002dvery\u002Dsecret", r"\u0073\u006b-very-secre\u0074", r'"{\"sk\\u002dvery-secret\"'],
    ids=["some", "more", "twice"],
)
def test_a_key_written_with_escapes_in_an_error_message_is_not_shown(serve, body):
    with pytest.raises(AnswerError) as raised:
        ask(serve(b"HTTP/1.1 400 No\r\n\r\n" + body.encode()))
    assert "***" in str(raised.value)
    assert "very" not in str(raised.value)


def test_a_part_of_the_key_written_with_escapes_at_the_end_of_a_long_message_is_not_shown(serve):
    escaped = "".join(f"\\u{ord(one):04x}" for one in KEY).encode()
    for n_characters in range(1, len(escaped), 5):
        blanks = b" " * (65536 - n_characters)
        with pytest.raises(AnswerError, match=r"^/x: HTTP 400: no message$"):
            ask(serve(b"HTTP/1.1 400 No\r\n\r\n" + blanks + escaped))


@pytest.mark.parametrize("key", ['sk-"very\\secret', "12345678"])
def test_a_key_of_any_characters_is_removed_from_every_text_of_an_answer_and_from_no_number(serve, key):
    answer = {"a": [f"x{key}y", -0.123456789], f"{key}": {"b": [key]}}
    asked = Connection(
        serve(OK + b"\r\n" + json.dumps(answer).encode()).url,
        header={}, verify=True, attempts=1, first_wait=0.01, secret=key,
    ).get("/x", lambda answer: answer)  # fmt: skip
    assert asked == {"a": ["x***y", -0.123456789], "***": {"b": ["***"]}}


@pytest.mark.parametrize("n_blanks", range(65536 - len(KEY), 65536, 4))
def test_a_part_of_the_key_at_the_end_of_a_long_message_is_not_shown(serve, n_blanks):
    with pytest.raises(AnswerError) as raised:
        ask(serve(b"HTTP/1.1 400 No\r\n\r\n" + b" " * n_blanks + KEY.encode() * 3))
    assert "sk" not in str(raised.value)


@pytest.mark.usefixtures("ends_in_any_case")
def test_ctrl_c_works_while_a_request_waits(serve):
    main = threading.main_thread()
    if main is not threading.current_thread():
        pytest.skip("only the main thread gets signals")
    server = serve(repeated(OK + b"X: ", b"", wait=0.03))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore the signal
    threading.Timer(0.3, signal.pthread_kill, [main.ident, signal.SIGINT]).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ask(server, timeout=3600)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ends_in_any_case")  # it would take minutes
def test_a_message_of_backslashes_takes_linear_time(serve):
    with pytest.raises(AnswerError, match=r"^/x: HTTP 400: \\{300}\.\.\.$"):
        ask(serve(b"HTTP/1.1 400 No\r\n\r\n" + b"\\" * 65535 + b"x"))
    body = b'{"%b": 1, "%b": 2}' % (b"\\" * 200_000, b"\\" * 200_000)
    with pytest.raises(AnswerError, match=r"^/x: an object of the answer has the key '\\{250,}\.\.\.$"):
        ask(serve(OK + b"\r\n" + body), limits=Limits(10**6, 100))
