"""What is wrong with a pipeline, as far as it can be seen without running it."""

from pipeyard.plan import plan

KEYS = {"when", "needs", "matrix", "env", "steps", "file"}


def problems(pipeline):
    """One line for each thing that is wrong; an empty list if all is well."""
    found = []
    for name, job in pipeline["jobs"].items():
        place = f"{job['file']}: {name}"
        found += [f"{place}: unknown key {key!r}" for key in sorted(job.keys() - KEYS)]
        found += [f"{place}: no such event: {event!r}" for event in job["when"] if event not in pipeline["events"]]
        if not job.get("steps"):
            found.append(f"{place}: has no steps")
    for event in pipeline["events"]:
        try:
            plan(pipeline, event)
        except ValueError as error:
            found.append(f"{event}: {error}")
    return found
