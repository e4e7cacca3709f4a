import logging
import shutil

import pytest
from lm_eval.models.utils import resolve_max_length
from transformers import AutoConfig, AutoTokenizer

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.cli.sweep import _further, _without_limit_warning
from lm_eval_hesnr.cli.sweep_cost import _windows, cost_lines
from lm_eval_hesnr.errors import InputError


def windows(model, **model_args):
    return _windows({"pretrained": str(model), **model_args}, AutoTokenizer.from_pretrained(model))


def test_the_windows_are_those_of_the_harness_unless_arguments_change_them(tiny_model):
    context = resolve_max_length(AutoConfig.from_pretrained(tiny_model))
    assert windows(tiny_model) == (context, context // 2)
    assert windows(tiny_model, max_length=100, stride=30) == (100, 30)
    assert windows(tiny_model, rope_type="yarn", rope_factor=2) == (2 * context, context)


@pytest.mark.parametrize("wrong", [{"stride": 0}, {"stride": 100}, {"stride": "x"}, {"max_length": 1}, {"stride": -3}])
def test_a_wrong_window_or_stride_is_refused_by_name(tiny_model, wrong):
    with pytest.raises(InputError, match=rf"{next(iter(wrong))}="):
        windows(tiny_model, **{"max_length": 100, **wrong})


def test_a_wrong_further_option_names_its_key_in_a_file():
    with pytest.raises(InputError, match=r"after --: unrecognized arguments: --limt 2; .*the key further:"):
        _further(("--limt", "2"))


def test_only_the_warning_about_limit_is_left_out(caplog):
    logger = logging.getLogger("lm_eval.config.evaluate_config")
    with _without_limit_warning():
        logger.warning("--limit SHOULD ONLY BE USED FOR TESTING.")
        logger.warning("another")
    logger.warning("--limit SHOULD ONLY BE USED FOR TESTING.")
    assert [record.msg.split()[0] for record in caplog.records] == ["another", "--limit"]


def test_an_unknown_option_shows_the_usage_of_sweep_and_a_near_name(capsys):
    assert main(["sweep", "runs", "-o", "OUT", "--gpus-per-modle", "2"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: hesnr sweep CHECKPOINT...")
    assert "unrecognized arguments: --gpus-per-modle" in error
    assert "2; did you mean '--gpus-per-model'?" in error


def test_a_configuration_that_cannot_be_loaded_is_an_error_of_one_line(tmp_path, tiny_model):
    folder = shutil.copytree(tiny_model, tmp_path / "checkpoint-1")
    (folder / "config.json").write_text('{"a": 1}')
    with pytest.raises(InputError, match=r"--dry-run, pretrained=.*checkpoint-1: Unrecognized model"):
        next(cost_lines("checkpoint-1", [], {"pretrained": str(folder)}, None))
