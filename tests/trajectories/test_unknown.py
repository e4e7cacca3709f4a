"""The line that counts records of unknown types inside sessions."""

from collections import Counter

from lm_eval_hesnr.trajectories.unknown import counts_line


def test_the_line_names_types_roles_and_records_without_a_type():
    counts = Counter({"no type": 4, "role session_meta": 2, "hint": 2, "no kind": 1, "role None": 1, "no\nte": 1})
    expected = "4 without a type, 2 of type hint, 2 of role session_meta, 1 of type no te, 1 without a kind, "
    assert counts_line(counts) == f"unknown records inside sessions: {expected}1 without a role"
    assert counts_line(Counter()) == ""
