import random

import numpy as np
import pytest
import torch

from lm_eval_hesnr.training.undisturbed import undisturbed


def draws():
    """Return one number of each generator of random numbers."""
    return random.random(), np.random.rand(), torch.rand(1).item()


@pytest.mark.parametrize("fails", [False, True])
def test_random_states_and_modes_are_restored(fails):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout())
    model[0].eval()  # a frozen part of a model in training
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = draws()
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    try:
        with undisturbed(model):
            assert not any(module.training for module in model.modules())
            draws()
            torch.manual_seed(7)
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        assert fails
    assert draws() == expected
    assert [module.training for module in model.modules()] == [True, False, True]
