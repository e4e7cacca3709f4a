"""The harness task: trajectories in, one request each, every measure with its standard error out."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.task import Task
from lm_eval.config.task import TaskConfig
from lm_eval.filters import build_filter_ensemble

from lm_eval_hesnr import __version__
from lm_eval_hesnr.assets import EMBEDDED_MODEL, TRAJECTORIES
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import make_folder
from lm_eval_hesnr.labelling.render import ChatTemplate, Rendering, chat, transcript
from lm_eval_hesnr.labels import LABEL_RULES_VERSION, SCOPES, Label
from lm_eval_hesnr.metrics.estimates import Estimate, estimates
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measures
from lm_eval_hesnr.metrics.profile import EntropyProfile, pooled
from lm_eval_hesnr.metrics.thresholds import threshold
from lm_eval_hesnr.options import DEFAULT_SCOPES, Options
from lm_eval_hesnr.ranks import deal
from lm_eval_hesnr.results.diagnose import Run, diagnose
from lm_eval_hesnr.results.text_table import scopes_table
from lm_eval_hesnr.results.token_tables import named_summary
from lm_eval_hesnr.scope_filter import DocumentValue, NoValue, ScopedProfile, ScopeFilter
from lm_eval_hesnr.scoring.request import LabelledText, TrajectoryResult
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.token_table import write_token_table
from lm_eval_hesnr.trajectories.load import Loaded, load_trajectories
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.without_action import call_syntax, is_without_action, without_action_line

eval_logger = logging.getLogger("lm_eval.hesnr")


class SweHesnr(Task):
    """`swe_hesnr`: agent trajectories scored token by token. What a run can be told is in `options.Options`."""

    VERSION = 1
    OUTPUT_TYPE = "loglikelihood"

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        """Read the options and the trajectories.

        Args:
            config: the task's YAML with the run's metadata mixed in, as the harness makes it.

        Raises:
            InputError: an option or a path is wrong, or there is nothing to score.
        """
        config = {key: value for key, value in (config or {}).items() if key != "class"}
        self.metadata: dict[str, Any] = config.get("metadata") or {}
        self.options = Options.from_metadata(self.metadata)
        self.counts: dict[str, int] = {}
        self.model_signature: dict[str, Any] = {}
        self.profiles: dict[str, list[EntropyProfile]] = {}
        self.decisions_by_label: dict[str, Counter[str]] = {}
        self.scored: list[int] = []
        self.estimates: dict[str, dict[str, Estimate]] = {}
        self.thresholds: dict[str, float | None] = {}
        self.has_template = self.options.render == "chat"
        self.token_table = make_folder(self.options.token_table, "token_table") if self.options.token_table else None
        # no super().__init__(): it would take the configuration for the task's name (ConfigurableTask skips it as well)
        self._config = TaskConfig(**config)
        self._training_docs = self._fewshot_docs = self._instances = None
        self.fewshot_rnd = None
        self.download()
        self._filters = [
            build_filter_ensemble(scope, [[ScopeFilter, self._filter_options(scope)], ["take_first", None]])
            for scope in self.options.scopes
        ]

    def download(self, *_: Any, **__: Any) -> None:
        """Read the trajectories; nothing is downloaded."""
        if self.options.trajectories is None:
            eval_logger.warning(
                "no trajectories in --metadata: scoring the embedded sample set, which says nothing of SWE-bench"
            )
        loaded = load_trajectories(self.options.trajectories or TRAJECTORIES, strict=self.options.strict)
        for line in loaded.bad:
            eval_logger.warning("bad: %s", line)
        if without := [run for run in loaded.trajectories if is_without_action(run)]:
            marks = [mark for run in without for mark in call_syntax(run)]
            eval_logger.warning("swe_hesnr: %s", without_action_line(len(without), marks))
        self._set_trajectories(self._chosen(loaded))

    def has_training_docs(self) -> bool:
        """There is only something to test with."""
        return False

    def has_validation_docs(self) -> bool:
        """There is only something to test with."""
        return False

    def has_test_docs(self) -> bool:
        """Always."""
        return True

    def test_docs(self) -> list[dict[str, Any]]:
        """One small description a trajectory; the trajectories themselves stay with the task."""
        return self.docs

    def doc_to_text(self, doc: dict[str, Any]) -> str:
        """Nothing: the request is made from the trajectory."""
        return ""

    def doc_to_target(self, doc: dict[str, Any]) -> str:
        """Nothing: there is no right answer to compare with."""
        return ""

    def fewshot_context(self, doc: dict[str, Any], *_: Any, **__: Any) -> str:
        """Nothing: a trajectory brings its own context."""
        return ""

    def doc_iterator(
        self, *, rank: int = 0, limit: int | None = None, world_size: int = 1, samples: list[int] | None = None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """The documents that this rank scores, dealt by length; the harness would deal them in turn."""
        chosen = list(super().doc_iterator(limit=limit, samples=samples))
        sizes = [_n_characters(self.trajectories[doc["index"]]) for _, doc in chosen]
        return iter([chosen[i] for i in deal(sizes, world_size)[rank]] if chosen else [])

    def build_all_requests(self, **options: Any) -> None:
        """As any task, but without the harness's request cache, whose key ignores which trajectories were read."""
        if options.get("cache_requests"):
            eval_logger.warning("swe_hesnr: --cache_requests is ignored, it would keep the requests of other files")
        if options.get("system_instruction"):
            eval_logger.warning("swe_hesnr: --system_instruction is ignored, a trajectory brings its own")
        if options.get("apply_chat_template") and self.options.render == "transcript":
            raise InputError("render=transcript contradicts --apply_chat_template: drop one of the two")
        self.has_template = self.has_template or bool(options.get("apply_chat_template"))
        self._leave_out_long(options.get("chat_template"))
        super().build_all_requests(**options | {"cache_requests": False, "rewrite_requests_cache": False})
        self.counts["scored"] = len(self._instances or ())
        n_ranks = options.get("world_size", 1)
        by = f" by rank {options['rank']} of {n_ranks}" if n_ranks > 1 else ""
        eval_logger.info("trajectories: %s%s", ", ".join(f"{n} {name}" for name, n in self.counts.items()), by)

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> Instance:
        """One `loglikelihood` request: the leading system and task text, and all the rest with its labels."""
        kwargs.pop("apply_chat_template", None)
        rendering = self._render(self.trajectories[doc["index"]], kwargs.pop("chat_template", None))
        wanted = np.arange(len(rendering.text)) >= rendering.context_end
        if self.options.score == "action":
            wanted &= rendering.labels == Label.CODE
        doc_id = kwargs["metadata"][1]
        text = LabelledText(
            rendering.text[rendering.context_end :],
            labels=rendering.labels,
            wanted=wanted,
            k=self.options.k,
            has_template=self.has_template,
            on_scored=partial(self._write_token_table, doc_id, doc["id"]) if self.token_table else None,
        )
        context = rendering.text[: rendering.context_end]
        return Instance(request_type="loglikelihood", doc=doc, arguments=(context, text), idx=0, **kwargs)

    def apply_filters(self) -> None:
        """Filter the answers, and take the model's signature from one of them."""
        self.thresholds.clear()
        self.estimates.clear()
        instances: list[Instance] = self._instances or []
        for answer in (answer for instance in instances for answer in instance.resps):
            if isinstance(answer, TrajectoryResult):
                self.model_signature = answer.scores.signature
        super().apply_filters()

    def process_results(self, doc: dict[str, Any], results: Sequence[ScopedProfile]) -> dict[str, Any]:
        """Each measure of this document by itself; `<measure>_stderr` will take the place of the harness's N/A."""
        (scoped,) = results
        own = measures([scoped.profile], self.options.epsilon)
        values = {
            name: NoValue(scoped) if value is None else DocumentValue(value, scoped) for name, value in own.items()
        }
        return values | {f"{name}_stderr": NoValue(scoped) for name in values}

    def aggregation(self) -> dict[str, Callable[[list[Any]], Any]]:
        """The pooled measures, and their standard errors under the names that overwrite the harness's N/A."""
        functions: dict[str, Callable[[list[Any]], Any]] = {}
        for name in HIGHER_IS_BETTER:
            functions[name] = partial(self._pooled, name)
            functions[f"{name}_stderr"] = partial(self._stderr, name)
        return functions

    def higher_is_better(self) -> dict[str, bool]:
        """Whether a better model has more of a measure."""
        return dict(HIGHER_IS_BETTER)

    def dump_config(self) -> dict[str, Any]:
        """The task's configuration with the run's signature and what else the profiles tell, for the results JSON."""
        scored = [self.trajectories[i] for i in self.scored]
        names = [trajectory.id for trajectory in scored]
        config = super().dump_config() | {
            "signature": self.signature | {"trajectories": _digest(self.docs[i]["sha256"] for i in self.scored)},
            "trajectories": self.counts | {"scored": len(scored)},
            "generated_by": Counter(trajectory.model for trajectory in scored if trajectory.model),
            "decisions_by_label": self.decisions_by_label,
            "summary": {
                scope: named_summary(profiles, self._threshold(scope, profiles), self.options.epsilon, names)
                for scope, profiles in self.profiles.items()
            },
        }
        values = {f"{n},{scope}": found.value for scope, row in self.estimates.items() for n, found in row.items()}
        for finding in diagnose([Run("this run", self.task_name, values, config)]):
            eval_logger.warning("%s", finding)
        if len(self.estimates) > len(DEFAULT_SCOPES):  # the harness sorts its table by measure
            for line in scopes_table(self.estimates):
                eval_logger.info("%s", line)
        return config

    @property
    def signature(self) -> dict[str, Any]:
        """What makes two runs comparable; complete once the model has answered."""
        own = {
            "k": self.options.k,
            "epsilon": self.options.epsilon,
            "threshold": self.options.threshold,
            "score": self.options.score,
            "scopes": {
                name: sorted(label.label_name for label in labels) for name, labels in self.options.scopes.items()
            },
            "render": "chat" if self.has_template else "transcript",
            "label_rules": LABEL_RULES_VERSION,
            "lm_eval_hesnr": __version__,
        }
        return self.model_signature | own

    def _pooled(self, name: str, items: list[Any]) -> float | None:
        """The measure over all documents' tokens together; None where there is nothing to measure, and said so."""
        value = self._estimates(items)[name].value
        if value is None:
            scope = items[0].scoped.scope
            has_tokens = self._estimates(items)["ppl"].value is not None
            no_threshold = has_tokens and self._threshold(scope, self.profiles[scope]) is None
            lacking = "no threshold was found" if no_threshold else "there is no token to measure"
            eval_logger.warning("%s,%s: N/A, %s", name, scope, lacking)
        return value

    def _stderr(self, name: str, items: list[Any]) -> float | str:
        """Its standard error; the harness's own word where there is none."""
        error = self._estimates(items)[name].stderr
        return "N/A" if error is None else error

    def _estimates(self, items: list[Any]) -> dict[str, Estimate]:
        """All measures of the scope that the values belong to, computed when its first is asked for."""
        scope = items[0].scoped.scope
        if scope not in self.estimates:
            found = [item.scoped for item in sorted(items, key=lambda item: item.scoped.document)]  # of any process
            self.scored = [scoped.document for scoped in found]
            self.profiles[scope] = [scoped.profile for scoped in found]
            self.decisions_by_label[scope] = sum((Counter(scoped.decisions_by_label) for scoped in found), Counter())
            self.counts["scored_tokens"] = sum(scoped.scored_tokens for scoped in found)
            self.counts["short_context_tokens"] = sum(scoped.short_context_tokens for scoped in found)
            self.estimates[scope] = estimates(self.profiles[scope], self._threshold(scope, self.profiles[scope]))
        return self.estimates[scope]

    def _threshold(self, scope: str, profiles: list[EntropyProfile]) -> float | None:
        """The threshold of a scope, found once and logged where it is an adaptive one; None if nothing is found."""
        if self.options.threshold == "static":
            return self.options.epsilon
        if scope not in self.thresholds:
            found = threshold(pooled(profiles), self.options.threshold, epsilon=self.options.epsilon)
            self.thresholds[scope] = found
            value = "finds nothing in these entropies: no number" if found is None else f"{found:.4f} nats"
            eval_logger.info("threshold %s,%s: %s", self.options.threshold, scope, value)
        return self.thresholds[scope]

    def _filter_options(self, scope: str) -> dict[str, Any]:
        labels = self.options.scopes[scope]
        available = self.options.score == "all" or labels == SCOPES["action"]
        return {"scope": scope, "epsilon": self.options.epsilon, "labels": labels, "available": available}

    def _chosen(self, loaded: Loaded) -> list[Trajectory]:
        """The trajectories that are scored; every count is kept and logged."""
        outcomes = Counter(trajectory.resolved for trajectory in loaded.trajectories)
        chosen = [t for t in loaded.trajectories if t.resolved is not False or not self.options.only_resolved]
        if not chosen:
            raise InputError(
                f"all {len(loaded.trajectories)} trajectories are known to have failed and only_resolved is on; "
                "give successful runs, or --metadata '{\"only_resolved\": false}'"
            )
        self.counts = {
            "files": loaded.files,
            "bad": len(loaded.bad),
            "resolved": outcomes[True],
            "failed": outcomes[False],
            "unknown": outcomes[None],
            "left_out_failed": len(loaded.trajectories) - len(chosen),
            "left_out_too_long": 0,
            "scored": len(chosen),
        }
        return chosen

    def _leave_out_long(self, template: Callable[..., str] | None) -> None:
        """Keep the trajectories with at most `max_tokens` tokens, as they are rendered for this model."""
        limit = self.options.max_tokens
        if limit is None:
            return
        tokenizer = self._tokenizer("max_tokens")
        texts = (self._render(trajectory, template).text for trajectory in self.trajectories)
        lengths = [len(tokenizer(text, verbose=False)["input_ids"]) for text in texts]
        short = [t for t, length in zip(self.trajectories, lengths, strict=True) if length <= limit]
        if not short:
            raise InputError(
                f"no trajectory has at most max_tokens = {limit} tokens, the shortest has {min(lengths)}; raise it"
            )
        self.counts["left_out_too_long"] = len(self.trajectories) - len(short)
        self._set_trajectories(short)

    def _set_trajectories(self, trajectories: list[Trajectory]) -> None:
        self.trajectories = trajectories
        self.docs = [_document(i, trajectory) for i, trajectory in enumerate(trajectories)]

    def _render(self, trajectory: Trajectory, template: Callable[..., str] | None = None) -> Rendering:
        if not self.has_template:
            return transcript(trajectory)
        return chat(trajectory, self._chat_template(template))

    def _chat_template(self, template: Callable[..., str] | None) -> ChatTemplate:
        """The model's own template, by the harness or else by the tokenizer that the model arguments name."""
        if template is not None:
            return partial(template, add_generation_prompt=False)
        tokenizer = self._tokenizer("render=chat")
        if not tokenizer.chat_template:
            raise InputError(f"{tokenizer.name_or_path}: render=chat, but the tokenizer has no chat template")
        return partial(tokenizer.apply_chat_template, tokenize=False, add_generation_prompt=False)

    def _tokenizer(self, wanted_by: str) -> Any:
        """The tokenizer of the model arguments, which the harness mixes into the metadata."""
        from transformers import AutoTokenizer

        name = self.metadata.get("tokenizer") or self.metadata.get("pretrained") or self.metadata.get("model")
        if not isinstance(name, str) and wanted_by == "max_tokens":
            eval_logger.warning(
                "max_tokens: no pretrained= in --model_args, counting with the embedded model's tokenizer"
            )
            name = str(EMBEDDED_MODEL)
        if not isinstance(name, str):
            raise InputError(f"{wanted_by} needs the model's chat template: add --apply_chat_template")
        known = ("revision", "subfolder", "trust_remote_code")
        options = {key: self.metadata[key] for key in known if key in self.metadata}
        try:
            return AutoTokenizer.from_pretrained(name, **options)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{wanted_by}: the tokenizer {name} cannot be loaded ({reason})") from error

    def _write_token_table(self, doc_id: int, name: str, scores: TokenScores) -> None:
        self.model_signature = scores.signature
        assert self.token_table is not None
        told = self.signature | {"trajectories": _digest(doc["sha256"] for doc in self.docs)}
        write_token_table(self.token_table, doc_id, name, replace(scores, signature=told))


def _n_characters(trajectory: Trajectory) -> int:
    return sum(len(segment.text) for segment in trajectory.segments)


def _digest(digests: Iterable[str]) -> str:
    """A name for a set of trajectories in their order: two runs with the same are of the same files."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def _document(index: int, trajectory: Trajectory) -> dict[str, Any]:
    """What the harness sees of a trajectory; the digest makes its document hash depend on the content."""
    return {
        "index": index,
        "id": trajectory.id,
        "source": trajectory.source,
        "resolved": trajectory.resolved,
        "model": trajectory.model,
        "segments": len(trajectory.segments),
        "sha256": trajectory.digest(),
    }
