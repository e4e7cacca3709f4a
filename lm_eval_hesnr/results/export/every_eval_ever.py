"""Records for the datastore of EvalEval, in the schema of `every_eval_ever` 0.3.0.

The project has a converter for files of lm_eval. It does not know our measures, so it loses their intervals, bounds and
directions. `every_eval_ever validate` checks these records, from the folder that contains `data/`.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

from lm_eval_hesnr.metrics.bootstrap import LEVEL, RESAMPLES
from lm_eval_hesnr.metrics.bounds import DIRECTIONS, UNITS
from lm_eval_hesnr.results.export.exported_run import ExportedRun, Value
from lm_eval_hesnr.results.export.request import Request
from lm_eval_hesnr.results.export.table import title

SCHEMA = "0.3.0"
_UNSAFE = re.compile(r"[^\w-]", re.ASCII)
"""Characters of a task's name that a folder's name should not have."""
_ENGINES = ("vllm", "transformers")
"""Packages that run a model. The signature of a run names the version of the one that it used."""


def records(request: Request, now: float) -> Iterator[tuple[str, str]]:
    """The path of each record below the output folder, and its content. A record has the same path in every export.

    Args:
        request: what to export.
        now: the time of the export, seconds since 1970.

    Raises:
        InputError: the Hub name of a local model is not known.
    """
    for run in request.runs:
        developer, name = request.model_id_of(run).split("/")
        # the datastore accepts only version 4, whose bits are otherwise free
        named = uuid.UUID(bytes=bytes.fromhex(run.sha256)[:16], version=4)
        content = json.dumps(_record(run, request, now), indent=2, allow_nan=False)
        collection = _UNSAFE.sub("_", run.task)
        yield f"data/{collection}/{developer}/{name}/{named}.json", content + "\n"


def _record(run: ExportedRun, request: Request, now: float) -> dict[str, Any]:
    model_id = request.model_id_of(run)
    identity = f"{run.task}/{model_id}/{run.sha256[:16]}"
    results = [
        _result(run, value, request, f"{identity}/{value.measure},{value.scope}")
        for value in request.every_value(run)
        if value.value is not None
    ]
    time = {} if run.timestamp is None else {"evaluation_timestamp": str(int(run.timestamp))}
    library = {name: version for name, version in run.versions.items() if name != "lm_eval_hesnr"}
    return {
        "schema_version": SCHEMA,
        "evaluation_id": identity,
        **time,
        "retrieved_timestamp": str(int(now)),
        "source_metadata": _source(request, model_id),
        "eval_library": {
            "name": "lm_eval_hesnr",
            "version": run.versions.get("lm_eval_hesnr", "unknown"),
            "additional_details": library,
        },
        "model_info": _model(run, model_id),
        "evaluation_results": results,
    }


def _source(request: Request, model_id: str) -> dict[str, str]:
    organization = request.organization
    is_own = organization is not None and organization.lower() == model_id.split("/")[0].lower()
    return {
        "source_name": "lm_eval_hesnr",
        "source_type": "evaluation_run",
        "source_organization_name": organization or "unknown",
        "evaluator_relationship": "first_party" if is_own else "third_party" if organization else "other",
    }


def _model(run: ExportedRun, model_id: str) -> dict[str, Any]:
    engine = next((name for name in _ENGINES if run.setting(name)), None)
    details = {name: run.setting(name) for name in ("revision", "dtype", "tokenizer") if run.setting(name)}
    details |= {} if run.step is None else {"step": str(run.step)}
    details |= {} if run.commit is None else {"commit": run.commit}
    found: dict[str, Any] = {
        "name": model_id.split("/")[1],
        "id": model_id,
        "developer": model_id.split("/")[0],
        "additional_details": {
            "deployment_type": "self_deployed" if engine else "unknown",
            "model_availability": "unknown",
            "checkpoint": run.checkpoint,
            **details,
        },
    }
    return found | ({"inference_engine": {"name": engine, "version": run.setting(engine)}} if engine else {})


def _result(run: ExportedRun, value: Value, request: Request, identity: str) -> dict[str, Any]:
    is_better = DIRECTIONS[value.measure]
    low, high = run.bounds(value.measure, value.scope)
    epsilon = run.epsilon(value.scope)
    return {
        "evaluation_result_id": identity,
        "evaluation_name": run.task,
        "source_data": _dataset(run, request, value.scope),
        "metric_config": {
            "evaluation_description": f"{title(value.measure)} over the tokens of the scope {value.scope}",
            "metric_id": f"hesnr.{value.measure}",
            "metric_name": title(value.measure),
            "metric_unit": UNITS[value.measure],
            "metric_parameters": {"scope": value.scope, "k": run.k, "epsilon": epsilon},
            "lower_is_better": is_better is False,
            "score_type": "continuous",
            "min_score": low,
            "max_score": "Infinity" if high is None else high,
            # the schema has no third value of `lower_is_better`
            **({"additional_details": {"polarity": "not_applicable"}} if is_better is None else {}),
        },
        "score_details": {"score": value.value, "uncertainty": _uncertainty(run, value)},
    }


def _dataset(run: ExportedRun, request: Request, scope: str) -> dict[str, Any]:
    details = {"trajectories_digest": run.setting("trajectories"), "label_rules": run.setting("label_rules")}
    name = request.dataset
    if request.dataset_id is None:
        return {"dataset_name": name, "source_type": "other", "additional_details": details}
    return {
        "dataset_name": name,
        "source_type": "hf_dataset",
        "hf_repo": name,
        "samples_number": run.trajectories(scope),
        "additional_details": details,
    }


def _uncertainty(run: ExportedRun, value: Value) -> dict[str, Any]:
    found: dict[str, Any] = {"num_samples": run.trajectories(value.scope)}
    if value.stderr is not None:
        found["standard_error"] = {"value": value.stderr, "method": "bootstrap"}
    if value.low is not None:
        found["confidence_interval"] = {
            "lower": value.low,
            "upper": value.high,
            "confidence_level": LEVEL,
            "method": "bootstrap of whole trajectories",
        }
    if len(found) > 1:
        found["num_bootstrap_samples"] = RESAMPLES
    return found
