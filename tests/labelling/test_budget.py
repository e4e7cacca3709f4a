"""Hostile actions: what labelling may cost is bounded for each action, and the rest keeps the label `code`."""

import json
import logging
import os
import subprocess
import sys
from threading import Event, Thread

import pytest

from lm_eval_hesnr.cli.show import lines
from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labelling.budget import Budget, unparsed_line
from lm_eval_hesnr.labelling.code import label_code
from lm_eval_hesnr.labelling.comments import syntax
from lm_eval_hesnr.labelling.parsing import CHUNK, parse
from lm_eval_hesnr.labelling.render import chat, transcript
from lm_eval_hesnr.labelling.shell_mask import mask_shell
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.task import SweHesnr
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import trajectory


def written(path: str, *texts: str) -> Segment:
    """An action that writes texts to files of one name."""
    calls = tuple(Call("write_file", {"path": path, "content": text}, True) for text in texts)
    tags = (f"<parameter=path>{path}</parameter><parameter=content>{text}</parameter>" for text in texts)
    return Segment("action", "".join(f"<function=write_file>{tag}</function>" for tag in tags), True, calls)


def shell(command: str) -> Segment:
    return Segment("action", command, generated=True, calls=(Call("bash", {"command": command}, True),))


def n_unparsed(segment: Segment) -> int:
    budget = Budget()
    annotate(segment, budget)
    return budget.n_unparsed


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("A.java", "x=>"), ("a.c", "x=>"), ("a.go", "/* "), ("a.cpp", "/* "), ("A.java", "&f("), ("a.c", "|!")],
)
def test_a_text_that_costs_the_parser_too_much_is_code(path, pattern):
    segment = written(path, "a; // a comment\n" + pattern * (30_000 // len(pattern)))
    labels = annotate(segment)
    assert (labels == Label.CODE).sum() > 10_000
    assert (labels == Label.COMMENT).sum() == 0
    assert n_unparsed(segment) == 1


@pytest.mark.parametrize(("path", "sign", "mark"), [("A.java", "~", "//"), ("a.c", "!", "//"), ("a.py", "~", "#")])
def test_a_query_does_not_search_a_node_with_very_many_children(path, sign, mark):
    assert n_unparsed(written(path, f"{sign * 49_000}\n{mark}")) == 1
    budget = Budget()
    annotate(written(path, *[f"{sign * 20_000}\n{mark}"] * 4), budget)
    assert budget.n_unparsed == 3
    assert budget.siblings < 0 < budget.steps
    budget = Budget()
    annotate(written(path, f"x = 1 {mark}\n" * 300), budget)
    assert budget.siblings == Budget().siblings, "a short text takes nothing"


def test_a_shell_text_that_the_scanner_reads_again_and_again_is_code():
    assert n_unparsed(shell("ls # c\n" + "a?" * 15_000)) == 1


@pytest.mark.parametrize("n", [3, 60, 400])
def test_nested_scripts_are_labelled_once_for_each_level(n):
    command = 'bash -c "$(' * n + "ls" + ')"' * n
    budget = Budget()
    label_code(command, "bash", budget)
    assert Budget().parses - budget.parses <= 5


def test_a_script_inside_a_script_of_another_language_is_labelled():
    command = "python -c \"$(bash -c 'ls # c')\""
    labels = label_code(command, "bash", Budget())
    assert "".join(c for c, label in zip(command, labels, strict=True) if label == Label.COMMENT) == "# c"


@pytest.mark.parametrize("text", ["# c\nx = 1\n" * 30, "# c\n" + "x=>" * 100])
def test_many_texts_of_one_action_share_one_budget(text):
    segment = written("a.rb", *[text] * 400)
    assert n_unparsed(segment) > 0
    first = annotate(segment)[: len(segment.text) // 400]
    alone = annotate(written("a.rb", text))
    assert first.tolist() == alone.tolist()  # what comes before the limit is labelled as always


LONG = "x=>" * 400 + " // c\n"
"""Ambiguous, and so long that the parse is observed."""


def cost(text: str, language: str) -> tuple[Budget, int]:
    """What is left of a budget, and the number of characters that are comments."""
    budget = Budget()
    return budget, int((label_code(text, language, budget) == Label.COMMENT).sum())


@pytest.mark.parametrize(("text", "language"), [(LONG, "java"), (LONG, "c"), ("x = 1 # c\nfoo(bar)\n" * 500, "python")])
def test_another_thread_changes_neither_labels_nor_costs(text, language):
    alone = cost(text, language)
    end = Event()

    def allocate() -> None:
        kept: list[bytes] = []
        while not end.wait(0.001):
            kept = [] if len(kept) > 200_000 else kept + [bytes(100 + i % 9) for i in range(20_000)]

    noisy = Thread(target=allocate)
    noisy.start()
    try:
        found = cost(text, language)
    finally:
        end.set()
        noisy.join()
    assert found == alone
    assert alone[0].n_unparsed == 0
    assert alone[0].messages < Budget().messages  # the parse was observed


PROGRAM = """
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.code import label_code
for text in ("x=>" * 500 + " // c", "x=>" * 1_000 + " // c"):
    budget = Budget()
    print(label_code(text, "java", budget).sum(), budget)
"""


def test_the_allocator_of_python_changes_neither_labels_nor_costs():
    printed = []
    for allocator in ("malloc", "pymalloc"):
        environment = {**os.environ, "PYTHONMALLOC": allocator, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True)
        printed.append(done.stdout)
    assert printed[0] == printed[1]
    assert printed[0].count(b"n_unparsed=0") == printed[0].count(b"n_unparsed=1") == 1


def test_a_comment_inside_an_ambiguous_text_does_not_hide_its_cost():
    assert cost("x /* some words of a comment */ => " * 1_400 + "// c", "java")[0].n_unparsed == 1


def test_a_long_ordinary_text_is_parsed():
    line = "def f(first_value: int) -> dict[str, int]:  # comment\n    return {name: first_value + 1}\n\n"
    budget = Budget()
    assert len(syntax(line * 480, "python", budget).comments) == 480
    assert budget.n_unparsed == 0


def test_a_text_is_read_in_chunks_as_if_it_were_whole():
    source = ("é = '\U0001f600' # ß\n" * CHUNK).encode()
    tree = parse(source, "python", Budget())
    assert tree is not None
    assert not tree.root.has_error
    assert tree.text(tree.root.child(0)) == "é = '\U0001f600'"
    assert parse(b"", "python", Budget()) is not None


@pytest.mark.parametrize("after", ["", "\nEOF\n"])
def test_redirections_with_digits_take_linear_time(after, ends_in_any_case):
    mask_shell("\n" + ">a1" * 60 + f" x <<EOF{after}")
    mask_shell("cat <<EOF " + ">a1" * 60 + f" x{after}")


def test_thousands_of_values_in_one_action_take_bounded_time(ends_in_any_case):
    values = {f"content{i}": f"value {i} # c" for i in range(4_000)}
    call = Call("write_file", {"path": "a.py", **values}, True)
    as_json = Segment("action", json.dumps(call.arguments), generated=True, calls=(call,))
    verbatim = Segment("action", "call\n" + "\n".join(values.values()), generated=True, calls=(call,))
    missing = Segment("action", "call\n" + "<content" * 4_000, generated=True, calls=(call,))
    listed = [{f"key{i}": "value"} for i in range(4_000)]
    calls = tuple(Call("tool", {f"other{i}": "value"}, True) for i in range(4_000))
    product = Segment("action", json.dumps(listed), generated=True, calls=calls)
    left = []
    for segment in (as_json, verbatim, missing, product):
        budget = Budget()
        assert annotate(segment, budget).shape == (len(segment.text),)
        left.append((budget.comparisons, budget.names))
    assert min(comparisons for comparisons, _ in left) < Budget().comparisons
    assert min(names for _, names in left) < Budget().names


def test_an_argument_is_found_in_the_first_call_that_has_it():
    text = '[{"x": {"b": "ls"}}, {"command": "# c"}]'
    calls = (Call("t", {"a": 1}, True), Call("t", {"b": 1}, True), Call("bash", {"command": ""}, True))
    labels = annotate(Segment("action", text, generated=True, calls=calls))
    assert "".join(c for c, label in zip(text, labels, strict=True) if label != Label.MARKUP) == "ls# c"
    assert (labels == Label.COMMENT).sum() == 3


HOSTILE = trajectory(Segment("task", "t"), written("A.java", "// c\n" + "x=>" * 9_000), shell("ls # c"))


def test_renderings_count_the_actions_that_were_not_parsed():
    assert transcript(HOSTILE).n_unparsed == 1
    assert chat(HOSTILE, lambda messages: "".join(f"<{m['content']}>" for m in messages)).n_unparsed == 1
    assert transcript(trajectory(Segment("task", "t"), shell("ls # c"))).n_unparsed == 0


def test_the_task_says_once_that_actions_were_not_parsed(tmp_path, caplog, harness_logs):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(HOSTILE.to_json()) + "\n")
    task = SweHesnr({"task": "swe_hesnr", "metadata": {"trajectories": str(path)}})
    with caplog.at_level(logging.WARNING, logger="lm_eval.hesnr"):
        task.build_all_requests(rank=0, world_size=1)
    assert caplog.messages.count(f"swe_hesnr: {unparsed_line(1)}") == 1


def test_show_says_once_that_actions_were_not_parsed():
    assert [line for line in lines(HOSTILE) if "costly" in line] == [
        "note: 1 action is too costly to parse completely: comments in it may be labelled as code"
    ]
