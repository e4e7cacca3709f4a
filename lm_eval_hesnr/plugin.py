"""All registrations with lm-evaluation-harness: models, filters, the task folder, and checks before a run.

Models and filters are registered as names, and imported at their first use.

The harness's main branch finds plugins by entry points (pyproject.toml). The released version 0.4.13 does not look for
entry points. So an import hook waits for three harness modules, and registers right after each of them is imported. The
start-up files (`lm_eval_hesnr.pth`, and `.start` of PEP 829 for Python 3.15) call `autoload` in every interpreter.
Therefore this module imports only what a bare interpreter has already loaded.
"""

from __future__ import annotations

import os
import sys

MODELS = {
    "hf-topk": "lm_eval_hesnr.models.hf:HFTopK",
    "vllm-topk": "lm_eval_hesnr.models.vllm:VLLMTopK",
    "completions-topk": "lm_eval_hesnr.models.completions:CompletionsTopK",
}
"""Harness model name to `module:class`."""

FILTERS = {"hesnr_scope": "lm_eval_hesnr.scope_filter:ScopeFilter"}
"""Harness filter name to `module:class`."""


def task_folder() -> str:
    """The folder with the task's YAML. It is inside the package in a wheel, and next to it in an editable install."""
    package = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (pathlib is not loaded at start-up)
    inside = os.path.join(package, "tasks")  # noqa: PTH118
    beside = os.path.join(os.path.dirname(package), "tasks")  # noqa: PTH118, PTH120
    return inside if os.path.isdir(os.path.join(inside, "swe_hesnr")) else beside  # noqa: PTH112, PTH118


def autoload() -> None:
    """Install the import hook unless `LM_EVAL_HESNR_AUTOLOAD=0`; called by the start-up files."""
    if os.environ.get("LM_EVAL_HESNR_AUTOLOAD", "1") != "0":
        install()


def install() -> None:
    """Register with the harness now if it is already imported, else as soon as it is imported."""
    if not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())
    for name, register in _REGISTRATIONS.items():
        if name in sys.modules:
            _quietly(register, sys.modules[name])


class _AfterImport:
    """An import finder. It gets a module from the other finders, and registers after the module was executed."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        """The spec of one of the harness modules from another finder, with the registration added."""
        register = _REGISTRATIONS.get(name)
        if register is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader.exec_module = _then(spec.loader.exec_module, register)  # type: ignore[method-assign]
                return spec
        return None


def _then(exec_module, register):  # type: ignore[no-untyped-def]
    def _exec_and_register(module):  # type: ignore[no-untyped-def]
        exec_module(module)
        _quietly(register, module)

    return _exec_and_register


def _quietly(register, module) -> None:  # type: ignore[no-untyped-def]
    """Turn an error of a registration into a warning, because the program may not need the plugin."""
    try:
        register(module)
    except Exception as error:
        import logging

        logging.getLogger("lm_eval.hesnr").warning("lm_eval_hesnr did not register with %s: %r", module.__name__, error)


def _register_models_and_filters(_models_module) -> None:  # type: ignore[no-untyped-def]
    from lm_eval.api.registry import filter_registry, model_registry

    for registry, names in ((model_registry, MODELS), (filter_registry, FILTERS)):
        for name, target in names.items():
            if name not in registry:  # an entry point or an earlier call may have registered it
                registry.register(name, target=target)


def _add_task_folder(manager_module) -> None:  # type: ignore[no-untyped-def]
    """Make each `TaskManager` that loads the harness's own tasks also load ours, before the user's `include_path`."""
    import functools
    import inspect

    init = manager_module.TaskManager.__init__
    if getattr(init, "adds_hesnr_tasks", False):
        return
    signature = inspect.signature(init)

    @functools.wraps(init)
    def _with_our_tasks(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        if bound.arguments.get("include_defaults"):
            given = bound.arguments["include_path"]
            theirs = list(given) if isinstance(given, (list, tuple)) else [given] if given else []
            bound.arguments["include_path"] = [task_folder(), *theirs]  # a later path overrides an earlier one
        init(*bound.args, **bound.kwargs)

    _with_our_tasks.adds_hesnr_tasks = True  # type: ignore[attr-defined]
    manager_module.TaskManager.__init__ = _with_our_tasks


def _hint_at_misspelt_tasks(manager_module) -> None:  # type: ignore[no-untyped-def]
    """Make `TaskManager.match_tasks`, which the command line uses, refuse a misspelt name of ours."""
    match_tasks = manager_module.TaskManager.match_tasks
    if not getattr(match_tasks, "hints_at_hesnr_tasks", False):
        from lm_eval_hesnr.harness.names import hinting_match_tasks

        manager_module.TaskManager.match_tasks = hinting_match_tasks(match_tasks, task_folder())
        manager_module.TaskManager.match_tasks.hints_at_hesnr_tasks = True


def _check_before_model(evaluator_module) -> None:  # type: ignore[no-untyped-def]
    """Check runs of our tasks before the harness makes the model."""
    if getattr(evaluator_module.simple_evaluate, "checks_hesnr_runs", False):
        return
    from lm_eval_hesnr.harness.before_model import checked_evaluate, checked_simple_evaluate

    evaluator_module.evaluate = checked_evaluate(evaluator_module.evaluate)
    evaluator_module.simple_evaluate = checked_simple_evaluate(
        evaluator_module.simple_evaluate, task_folder(), tuple(MODELS)
    )
    evaluator_module.simple_evaluate.checks_hesnr_runs = True


def _extend_task_manager(manager_module) -> None:  # type: ignore[no-untyped-def]
    _add_task_folder(manager_module)
    _hint_at_misspelt_tasks(manager_module)


_REGISTRATIONS = {
    "lm_eval.models": _register_models_and_filters,
    "lm_eval.tasks.manager": _extend_task_manager,
    "lm_eval.evaluator": _check_before_model,
}
"""Harness module to the function that is called after its import. Models and filters share one registry module."""
