"""Every export format from real results, read by the program that it is for.

    .venv-exports/bin/python benchmarks/exports.py RESULTS SWEEP [CHECKPOINT...]

RESULTS is the folder of the plain run (`lm_eval --tasks swe_hesnr --model hf-topk --output_path RESULTS`), SWEEP the
folder of a sweep. Three of its checkpoints are copied, by default the first three, and exported as a sweep of their
own. `make .venv-exports/.ready` makes the environment; pdflatex with the package booktabs must be installed too. The
script prints one row per format and source: who read it, and what was the same. A difference ends it with a traceback.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cmarkgfm
import huggingface_hub
import mlflow
import pandas
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))
from tests.results.export.wandb_file import history  # noqa: E402

NAMES = ["--model-id", "acme/tiny", "--dataset-id", "acme/runs", "--organization", "Example Lab"]
MEASURES = ("he_snr", "he_ppl", "ppl")


class Source(NamedTuple):
    """Results to export."""

    name: str
    path: Path
    runs: list[dict[str, float]]
    """`<measure>,<scope>` to value, as the results files have them, in the order of the runs."""
    steps: list[int]
    """The steps of the runs; [0] without steps."""

    @property
    def best(self) -> dict[str, float]:
        """The run with the largest he_snr."""
        return max(self.runs, key=lambda run: run["he_snr,action"])


def main(results: str, sweep: str, *checkpoints: str) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        sources = [plain_run(Path(results)), copied_sweep(Path(sweep), folder / "sweep", list(checkpoints))]
        print("| format | read by | plain run | sweep of three |")
        print("|---|---|---|---|")
        for name, (reader, check) in FORMATS.items():
            found = []
            for source in sources:
                place = folder / f"{source.name} {name}"
                place.mkdir()
                with contextlib.chdir(place):
                    found.append(check(source))
            print(f"| `{name}` | {reader()} | {' | '.join(found)} |", flush=True)


def plain_run(folder: Path) -> Source:
    """The newest results file of a folder."""
    path = max(folder.rglob("results_*.json"), key=lambda one: one.name).resolve()
    return Source("plain", path, [values(path)], [0])


def copied_sweep(sweep: Path, to: Path, names: list[str]) -> Source:
    """Copy three checkpoints of a sweep without their token tables."""
    content = json.loads((sweep / "sweep.json").read_text())
    names = names or content["checkpoints"][:3]
    to.mkdir()
    (to / "sweep.json").write_text(json.dumps({**content, "checkpoints": names}))
    runs, steps = [], []
    for name in names:
        shutil.copytree(sweep / name / "results", to / name / "results")
        shutil.copy(sweep / name / "state.json", to / name)
        state = json.loads((to / name / "state.json").read_text())
        runs.append(values(to / name / state["results"]))
        steps.append(state["step"])
    return Source("sweep", to, runs, steps)


def values(path: Path) -> dict[str, float]:
    """The measures in a results file of one task."""
    (found,) = json.loads(path.read_text())["results"].values()
    return {name: one for name, one in found.items() if "," in name and "_stderr," not in name and one != "N/A"}


def export(source: Source, to: str, *options: str, **environment: str) -> str:
    """Run `hesnr export`, and return what it printed."""
    command = [sys.executable, "-m", "lm_eval_hesnr.cli", "export", source.path, "--to", to, *options]
    offline = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=os.environ | offline | environment, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode())
    return done.stdout.decode()  # as bytes, because a CSV has its own ends of lines


def same(found: object, expected: object) -> None:
    """End with both if they differ."""
    if found != expected:
        raise ValueError(f"found {found}, expected {expected}")


def csv(source: Source) -> str:
    """All numbers, to the last bit."""
    Path("table.csv").write_bytes(export(source, "csv").encode())
    table = pandas.read_csv("table.csv")
    table = table[table["value"].notna()]
    rows = list(zip(table["measure"] + "," + table["scope"], table["value"], strict=True))
    same(sorted(rows), sorted(item for run in source.runs for item in run.items()))
    return f"{len(rows)} numbers, all digits"


def table_of_markdown(source: Source, text: str) -> str:
    """The rows of the only table, as GitHub's own parser sees them."""
    html = cmarkgfm.github_flavored_markdown_to_html(text)
    head, *rows = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL) for row in html.split("<tr>")[1:]]
    at = next(i for i, cell in enumerate(head) if cell.startswith("HE-SNR"))
    found = [[cell.partition(" ")[0] for cell in row[at:]] for row in rows]
    same(found, [[f"{run[f'{name},action']:.4f}" for name in MEASURES] for run in source.runs])
    return f"{len(rows)} x {len(rows[0]) - at} numbers, rounded"


def markdown(source: Source) -> str:
    """The table."""
    return table_of_markdown(source, export(source, "markdown"))


def github_summary(source: Source) -> str:
    """The table, and what was there before it."""
    Path("summary.md").write_text("# Earlier\n\n")
    export(source, "github-summary", GITHUB_STEP_SUMMARY="summary.md")
    text = Path("summary.md").read_text()
    same(text.startswith("# Earlier\n\n### HE-SNR\n"), True)
    return table_of_markdown(source, text)


def latex(source: Source) -> str:
    """A document with the table, compiled."""
    table = export(source, "latex")
    Path("a.tex").write_text(
        f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{table}\\end{{document}}\n"
    )
    done = subprocess.run(["pdflatex", "-halt-on-error", "a.tex"], capture_output=True, text=True, check=True)
    same("Output written on a.pdf (1 page" in done.stdout and "Warning: " not in done.stdout, True)
    for run in source.runs:
        same([name for name in MEASURES if f"{run[f'{name},action']:.4f}" not in table], [])
    return "1 page, no warnings"


def every_eval_ever(source: Source) -> str:
    """The command that its authors run on each record."""
    export(source, "every-eval-ever", *NAMES, "-o", ".")
    records = sorted(map(str, Path("data").rglob("*.json")))
    tool = Path(sys.executable).parent / "every_eval_ever"
    done = subprocess.run([tool, "validate", *records], capture_output=True, text=True, check=True)
    summary = re.search(r"\d+ passed.* failed", done.stdout + done.stderr)
    found = [
        {one["evaluation_result_id"].rpartition("/")[2]: one["score_details"]["score"] for one in record}
        for record in (json.loads(Path(path).read_text())["evaluation_results"] for path in records)
    ]
    same(
        sorted(found, key=str),
        sorted(({name: run[name] for name in one} for one, run in paired(found, source)), key=str),
    )
    return summary[0] if summary else f"{len(records)} passed"


def paired(found: list[dict[str, float]], source: Source) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Each record with its run. The names of the files do not have the order of the runs."""
    return [(one, next(run for run in source.runs if run["he_snr,all"] == one["he_snr,all"])) for one in found]


def eval_results(source: Source) -> str:
    """The entry of one model."""
    text = export(source, "eval-results", "--best", *NAMES)
    (entry,) = huggingface_hub.parse_eval_result_entries(yaml.safe_load(text))
    same((entry.dataset_id, entry.value), ("acme/runs", source.best["he_snr,action"]))
    return "1 entry, 1 number, all digits"


def model_index(source: Source) -> str:
    """The results of a model card."""
    card = huggingface_hub.ModelCard(f"---\n{export(source, 'model-index', '--best', *NAMES)}---\n# Tiny\n")
    found = [(one.metric_type, one.metric_value) for one in card.data.eval_results]
    same(found, [(name, source.best[f"{name},action"]) for name in MEASURES])
    return f"{len(found)} numbers, all digits"


def points(source: Source) -> list[tuple[int, dict[str, float]]]:
    """What a tracker must have, in the order of the steps."""
    keys = [{f"hesnr/{name.replace(',', '/')}": value for name, value in run.items()} for run in source.runs]
    return sorted(zip(source.steps, keys, strict=True), key=lambda pair: pair[0])


def counted(found: list[tuple[int, dict[str, float]]], source: Source) -> str:
    """Compare the points of a tracker."""
    same(found, points(source))
    return f"{len(found)} point{'s' * (len(found) > 1)}, {sum(len(one) for _, one in found)} numbers"


def trackio(source: Source) -> str:
    """Its database."""
    export(source, "trackio", TRACKIO_DIR=str(Path.cwd()))
    (database,) = Path().rglob("hesnr.db")
    rows = sqlite3.connect(database).execute("select step, metrics from metrics order by step").fetchall()
    return counted([(step, json.loads(found)) for step, found in rows], source)


def in_mlflow(source: Source) -> str:
    """Its history of each key."""
    uri = f"sqlite:///{Path.cwd()}/mlflow.db"
    export(source, "mlflow", MLFLOW_TRACKING_URI=uri)
    mlflow.set_tracking_uri(uri)
    (run,) = mlflow.search_runs(experiment_names=["hesnr"], output_format="list")
    found: dict[int, dict[str, float]] = {}
    for key in run.data.metrics:
        for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, key):
            found.setdefault(point.step, {})[key] = point.value
    return counted(sorted(found.items()), source)


def wandb(source: Source) -> str:
    """Its log."""
    export(source, "wandb", WANDB_MODE="offline", WANDB_DIR=str(Path.cwd()), WANDB_SILENT="true")
    (file,) = Path().rglob("run-*.wandb")
    rows = [{key: json.loads(text) for key, text in row.items()} for row in history(file)]
    return counted(
        [
            (row["hesnr/step"], {key: v for key, v in row.items() if key[0] != "_" and key != "hesnr/step"})
            for row in rows
        ],
        source,
    )


def version(package: str, name: str, what: str = "") -> Callable[[], str]:
    """A function to the name of a program with its version."""
    return lambda: f"{name} {importlib.metadata.version(package)}{what and f', {what}'}"


def latex_version() -> str:
    """The version of pdflatex."""
    done = subprocess.run(["pdflatex", "--version"], capture_output=True, text=True, check=True)
    return re.sub(r"pdfTeX \S+ \((.*)\)", r"pdflatex of \1", done.stdout.splitlines()[0])


FORMATS: dict[str, tuple[Callable[[], str], Callable[[Source], str]]] = {
    "csv": (version("pandas", "pandas"), csv),
    "markdown": (version("cmarkgfm", "cmarkgfm", "GitHub's own parser"), markdown),
    "latex": (latex_version, latex),
    "github-summary": (version("cmarkgfm", "cmarkgfm"), github_summary),
    "every-eval-ever": (version("every_eval_ever", "every_eval_ever", "`validate`"), every_eval_ever),
    "eval-results": (version("huggingface_hub", "huggingface_hub", "`parse_eval_result_entries`"), eval_results),
    "model-index": (version("huggingface_hub", "huggingface_hub", "`ModelCard`"), model_index),
    "trackio": (version("trackio", "Trackio", "its database"), trackio),
    "mlflow": (version("mlflow", "MLflow", "its history, SQLite"), in_mlflow),
    "wandb": (version("wandb", "W&B", "its log, offline"), wandb),
}

if __name__ == "__main__":
    main(*sys.argv[1:])
