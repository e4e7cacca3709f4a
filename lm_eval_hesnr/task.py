"""The harness task `swe_hesnr`: one request per trajectory, and every measure with its standard error."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.task import Task
from lm_eval.config.task import TaskConfig
from lm_eval.filters import build_filter_ensemble

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.harness.aggregation import Aggregation, extend_harness
from lm_eval_hesnr.harness.documents import DocumentMeasures, ScopeAnswer, TrajectoryRequest
from lm_eval_hesnr.labelling.budget import unparsed_line
from lm_eval_hesnr.labelling.render import ChatTemplate, Rendering, chat, transcript
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measures
from lm_eval_hesnr.metrics.scope_result import ScopeResult
from lm_eval_hesnr.options import Options
from lm_eval_hesnr.ranks import split_by_size
from lm_eval_hesnr.results.about_run import about_run, model_signature, own_signature
from lm_eval_hesnr.results.documents import documents_config
from lm_eval_hesnr.results.run_log import log_end_of_run
from lm_eval_hesnr.scope_filter import ScopedProfile, ScopeFilter, pooled_result
from lm_eval_hesnr.scoring.request import LabelledText, RequestText
from lm_eval_hesnr.scoring.statistics import Extras
from lm_eval_hesnr.scoring.token_table import TokenTableFile, table_folder, table_folder_of_task
from lm_eval_hesnr.selection import Selection, chat_template, leave_out_long, model_tokenizer, n_characters, select
from lm_eval_hesnr.trajectories.schema import Trajectory

eval_logger = logging.getLogger("lm_eval.hesnr")

extend_harness()


class SweHesnr(Task):
    """`swe_hesnr`: agent trajectories, scored token by token. `options.Options` lists the keys of --metadata.

    A run begins in `build_all_requests`, which sets `selection` and `has_template`, and empties `results`. Later the
    harness calls the aggregation functions, which fill `results` one scope after the other. With the last scope, all
    numbers are known, and the findings are logged: once per run, on the rank that aggregates, before the table.
    """

    VERSION = 1
    OUTPUT_TYPE = "loglikelihood"

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        """Read the options and the trajectories.

        Args:
            config: the task's YAML. The harness adds the metadata and the model arguments of the run to `metadata`.

        Raises:
            InputError: an option or a path is wrong, or there is nothing to score.
        """
        config = {key: value for key, value in (config or {}).items() if key != "class"}
        self.metadata: dict[str, Any] = config.get("metadata") or {}
        self.options = Options.from_metadata(self.metadata)
        # the harness compares the number with --num_fewshot; its logger for W&B needs the type and the names
        config |= {
            "output_type": self.OUTPUT_TYPE,
            "num_fewshot": 0,
            "metric_list": [{"metric": name} for name in self.higher_is_better()],
        }
        # no super().__init__(): it would read the configuration as a task name (ConfigurableTask omits it too)
        self._config = TaskConfig(**config)
        self._training_docs = self._fewshot_docs = self._instances = None
        self.fewshot_rnd = None
        self.token_table = table_folder(self.options.token_table) if self.options.token_table else None
        self.loaded = select(
            self.options.trajectories,
            only_resolved=self.options.only_resolved,
            strict=self.options.strict,
            max_trajectories=self.options.max_trajectories,
            task=str(self._config.task),
        )
        self.selection = self.loaded
        self._renderings: dict[int, Rendering] = {}
        self._n_unparsed = 0
        self._requests: dict[int, TrajectoryRequest] = {}
        self._model_args = self.metadata
        self._prepared: tuple[Selection, dict[int, Rendering]] | None = None
        self.has_template = self.options.render == "chat"
        self.results: dict[str, ScopeResult] = {}
        epsilon = {"epsilon": self.options.epsilon}
        self._filters = [
            build_filter_ensemble(
                scope, [[ScopeFilter, {"scope": scope, "labels": labels, **epsilon}], ["take_first", None]]
            )
            for scope, labels in self.options.scored_scopes.items()
        ]
        if others := self.options.scopes.keys() - self.options.scored_scopes.keys():
            eval_logger.info("%s: score=action: the scope %s is not scored", self.task_name, ", ".join(sorted(others)))

    def use_own_table_folder(self) -> None:
        """Write the token tables into a folder with the task's name, in the folder that the options name."""
        if self.options.token_table:
            self.token_table = table_folder_of_task(self.options.token_table, self.task_name)

    def has_training_docs(self) -> bool:
        """False, because all documents are test documents."""
        return False

    def has_validation_docs(self) -> bool:
        """False, because all documents are test documents."""
        return False

    def has_test_docs(self) -> bool:
        """True."""
        return True

    def test_docs(self) -> list[dict[str, Any]]:
        """One small description per trajectory; `selection` contains the trajectories themselves."""
        return list(self.selection.docs)

    def doc_to_text(self, doc: dict[str, Any]) -> str:
        """Empty: the request is made from the trajectory."""
        return ""

    def doc_to_target(self, doc: dict[str, Any]) -> str:
        """Empty: there is no correct answer to compare with."""
        return ""

    def fewshot_context(self, doc: dict[str, Any], *_: Any, **__: Any) -> str:
        """Empty: a trajectory contains its own context."""
        return ""

    def doc_iterator(
        self, *, rank: int = 0, limit: int | None = None, world_size: int = 1, samples: list[int] | None = None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """The documents of this rank, split by size. The harness would assign them round-robin."""
        chosen = list(super().doc_iterator(limit=limit, samples=samples))
        sizes = [n_characters(self.selection.trajectories[doc["index"]]) for _, doc in chosen]
        return iter([chosen[i] for i in split_by_size(sizes, world_size)[rank]] if chosen else [])

    def prepare(self, *, apply_chat_template: bool, model_args: Mapping[str, Any]) -> None:
        """Do what `build_all_requests` can do before the model is made, and keep the result for it.

        With `apply_chat_template`, the template comes from the model, so trajectories cannot be rendered yet.

        Raises:
            InputError: the options contradict each other, there is no tokenizer, or every trajectory is too long.
        """
        self._refuse_contradiction(apply_chat_template)
        self._model_args = {**model_args, **self.metadata}
        self._prepared = None
        if not apply_chat_template:
            template = chat_template(self._model_args, None) if self.options.render == "chat" else None
            self._prepared = self._short_enough(template)
            self.selection = self._prepared[0]  # --limit and --samples count these

    def build_all_requests(self, **options: Any) -> None:
        """Begin a run: choose its trajectories and build the requests of this rank.

        The harness's request cache is not used, because its key ignores which trajectories were read.
        """
        if options.get("cache_requests"):
            eval_logger.warning(
                "%s: --cache_requests is ignored: it could return the requests of other files", self.task_name
            )
        if options.get("system_instruction"):
            eval_logger.warning(
                "%s: --system_instruction is ignored: a trajectory has its own instructions", self.task_name
            )
        with_flag = bool(options.get("apply_chat_template"))
        self._refuse_contradiction(with_flag)
        self.results, self._requests = {}, {}
        self.has_template = self.options.render == "chat" or with_flag
        template = chat_template(self._model_args, options.get("chat_template")) if self.has_template else None
        prepared = None if with_flag else self._prepared
        self.selection, self._renderings = prepared or self._short_enough(template)
        self._prepared = None
        in_run = self.doc_iterator(limit=options.get("limit"), samples=options.get("samples"))  # documents of all ranks
        self.selection = self.selection.limited_to(doc["index"] for _, doc in in_run)
        self._n_unparsed = 0
        options |= {"chat_template": template, "cache_requests": False, "rewrite_requests_cache": False}
        super().build_all_requests(**options)
        self._renderings = {}  # the remaining renderings belong to other ranks
        counts = {**self.selection.counts, "scored": len(self._instances or ())}
        n_ranks = options.get("world_size", 1)
        by = f" by rank {options['rank']} of {n_ranks}" if n_ranks > 1 else ""
        eval_logger.info(
            "%s: trajectories: %s%s", self.task_name, ", ".join(f"{n} {name}" for name, n in counts.items()), by
        )
        if self._n_unparsed:
            eval_logger.warning("%s: %s%s", self.task_name, unparsed_line(self._n_unparsed), by)

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> Instance:
        """One `loglikelihood` request: the leading system and task text as context, then the other text with labels."""
        kwargs.pop("apply_chat_template", None)
        template = kwargs.pop("chat_template", None)
        rendering = self._renderings.pop(doc["index"], None)
        if rendering is None:
            rendering = _render(self.selection.trajectories[doc["index"]], template)
        self._n_unparsed += rendering.n_unparsed
        to_score = np.arange(len(rendering.text)) >= rendering.context_end
        if self.options.score == "action":
            to_score &= rendering.labels == Label.CODE
        folder, doc_id = self.token_table, kwargs["metadata"][1]
        table = TokenTableFile(folder, doc_id, doc["id"], self._own_signature()) if folder else None
        text = LabelledText(
            rendering.text[rendering.context_end :],
            labels=rendering.labels,
            to_score=to_score,
            k=self.options.k,
            has_template=self.has_template,
            extras=Extras(self.options.temperatures, self.options.candidates),
            token_table=table,
        )
        context = RequestText(rendering.text[: rendering.context_end])
        request = TrajectoryRequest("loglikelihood", doc=doc, arguments=(context, text), idx=0, **kwargs)
        self._requests[doc["index"]] = request
        return request

    def process_results(self, doc: dict[str, Any], results: Sequence[ScopeAnswer]) -> dict[str, Any]:
        """Every measure of this document alone, with the profile for the aggregation."""
        profile: ScopedProfile = results[0].profile
        first = self._filters[0].name
        self._requests[doc["index"]].text_is_in = None if profile.scope == first else first
        found = measures([profile.profile], self.options.epsilon)
        return DocumentMeasures({name: found.get(name) for name in self.higher_is_better()}, profile)

    def aggregation(self) -> dict[str, Aggregation]:
        """Functions for the pooled measures and their standard errors. Their items are `ScopedProfile`s."""
        return {
            name: Aggregation(partial(self._value, name), partial(self._stderr, name))
            for name in self.higher_is_better()
        }

    def higher_is_better(self) -> dict[str, bool | None]:
        """Whether a better model has a higher value; None for diagnostics, which the harness prints without arrow."""
        return HIGHER_IS_BETTER | ({CALIBRATED: True} if self.options.temperatures else {})

    def dump_config(self) -> dict[str, Any]:
        """The task's configuration for the results JSON, with all that the run says about itself, and its documents."""
        documents = {"documents": documents_config(self.results)} if self.results else {}
        return super().dump_config() | self._about_run() | documents

    def _about_run(self) -> dict[str, Any]:
        models = [self.selection.trajectories[i].model for i in self.selection.scored]
        signature = model_signature(self._instances or ()) | self._own_signature()
        return about_run(signature, self.selection.counts, models, self.results)

    def _own_signature(self) -> dict[str, Any]:
        return own_signature(self.options, has_template=self.has_template, digest=self.selection.digest)

    def _value(self, name: str, items: list[ScopedProfile]) -> float | None:
        """A measure over the tokens of all documents together; None if there is no number."""
        return self._estimate(name, items).value

    def _stderr(self, name: str, items: list[ScopedProfile]) -> float | str:
        """The standard error of a measure; "N/A", as the harness writes it, if there is no number."""
        error = self._estimate(name, items).stderr
        return "N/A" if error is None else error

    def _estimate(self, name: str, items: list[ScopedProfile]) -> Estimate:
        """The estimate of a measure. A run without any scored token has none of `calibrated_he_snr`."""
        return self._result(items).estimates.get(name, Estimate(None, None, None))

    def _result(self, items: list[ScopedProfile]) -> ScopeResult:
        """The result of the scope of these values. It is computed at the first measure and kept for the others."""
        scope = items[0].scope
        if scope not in self.results:
            ids = [trajectory.id for trajectory in self.selection.trajectories]
            method, epsilon = self.options.threshold, self.options.epsilon
            self.results[scope] = pooled_result(items, ids, method=method, epsilon=epsilon)
            if len(self.results) == len(self._filters):
                notes = dict.fromkeys(note for item in items for note in item.notes)
                log_end_of_run(self.task_name, self._about_run(), self.results, notes)
        return self.results[scope]

    def _refuse_contradiction(self, apply_chat_template: bool) -> None:
        if apply_chat_template and self.options.render == "transcript":
            raise InputError("render=transcript contradicts --apply_chat_template: leave out one of the two")

    def _short_enough(self, template: ChatTemplate | None) -> tuple[Selection, dict[int, Rendering]]:
        """The trajectories of at most `max_tokens` tokens, and the renderings from which the tokens were counted."""
        limit = self.options.max_tokens
        if limit is None:
            return self.loaded, {}
        tokenizer = model_tokenizer(self._model_args, "max_tokens")
        renderings = [_render(trajectory, template) for trajectory in self.loaded.trajectories]
        return leave_out_long(self.loaded, renderings, tokenizer, limit)


def _render(trajectory: Trajectory, template: ChatTemplate | None) -> Rendering:
    return transcript(trajectory) if template is None else chat(trajectory, template)
