"""What is to be done: every checkpoint of a sweep, with its state and what a look at its folder has found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, resolved
from lm_eval_hesnr.results.sweep.forms import Entry, Found, checkpoints_of, found_in, is_missing
from lm_eval_hesnr.results.sweep.hub import HubRefs
from lm_eval_hesnr.results.sweep.order import by_step, in_shard, steps_filter
from lm_eval_hesnr.results.sweep.out_folder import OutFolder, names_of
from lm_eval_hesnr.results.sweep.readiness import Readiness, Watcher, identity_of
from lm_eval_hesnr.results.sweep.rows import results_of
from lm_eval_hesnr.results.sweep.settings import Options, Settings
from lm_eval_hesnr.results.sweep.state import State


class Planned(NamedTuple):
    """One checkpoint of the sweep."""

    checkpoint: Checkpoint
    state: State | None
    """What an earlier call has written; None if there was none."""
    readiness: Readiness
    """`done`, or the result of a look at the folder."""

    @property
    def is_done(self) -> bool:
        """Whether it needs no evaluation."""
        return self.readiness.state == "done"


@dataclass(slots=True)
class Planner:
    """Looks for checkpoints and at their folders, as often as it is asked."""

    out: OutFolder
    settings: Settings
    options: Options
    entries: Sequence[Entry]
    watcher: Watcher
    refs: HubRefs
    every: dict[str, Checkpoint] = field(default_factory=dict)
    """All checkpoints that this call has ever found, by name, also those of other shards and steps."""
    by_config: dict[str, int] = field(default_factory=dict)
    """The arguments that are folders with names of their own, and how many folders in each have a config.json."""

    def look(self) -> list[Planned]:
        """The checkpoints of this shard in the order of their steps, also those that were removed meanwhile.

        Raises:
            InputError: an entry has no checkpoint, `--steps` keeps none, or a file in OUT is not ours.
        """
        states = self.out.states()
        keeps = steps_filter(self.options.steps)
        self.every |= {one.name: one for one in self._checkpoints(states)}
        kept = [one for one in self.every.values() if keeps(one.step)]
        if self.every and not kept and self.options.watch is None:
            steps = sorted({one.step for one in self.every.values() if one.step is not None})
            there = f"their steps are {steps[0]} to {steps[-1]}" if steps else "no name contains a step"
            raise InputError(
                f"--steps {self.options.steps}: keeps none of {counted(len(self.every), 'checkpoint')}; {there}"
            )
        return [self._planned(one, states.get(one.name)) for one in in_shard(by_step(kept), self.options.shard)]

    def missing(self) -> list[str]:
        """The entries that are folders and do not exist yet."""
        return [one.source for one in self.entries if is_missing(one)]

    def lines(self) -> list[str]:
        """What was found in each folder in which only a config.json says what is a checkpoint."""
        found = self.by_config.items()
        return [f"{source}: {counted(n, 'checkpoint')}: the folders in it with a config.json" for source, n in found]

    def _checkpoints(self, states: dict[str, State]) -> list[Checkpoint]:
        known = {resolved(state.pretrained) for state in states.values() if state.revision is None}
        may_be_missing = self.options.watch is not None or bool(self.every)  # an earlier look has found them
        found: list[Found] = []
        for entry in self.entries:
            found += found_in(entry, self.refs, known=known, may_be_missing=may_be_missing, out=self.out.path)
        self.by_config = dict(Counter(one.entry.source for one in found if one.is_by_config))
        names = names_of(states.values()) | {one.key: one.name for one in self.every.values()}
        return checkpoints_of(found, names)

    def _planned(self, checkpoint: Checkpoint, state: State | None) -> Planned:
        if self.is_done(checkpoint, state):
            return Planned(checkpoint, state, Readiness("done"))
        return Planned(checkpoint, state, self.watcher.look(checkpoint))

    def identity(self, checkpoint: Checkpoint) -> str | None:
        """What changes when the weights change; None if it is unknown, because they are gone or not reachable."""
        if checkpoint.folder is not None:
            return identity_of(checkpoint.folder)
        return self.refs.commit_of(checkpoint.pretrained, checkpoint.revision or "main")

    def is_done(self, checkpoint: Checkpoint, state: State | None) -> bool:
        """Whether a checkpoint was evaluated with these settings, its weights are the same, and its results are there.

        Weights that are gone are taken as unchanged.
        """
        if state is None or state.status != "done" or state.settings_sha256 != self.settings.digest(checkpoint):
            return False
        return self.identity(checkpoint) in (state.identity, None) and results_of(self.out, state) is not None
