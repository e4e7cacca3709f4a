"""Speed of reading, labelling and rendering trajectories, compared with `json.loads` of the same files.

    python benchmarks/labels.py [PATH]             (default: ../shared/trajectories/mini_swe_agent_1)
    python benchmarks/labels.py --digest PATH      a digest of the texts and labels of these runs and the embedded ones

It prints:

- characters per second, and the share of each stage;
- the ratio to two baselines: `json.loads` of every file, and one regular expression that splits every action at blanks
  and `#`;
- how the time grows with the length: the time to label if every command is ten times as long, and the time to read,
  label and render if a file is ten times as long.

Times are process times on one core, the best of three, after one run that loads the grammars. The exit
status is 1 if a printed bound is exceeded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import process_time

from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labelling.render import transcript
from lm_eval_hesnr.samples import samples
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.schema import Call, Segment

DEFAULT = Path(__file__).parent.parent.parent / "shared" / "trajectories" / "mini_swe_agent_1"
BUDGET_S = 2.5
"""Allowed time to read and label the 2.1 M characters of the default folder."""
GROWTH = 12
"""Allowed growth of the time if the text is ten times as long."""
SPLIT = re.compile(r"\s+|#[^\n]*|[^\s#]+")
REPEATS = 3


def seconds(work: Callable[[], object]) -> float:
    """Process time of the work in seconds, the best of three."""
    times = []
    for _ in range(REPEATS):
        start = process_time()
        work()
        times.append(process_time() - start)
    return min(times)


def label_all(segments: Iterable[Segment]) -> None:
    """Label every segment."""
    for segment in segments:
        annotate(segment)


def longer(segment: Segment, times: int) -> Segment:
    """A fenced shell action that repeats the segment's command."""
    command = "\n".join([segment.calls[0].arguments["command"]] * times)
    return Segment(
        "action", f"```bash\n{command}\n```", generated=True, calls=(Call("bash", {"command": command}, True),)
    )


def lengthened(file: Path, times: int, folder: Path) -> Path:
    """A copy of a JSON file in which the longest list, the run's steps, is repeated."""
    data = json.loads(file.read_bytes())
    lists = {key: value for key, value in data.items() if isinstance(value, list)} if isinstance(data, dict) else {}
    if isinstance(data, list):
        data *= times
    elif lists:
        steps = max(lists, key=lambda key: len(lists[key]))
        data[steps] = lists[steps] * times
    copy = folder / f"{times}" / file.name
    copy.parent.mkdir()
    copy.write_text(json.dumps(data), encoding="utf-8")
    return copy


def read_and_render(path: Path) -> int:
    """Read, label and render the one run in a file. Return the number of characters."""
    (run,) = load_trajectories(path).trajectories
    return len(transcript(run).text)


def file_growth(files: Iterable[Path]) -> float | None:
    """Growth of the time if the longest file is ten times as long; None if no file can be lengthened in this way."""
    longest = max((f for f in files if f.suffix == ".json"), key=lambda f: f.stat().st_size, default=None)
    if longest is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        once, tenfold = (lengthened(longest, times, Path(folder)) for times in (1, 10))
        try:
            as_long = read_and_render(tenfold) / read_and_render(once)
        except ValueError:  # for example numbered steps, or a file with several runs
            return None
        if as_long < GROWTH / 2:  # the repeated list was not the run
            return None
        return seconds(lambda: read_and_render(tenfold)) / seconds(lambda: read_and_render(once))


def print_digest(path: Path) -> None:
    """Print the number of runs, of characters, and a digest that changes with every label."""
    runs = [*load_trajectories(path).trajectories, *samples()]
    start = process_time()
    renderings = [transcript(run) for run in runs]
    spent = process_time() - start
    digest, n_chars = hashlib.sha256(), 0
    for rendering in renderings:
        digest.update(rendering.text.encode())
        digest.update(rendering.labels.tobytes())
        n_chars += len(rendering.text)
    print(len(runs), n_chars, digest.hexdigest()[:16])
    print(f"{n_chars / spent / 1e6:.2f} M characters per CPU second, labelling and rendering")


def main(argv: list[str] | None = None) -> int:
    """Print the table. Return 1 if a bound is exceeded, 2 if the path does not exist."""
    parser = argparse.ArgumentParser(description="Speed of reading, labelling and rendering trajectories.")
    parser.add_argument("path", nargs="?", type=Path, default=DEFAULT, help="a file or folder (default: %(default)s)")
    parser.add_argument("--digest", action="store_true", help="print only a digest of all texts and labels")
    arguments = parser.parse_args(argv)
    path = arguments.path
    if not path.exists():
        print(f"{path}: not found; give a file or folder with trajectories", file=sys.stderr)
        return 2
    if arguments.digest:
        print_digest(path)
        return 0
    runs = load_trajectories(path).trajectories
    segments = [segment for run in runs for segment in run.segments]
    n_chars = sum(len(segment.text) for segment in segments)
    actions = [segment for segment in segments if segment.kind == "action" and segment.generated]
    n_action = sum(len(segment.text) for segment in actions)
    files = sorted(p for p in ([path] if path.is_file() else path.rglob("*.json")))
    label_all(segments)

    read = seconds(lambda: load_trajectories(path))
    label = seconds(lambda: label_all(segments))
    both = seconds(lambda: [transcript(run) for run in runs])
    render = max(both - label, 0.0)
    total = read + label + render
    print(f"{len(runs)} runs, {n_chars} characters, {n_action} of them in actions\n")
    print("stage      seconds   share   characters/s")
    for name, spent in (("read", read), ("annotate", label), ("render", render), ("all", total)):
        print(f"{name:9s} {spent:8.3f}  {spent / total:6.1%}  {n_chars / max(spent, 1e-9):12,.0f}")

    decode = seconds(lambda: [json.loads(file.read_bytes()) for file in files if file.suffix == ".json"])
    split = seconds(lambda: [SPLIT.findall(segment.text) for segment in actions])
    print(f"\nread + annotate / json.loads of the same files: {(read + label) / decode:.2f}")
    print(f"annotate / splitting the actions with one regular expression: {label / split:.2f}")

    commands = [s for s in actions if s.calls and s.calls[0].tool == "bash"]
    commands = sorted(commands, key=lambda s: len(s.text))[-50:]
    once, tenfold = ([longer(segment, times) for segment in commands] for times in (1, 10))
    growth = seconds(lambda: label_all(tenfold)) / seconds(lambda: label_all(once)) if commands else None
    growths = {
        "the 50 longest commands, 10 times as long: the time to label": growth,
        "the longest file, 10 times as long: the time to read, label and render": file_growth(files),
    }
    print()
    for what, times in growths.items():
        print(f"{what}: {'not measured' if times is None else f'{times:.1f} times'} (bound {GROWTH})")
    missed = any(times is not None and times > GROWTH for times in growths.values())
    if path == DEFAULT:
        print(f"read + annotate: {read + label:.3f} s of {BUDGET_S} s allowed")
        missed = missed or read + label > BUDGET_S or None in growths.values()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
