"""`.eval_results/*.yaml` of a model on the Hub, which its page and the benchmark's leaderboard show."""

from __future__ import annotations

from typing import Any

import yaml

from lm_eval_hesnr.results.export.exported_run import ExportedRun, Value
from lm_eval_hesnr.results.export.request import Request, the_only_run


def as_eval_results(request: Request) -> str:
    """The entries of one model: HE-SNR, or the measures that the user asked for. Missing values have no entry.

    Raises:
        InputError: there are several runs, or the Hub name of a local model is not known.
    """
    run = the_only_run(request, "eval-results")
    request.model_id_of(run)
    values = run.values([request.table_scope], request.measures or ("he_snr",))
    return yaml.safe_dump(
        [_entry(run, value, request) for value in values if value.value is not None],
        sort_keys=False,
        allow_unicode=True,
    )


def _entry(run: ExportedRun, value: Value, request: Request) -> dict[str, Any]:
    interval = "" if value.low is None else f"95 % interval {value.low:.4f} to {value.high:.4f}, "
    date = {} if run.date is None else {"date": run.date}
    return {
        "dataset": {"id": request.dataset, "task_id": f"{value.measure}_{value.scope}"},
        "value": value.value,
        **date,
        "notes": f"{interval}k = {run.k}, epsilon = {run.epsilon(value.scope)}, "
        f"{run.trajectories(value.scope)} trajectories, lm_eval_hesnr {run.setting('lm_eval_hesnr')}",
    }
