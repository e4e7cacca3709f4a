import gc
import multiprocessing
import os
import signal
import sys
from functools import cache, partial

import pytest

from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labelling import bounded_template
from lm_eval_hesnr.labelling.bounded_template import BoundedTemplate
from lm_eval_hesnr.labelling.render import chat
from lm_eval_hesnr.scoring.load_tokenizer import load_tokenizer
from lm_eval_hesnr.trajectories.schema import Segment
from tests.builders import trajectory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the limits")

RUN = trajectory(Segment("task", "Fix it."), Segment("thought", "Look.", generated=True))
GOOD = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"


@cache
def tokenizer():
    return load_tokenizer(str(EMBEDDED_MODEL), "a test")


def rendered_by(text):
    return partial(tokenizer().apply_chat_template, chat_template=text, tokenize=False, add_generation_prompt=False)


def test_the_text_is_that_of_the_template():
    template = rendered_by(GOOD)
    assert chat(RUN, BoundedTemplate(template)).text == chat(RUN, template).text
    messages = [{"role": "user", "content": "x" * 2_000_000}]
    assert BoundedTemplate(template)(messages) == template(messages)


def test_one_process_renders_all_trajectories_and_ends_with_the_object():
    template = BoundedTemplate(rendered_by(GOOD))
    before = len(multiprocessing.active_children())
    for _ in range(3):
        chat(RUN, template)
    assert len(multiprocessing.active_children()) == before + 1
    del template
    gc.collect()
    assert len(multiprocessing.active_children()) == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% for i in range(10**12) %}a{% endfor %}", "refuses the messages .Range too big"),
        ("{{ 'a' * 10 ** 10 }}", "it needs more than 1 GiB of memory"),
        ("{{ '%10000000000d' % 1 }}", "it needs more than 1 GiB of memory"),
        (
            "{% for i in range(99999) %}{{ messages[0].content * 99 }}{% endfor %}",
            "it writes [0-9]{8} characters for messages of ",
        ),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "maximum recursion depth exceeded"),
        ("{{ raise_exception('only \x1b[2J users') }}", r"refuses the messages .only \\x1b\[2J users."),
    ],
)
def test_a_template_that_is_too_large_or_wrong_is_one_line(monkeypatch, text, reason):
    monkeypatch.setattr(bounded_template, "MEMORY", 2**30)
    with pytest.raises(InputError, match=f"^a run: the chat template .*{reason}.*; use render=transcript"):
        chat(RUN, BoundedTemplate(rendered_by(text)))


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% set x = 1 %}{% endfor %}{% endfor %}",
        "{{ 10 ** (10 ** 10) }}",
    ],
)
def test_a_template_without_end_is_one_line(monkeypatch, text):
    monkeypatch.setattr(bounded_template, "SECONDS", 0.3)
    line = r"^a run: the chat template did not end in 0\.3 seconds; use render=transcript, or another template$"
    with pytest.raises(InputError, match=line):
        chat(RUN, BoundedTemplate(rendered_by(text)))


def test_the_call_after_a_limit_has_a_new_process(monkeypatch):
    template = BoundedTemplate(lambda messages: str(sum(iter(int, 1))) if messages[0]["content"] == "bad" else "good")
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(bounded_template, "SECONDS", 0.3)
            with pytest.raises(InputError, match="did not end"):
                template([{"role": "user", "content": "bad"}])
        assert template([{"role": "user", "content": "x"}]) == "good"


def test_a_process_that_is_killed_is_one_line():
    def _die(_messages):
        os.kill(os.getpid(), signal.SIGKILL)

    template = BoundedTemplate(_die)
    with pytest.raises(InputError, match=r"^a run: the process of the chat template ended"):
        chat(RUN, template)
