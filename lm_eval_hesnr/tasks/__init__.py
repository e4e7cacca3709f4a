"""The task's YAML as a package, for harness versions that read the entry points `lm_eval.tasks`.

In a wheel the YAML is in this folder; in a clone it is in `tasks/` at the top level.
"""

from lm_eval_hesnr.plugin import task_folder

__path__ = [task_folder()]
