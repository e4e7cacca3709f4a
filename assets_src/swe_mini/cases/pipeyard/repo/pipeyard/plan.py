"""The jobs of a pipeline, and the order in which they start."""

import itertools
from pathlib import Path

from pipeyard.reader import read


def load(folder):
    """The pipeline of a folder, with the jobs of all included files in the order in which they stand there."""
    folder = Path(folder)
    pipeline = read((folder / "pipeline.yml").read_text(encoding="utf-8"), "pipeline.yml")
    pipeline["jobs"] = {}
    for name in pipeline["include"]:
        for job, body in read((folder / name).read_text(encoding="utf-8"), name)["jobs"].items():
            if job in pipeline["jobs"]:
                raise ValueError(f"{name}: the job {job!r} is already in {pipeline['jobs'][job]['file']}")
            pipeline["jobs"][job] = {**body, "file": name}
    return pipeline


def variants(job):
    """One dict for each combination of the values of a job's matrix."""
    matrix = job.get("matrix") or {}
    return [dict(zip(matrix, values, strict=True)) for values in itertools.product(*matrix.values())]


def plan(pipeline, event):
    """The names of what runs on an event, a job with a matrix once for each variant; what is needed comes first."""
    if event not in pipeline["events"]:
        raise ValueError(f"no such event: {event!r}; known: {', '.join(pipeline['events'])}")
    waiting = {name: job for name, job in pipeline["jobs"].items() if event in job["when"]}
    for name, job in waiting.items():
        for need in job.get("needs") or []:
            if need not in waiting:
                raise ValueError(f"{job['file']}: {name} needs {need!r}, which does not run on {event!r}")
    lines = []
    while waiting:
        ready = next((n for n, job in waiting.items() if not set(job.get("needs") or []) & waiting.keys()), None)
        if ready is None:
            raise ValueError(f"these jobs wait for each other: {', '.join(waiting)}")
        for variant in variants(waiting.pop(ready)):
            lines.append(" ".join([ready, *(f"{key}={value}" for key, value in variant.items())]))
    return lines
