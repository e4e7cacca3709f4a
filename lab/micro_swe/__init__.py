"""micro-SWE: repair a small function so that its tests pass. A task that very small models can be tested on."""

from lab.micro_swe.dataset import dataset, evaluation, sft_examples
from lab.micro_swe.task import Task

__all__ = ["Task", "dataset", "evaluation", "sft_examples"]
