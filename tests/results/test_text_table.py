from lm_eval_hesnr.metrics.bootstrap import Interval
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.results.text_table import aligned, scopes_table


def test_columns_are_aligned_left_or_right():
    rows = [("name", "n", "title"), ("a", "10", "long"), ("longer", "5", "")]
    assert aligned(rows, right=[1]) == [
        "name     n  title",
        "a       10  long",
        "longer   5",
    ]


def test_the_table_of_scopes_has_intervals_and_no_numbers_in_place_of_missing_ones():
    names = ("he_snr", "he_ppl", "ppl", "topk_acc", "decisions")
    whole = {name: Estimate(0.1, 0.01, Interval(0.09, 0.125)) for name in names}
    missing = dict.fromkeys(names, Estimate(None, None, None))
    assert scopes_table({"action": whole, "all": missing}) == [
        "scope   he_snr  95 % interval     he_ppl  ppl     topk_acc  decisions",
        "action  0.1000  0.0900 to 0.1250  0.1000  0.1000  0.1000    0",
        "all     N/A     N/A               N/A     N/A     N/A       N/A",
    ]
