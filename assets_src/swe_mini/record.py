"""Record the swe-mini sample set: execute every hand-written agent turn and store what happened.

    python assets_src/swe_mini/record.py                record all runs, write trajectories.jsonl and record.log
    python assets_src/swe_mini/record.py NAME...        record the named runs, replace the stored ones
    python assets_src/swe_mini/record.py --check [NAME...]   record, compare with the stored file, exit 1 if they differ
    python assets_src/swe_mini/record.py --show NAME... record the named runs and print them, write nothing

The log has one line for each run: style, steps, failures, and whether the check passed before and after.
The text of the agent is written by hand (`cases/NAME/run.md`); the answers of the environment are never. Whether a run
resolved its issue is measured with a check that the agent never sees (`cases/NAME/check.py`) and with the repository's
own tests. Linux only. The stored file was recorded with Python 3.11; other versions print other tracebacks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from assets_src.swe_mini.play import Recording, record  # noqa: E402
from assets_src.swe_mini.sandbox import CASES, HERE, without_network  # noqa: E402
from assets_src.swe_mini.script import read_script  # noqa: E402

STORED = ROOT / "lm_eval_hesnr" / "assets" / "swe_mini" / "trajectories.jsonl"
LOG = HERE / "record.log"
EXCERPT = 60  # characters shown of each text


def main(argv: list[str] | None = None) -> int:
    """Record, then write, compare or show.

    Returns 1 if a run fails, if a comparison finds a difference, or if files cannot be written safely because commands
    could use the network.
    """
    parser = argparse.ArgumentParser(description="Record the swe-mini sample set by executing its runs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these runs (default: all)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare with the stored file instead of writing it")
    what.add_argument("--show", action="store_true", help="print the runs instead of writing them")
    parser.add_argument("-j", "--workers", type=int, default=2, metavar="N", help="runs at the same time (default: 2)")
    options = parser.parse_args(argv)
    if sys.version_info[:2] != (3, 11):
        print("note: the stored file was recorded with Python 3.11; other versions print other tracebacks")
    if not without_network():
        if not (options.check or options.show):
            print(
                "error: this system cannot close the network (`unshare --net`): nothing written; use --check or --show"
            )
            return 1
        print("note: this system cannot close the network (`unshare --net`), so commands could use it")

    known = sorted(path.name for path in CASES.iterdir())
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"unknown run {unknown[0]!r}; known runs: {', '.join(known)}")
    recordings, failed = _record(options.names or known, options.workers, show=options.show)
    print(_summary([recording.trajectory for recording in recordings.values()], failed))
    if options.show:
        return 1 if failed else 0
    recorded = {name: _line(recording) for name, recording in recordings.items()}
    if options.check:
        return 1 if _differences(recorded, all_of_them=not options.names) or failed else 0
    if failed:
        print("nothing was written")
        return 1
    logged = {name: recording.log_line for name, recording in recordings.items()}
    if options.names:
        recorded, logged = {**_stored(), **recorded}, {**_stored_log(), **logged}
    _write(recorded, logged)
    return 0


def _record(names: Sequence[str], workers: int, *, show: bool) -> tuple[dict[str, Recording], list[str]]:
    """(recordings by name, names of failed runs). Prints one log line for each run, in order."""
    recordings: dict[str, Recording] = {}
    failed = []
    with ThreadPoolExecutor(workers) as pool:
        begun = {name: pool.submit(_record_one, name) for name in names}
        for name, future in begun.items():
            try:
                recordings[name] = future.result()
            except (ValueError, RuntimeError) as error:
                failed.append(name)
                print(f"error: {error}", flush=True)
                continue
            if show:
                segments = recordings[name].trajectory["segments"][1:]
                print("".join(f"\n[{part['kind']}]\n{part['text']}" for part in segments))
            print(recordings[name].log_line, flush=True)
    return recordings, failed


def _record_one(name: str) -> Recording:
    return record(read_script(CASES / name / "run.md"))


def _summary(trajectories: Sequence[dict[str, Any]], failed: Sequence[str] = ()) -> str:
    styles = Counter(trajectory["source"] for trajectory in trajectories)
    languages = Counter(trajectory["meta"]["language"] for trajectory in trajectories)
    return (
        f"{len(trajectories)} runs, {sum(t['resolved'] for t in trajectories)} resolved, "
        f"{sum(not t['resolved'] for t in trajectories)} unresolved, {len(failed)} failed; "
        f"{sum(t['meta']['steps'] for t in trajectories)} steps, "
        f"{sum(t['meta']['failed_commands'] for t in trajectories)} failing commands; "
        f"{', '.join(f'{count} {name}' for name, count in styles.most_common())}; "
        f"{', '.join(f'{count} {name}' for name, count in languages.most_common())}"
    )


def _line(recording: Recording) -> str:
    return json.dumps(recording.trajectory, ensure_ascii=False)


def _stored() -> dict[str, str]:
    """The stored lines, by name of the run."""
    lines = STORED.read_text(encoding="utf-8").split("\n") if STORED.exists() else []
    return {json.loads(line)["id"].removeprefix("swe-mini/"): line for line in lines if line}


def _stored_log() -> dict[str, str]:
    """The lines of the stored log, by name of the run, without the summary at the end."""
    lines = LOG.read_text(encoding="utf-8").splitlines()[:-1] if LOG.exists() else []
    return {line.split()[0]: line for line in lines}


def _differences(recorded: dict[str, str], *, all_of_them: bool) -> list[str]:
    """Names of the runs whose lines differ in any byte. Prints the first difference of each."""
    stored = _stored()
    names = sorted(recorded | stored if all_of_them else recorded)
    differing = [name for name in names if stored.get(name) != recorded.get(name)]
    for name in differing:
        print(f"{name}: {_first_difference(stored.get(name), recorded.get(name))}")
    print("differs from the stored file: " + ", ".join(differing) if differing else "same bytes as the stored file")
    return differing


def _first_difference(stored: str | None, recorded: str | None) -> str:
    """The first difference of two lines: a segment, with its number from 0, or a field of the trajectory."""
    if stored is None or recorded is None:
        return "not in the stored file" if stored is None else "stored, but not recorded"
    before, after = json.loads(stored), json.loads(recorded)
    segments = zip_longest(before.pop("segments"), after.pop("segments"))
    for number, (old, new) in enumerate(segments):
        if old and new and old["text"] != new["text"]:
            return f"segment {number} ({old['kind']}), {_excerpts(old['text'], new['text'])}"
        if old != new:
            return f"segment {number}, {_excerpts(str(old), str(new))}"
    for key in before | after:
        if before.get(key) != after.get(key):
            return f"{key!r}, {_excerpts(str(before.get(key)), str(after.get(key)))}"
    return "same values in another order or notation"


def _excerpts(stored: str, recorded: str) -> str:
    """Both texts, from shortly before the first different character on."""
    pairs = enumerate(zip(stored, recorded, strict=False))
    same = next((i for i, (old, new) in pairs if old != new), min(len(stored), len(recorded)))
    start = max(0, same - EXCERPT // 3)
    part = slice(start, start + EXCERPT)
    return f"from character {start}: stored {stored[part]!r}, recorded {recorded[part]!r}"


def _write(lines: dict[str, str], logged: dict[str, str]) -> None:
    text = "".join(f"{lines[name]}\n" for name in sorted(lines))
    STORED.parent.mkdir(parents=True, exist_ok=True)
    STORED.write_text(text, encoding="utf-8")
    print(f"wrote {STORED.relative_to(ROOT)}: {len(lines)} trajectories, {len(text.encode())} bytes")
    _write_log(logged, [json.loads(lines[name]) for name in sorted(lines)])


def _write_log(logged: dict[str, str], trajectories: Sequence[dict[str, Any]]) -> None:
    lines = [*(logged[name] for name in sorted(logged)), _summary(trajectories)]
    LOG.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
