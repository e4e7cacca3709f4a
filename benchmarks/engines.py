"""The engines on the same trajectories: `.venv-vllm/bin/python benchmarks/engines.py [--documents 10] [--repeats 5]`.

It needs the environment of scripts/make_vllm_env.sh. It uses the embedded model in float32 and the embedded runs.

1. Numbers. The baseline is `hf-topk` with the same windows. It prints the largest difference of a token and of a
   measure.
2. Time of `vllm-topk`. The baseline is a plain `llm.generate(prompt_logprobs=10)` with the same prompts and engine,
   once with vLLM's lists of dicts and once with its flat logprobs. The calls alternate. It prints medians.
3. `completions-topk` with faults. A proxy drops, delays or cuts off every 20th answer. The server is killed and started
   again. The server is killed and not started again, and a second run continues from the score store.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

os.environ.update({"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "VLLM_LOGGING_LEVEL": "ERROR"})
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

import numpy as np

from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.measures import measures
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.models.window_request import WindowRequest

CONTEXT, PORT, PROXY_PORT = 2048, 8931, 8932
PATIENCE_SECONDS = 300
BOUND = 2e-4
NAME = str(EMBEDDED_MODEL)


def main() -> None:
    """Run all three parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10, help="number of embedded trajectories")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--every", type=int, default=20, help="every EVERY-th answer is faulty")
    arguments = parser.parse_args()
    from lm_eval_hesnr.task import SweHesnr

    task = SweHesnr({"task": "swe_hesnr"})
    task.build_all_requests(rank=0, world_size=1)
    instances = task.instances[: arguments.documents]
    expected = reference(instances)
    in_process(instances, expected, arguments.repeats)
    with tempfile.TemporaryDirectory() as folder:
        served(instances, expected, Path(folder), arguments.every)


def reference(instances: list[Any]) -> list[Any]:
    """Results of hf-topk. Its windows are one token shorter than the context, as those of the engines."""
    from lm_eval_hesnr.models.hf import HFTopK

    lm = HFTopK(pretrained=NAME, dtype="float32", device="cpu", max_length=CONTEXT - 1)
    begin = time.perf_counter()
    answers = lm.loglikelihood(instances, disable_tqdm=True)
    scored = sum(int(one.scores.scored.sum()) for one in answers)
    print(f"hf-topk: {len(answers)} trajectories, {scored} tokens scored, {time.perf_counter() - begin:.0f} s")
    return answers


def in_process(instances: list[Any], expected: list[Any], repeats: int) -> None:
    """Print the differences and the overhead of vllm-topk. The engine ends with this function."""
    from vllm import SamplingParams, TokensPrompt

    from lm_eval_hesnr.models.vllm import VLLMTopK

    lm = VLLMTopK(pretrained=NAME, dtype="float32", enforce_eager=True)
    compare("vllm-topk", lm.loglikelihood(instances, disable_tqdm=True), expected)
    encoded = [lm.encode(instance) for instance in instances]
    prompts = [WindowRequest(one.tokens.ids, window, 10).prompt for one in encoded for window in one.plan]

    def bare(**options: Any) -> Callable[[], object]:
        params = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=10, **options)
        return lambda: lm.model.generate([TokensPrompt(prompt_token_ids=p) for p in prompts], params, use_tqdm=False)

    ways = {
        "bare llm.generate(prompt_logprobs=10)": bare(),
        "the same without detokenising, flat": bare(flat_logprobs=True, detokenize=False),
        "vllm-topk, texts to scores": lambda: lm.loglikelihood(instances, disable_tqdm=True),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, call in ways.items():
            begin = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - begin)
    plain, flat, ours = (statistics.median(values) for values in seconds.values())
    print(f"{len(prompts)} prompts, {sum(map(len, prompts))} tokens, median of {repeats}:")
    for name, values in seconds.items():
        print(f"  {name:40} {statistics.median(values):7.2f} s  ({min(values):.2f} to {max(values):.2f})")
    print(f"  vllm-topk over the bare call: {ours / plain:.3f}; over the flat one: {ours / flat:.3f}")


def served(instances: list[Any], expected: list[Any], folder: Path, every: int) -> None:
    """Print the differences of completions-topk, undisturbed and with faults."""
    from lm_eval_hesnr.models.completions import CompletionsTopK

    def model(port: int = PORT, **options: Any) -> Any:
        return CompletionsTopK(base_url=f"http://127.0.0.1:{port}", model=NAME, num_concurrent=4, **options)

    server = start(folder)
    for form in ("vllm", "echo"):
        answers = model(server=form).loglikelihood(instances, disable_tqdm=True)
        compare(f"completions-topk, {form}", answers, expected)
    proxy = FaultyProxy(every)
    answers = model(PROXY_PORT, timeout=20).loglikelihood(instances, disable_tqdm=True)
    compare(f"completions-topk, {proxy.n_faults} of {proxy.n_answers} answers faulty", answers, expected)
    proxy.shutdown()

    begin = time.perf_counter()
    killer = threading.Thread(target=lambda: (time.sleep(8), kill(server), restarted.append(start(folder))))
    restarted: list[subprocess.Popen[bytes]] = []
    killer.start()
    answers = model().loglikelihood(instances, disable_tqdm=True)
    seconds = time.perf_counter() - begin
    killer.join()
    compare(f"completions-topk, server killed after 8 s and started again, {seconds:.0f} s in all", answers, expected)

    store = str(folder / "store")
    killer = threading.Thread(target=lambda: (time.sleep(15), kill(restarted[0])))
    killer.start()
    try:
        model(score_store=store, max_retries=3).loglikelihood(instances, disable_tqdm=True)
        print("the run was over before the server was killed")
    except InputError as error:
        print(f"killed for good: {error}")
    killer.join()
    stored = len(list(Path(store).glob("*/*.parquet")))
    last = start(folder)
    try:
        answers = model(score_store=store).loglikelihood(instances, disable_tqdm=True)
    finally:
        kill(last)
    compare(f"completions-topk, second run, {stored} trajectories from the store", answers, expected)


def compare(name: str, answers: list[Any], expected: list[Any]) -> None:
    """Print the largest differences between the results of two engines."""
    logprob = entropy = 0.0
    for answer, other in zip(answers, expected, strict=True):
        got, reference = answer.scores, other.scores
        assert np.array_equal(got.token_ids, reference.token_ids)
        assert np.array_equal(got.scored, reference.scored)
        logprob = max(logprob, float(np.abs(got.logprob - reference.logprob)[reference.scored].max()))
        entropy = max(entropy, float(np.abs(got.entropy - reference.entropy)[reference.scored].max()))
    worst, where = 0.0, ""
    for scope, labels in SCOPES.items():
        values, others = (
            measures([one.scores.profile(one.scores.in_scope(labels), EPSILON) for one in some], EPSILON)
            for some in (answers, expected)
        )
        for key, value in others.items():
            assert (value is None) == (values[key] is None), (key, scope)
            if value and abs(values[key] / value - 1) >= worst:
                worst, where = abs(values[key] / value - 1), f"{key},{scope}"
    good = logprob <= BOUND and entropy <= BOUND and worst <= 1e-3
    print(
        f"{name}: logprob {logprob:.1e}, entropy {entropy:.1e}, measures {100 * worst:.1e} % at most ({where})"
        f"  {'within' if good else 'OUTSIDE'} the bounds"
    )


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start `vllm serve` with the embedded model, and wait until it is ready."""
    command = [
        str(Path(sys.executable).with_name("vllm")), "serve", NAME, "--dtype", "float32", "--enforce-eager",
        "--host", "127.0.0.1", "--port", str(PORT),
    ]  # fmt: skip
    log = folder / "serve.log"
    with log.open("ab") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5):
                return server
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)


def kill(server: subprocess.Popen[bytes]) -> None:
    """Send SIGKILL to the server and its engine."""
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


class FaultyProxy(ThreadingHTTPServer):
    """Forwards requests to the server. It drops, delays or cuts off (in this order) every `every`-th answer."""

    daemon_threads = True

    def __init__(self, every: int) -> None:
        super().__init__(("127.0.0.1", PROXY_PORT), _Passing)
        self.every, self.lock = every, threading.Lock()
        self.n_answers = self.n_faults = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def fault(self) -> str | None:
        """The fault of the next answer; None if the answer is passed unchanged."""
        with self.lock:
            self.n_answers += 1
            if self.n_answers % self.every:
                return None
            self.n_faults += 1
            return ("drop", "delay", "cut")[self.n_faults % 3]

    def handle_error(self, *_: Any) -> None:
        """Ignore the error: the client closes the connection of a delayed answer, as it should."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._pass("GET", None)

    def do_POST(self) -> None:
        self._pass("POST", self.rfile.read(int(self.headers["Content-Length"])))

    def _pass(self, verb: str, question: bytes | None) -> None:
        fault = self.server.fault() if verb == "POST" else None
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE_SECONDS)
        connection.request(verb, self.path, question, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.close_connection = fault is not None
        if fault == "drop":
            return
        if fault == "delay":
            time.sleep(40)
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)


if __name__ == "__main__":
    main()
