"""`model-index`: the results in the metadata of a model card on the Hub."""

from __future__ import annotations

from typing import Any

import yaml

from lm_eval_hesnr.results.export.exported_run import ExportedRun, Value
from lm_eval_hesnr.results.export.request import Request, the_only_run
from lm_eval_hesnr.results.export.table import title


def as_model_index(request: Request) -> str:
    """The part of the card's metadata, to be pasted between its `---` lines. Missing values are left out.

    Raises:
        InputError: there are several runs, or the Hub name of a local model is not known.
    """
    run = the_only_run(request, "model-index")
    values = run.values([request.table_scope], request.table_measures)
    result = {
        "task": {"type": "text-generation", "name": "Scoring of agent trajectories"},
        "dataset": {"type": request.dataset, "name": request.dataset.split("/")[1]},
        "metrics": [_metric(run, value) for value in values if value.value is not None],
    }
    index = {"model-index": [{"name": request.model_id_of(run).split("/")[1], "results": [result]}]}
    return yaml.safe_dump(index, sort_keys=False, allow_unicode=True)


def _metric(run: ExportedRun, value: Value) -> dict[str, Any]:
    arguments = {
        "scope": value.scope,
        "k": run.k,
        "epsilon": run.epsilon(value.scope),
        "stderr": value.stderr,
        "low": value.low,
        "high": value.high,
    }
    return {
        "type": value.measure,
        "name": f"{title(value.measure)} ({value.scope})",
        "value": value.value,
        "args": {name: found for name, found in arguments.items() if found is not None},
    }
