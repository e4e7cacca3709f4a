"""HE-SNR for lm-evaluation-harness: which checkpoint will make the better software agent?

The public names are those in `__all__`. Each is imported at its first use. The start-up hook imports this package in
every interpreter, so the import must be fast.
"""

from __future__ import annotations

__version__ = "0.1.0"

_HOMES = {
    "EntropyProfile": "lm_eval_hesnr.metrics.profile",
    "HESNRCallback": "lm_eval_hesnr.training.callback",
    "InputError": "lm_eval_hesnr.errors",
    "Label": "lm_eval_hesnr.labels",
    "TokenScores": "lm_eval_hesnr.scoring.token_scores",
    "Trajectory": "lm_eval_hesnr.trajectories.schema",
    "load_trajectories": "lm_eval_hesnr.trajectories.load",
    "report": "lm_eval_hesnr.results.report.report",
}

__all__ = [
    "EntropyProfile", "HESNRCallback", "InputError", "Label", "TokenScores", "Trajectory", "load_trajectories",
    "report",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
