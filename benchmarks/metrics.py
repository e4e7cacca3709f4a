"""Aggregation at full scale, from 12.5 M scored tokens to every measure: `python benchmarks/metrics.py`.

500 synthetic documents of 25 000 tokens become profiles for two scopes. Then all measures, standard errors, intervals,
sweep, thresholds and shape are computed with 2 000 bootstrap resamples, on one thread. The baseline in the
same run is numpy's mean of the same arrays, which is about the least time to read them. The exit status is 1 above 15 s
or 1 GB.
"""

from __future__ import annotations

import os
import resource
import sys
import time

import numpy as np

from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.estimates import estimates
from lm_eval_hesnr.metrics.profile import EPSILON, EntropyProfile
from lm_eval_hesnr.metrics.summary import summary
from lm_eval_hesnr.scoring.token_scores import TokenScores

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
DOCUMENTS, TOKENS = 500, 25_000
MOST_SECONDS, MOST_BYTES = 15, 10**9


def main() -> int:
    """Print the seconds of each stage, the ratio to the baseline and the peak memory. Return 1 above a limit."""
    profiles: dict[str, list[EntropyProfile]] = {scope: [] for scope in ("action", "all")}
    folding = reading = 0.0
    for seed in range(DOCUMENTS):
        scores = document(seed)
        begin = time.perf_counter()
        for column in (scores.logprob, scores.entropy, scores.rank, scores.top_mass):
            column.mean()
        reading += time.perf_counter() - begin
        begin = time.perf_counter()
        for scope, found in profiles.items():
            found.append(scores.profile(scores.in_scope(SCOPES[scope]), EPSILON))
        folding += time.perf_counter() - begin
    begin = time.perf_counter()
    for found in profiles.values():
        estimates(found, EPSILON)
        summary(found, EPSILON)
    summarising = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    together = folding + summarising
    print(f"tokens {DOCUMENTS * TOKENS:,} in {DOCUMENTS} documents, 2 scopes")
    print(f"fold into profiles      {folding:6.2f} s")
    print(f"measures, SE, intervals, sweep, shape {summarising:6.2f} s")
    print(
        f"together                {together:6.2f} s, {together / reading:.0f} x numpy's means; limit {MOST_SECONDS} s"
    )
    print(f"peak memory             {peak / 1e9:6.2f} GB; limit {MOST_BYTES / 1e9:.0f} GB")
    return int(together > MOST_SECONDS or peak > MOST_BYTES)


def document(seed: int) -> TokenScores:
    """Random scores of one trajectory. Each trajectory has its own level of entropy, so its tokens are correlated."""
    rng = np.random.default_rng(seed)
    entropy = rng.gamma(0.7, 0.8, TOKENS).clip(0, 2.3025) * rng.uniform(0.8, 1.0)
    return TokenScores(
        token_ids=np.zeros(TOKENS, np.int32),
        labels=rng.choice([Label.CODE, Label.COMMENT, Label.THOUGHT, Label.OBSERVATION], TOKENS).astype(np.uint8),
        char_start=np.zeros(TOKENS, np.int32),
        char_end=np.zeros(TOKENS, np.int32),
        scored=np.ones(TOKENS, bool),
        logprob=-rng.exponential(0.6, TOKENS).astype(np.float32),
        entropy=entropy.astype(np.float32),
        rank=rng.geometric(0.7, TOKENS).astype(np.int32),
        top_mass=rng.uniform(0.97, 1, TOKENS).astype(np.float32),
        k=10,
    )


if __name__ == "__main__":
    if not ONE_THREAD.items() <= os.environ.items():  # numpy reads them when it is imported, so start again
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    sys.exit(main())
