"""Generated choices: their truth is known."""

import random
import re
from collections import Counter

from lab.shift.choices import KEYS_PER_SIZE, LINES, choices, single_words
from lab.shift.plan import POOLS

WORDS = [f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(500)]


def test_each_key_has_a_pool_of_its_own_and_every_name_of_it_is_equally_likely():
    found = choices(WORDS, 0)
    assert Counter(len(pool) for pool in found.pools.values()) == dict.fromkeys(POOLS, KEYS_PER_SIZE)
    assert all(len(set(pool)) == len(pool) and not set(pool) & set(found.pools) for pool in found.pools.values())
    rng = random.Random(0)
    picks = [line for _ in range(800) for line in re.findall(r"pick (\w+) = (\w+)\n", found.text(rng))]
    assert len(picks) == 800 * LINES
    for key in list(found.pools)[:4]:
        counts = Counter(name for one, name in picks if one == key)
        n, expected = len(found.pools[key]), sum(counts.values()) / len(found.pools[key])
        assert set(counts) == set(found.pools[key])
        assert sum((one - expected) ** 2 / expected for one in counts.values()) < n + 6 * n**0.5


def test_another_seed_has_other_pools():
    assert choices(WORDS, 0) == choices(WORDS, 0) != choices(WORDS, 1)


def test_only_words_that_are_one_token_after_a_space_are_names():
    texts = [" return", "return", " x", " Name", " ab1c", " file", " café", "\n data"]
    assert single_words(len(texts), texts.__getitem__) == ["file", "return"]
