"""The types of the public names: `__init__.py` imports them only at their first use, which type checkers cannot see."""

from lm_eval_hesnr.errors import InputError as InputError
from lm_eval_hesnr.labels import Label as Label
from lm_eval_hesnr.metrics.profile import EntropyProfile as EntropyProfile
from lm_eval_hesnr.results.report.report import report as report
from lm_eval_hesnr.scoring.token_scores import TokenScores as TokenScores
from lm_eval_hesnr.training.callback import HESNRCallback as HESNRCallback
from lm_eval_hesnr.trajectories.load import load_trajectories as load_trajectories
from lm_eval_hesnr.trajectories.schema import Trajectory as Trajectory

__all__ = [
    "EntropyProfile", "HESNRCallback", "InputError", "Label", "TokenScores", "Trajectory", "load_trajectories",
    "report",
]  # fmt: skip
__version__: str
