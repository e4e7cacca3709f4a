import pytest
import torch

from lm_eval_hesnr.models.torch_engine.largest import block_maxima, largest


@pytest.mark.parametrize("numbers", [1, 3000, 2**20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("vocabulary", [10, 127, 1280, 1281, 1407, 1408, 151_936])
def test_equals_torch_topk(vocabulary, dtype, numbers):
    rows = torch.randn(7, vocabulary, generator=torch.Generator().manual_seed(1)).to(dtype)
    rows[0, :10] = 9.0  # all in one block
    rows[1, -3:] = 9.0  # after the last full block, if the vocabulary is not a multiple of the block
    maxima = block_maxima(rows.float(), 10)
    values, indices = largest(rows, maxima, 10, numbers)
    assert values.dtype == torch.float32
    assert torch.equal(values, rows.float().topk(10).values)
    assert torch.equal(rows.float().gather(1, indices), values)
    assert all(len(set(row)) == 10 for row in indices.tolist())
    assert torch.equal(maxima.amax(-1), rows.float().amax(-1))


def test_no_rows():
    for vocabulary in (10, 2000):
        rows = torch.empty(0, vocabulary)
        values, indices = largest(rows, block_maxima(rows, 10), 10, 2**20)
        assert values.shape == indices.shape == (0, 10)


@pytest.mark.parametrize("k", [1, 15, 16, 100, 2000])
def test_every_number_of_candidates(k):
    rows = torch.randn(5, 2000, generator=torch.Generator().manual_seed(2))
    rows[0] = 0.0  # all are equal
    values, indices = largest(rows, block_maxima(rows, k), k, 2**20)
    assert torch.equal(values, rows.topk(k).values)
    assert torch.equal(rows.gather(1, indices), values)
    assert all(len(set(row)) == k for row in indices.tolist())
