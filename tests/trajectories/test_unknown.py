"""The line with the counts of records that were skipped inside sessions."""

from collections import Counter

from lm_eval_hesnr.trajectories.unknown import counts_line


def test_types_and_roles_are_in_plain_words():
    counts = Counter({"new": 4, "no type": 3, "role critic": 2, "no role": 1})
    expected = "unknown records inside sessions: 4 of type new, 3 without a type, 2 of role critic, 1 without a role"
    assert counts_line(counts) == expected
    assert counts_line(Counter()) == ""
