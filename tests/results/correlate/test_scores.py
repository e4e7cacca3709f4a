import pytest

from lm_eval_hesnr.results.correlate.scores import read_scores


def read(tmp_path, text, **options):
    path = tmp_path / "scores.csv"
    path.write_bytes(text.encode())
    return read_scores(path, **{"group": None, "order": None, "outcomes": None} | options)


def test_seeds_of_a_checkpoint_are_one_score(tmp_path):
    found = read(tmp_path, "checkpoint,seed,passed,tasks,attempts\na,1,10,50,2\nb,1,5,50,1\na,2,30,50,2\n")
    assert [one.checkpoint for one in found] == ["a", "b"]
    assert (found[0].passed.tolist(), found[0].trials.tolist(), found[0].rate) == ([10, 30], [100, 100], 0.2)


@pytest.mark.parametrize(
    "text", ["\ufeffcheckpoint,passed,tasks\r\n a , 1 ,2\r\n\r\n", 'checkpoint,passed,tasks\n"a",1,2']
)
def test_spreadsheets_write_marks_blanks_and_quotes(text, tmp_path):
    (found,) = read(tmp_path, text)
    assert (found.checkpoint, found.rate, found.family) == ("a", 0.5, None)


def test_other_columns_can_be_the_group_and_the_order(tmp_path):
    text = "checkpoint,passed,tasks,size,tokens,family\na,1,2,7b,1e9,x\nb,1,2,7b,,y\n"
    found = read(tmp_path, text, group="size", order="tokens")
    assert [(one.family, one.order) for one in found] == [("7b", 1e9), ("7b", None)]


def test_without_a_column_the_step_is_that_in_the_name(tmp_path):
    found = read(tmp_path, "checkpoint,passed,tasks\na-step100,1,2\na-step200,1,2\n")
    assert [one.order for one in found] == [100, 200]
    found = read(tmp_path, "checkpoint,passed,tasks\na-step100,1,2\nfinal,1,2\n")
    assert [one.order for one in found] == [None, None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("checkpoint\n" + "a\n" * 100_001, "has more than 100000 rows; give one row per checkpoint and seed"),
        ("checkpoint" + ",c" * 1000, "line 1: has 1001 columns; expected at most 1000"),
        ('{\n  "results": {}\n}\n', r"scores\.csv: is JSON, expected CSV; give SCORES\.csv first \(checkpoint, "),
    ],
)
def test_a_table_of_another_kind_is_refused_before_it_takes_memory(text, found, tmp_path):
    with pytest.raises(ValueError, match=found):
        read(tmp_path, text, outcomes=tmp_path)


def test_a_large_file_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "scores.csv").open("wb") as file:
        file.truncate(2**24 + 2**20)
    with pytest.raises(ValueError, match=r"scores.csv: expected at most 16 MiB, found 17; give a CSV file"):
        read_scores(tmp_path / "scores.csv", group=None, order=None, outcomes=None)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"scores.csv: is not text in UTF-8"):
        read_scores(path, group=None, order=None, outcomes=None)
    with pytest.raises(ValueError, match=r"no.csv: No such file or directory; give a CSV file"):
        read_scores(tmp_path / "no.csv", group=None, order=None, outcomes=None)
