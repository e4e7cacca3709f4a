"""`completions-topk` against a real HTTP server that runs a real model and has faults to switch on."""

import json
import logging
import threading
import time
from collections import deque
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from transformers import AutoModelForCausalLM, AutoTokenizer

pytest.importorskip("tenacity", reason="the harness's API models need lm-eval[api]")

from lm_eval.models.openai_completions import LocalCompletionsAPI

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.completions import CompletionsTopK
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.server.connection import _retry_after
from lm_eval_hesnr.scoring.statistics import ALL_EXTRAS, Extras
from tests import builders

TEXT = "### Agent\nTHOUGHT: söme   prose 漢字\n\n```bash\ngrep -rn 'x'  src/ # why\n```\n\n### Observation\nnothing\n\n"
CONTEXT = 256
KEY = "sk-very-secret"


class Served(ThreadingHTTPServer):
    """A server on 127.0.0.1 that answers in the documented shapes of vLLM, of an echo server, or of SGLang."""

    daemon_threads = True

    def __init__(self, folder, form="vllm", port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.form, self.name = form, str(folder)
        self.faults: deque[Any] = deque()  # one for each of the next answers; None for no fault
        self.gets = {}  # status, answer (JSON or bytes) and perhaps headers of some paths
        self.spoil = None  # changes the JSON of every answer about a long prompt
        self.prompts, self.headers_seen = [], []
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        """Clients that hang up are part of the tests."""

    def answer(self, path, question):
        """Status and JSON."""
        prompt = question.get("prompt", question.get("input_ids", question.get("text")))
        ids = prompt
        if isinstance(prompt, str):
            ids = self.tokenizer(prompt, add_special_tokens=question.get("add_special_tokens", True))["input_ids"]
        elif isinstance(prompt[0], list):
            (ids,) = prompt
        if len(ids) > CONTEXT - 1:
            return 400, {"error": {"message": f"This model's maximum context length is {CONTEXT} tokens."}}
        with torch.inference_mode(), self.lock:
            logprobs = torch.log_softmax(self.model(torch.tensor([ids])).logits[0].float(), -1)
        if path == "/generate":
            return (200, sglang(ids, logprobs, question)) if self.form == "sglang" else (404, {"detail": "Not Found"})
        choice = {"index": 0, "text": "x", "finish_reason": "length"}
        if self.form == "vllm" and question.get("prompt_logprobs"):
            choice |= {"prompt_logprobs": vllm(ids, logprobs, question["prompt_logprobs"]), "prompt_token_ids": ids}
        if question.get("echo") and question.get("logprobs"):
            as_ids = self.form != "sglang" and question.get("return_tokens_as_token_ids")
            name = (lambda i: f"token_id:{i}") if as_ids else (lambda i: self.tokenizer.decode([i]))
            choice["logprobs"] = echo(ids, logprobs, question["logprobs"], name)
        return 200, {"choices": [choice], "usage": {"prompt_tokens": len(ids), "completion_tokens": 1}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_):
        pass

    def do_GET(self):
        models = [{"id": self.server.name, "owned_by": "test", "root": "there", "max_model_len": CONTEXT}]
        known = {"/v1/models": (200, {"data": models}), "/version": (200, {"version": "1"})} | self.server.gets
        status, answer, *headers = known.get(self.path, (404, {}))
        self.send(status, answer, **dict(*headers))

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = question.get("prompt", question.get("input_ids"))
        is_long = isinstance(prompt, list) and len(prompt) > 60
        fault = None
        with self.server.lock:
            self.server.headers_seen.append(dict(self.headers))
            if is_long:
                self.server.prompts.append(prompt)
                fault = self.server.faults.popleft() if self.server.faults else None
            self.server.busy += 1
            self.server.most_busy = max(self.server.busy, self.server.most_busy)
        status, answer = self.server.answer(self.path, question)
        if is_long and self.server.spoil:
            answer = self.server.spoil(answer)
        with self.server.lock:
            self.server.busy -= 1
        if fault == "drop":
            self.close_connection = True
        elif fault == "delay":
            time.sleep(1.5)
            self.close_connection = True
        elif isinstance(fault, int):
            message = f"busy, {self.headers.get('Authorization')} asked"
            self.send(fault, {"error": message}, **({"Retry-After": "0"} if fault == 429 else {}))
        else:
            self.send(status, answer, cut=fault == "cut")

    def send(self, status, answer, cut=False, **headers):
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut


def top(logprobs, t, k):
    values, ids = logprobs[t - 1].topk(k)
    return zip(ids.tolist(), values.tolist(), strict=True)


def vllm(ids, logprobs, k):
    entries: list[Any] = [None]
    for t in range(1, len(ids)):
        row = logprobs[t - 1]
        rank = int((row >= row[ids[t]]).sum())
        entry = {str(ids[t]): {"logprob": float(row[ids[t]]), "rank": rank, "decoded_token": "?"}}
        for place, (i, value) in enumerate(top(logprobs, t, k), start=1):
            entry[str(i)] = {"logprob": value, "rank": place, "decoded_token": "?"}
        entries.append(entry)
    return entries


def echo(ids, logprobs, k, name):
    own = [None] + [float(logprobs[t - 1, ids[t]]) for t in range(1, len(ids))]
    tops = [None] + [
        {name(ids[t]): own[t]} | {name(i): value for i, value in top(logprobs, t, k)} for t in range(1, len(ids))
    ]
    return {
        "tokens": [name(i) for i in ids] + [name(3)],
        "token_logprobs": [*own, -0.5],
        "top_logprobs": [*tops, {name(3): -0.5}],
    }


def sglang(ids, logprobs, question):
    k = question["top_logprobs_num"]
    own = [[None, ids[0], None]] + [[float(logprobs[t - 1, ids[t]]), ids[t], None] for t in range(1, len(ids))]
    tops = [None] + [[[value, i, None] for i, value in top(logprobs, t, k)] for t in range(1, len(ids))]
    return {"text": "x", "meta_info": {"input_token_logprobs": own, "input_top_logprobs": tops}}


@pytest.fixture
def served(random_model):
    server = Served(random_model)
    yield server
    server.stop()


def request(continuation, name="a run"):
    return builders.request("", continuation, name=name)


def requests_of_several():
    return [request(TEXT * n + "x" * m, f"{n} {m}") for n in (1, 2, 5, 9) for m in range(3)]


def model(served, **options):
    options = {"retry_wait": 0.01, "base_url": served.url, "model": served.name} | options
    return CompletionsTopK(**options)


@pytest.fixture(scope="module")
def expected(random_model):
    """The results of hf-topk with the same windows: the server generates one token of the context."""
    lm = HFTopK(pretrained=str(random_model), device="cpu", max_length=CONTEXT - 1)
    return lm.loglikelihood(requests_of_several(), disable_tqdm=True)


def assert_same(results, expected, beyond=True):
    for result, other in zip(results, expected, strict=True):
        got, reference = result.scores, other.scores
        at = reference.scored
        assert got.token_ids.tolist() == reference.token_ids.tolist()
        assert got.scored.tolist() == at.tolist()
        assert got.short_context == reference.short_context
        np.testing.assert_allclose(got.logprob[at], reference.logprob[at], atol=2e-4)
        np.testing.assert_allclose(got.entropy[at], reference.entropy[at], atol=2e-4)
        np.testing.assert_allclose(got.top_mass[at], reference.top_mass[at], atol=2e-4)
        most = 10_000 if beyond else 11
        assert np.minimum(got.rank, most).tolist() == np.minimum(reference.rank, most).tolist()


@pytest.mark.parametrize("form", ["vllm", "echo", "sglang"])
@pytest.mark.parametrize("num_concurrent", [1, 4])
def test_every_form_gives_the_numbers_of_hf_topk(served, expected, form, num_concurrent):
    served.form = form
    lm = model(served, num_concurrent=num_concurrent)
    assert_same(lm.loglikelihood(requests_of_several(), disable_tqdm=True), expected, beyond=form == "vllm")
    assert lm.signature["answers"] == form
    assert 1 <= served.most_busy <= num_concurrent
    assert all(len(prompt) <= CONTEXT - 1 for prompt in served.prompts)


@pytest.mark.parametrize("form", ["vllm", "echo", "sglang"])
def test_every_form_gives_the_candidates_of_hf_topk_and_refuses_temperatures(served, random_model, form):
    served.form = form
    asked = builders.request("", TEXT, extras=Extras(candidates=True))
    hf = HFTopK(pretrained=str(random_model), device="cpu")
    engines: Any = model(served), hf
    (got,), (expected,) = (lm.loglikelihood([asked], disable_tqdm=True) for lm in engines)
    assert (expected.scores.top_ids >= 0).any()
    assert got.scores.top_ids.tolist() == expected.scores.top_ids.tolist()
    np.testing.assert_allclose(got.scores.top_logprobs, expected.scores.top_logprobs, atol=4e-3)
    with pytest.raises(InputError, match="this engine does not give temperatures; use hf-topk"):
        model(served).loglikelihood([builders.request("", TEXT, extras=ALL_EXTRAS)], disable_tqdm=True)


def test_faults_that_pass_change_no_number(served, expected, caplog):
    lm = model(served, num_concurrent=3, timeout=1)
    served.faults.extend(["drop", None, "cut", 500, None, "delay", 429, None, "cut", 503, "drop"])
    assert_same(lm.loglikelihood(requests_of_several(), disable_tqdm=True), expected)
    assert not served.faults
    assert caplog.text.count("attempt 2 of 10") >= 3


def test_a_server_that_dies_ends_the_run_and_the_store_continues_it(random_model, expected, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    first = Served(random_model)
    lm = model(first, score_store=tmp_path, max_retries=3)
    first.faults.extend([None] * 8 + [500] * 99)
    with pytest.raises(InputError, match="no usable answer in 3 attempts; the last one: HTTP 500") as raised:
        lm.loglikelihood(requests_of_several(), disable_tqdm=True)
    assert "\n" not in str(raised.value)
    first.stop()
    with pytest.raises(InputError, match="no usable answer in 3 attempts; the last one: connection refused"):
        model(first, score_store=tmp_path, max_retries=3).loglikelihood(requests_of_several(), disable_tqdm=True)
    stored = len(list(tmp_path.glob("*/*.parquet")))
    assert 0 < stored < 12
    again = Served(random_model, port=first.server_address[1])
    assert_same(model(again, score_store=tmp_path).loglikelihood(requests_of_several(), disable_tqdm=True), expected)
    assert f"{stored} of 12 trajectories read, {12 - stored} scored" in caplog.text
    again.stop()


def test_a_restart_in_the_middle_is_waited_for(random_model, expected):
    first = Served(random_model)
    lm = model(first, retry_wait=0.2)
    again = []

    def restart(answer):
        threading.Thread(target=stop_and_start, daemon=True).start()
        first.spoil = None
        return answer

    def stop_and_start():
        first.stop()
        time.sleep(0.3)
        again.append(Served(random_model, port=first.server_address[1]))

    first.spoil = restart
    assert_same(lm.loglikelihood(requests_of_several(), disable_tqdm=True), expected)
    assert again[0].prompts
    again[0].stop()


def choice(change):
    def spoil(answer):
        change(answer["choices"][0])
        return answer

    return spoil


def fewer_tops(one):
    one["prompt_logprobs"][5:] = [dict(list(entry.items())[:5]) for entry in one["prompt_logprobs"][5:]]


WRONG = {
    "covers 90 tokens, but .* were sent": choice(lambda one: one.update(prompt_logprobs=one["prompt_logprobs"][:90])),
    "contains no prompt_logprobs": choice(lambda one: one.pop("prompt_logprobs")),
    "read token 1 where": choice(lambda one: one["prompt_token_ids"].__setitem__(3, 1)),
    "top tokens at token .* expected 10": choice(fewer_tops),
    "no logprob of token": choice(lambda one: one["prompt_logprobs"].__setitem__(50, None)),
    "its logprob is 3, expected at most 0": choice(
        lambda one: [entry[id_].update(logprob=3) for entry in one["prompt_logprobs"][50:51] for id_ in entry]
    ),
    "documented shape": lambda _: {"error": "something"},
}


@pytest.mark.parametrize("reason", WRONG)
def test_wrong_answers_are_refused_at_once(served, reason):
    served.spoil = WRONG[reason]
    with pytest.raises(InputError, match=reason) as raised:
        model(served).loglikelihood([request(TEXT * 2)], disable_tqdm=True)
    assert len(served.prompts) == 1
    assert "\n" not in str(raised.value)


def test_a_server_without_logprobs_of_prompts_is_refused_with_all_reasons(served):
    served.form = "none"
    served.answer = lambda path, question: (200, {"choices": [{"index": 0, "text": "x", "logprobs": None}]})
    with pytest.raises(InputError, match=r"no logprobs of prompts .vllm: .*; echo: .*; sglang: "):
        model(served).loglikelihood([request(TEXT)], disable_tqdm=True)


def test_a_server_that_counts_the_token_itself_among_the_top_tokens_is_refused_by_the_first_short_text(served):
    served.form, answer = "echo", served.answer

    def with_k_in_all(path, question):
        status, reply = answer(path, question)
        for entry in reply["choices"][0]["logprobs"]["top_logprobs"][1:]:  # the token itself, then the most likely ones
            while len(entry) > question["logprobs"]:
                entry.popitem()
        return status, reply

    served.answer = with_k_in_all
    with pytest.raises(InputError, match=r"echo: .* returns it instead of top token number 1\)"):
        model(served, server="echo").loglikelihood([request(TEXT)], disable_tqdm=True)
    assert not served.prompts


def test_the_same_refusal_of_two_forms_is_reported_once(served):
    served.answer = lambda path, question: (400, {"error": "no"})
    with pytest.raises(InputError) as raised:
        model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert str(raised.value) == (
        f"{served.url} returns no logprobs of prompts "
        f'(vllm, echo: /v1/completions: HTTP 400: {{"error": "no"}}; '
        f'sglang: /generate: HTTP 400: {{"error": "no"}}); use vLLM or SGLang as server'
    )


KEY_HINT = "(the API key is read from OPENAI_API_KEY)"
ADDRESS_HINT = "(is base_url= right? it should end in /v1/completions)"
PAGE = b"\n<!doctype html><title>welcome</title>"


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (401, {}, f"HTTP 401 {KEY_HINT}: {{}}"),
        (403, {}, f"HTTP 403 {KEY_HINT}: {{}}"),
        (404, {}, f"HTTP 404 {ADDRESS_HINT}: {{}}"),
        (501, {}, f"HTTP 501 {ADDRESS_HINT}: {{}}"),
        (200, PAGE, f"a web page or text instead of JSON {ADDRESS_HINT}"),
    ],
)
def test_a_refused_key_or_path_is_reported_once_with_what_to_do(served, expected, status, answer, message):
    served.gets["/v1/models"] = (status, answer)
    way_out = "if the server does not report its context length, give max_length= in --model_args"
    of_list = f"{served.url}/v1/models: {message}; {way_out}"
    with pytest.raises(InputError) as raised:
        model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert str(raised.value) == of_list
    without_list = model(served, max_length=CONTEXT)
    assert_same(without_list.loglikelihood(requests_of_several(), disable_tqdm=True), expected)
    served.answer = lambda path, question: (status, answer)
    with pytest.raises(InputError) as raised:
        model(served, max_length=CONTEXT).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert str(raised.value) == f"{served.url}/v1/completions: {message}"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((304, b""), "HTTP 304: no message"),
        (
            (302, b"", {"Location": "https://there/v1/models"}),
            f"HTTP 302, it redirects to https://there/v1/models {ADDRESS_HINT}",
        ),
        ((200, b"[" * 100_000), "the answer is nested too deeply"),
        ((200, b"1" * 5_000 + b"x"), f"a web page or text instead of JSON {ADDRESS_HINT}"),
    ],
)
def test_an_answer_that_is_not_json_is_reported_at_once(served, answer, message):
    served.gets["/v1/models"] = answer
    with pytest.raises(InputError) as raised:
        model(served, retry_wait=60).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert str(raised.value).startswith(
        f"{served.url}/v1/models: {message}; if the server does not report its context length"
    )


def test_json_null_is_not_reported_as_a_web_page(served):
    served.answer = lambda path, question: (200, None)
    with pytest.raises(InputError, match="documented shape"):
        model(served).loglikelihood([request(TEXT)], disable_tqdm=True)


def test_a_byte_order_mark_is_not_reported_as_a_web_page(served, expected):
    served.gets["/v1/models"] = (200, b"\xef\xbb\xbf" + b'{"data": []}')
    answer = served.answer

    def with_mark(path, question):
        status, reply = answer(path, question)
        return status, b"\xef\xbb\xbf" + json.dumps(reply).encode()

    served.answer = with_mark
    lm = model(served, max_length=CONTEXT)
    assert_same(lm.loglikelihood(requests_of_several(), disable_tqdm=True), expected)


def test_a_server_that_returns_no_tokens_of_a_text_gives_a_warning(served, expected, caplog):
    answer = served.answer
    served.answer = lambda path, question: (200, {}) if isinstance(question["prompt"], str) else answer(path, question)
    assert_same(model(served).loglikelihood(requests_of_several(), disable_tqdm=True), expected)
    assert "the server has the same tokenizer (/v1/completions: the answer does not have" in caplog.text


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0), ("7", 7), ("2.5", 2.5), ("600", 60), ("-3", 0), ("nan", 0), ("soon", 0),
        ("1000000000", 60), ("9" * 5000, 60), ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", 0),
        pytest.param(format_datetime(datetime.now(timezone.utc) + timedelta(hours=1)), 60, id="in an hour"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert _retry_after(header) == seconds


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("drop", "the connection was dropped"),
        ("cut", "the answer was cut off"),
        ("delay", "no data for too long, see timeout="),
    ],
)
def test_the_last_error_gives_the_reason_and_what_to_do(served, fault, message):
    served.faults.extend([fault] * 2)
    with pytest.raises(InputError) as raised:
        model(served, max_retries=2, timeout=1).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert str(raised.value) == (
        f"{served.url}/v1/completions: no usable answer in 2 attempts; the last one: {message}; raise max_retries=, or "
        "run again: with score_store= a run continues where it stopped"
    )


@pytest.mark.parametrize(
    ("status", "answer"), [(200, PAGE), (200, b"{"), (200, []), (501, PAGE), (503, {}), (404, {}), (200, {})]
)
def test_a_server_without_a_version_is_scored(served, status, answer):
    served.gets["/version"] = (status, answer)
    lm = model(served, retry_wait=60)  # one attempt only, so there is no wait
    del served.gets["/version"]  # it is not requested again
    (result,) = lm.loglikelihood([request(TEXT)], disable_tqdm=True)
    assert result.scores.signature["engine"] == "test"


def test_another_tokenizer_is_refused(served):
    served.tokenizer.backend_tokenizer.normalizer = __import__("tokenizers").normalizers.Lowercase()
    served.tokenizer.backend_tokenizer.pre_tokenizer = __import__("tokenizers").pre_tokenizers.ByteLevel(
        add_prefix_space=True
    )
    with pytest.raises(InputError, match="another tokenizer than"):
        model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert not served.prompts


def test_a_prompt_that_the_server_finds_too_long_is_not_asked_again(served):
    with pytest.raises(InputError, match=r"HTTP 400: .*maximum context length is 256"):
        model(served, max_length=1000).loglikelihood([request(TEXT * 9)], disable_tqdm=True)
    assert len(served.prompts) == 1


@pytest.fixture
def no_loading(served, monkeypatch):
    """With the server up, loading any tokenizer fails."""
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda *_, **__: pytest.fail("a tokenizer is loaded"))


@pytest.mark.usefixtures("no_loading")
def test_a_name_that_is_not_served_is_reported_with_those_that_are(served):
    with pytest.raises(InputError, match=rf"does not serve 'my/model'; it serves {served.name}"):
        model(served, model="my/model")


@pytest.mark.usefixtures("no_loading")
def test_an_address_without_a_server_is_reported_before_a_tokenizer_is_loaded(served):
    served.stop()
    with pytest.raises(
        InputError, match="/v1/models: no usable answer in 3 attempts; the last one: connection refused"
    ):
        model(served, model="my/model")


def test_without_tokenizer_the_one_in_the_folder_that_the_server_loaded_is_used(served):
    folder, served.name = served.name, "my/model"
    served.gets["/v1/models"] = (200, {"data": [{"id": "my/model", "root": folder, "max_model_len": CONTEXT}]})
    lm = model(served)
    assert lm.signature["tokenizer"] == folder
    served.gets["/v1/models"] = (200, {"data": [{"id": "my/model", "root": "elsewhere"}]})
    with pytest.raises(InputError, match=r"no tokenizer in 'my/model' .*; give tokenizer="):
        model(served)


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(served, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    lm = model(served, score_store=tmp_path, max_retries=2, num_concurrent=2)
    served.faults.append(500)  # its message repeats the key
    lm.loglikelihood([request(TEXT * 2)], disable_tqdm=True)
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers in served.headers_seen)
    served.faults.extend([500] * 9)
    with pytest.raises(InputError) as raised:
        lm.loglikelihood([request(TEXT * 3)], disable_tqdm=True)
    plain = Instance("loglikelihood", doc={}, arguments=(TEXT, TEXT), idx=0)
    served.answer = lambda path, question: (500, {"error": "down"})
    with pytest.raises(Exception, match="500"):  # the harness's own path logs request headers
        lm.loglikelihood([plain, plain], disable_tqdm=True)
    written = "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file())
    assert KEY not in caplog.text + str(raised.value) + json.dumps(lm.signature) + written
    assert "Bearer ***" in caplog.text


def listed(served, **entry):
    """What `/v1/models` returns."""
    return 200, {"data": [{"id": served.name, "max_model_len": CONTEXT} | entry]}


def test_the_key_is_not_written_if_the_server_returns_it_as_a_name(served, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    served.gets["/v1/models"] = listed(served, root=KEY, owned_by=f"x{KEY}x")
    served.gets["/version"] = (200, json.dumps({"version": KEY}).replace("-", "\\u002d").encode())
    lm = model(served, score_store=tmp_path)
    lm.loglikelihood([request(TEXT)], disable_tqdm=True)
    assert (lm.signature["revision"], lm.signature["engine"]) == ("***", "x***x ***")
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(KEY.encode() in content for content in written)


@pytest.mark.parametrize("key", ["x", "EMPTY", "secret7"])
def test_a_key_too_short_to_be_secret_changes_no_name(served, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    served.gets["/v1/models"] = listed(served, root=f"ax{key}", owned_by="xEMPTY")
    assert (model(served).signature["revision"], model(served).signature["engine"]) == (f"ax{key}", "xEMPTY 1")


def test_a_key_that_is_a_part_of_the_name_of_the_model_does_not_hide_the_model(served, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", served.name[-12:])
    served.gets["/v1/models"] = listed(served)
    model(served).loglikelihood([request(TEXT)], disable_tqdm=True)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"id": KEY * 50}, r"it serves (\*{3}){50}; give one"),
        ({"max_model_len": KEY * 50}, r"max_model_len='\*{12}\.\.\.\*{13}': expected a number"),
    ],
)
def test_the_key_in_the_list_of_models_is_not_shown(served, monkeypatch, entry, message):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    served.gets["/v1/models"] = listed(served, **entry)
    with pytest.raises(InputError, match=message) as raised:
        model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert "secret" not in str(raised.value)


LONG_KEY = "sk-" + "0123456789abcdef" * 4  # longer than the part of a wrong value that is shown


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: {"choices": LONG_KEY},
        choice(lambda one: one["prompt_logprobs"][50].update({LONG_KEY: {"logprob": -1}})),
        choice(lambda one: next(iter(one["prompt_logprobs"][50].values())).update(logprob=LONG_KEY)),
        choice(lambda one: one.update(prompt_token_ids=[LONG_KEY])),
    ],
    ids=["choices", "an id", "a logprob", "a list of ids"],
)
def test_no_part_of_the_key_is_shown_with_a_wrong_value(served, monkeypatch, spoil):
    monkeypatch.setenv("OPENAI_API_KEY", LONG_KEY)
    served.spoil = spoil
    with pytest.raises(InputError, match=r"is '\*\*\*', expected") as raised:
        model(served).loglikelihood([request(TEXT * 2)], disable_tqdm=True)
    assert "0123" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "found"),
    [({"data": {"a": 1}}, "data is {'a': 1}, expected a list"), ([], "it is [], expected an object")],
)
def test_a_list_of_models_of_a_wrong_type_is_reported_with_its_address(served, answer, found):
    served.gets["/v1/models"] = (200, answer)
    with pytest.raises(InputError) as raised:
        model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    expected = f"{served.url}/v1/models: the answer does not have the documented shape: {found}; if the server"
    assert str(raised.value).startswith(expected)


def test_a_server_that_changes_its_model_during_a_run_is_refused(served):
    lm = model(served)
    lm.loglikelihood([request(TEXT)], disable_tqdm=True)
    served.spoil = lambda answer: answer | {"model": "a"}
    lm.loglikelihood([request(TEXT * 2)], disable_tqdm=True)
    served.spoil = lambda answer: answer | {"model": "b"}
    with pytest.raises(InputError, match=r"/v1/completions: the model b answered, but a answered before$"):
        lm.loglikelihood([request(TEXT * 3)], disable_tqdm=True)


def test_a_folder_of_the_server_without_a_tokenizer_is_named_with_what_to_do(served, tmp_path):
    served.name = "m"
    served.gets["/v1/models"] = listed(served, root=str(tmp_path))
    with pytest.raises(InputError, match=rf"no tokenizer in '{tmp_path}' .*; give tokenizer=") as raised:
        model(served)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("root", ["a" * 299, "/" + "b/" * 4000, "a\0b"])
def test_a_root_that_no_path_can_have_is_not_a_folder(served, root):
    served.gets["/v1/models"] = listed(served, root=root)
    assert model(served).signature["tokenizer"] == served.name


def test_a_name_of_a_model_that_no_path_can_have_is_one_line(served):
    served.name = "a" * 299
    with pytest.raises(InputError, match=r"no tokenizer in 'a{299}' .*; give tokenizer=") as raised:
        model(served)
    assert "\n" not in str(raised.value)


def test_code_in_a_folder_that_the_server_named_is_not_run(served):
    folder, served.name = served.name, "my/model"
    served.gets["/v1/models"] = listed(served, root=folder)
    with pytest.raises(InputError, match=r"trust_remote_code: would run code in '.*', a folder .*; give tokenizer="):
        model(served, trust_remote_code=True)
    model(served, trust_remote_code=True, tokenizer=folder)


def test_text_of_the_server_in_the_logs_of_other_packages_is_safe(served, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    served.gets["/v1/models"] = (*listed(served), {"X": f"y\r\nbad \x1b header {KEY}"})
    lm = model(served, max_retries=1)
    assert "Failed to parse headers" in caplog.text
    assert "Traceback" in caplog.text
    served.answer = lambda path, question: (500, b"\x1b[2J" + KEY.replace("-", "\\u002d").encode())
    with pytest.raises(Exception, match="500"):
        lm.loglikelihood([Instance("loglikelihood", doc={}, arguments=(TEXT, TEXT), idx=0)], disable_tqdm=True)
    assert r"\x1b[2J***" in caplog.text
    assert KEY not in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize("key", [None, KEY])
def test_a_header_is_sent_with_the_key(served, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key or "")
    lm = model(served, header={"X-Team": "a"})
    lm.loglikelihood([request(TEXT)], disable_tqdm=True)
    lm.loglikelihood([Instance("loglikelihood", doc={}, arguments=("def f", "(x):"), idx=0)], disable_tqdm=True)
    sent = {(headers["X-Team"], headers.get("Authorization")) for headers in served.headers_seen}
    assert sent == {("a", key and f"Bearer {key}")}


def test_the_key_takes_precedence_over_netrc(served, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert {headers["Authorization"] for headers in served.headers_seen} == {f"Bearer {KEY}"}


@pytest.mark.parametrize("key", ["sk-very\nsecret", "sk-very-secr\u00e9t"])
def test_a_key_that_a_header_cannot_contain_is_refused_without_being_shown(served, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match="OPENAI_API_KEY contains") as raised:
        model(served)
    assert "very" not in str(raised.value)


def test_a_key_from_a_file_with_its_line_end_is_a_key(served, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert all(headers["Authorization"] == f"Bearer {KEY}" for headers in served.headers_seen)


def test_no_key_sends_no_header(served, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert not any("Authorization" in headers for headers in served.headers_seen)


@pytest.mark.parametrize(
    "options",
    [
        {"auth_token": KEY},
        {"header": {"Authorization": f"Bearer {KEY}"}},
        {"header": {"X-Api-Key": KEY}},
        {"base_url": f"http://me:{KEY}@127.0.0.1:1/v1/completions"},
        {"base_url": f"me:{KEY}@127.0.0.1:1/v1"},
        {"base_url": f"http://127.0.0.1:1/v1/completions?key={KEY}"},
        {"header": f"Authorization: Bearer {KEY}"},
        {"api_key": KEY},
        {"OPENAI_API_KEY": KEY},
        {"hf_token": KEY},
        {"password": KEY},
        {"client_secret": KEY},
        {"authorization": KEY},
    ],
)
def test_secrets_among_the_arguments_are_refused(served, options):
    with pytest.raises(InputError, match="OPENAI_API_KEY") as raised:
        model(served, **options)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"base_url": None}, "needs base_url= and model="),
        ({"server": "tgi"}, "server=tgi: expected one of auto, vllm, echo, sglang"),
        ({"tokenizer": "/nowhere/at/all"}, "give tokenizer="),
        ({"stride": 256}, "stride=256: expected a number of tokens from 1 to 254"),
        ({"base_url": "127.0.0.1:9"}, "expected an address such as http"),
        ({"num_concurrent": "x"}, "num_concurrent=x: expected a number of requests, 1 or more"),
        ({"timeout": "5m"}, "timeout=5m: expected a number of seconds, 1 or more"),
        ({"timeout": 0}, "timeout=0: expected a number of seconds, 1 or more"),
        ({"timeout": -1}, "timeout=-1: expected a number of seconds, 1 or more"),
        ({"timeout": "inf"}, "timeout=inf: expected a number of seconds, 1 or more"),
        ({"max_retries": "abc"}, "max_retries=abc: expected a number of attempts, 1 or more"),
        ({"max_retries": 0}, "max_retries=0: expected a number of attempts, 1 or more"),
        ({"max_retries": -1}, "max_retries=-1: expected a number of attempts, 1 or more"),
        ({"retry_wait": "x"}, "retry_wait=x: expected a number of seconds, 0 or more"),
        ({"stride": "abc"}, "stride=abc: expected a number of tokens, 1 or more"),
        ({"max_length": "abc"}, "max_length=abc: expected a number of tokens, 3 or more"),
        ({"max_length": 2}, "max_length=2: expected a number of tokens, 3 or more"),
        ({"max_gen_toks": "x"}, "max_gen_toks=x: expected a number of tokens, 1 or more"),
        ({"seed": "x"}, "completions-topk: .*'x'"),
        ({"header": ["X-Team: a"]}, "header: expected a JSON object of names and texts in ASCII, such as header="),
        ({"header": {"X-Team": "漢字"}}, "header: expected a JSON object of names and texts in ASCII"),
        ({"header": {"X-Team": 1}}, "header: expected a JSON object of names and texts"),
        ({"tokenizer_backend": "remote"}, "completions-topk: .*tokenizer"),
        ({"tokenizer_backend": "none"}, "tokenizer_backend=None: labels need huggingface; leave it out"),
        ({"tokenizer_backend": "hf"}, "tokenizer_backend=hf: expected huggingface, tiktoken, remote or none"),
        ({"num_concurent": 8}, "has no num_concurent=; did you mean num_concurrent=?"),
        ({"score_stor": "x"}, "has no score_stor=; did you mean score_store=?"),
        ({"dtype": "bfloat16"}, "has no dtype=; leave it out"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(served, options, reason):
    with pytest.raises(InputError, match=reason) as raised:
        model(served, **options).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert "\n" not in str(raised.value)


def test_what_the_harness_adds_is_allowed(served):
    model(served, batch_size=1, max_batch_size=64, device="cpu", num_concurrent="2")


def test_names_from_the_server_can_be_written_into_results(served):
    entry = {"id": served.name, "owned_by": "a\x1b[2J\ud800", "root": "b\udfff" + "c" * 9999, "max_model_len": CONTEXT}
    served.gets |= {"/v1/models": (200, {"data": [entry, {"id": "x"}, 7]}), "/version": (200, {"version": ["1"]})}
    signature = model(served).signature
    assert signature["engine"] == "a\\x1b[2J\\ud800"
    assert signature["revision"] == "b\\udfff" + "c" * 293
    json.dumps(signature, ensure_ascii=False).encode()


def test_of_many_names_that_are_served_the_first_ten_are_shown(served):
    served.gets["/v1/models"] = (200, {"data": [{"id": f"\x1b{i}" + "x" * 9999} for i in range(1000)]})
    with pytest.raises(InputError, match=r"it serves \\x1b0x{295}, .* and 990 more; give one") as raised:
        model(served)
    assert len(str(raised.value)) < 4000


@pytest.mark.parametrize("reported", ["abc", "4096", [1], 2, -1, 4.5, True, 1e300])
def test_a_reported_context_without_sense_is_refused_unless_one_is_given(served, reported):
    served.gets["/v1/models"] = (200, {"data": [{"id": served.name, "max_model_len": reported}]})
    with pytest.raises(InputError) as raised:
        model(served).loglikelihood([request(TEXT)], disable_tqdm=True)
    assert str(raised.value) == (
        f"{served.url}/v1/models (max_length= in --model_args overrides it): max_model_len={reported!r}: expected a "
        "number of tokens, 3 or more"
    )
    model(served, max_length=CONTEXT).loglikelihood([request(TEXT)], disable_tqdm=True)


@pytest.mark.usefixtures("no_loading")
def test_several_processes_are_refused(served, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"completions-topk: WORLD_SIZE=2, .*; run one process, with num_concurrent="):
        model(served)


def test_stock_requests_are_answered_as_by_local_completions(served):
    pairs = [("def f", "(x):"), ("a b", " c"), ("", "q")]
    plain = [Instance("loglikelihood", doc={}, arguments=pair, idx=0) for pair in pairs]
    until = [Instance("generate_until", doc={}, arguments=("def f", {"until": ["\n"], "max_gen_toks": 8}), idx=0)]
    ours = model(served)
    stock = LocalCompletionsAPI(
        base_url=f"{served.url}/v1/completions", model=served.name, tokenizer_backend="huggingface"
    )
    assert (ours.max_length, ours.max_retries, ours.timeout) == (stock.max_length, stock.max_retries, stock.timeout)
    assert ours.loglikelihood(plain) == stock.loglikelihood(plain)
    assert ours.generate_until(until) == stock.generate_until(until) == ["x"]
    mixed = ours.loglikelihood([plain[0], request(TEXT), plain[1]])
    assert [mixed[0], mixed[2]] == stock.loglikelihood(plain[:2])
