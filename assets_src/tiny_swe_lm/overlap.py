"""Search the training data of tiny-swe-lm for text of swe-mini: the share of windows of 32 tokens that is found.

Run `python -m assets_src.tiny_swe_lm.overlap --out DIR` after the corpus is encoded. A window is 32 successive tokens
of the transcript of a trajectory, all of one kind. It counts as found if the same tokens occur anywhere in the training
streams. The search is exact: text that differs in one token of 32 is not found.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from assets_src.tiny_swe_lm.working_folder import require
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.samples import name_of, samples

WINDOW = 32
KINDS = ("action_raw", "thought", "observation")
"""Scopes: the actions of the agent with comments and markup, its thoughts, and the observations."""
STREAMS = ("code_train.npy", "languages_train.npy", "sessions_train.npy", "chats_train.npy")
CONTROL = "held-out sessions"
"""For comparison: sessions of the same generator as the training data, with tokens of every kind."""
SHOWN = 5  # trajectories, and longest stretches


def windows(ids: np.ndarray, chosen: np.ndarray, length: int = WINDOW) -> dict[int, bytes]:
    """From start to bytes (of uint16) of every window whose tokens are all chosen."""
    whole = np.convolve(chosen, np.ones(length, dtype=np.int64), mode="valid") == length
    data = ids.astype(np.uint16).tobytes()
    return {start: data[2 * start : 2 * (start + length)] for start in np.flatnonzero(whole).tolist()}


def found_in(streams: Iterable[np.ndarray], wanted: set[bytes], length: int = WINDOW) -> set[bytes]:
    """The windows that occur in at least one of the streams of uint16."""
    found: set[bytes] = set()
    for stream in streams:
        data = stream.tobytes()
        found |= {
            window for i in range(0, len(data) - 2 * length + 1, 2) if (window := data[i : i + 2 * length]) in wanted
        }
    return found


def stretches(starts: Sequence[int], length: int = WINDOW) -> Iterator[tuple[int, int]]:
    """Half-open token spans, one for each run of successive starts. A span covers the windows with these starts."""
    first = last = None
    for start in starts:
        if last is None or start != last + 1:
            if first is not None and last is not None:
                yield first, last + length
            first = start
        last = start
    if first is not None and last is not None:
        yield first, last + length


def report(out: Path) -> str:
    """Shares by kind, the trajectories with the highest shares, and the longest common stretches as text."""
    require(out, "tokenizer.json", "sessions_held_out.npy", *STREAMS)
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    runs: dict[tuple[str, str], tuple[np.ndarray, dict[int, bytes]]] = {}
    for run in samples():
        rendering = transcript(run)
        encoded = tokenizer.encode(rendering.text)
        labels = rendering.labels[[start for start, _ in encoded.offsets]]
        ids = np.array(encoded.ids, dtype=np.uint16)
        for kind in KINDS:
            runs[kind, name_of(run)] = ids, windows(ids, np.isin(labels, list(SCOPES[kind])))
    held_out = np.load(out / "sessions_held_out.npy")
    runs[CONTROL, ""] = held_out, windows(held_out, np.ones(len(held_out), dtype=bool))
    wanted = {window for _, by_start in runs.values() for window in by_start.values()}
    found = found_in((np.load(out / name, mmap_mode="r") for name in STREAMS), wanted)

    starts = {key: [i for i, window in by_start.items() if window in found] for key, (_, by_start) in runs.items()}
    lines = []
    for kind in (*KINDS, CONTROL):
        n_found = sum(len(starts[key]) for key in runs if key[0] == kind)
        n_windows = sum(len(by_start) for key, (_, by_start) in runs.items() if key[0] == kind)
        lines.append(f"{kind}: {n_found} of {n_windows} windows, {n_found / n_windows:.3%}")
    lines.append("highest:")
    shares = sorted((len(starts[key]) / max(1, len(runs[key][1])), key) for key in runs if key[0] != CONTROL)
    lines += [f"{share:8.3%}  {kind}, {name}" for share, (kind, name) in shares[::-1][:SHOWN] if share]
    lines.append("longest stretches in common, tokens:")
    common = sorted(
        (stop - start, kind, name, tokenizer.decode(runs[kind, name][0][start:stop].tolist()))
        for kind, name in runs
        if kind != CONTROL
        for start, stop in stretches(starts[kind, name])
    )
    lines += [f"{length:8}  {kind}, {name}: {text!r}" for length, kind, name, text in common[::-1][:SHOWN]]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="working folder of the family")
    args = parser.parse_args(argv)
    print(report(args.out), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
