import pytest
import torch

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.torch_engine.memory import (
    Budget,
    ModelShape,
    _bytes_left_in_control_groups,
    default_bytes,
    is_out_of_memory,
    parse_bytes,
)

GIB = 2**30
QWEN_7B = ModelShape(28, 3584, 18944, 28, 4, 128, 152_064, 2, "flash_attention_2", has_windows=False)
QWEN_32B = ModelShape(64, 5120, 27648, 40, 8, 128, 152_064, 2, "flash_attention_2", has_windows=False)
TINY = ModelShape(4, 256, 512, 4, 2, 64, 4096, 4, "sdpa", has_windows=False)


def test_the_formula_gives_the_memory_of_real_models():
    """131 072 tokens in bfloat16: 7B has 17 GiB of activations and 7 of cache, 32B 25 and 32."""
    assert QWEN_7B.one_shot_bytes(2**17) / GIB == pytest.approx(17, rel=0.03)
    assert QWEN_7B.chunked_bytes(2**17, 0) / GIB == pytest.approx(7 * 29 / 28, rel=0.01)
    assert QWEN_32B.one_shot_bytes(2**17) / GIB == pytest.approx(25, rel=0.03)
    assert QWEN_32B.chunked_bytes(2**17, 0) / GIB == pytest.approx(32 * 65 / 64, rel=0.01)


def test_chunks_only_where_they_save_memory():
    assert Budget(QWEN_7B, 20 * GIB, on_cpu=False).chunk(2**17) is None  # it fits
    assert Budget(QWEN_7B, 10 * GIB, on_cpu=False).chunk(2**17) == 4096
    assert Budget(QWEN_7B, 1 * GIB, on_cpu=False).chunk(2**17) == 512  # the smallest size
    assert Budget(QWEN_32B, 10 * GIB, on_cpu=False).chunk(2**17) is None  # the cache would be larger
    assert Budget(QWEN_7B, 1, on_cpu=False).chunk(300) is None


def test_the_mask_of_chunks_and_of_windows_is_counted():
    n = 2**17
    windowed = TINY._replace(has_windows=True)
    assert windowed.one_shot_bytes(n) - TINY.one_shot_bytes(n) >= 5 * n * n
    assert (
        TINY.chunked_bytes(n, 4096) - TINY._replace(attention="flash_attention_2").chunked_bytes(n, 4096)
        >= 5 * 4096 * n
    )
    assert TINY._replace(attention="eager").one_shot_bytes(n) >= 4 * 8 * n * n


@pytest.mark.parametrize(
    ("vocabulary", "n_bytes", "on_cpu", "rows"),
    [
        (151_936, 8 * GIB, True, 128),
        (32_000, 8 * GIB, True, 128),
        (500_000, 8 * GIB, True, 67),
        (151_936, 8 * GIB, False, 883),
        (151_936, 100 * 2**20, True, 21),
        (151_936, 1000, True, 1),
    ],
)
def test_rows_per_block(vocabulary, n_bytes, on_cpu, rows):
    assert Budget(TINY._replace(vocabulary=vocabulary), n_bytes, on_cpu=on_cpu).rows == rows


@pytest.mark.parametrize(
    ("vocabulary", "itemsize", "rows"),
    [(32_000, 4, 512), (151_936, 4, 427), (500_000, 4, 130), (151_936, 2, 512), (500_000, 2, 260)],
)
def test_blocks_in_one_buffer_have_more_rows_but_at_most_248_mib(vocabulary, itemsize, rows):
    budget = Budget(TINY._replace(vocabulary=vocabulary), 8 * GIB, on_cpu=True, buffer_itemsize=itemsize)
    assert budget.rows == rows


def test_the_logits_of_a_buffer_are_counted_once_and_not_while_the_body_runs():
    shape = TINY._replace(vocabulary=151_936)
    budget = Budget(shape, 8 * GIB, on_cpu=True, buffer_itemsize=2)
    assert budget.least(1000, can_chunk=False) == 512 * 2 * 151_936 > shape.one_shot_bytes(1000)
    assert budget.least(100_000, can_chunk=False) == shape.one_shot_bytes(100_000) > 512 * 2 * 151_936


def test_a_gpu_has_no_buffer():
    one, other = (Budget(QWEN_7B, 8 * GIB, on_cpu=False, buffer_itemsize=size) for size in (0, 4))
    assert one.rows == other.rows == 882


@pytest.mark.parametrize("attention", ["flash_attention_2", "sdpa"])
def test_a_chunk_leaves_room_for_the_block_next_to_the_cache(attention):
    shape = TINY._replace(vocabulary=151_936, attention=attention)
    budget = Budget(shape, GIB, on_cpu=True, buffer_itemsize=4)
    block, n = budget.rows * 4 * 151_936, 10_000
    budget.n_bytes = shape.cache_bytes(n) + block
    fits = [size for size in (4096, 2048, 1024, 512) if shape.chunked_bytes(n, size) <= budget.n_bytes]
    assert shape.one_shot_bytes(n) < budget.n_bytes
    budget.largest_chunk = 4096
    assert budget.chunk(n) == fits[0]
    budget.n_bytes -= 1
    assert budget.chunk(n) == 512  # no chunk leaves enough room: the smallest


def test_halving_ends_at_the_smallest_blocks():
    budget = Budget(TINY, 8 * GIB, on_cpu=True)
    assert budget.chunk(100_000) is None
    assert budget.halve(100_000, can_chunk=True)
    assert (budget.rows, budget.chunk(100_000), budget.chunk(3000)) == (64, 4096, None)
    assert budget.halve(100_000, can_chunk=True)
    assert (budget.rows, budget.chunk(100_000), budget.chunk(3000)) == (32, 2048, 2048)
    while budget.halve(100_000, can_chunk=True):
        pass
    assert (budget.rows, budget.chunk(100_000)) == (1, 256)


def test_without_chunks_only_rows_are_halved():
    budget = Budget(TINY, 8 * GIB, on_cpu=True)
    assert [budget.halve(1000, can_chunk=False) for _ in range(8)] == [True] * 7 + [False]


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        (2**31, 2**31),
        ("2147483648", 2**31),
        ("2GiB", 2**31),
        ("2gib", 2**31),
        ("1.5 GB", 1_500_000_000),
        ("7M", 7_000_000),
    ],
)
def test_bytes_with_and_without_a_unit(text, n_bytes):
    assert parse_bytes(text) == n_bytes


@pytest.mark.parametrize("text", ["", "much", "-1", "0", "2 XB", "1i", True])
def test_a_text_that_is_not_a_number_of_bytes_is_refused(text):
    with pytest.raises(InputError, match=r"mem_budget=.*2GiB"):
        parse_bytes(text)


def test_the_default_leaves_room_for_others():
    assert 2**20 < default_bytes(torch.device("cpu")) < 2**50


@pytest.mark.parametrize(
    ("group", "folder", "limit", "usage", "cached"),
    [
        ("0::/job/step", "sys/fs/cgroup/job", "memory.max", "memory.current", "inactive_file"),
        ("4:memory:/job/step", "sys/fs/cgroup/memory/job", "memory.limit_in_bytes", "memory.usage_in_bytes",
         "total_inactive_file"),
        ("0::/", "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ],
)  # fmt: skip
def test_the_limit_of_a_container_or_batch_job_counts(tmp_path, group, folder, limit, usage, cached):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"9:name=systemd:/\n{group}\n")
    (tmp_path / folder / "step").mkdir(parents=True)
    (tmp_path / folder / limit).write_text("1000\n")
    (tmp_path / folder / usage).write_text("700\n")
    (tmp_path / folder / "memory.stat").write_text(f"anon 5\n{cached} 200\n")
    (tmp_path / folder / "step" / limit).write_text("max\n")
    assert _bytes_left_in_control_groups(tmp_path) == [500]


def test_no_control_groups_set_no_limit(tmp_path):
    assert _bytes_left_in_control_groups(tmp_path) == []


def test_what_counts_as_out_of_memory():
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."))
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


def test_the_shape_of_a_model_is_read_from_its_configuration():
    from transformers import AutoModelForCausalLM, GPT2Config, Qwen2Config

    gpt2 = AutoModelForCausalLM.from_config(GPT2Config(n_embd=64, n_layer=3, n_head=4, vocab_size=100))
    assert ModelShape.of(gpt2, 100) == ModelShape(3, 64, 256, 4, 4, 16, 100, 4, "sdpa", has_windows=False)
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    qwen = Qwen2Config(
        num_key_value_heads=2, vocab_size=100, use_sliding_window=True, sliding_window=8, max_window_layers=1, **sizes
    )
    shape = ModelShape.of(AutoModelForCausalLM.from_config(qwen), 100)
    assert shape == ModelShape(2, 64, 96, 4, 2, 16, 100, 4, "sdpa", has_windows=True)
