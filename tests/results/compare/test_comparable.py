from dataclasses import replace

from lm_eval_hesnr.results.compare.comparable import contexts
from tests.builders import compared_run


def test_a_run_that_does_not_know_its_context_differs_from_none():
    a, b = (compared_run(name, [0.1], window=window) for name, window in (("a", 512), ("b", 2048)))
    store = replace(a, name="store", signature={"k": 10})
    assert contexts([a, store], "action") == ([], {})
    assert contexts([a, b, store], "action") == (["window"], {("512",): ["a"], ("2048",): ["b"]})
