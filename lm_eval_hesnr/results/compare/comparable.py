"""Whether two runs can be compared in a scope, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval_hesnr.results.compare.compared_run import ComparedRun

COMPARED = (
    "k", "epsilon", "threshold", "score", "render", "label_rules", "scopes", "trajectories", "dtype", "tokenizer",
    "add_bos_token",
)  # fmt: skip
"""Keys of the signature that must be equal for two runs to be comparable."""
CONTEXT = ("window", "stride", "rope")
"""Keys of the signature that a context extension changes. Such runs are compared, with a finding."""


def why_not(a: ComparedRun, b: ComparedRun, scope: str) -> str | None:
    """The reason why two runs cannot be compared in a scope; None if they can.

    Settings that one of the runs does not know, such as those of a score store, are not compared.
    """
    for run in (a, b):
        if scope not in run.totals:
            return f"{run.name} has no scope {scope}"
    if differing := other_settings(a, b, scope):
        return f"they differ in {differing}"
    if chose := next((run for run in (a, b) if run.chose_tokens), None):
        return (
            f"these are the tokens where {chose.name} itself is uncertain, so every other run has an advantage over it"
        )
    return other_data(a, b, scope)


def other_data(a: ComparedRun, b: ComparedRun, scope: str) -> str | None:
    """What differs in the thresholds that were found, or in the trajectories; None if they are equal."""
    found = [run.thresholds.get(scope) for run in (b, a)]
    if None not in found and found[0] != found[1]:
        return f"they differ in the threshold found ({found[0]:.6g} in {b.name}, {found[1]:.6g} in {a.name})"
    if sorted(a.digests) != sorted(b.digests):
        only = sorted(set(a.ids) ^ set(b.ids))
        if not only and len(a.ids) == len(b.ids):
            return "their trajectories have different tokens (another tokenizer, or another text)"
        which = f"; only in one of them: {only[0]}" if only else ""
        return f"they have other trajectories ({len(b.ids)} and {len(a.ids)}{which})"
    return None


def other_settings(a: ComparedRun, b: ComparedRun, scope: str) -> str | None:
    """The settings that must be equal and differ, with the value of each run; None if they are equal."""
    return _differing(a, b, COMPARED, scope) or None


def other_context(a: ComparedRun, b: ComparedRun, scope: str) -> str | None:
    """The settings of the context that differ, with the value of each run; None if they are equal."""
    return _differing(a, b, CONTEXT, scope) or None


def contexts(runs: Sequence[ComparedRun], scope: str) -> tuple[list[str], dict[tuple[str, ...], list[str]]]:
    """The settings of the context that differ between runs, and their values with the names of the runs that have them.

    Runs that know none of these settings are left out.
    """

    def _value(run: ComparedRun, key: str) -> str:
        return _setting(run.signature, key, scope) if key in run.signature else "not known"

    differing = [key for key in CONTEXT if len({_value(run, key) for run in runs if key in run.signature}) > 1]
    groups: dict[tuple[str, ...], list[str]] = {}
    for run in runs:
        if any(key in run.signature for key in differing):
            groups.setdefault(tuple(_value(run, key) for key in differing), []).append(run.name)
    return differing, groups


def differing_keys(a: Mapping[str, Any], b: Mapping[str, Any], keys: Sequence[str], scope: str) -> list[str]:
    """The keys that both signatures have and that differ; of the scopes, only the definition of this one counts."""
    both = [key for key in keys if key in a and key in b]
    return [key for key in both if _setting(a, key, scope) != _setting(b, key, scope)]


def _differing(a: ComparedRun, b: ComparedRun, keys: Sequence[str], scope: str) -> str:
    """The settings that both runs know and that differ: `dtype (bfloat16 in B, float32 in A)`."""
    return ", ".join(
        f"{key} ({_setting(b.signature, key, scope)} in {b.name}, {_setting(a.signature, key, scope)} in {a.name})"
        for key in differing_keys(a.signature, b.signature, keys, scope)
    )


def _setting(signature: Mapping[str, Any], key: str, scope: str) -> str:
    """A setting as text; of the scopes only the one that is compared."""
    value = signature[key]
    if key == "scopes" and isinstance(value, Mapping):
        value = value.get(scope)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={inner}" for name, inner in value.items())
    if value is None:
        return "none"  # no scaling of RoPE, no limit
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
