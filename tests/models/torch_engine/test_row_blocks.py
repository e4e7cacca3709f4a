import pytest
import torch

from lm_eval_hesnr.models.torch_engine import row_blocks
from lm_eval_hesnr.models.torch_engine.row_blocks import statistics_in_blocks
from lm_eval_hesnr.models.torch_engine.topk import row_statistics
from lm_eval_hesnr.scoring.statistics import ALL_EXTRAS, NO_EXTRAS


@pytest.mark.parametrize("extras", [NO_EXTRAS, ALL_EXTRAS])
@pytest.mark.parametrize("numbers", [1, 3000, 2**20])
def test_blocks_change_no_number_and_a_group_may_overwrite_the_one_before(numbers, extras, monkeypatch):
    monkeypatch.setattr(row_blocks, "_CPU_NUMBERS", numbers)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(25, 1400, generator=generator) * 3
    targets = torch.randint(1400, (25,), generator=generator)

    def groups():
        buffer = torch.empty(10, 1400)
        for group in logits.split(10):
            yield buffer[: len(group)].copy_(group)

    got, expected = statistics_in_blocks(groups(), targets, 10, extras), row_statistics(logits, targets, 10, extras)
    for mine, other in zip(got, expected, strict=True):
        torch.testing.assert_close(mine, other, equal_nan=True, atol=1e-6, rtol=1e-6)
