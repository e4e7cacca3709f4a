from lm_eval_hesnr.results.text_table import aligned


def test_columns_are_aligned_left_or_right():
    rows = [("name", "n", "title"), ("a", "10", "long"), ("longer", "5", "")]
    assert aligned(rows, right=[1]) == [
        "name     n  title",
        "a       10  long",
        "longer   5",
    ]
