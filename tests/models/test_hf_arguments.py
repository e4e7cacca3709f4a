"""Wrong arguments of hf-topk are found without a model."""

from types import SimpleNamespace

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.hf_arguments import checked_options, checked_rope_factor, refuse_long_stride


@pytest.mark.parametrize("batch_size", [1, "8", "auto", "auto:4", "auto:0.5"])
def test_the_batch_sizes_of_hf_are_accepted(batch_size):
    assert checked_options({"batch_size": batch_size})["batch_size"] == batch_size


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"batch_size": 0}, "batch_size=0: expected a whole number"),
        ({"batch_size": "4.0"}, "batch_size=4.0: "),
        ({"dtype": "float33"}, "dtype=float33: did you mean 'float32'?"),
        ({"dtype": "nn"}, "dtype=nn: "),
        ({"device": "cdua:0"}, "device=cdua:0: expected a device"),
        ({"device": 3.5}, r"device=3\.5: expected a device"),
        ({"add_bos_token": "yes"}, "add_bos_token=yes: expected None or True or False"),
        ({"max_length": "long"}, "max_length=long: expected a number of tokens"),
    ],
)
def test_a_wrong_value_is_named(options, line):
    with pytest.raises(InputError, match=line):
        checked_options(options)


def test_the_users_options_are_not_changed():
    given = {"max_length": "512", "dtype": "bfloat16"}
    assert checked_options(given)["max_length"] == 512
    assert given == {"max_length": "512", "dtype": "bfloat16"}


def test_a_stride_is_compared_with_the_longest_possible_window():
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(max_position_embeddings=100))
    refuse_long_stride(99, config, None, None)
    refuse_long_stride(199, config, None, 2.0)
    for arguments in ((100, config, None, None), (50, config, 50, None), (200, config, None, 2.0)):
        with pytest.raises(InputError, match=f"stride={arguments[0]}: expected a number of tokens from 1 to"):
            refuse_long_stride(*arguments)
    unknown = SimpleNamespace(get_text_config=lambda: SimpleNamespace())
    refuse_long_stride(10**9, unknown, None, None)


def test_rope_arguments_need_each_other_and_a_known_type():
    assert checked_rope_factor(None, None) is None
    assert checked_rope_factor("yarn", "4") == 4
    for arguments in (("yarn", None), (None, 4), ("yarm", 4), ("yarn", "four")):
        with pytest.raises(InputError, match="rope_"):
            checked_rope_factor(*arguments)
