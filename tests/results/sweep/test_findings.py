from lm_eval_hesnr.results.diagnosis.finding import Finding
from lm_eval_hesnr.results.sweep.findings import lines_by_kind


def test_a_finding_of_many_runs_is_one_line_with_the_names_of_the_others():
    few = Finding("few", "3 candidates", "raise k to 40", "t", runs=("a",))
    moved = Finding("moved", "5 moved", "look", "t", pairs=(("a", "b"),))
    findings = [
        few,
        few._replace(evidence="4 candidates", advice="raise k to 1,500", runs=("b", "c")),
        few._replace(evidence="unknown", advice="score again", runs=("d",)),
        moved,
        moved._replace(evidence="6 moved", pairs=(("b", "c"),)),
        moved._replace(evidence="7 moved", pairs=(("c", "d"),)),
        few._replace(task="u"),
    ]
    assert list(lines_by_kind(findings)) == [
        "few: t, a: 3 candidates; raise k to 40",
        "    the same with other numbers: b, c",
        "few: t, d: unknown; score again",
        "moved: t, a -> b: 5 moved; look",
        "    the same with other numbers: b -> c -> d",
        "few: u, a: 3 candidates; raise k to 40",
    ]
