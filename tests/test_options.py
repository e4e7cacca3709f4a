import ast
import importlib.util
import math
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.options import Options


def test_defaults():
    options = Options.from_metadata({"version": 1, "pretrained": "some/model"})
    assert options == Options()
    assert (options.k, list(options.scopes), options.only_resolved) == (10, ["action", "all"], True)


def test_values_are_taken():
    given = {"trajectories": ["a", "b"], "scopes": "thought,action", "epsilon": 1, "k": 20, "strict": True}
    options = Options.from_metadata(given)
    assert options.trajectories == ["a", "b"]
    assert list(options.scopes) == ["thought", "action"]
    assert options.epsilon == 1.0


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("trajectorys", "trajectories"), ("Trajectories", "trajectories"), ("only-resolved", "only_resolved"),
        ("eps", "epsilon"), ("scope", "scopes"), ("max_token", "max_tokens"), ("tokentable", "token_table"),
        ("rendering", "render"), ("strickt", "strict"), ("epsilom", "epsilon"),
        ("temperatures_", "temperatures"), ("candidate", "candidates"), ("top_k", "k"), ("runs", "trajectories"),
    ],
)  # fmt: skip
def test_a_near_miss_names_the_key_meant(key, meant):
    with pytest.raises(InputError, match=f"unknown key '{key}'; did you mean '{meant}'"):
        Options.from_metadata({key: 1})


def test_no_model_argument_of_the_harness_is_taken_for_a_typo():
    """Read from the harness's sources: not every engine is installed here."""
    spec: Any = importlib.util.find_spec("lm_eval.models")
    (folder,) = spec.submodule_search_locations
    names = {"score_store", "mem_budget", "rope_type", "rope_factor", "token", "attn_implementation", "foo", "stride"}
    for path in sorted(Path(folder).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                names |= {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
    assert len(names) > 100
    assert Options.from_metadata(dict.fromkeys(names, "x")) == Options()


def test_own_scopes_beside_the_built_in_ones():
    options = Options.from_metadata({"scopes": ["action", {"mine": ["code", "comment"]}]})
    assert options.scopes == {"action": {Label.CODE}, "mine": {Label.CODE, Label.COMMENT}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trajectories": 3}, "trajectories should be a path, found 3"),
        ({"trajectories": None}, "trajectories should be a path; leave the key out for the embedded sample set"),
        ({"scopes": {"action": ["thought"]}}, "scope 'action' should be another name: a built-in scope has this name"),
        (
            {"scopes": {"mine": ["comments"]}},
            "a label of scope 'mine' .*'comments'; did you mean 'comment'",
        ),
        ({"scopes": {"mine": [["code"]]}}, "a label of scope 'mine' should be one of code, markup"),
        ({"scopes": {"mine": "code"}}, "scope 'mine' should be a list of labels out of code, markup"),
        ({"scopes": {"a\n": ["code"]}}, "the name of a scope should be a short printable text without commas"),
        ({"scopes": "acton,all"}, "scopes should be a list .* found 'acton'; did you mean 'action'"),
        ({"scopes": [["action"]]}, r"scopes should be a list of names .* found \['action'\]$"),
        ({"threshold": "quantil"}, "threshold should be one of .* found 'quantil'; did you mean 'quantile'"),
        ({"render": "Chat"}, "render should be .* found 'Chat'; did you mean 'chat'"),
        ({"epsilon": math.nan}, "epsilon should be a positive number of nats, found nan"),
        ({"epsilon": 10**400}, "epsilon should be a positive number of nats, found 1000"),
        ({"k": 10**400}, r"k should be at most 2147483647, found 10{199}\.\.\.$"),
        ({"k": 10**5000}, "k should be at most 2147483647, found a very large number"),
        ({"trajectories": "a\0b"}, r"trajectories should be a path, found 'a\\x00b'"),
        ({"token_table": ["a"]}, r"token_table should be a path, found \['a'\]"),
        ({"strict": "a" * 10**6}, r"strict should be true or false, found 'a{199}\.\.\.$"),
        ({"scopes": {"mine": ["task"]}}, "at least one label besides system and task"),
        ({"only_resolved": "yes"}, "only_resolved should be true or false, found 'yes'"),
        ({"score": "thoughts"}, "score should be one of all, action, found 'thoughts'"),
        ({"scopes": ["actions"]}, "scopes should be a list of names out of action, "),
        ({"epsilon": -1}, "epsilon should be a positive number of nats, found -1"),
        ({"epsilon": 1.3, "k": 3}, r"epsilon should be below ln k = 1.0986 nats \(k = 3\), found 1.3"),
        ({"k": 1}, "k should be at least 2"),
        ({"k": True}, "k should be a whole number"),
        ({"render": "html"}, "render should be one of transcript, chat"),
        ({"max_tokens": 0}, "max_tokens should be a whole number of at least 1, found 0"),
        ({"token_table": ""}, "token_table should be a path"),
        ({"candidates": 1, "token_table": "x"}, "candidates should be true or false, found 1"),
        ({"candidates": True}, "candidates=true writes into token tables; give token_table=DIR too"),
        ({"temperatures": "yes"}, "temperatures should be true or false, found 'yes'"),
        ({"temperatures": True, "threshold": "otsu"}, "temperatures=true needs threshold=static .*threshold=otsu"),
        ({"temperatures": True, "epsilon": 0.69}, "an epsilon of at least ln 2 = 0.6931, found .* epsilon=0.69$"),
    ],
)
def test_a_wrong_value_says_what_was_expected(given, message):
    with pytest.raises(InputError, match=message):
        Options.from_metadata(given)
