"""What the harness asks of an aggregation function, and of the tasks of a group."""

from lm_eval import evaluator_utils
from lm_eval.api.group import Group
from lm_eval.api.metrics import mean
from lm_eval.api.task import Task
from lm_eval.config.group import AggMetricConfig

from lm_eval_hesnr.harness.aggregation import Aggregation, extend_harness

extend_harness()
SUM = Aggregation(sum, lambda items: 0.5 if len(items) > 2 else "N/A")


def test_an_aggregation_computes_its_own_standard_error():
    assert evaluator_utils.stderr_for_metric(metric=SUM, bootstrap_iters=100)([1, 2, 3]) == 0.5
    assert evaluator_utils.stderr_for_metric(metric=SUM, bootstrap_iters=0) is None


def test_other_functions_have_the_standard_error_of_the_harness():
    assert evaluator_utils.stderr_for_metric(metric=mean, bootstrap_iters=100)([1.0, 2.0, 3.0]) == 1 / 3**0.5
    assert evaluator_utils.stderr_for_metric(metric=sum, bootstrap_iters=100) is None


def test_a_second_call_changes_nothing():
    once = evaluator_utils.stderr_for_metric
    extend_harness()
    assert evaluator_utils.stderr_for_metric is once


class Named(Task):
    """A task of a group, of which the group needs only the name."""

    def __init__(self, name):
        self.name = name

    task_name = property(lambda self: self.name)
    has_training_docs = has_validation_docs = has_test_docs = doc_to_text = doc_to_target = lambda self, *_: False
    construct_requests = process_results = aggregation = higher_is_better = lambda self, *_: None


def average(*values):
    group = Group("both", aggregate_metric_list=[AggMetricConfig("he_snr", filter_list=["action"])])
    rows = {}
    for name, value in zip("ab", values, strict=True):
        group.add(Named(name))
        stderr = "N/A" if value is None else 0.1
        rows[name] = {"he_snr,action": value, "he_snr_stderr,action": stderr, "sample_len": 2}
    row = group.aggregate(rows)
    return row["he_snr,action"], row["he_snr_stderr,action"]


def test_a_group_with_a_missing_value_has_no_average():
    assert average(1.0, None) == (None, "N/A")
    assert average(1.0, 2.0)[0] == 1.5
