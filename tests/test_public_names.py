import ast
from pathlib import Path

import lm_eval_hesnr


def test_all_is_what_can_be_imported_and_sorted():
    assert lm_eval_hesnr.__all__ == sorted(lm_eval_hesnr.__all__)
    assert dir(lm_eval_hesnr) == sorted([*lm_eval_hesnr.__all__, "__version__"])
    for name in lm_eval_hesnr.__all__:
        assert getattr(lm_eval_hesnr, name).__name__ == name


def test_type_checkers_see_the_same_names_in_the_same_modules():
    stub = Path(lm_eval_hesnr.__file__).with_suffix(".pyi")
    found = {
        name.name: node.module
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert found == {name: getattr(lm_eval_hesnr, name).__module__ for name in lm_eval_hesnr.__all__}


def test_the_version_is_the_one_installed():
    from importlib.metadata import version

    assert version("lm_eval_hesnr") == lm_eval_hesnr.__version__


def test_a_name_that_is_not_there():
    assert not hasattr(lm_eval_hesnr, "nothing")
