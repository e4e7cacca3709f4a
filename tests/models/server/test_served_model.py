"""What a server reports about its model."""

import tracemalloc
from typing import Any

import pytest

from lm_eval_hesnr.errors import AnswerError, InputError
from lm_eval_hesnr.models.server.connection import Connection
from lm_eval_hesnr.models.server.served_model import AnsweringModel, ServedModel


class Answers(Connection):
    """In place of a connection: the JSON of each path."""

    def __init__(self, **answers):
        super().__init__("http://127.0.0.1:1", header={}, verify=True, attempts=1, first_wait=0, secret="")
        self._answers = answers

    def get(self, path, read, attempts=3):
        return read(self._answers[path.rsplit("/", 1)[1]])


def test_a_very_long_name_is_cut_before_its_characters_are_escaped():
    name = "\x1b" * 1_000_000
    entry = {"id": "m", "owned_by": name, "root": name}
    tracemalloc.start()
    try:
        served = ServedModel.ask(Answers(models={"data": [entry]}, version={"version": name}), "m")
        with pytest.raises(InputError, match="does not serve"):
            ServedModel.ask(Answers(models={"data": [{"id": name}]}), "m")
        most_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert served.root == "\\x1b" * 75
    assert most_bytes < 1_000_000


def test_another_model_that_answers_in_the_middle_of_a_run_is_refused():
    answering = AnsweringModel()
    answers: list[Any] = [{"model": "a"}, {}, [], {"model": None}, {"model": "a"}]
    for answer in answers:
        answering.check(answer)
    with pytest.raises(AnswerError, match=r"^the model \\x1b\[2Jb answered, but a answered before$"):
        answering.check({"model": "\x1b[2Jb"})
