"""Build the corpus: documents of code, other languages and sessions, each with a training and a held-out split.

Run `python -m assets_src.tiny_swe_lm.corpus --out DIR` to generate the sessions. Finished parts are kept, so a stopped
command can be started again.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from assets_src.tiny_swe_lm.functions import collect_functions
from assets_src.tiny_swe_lm.languages import iter_language_files, read_language_text
from assets_src.tiny_swe_lm.projects import Material
from assets_src.tiny_swe_lm.sessions import GROUPS, make_session
from assets_src.tiny_swe_lm.sources import iter_code_files, iter_prose_files, read_text
from assets_src.tiny_swe_lm.working_folder import write_whole

logger = logging.getLogger(__name__)
SHARD = 50  # sessions in one file
SPLITS = ("train", "held_out")
FOLDER_OF_GROUP = {"shell": "sessions", "tools": "sessions_tools"}


def code_documents(seed: int) -> list[dict]:
    """Code files and package descriptions, in a seeded random order. Of identical copies, only one is included."""
    documents = []
    seen: set[str] = set()
    files = sorted([*iter_code_files(seed), *iter_prose_files()], key=lambda file: not file.held_out)
    for file in files:
        text = read_text(file.path)
        if text is not None and text not in seen:
            seen.add(text)
            documents.append({"source": file.source, "name": file.name, "text": text, "split": SPLITS[file.held_out]})
    random.Random(seed).shuffle(documents)
    return documents


def load_functions(out: Path, seed: int) -> list[dict]:
    """The examined functions. They are read from `functions.json` if an earlier run wrote it."""
    path = out / "functions.json"
    if not path.exists():
        write_whole(path, json.dumps(collect_functions(seed, out / "functions_by_file.jsonl")))
    return json.loads(path.read_text())


def language_documents(seed: int) -> list[dict]:
    """Files in other languages, in a seeded random order."""
    documents = [
        {
            "source": file.source,
            "name": file.name,
            "text": read_language_text(file.path),
            "split": SPLITS[file.held_out],
        }
        for file in iter_language_files(seed)
    ]
    random.Random(seed).shuffle(documents)
    return documents


def _material(functions: list[dict], seed: int, held_out: bool) -> Material:
    return Material(
        functions=[item for item in functions if item["held_out"] == held_out],
        files=[file for file in iter_code_files(seed) if file.held_out == held_out and "/tests/" not in file.name],
        other_files=[file for file in iter_language_files(seed) if file.held_out == held_out],
    )


def _write_shard(path: Path, material: Material, seed: int, group: str, first: int) -> int:
    texts = []
    for index in range(first, first + SHARD):
        try:
            texts.append(make_session(material, seed, index, group))
        except (UnicodeError, OSError) as error:
            logger.warning("session %d left out: %r", index, error)
    write_whole(path, "".join(json.dumps({"source": "sessions", "text": text}) + "\n" for text in texts))
    return len(texts)


def write_sessions(out: Path, seed: int, split: str, group: str, n_sessions: int, n_workers: int = 2) -> None:
    """Generate the sessions of one split and group, in shards of JSON lines. Existing shards are kept."""
    material = _material(load_functions(out, seed), seed, split == "held_out")
    folder = out / FOLDER_OF_GROUP[group] / split
    folder.mkdir(parents=True, exist_ok=True)
    offset = 1_000_000 if split == "held_out" else 0
    with ProcessPoolExecutor(n_workers) as pool:
        jobs = []
        for first in range(0, n_sessions, SHARD):
            path = folder / f"{first:06d}.jsonl"
            if not path.exists():
                jobs.append(pool.submit(_write_shard, path, material, seed, group, first + offset))
        for job in jobs:
            job.result()


def read_sessions(out: Path, split: str) -> list[dict]:
    """All sessions of a split, in order, one group after the other."""
    return [
        json.loads(line)
        for group in GROUPS
        for path in sorted((out / FOLDER_OF_GROUP[group] / split).glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]


def main(argv: list[str] | None = None) -> int:
    """Collect the functions and generate the sessions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="working folder, such as out/tiny_lm (git ignores out/)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sessions", type=int, default=2600, help="training sessions with a shell (default 2600)")
    parser.add_argument("--tool-sessions", type=int, default=1000, help="training sessions with tools (default 1000)")
    parser.add_argument("--held-out-sessions", type=int, default=100, help="held-out sessions a group (default 100)")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    for group, n_train in (("shell", args.sessions), ("tools", args.tool_sessions)):
        write_sessions(args.out, args.seed, "held_out", group, args.held_out_sessions, args.workers)
        write_sessions(args.out, args.seed, "train", group, n_train, args.workers)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
