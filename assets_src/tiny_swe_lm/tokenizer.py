"""The byte-level BPE tokenizer of tiny-swe-lm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

END_OF_TEXT = "<|endoftext|>"
SPECIAL_TOKENS = [END_OF_TEXT, "<|im_start|>", "<|im_end|>"]
CHAT_ROLES = {"System": "system", "Task": "user", "Agent": "assistant", "Observation": "user"}
TURN = r"^### (System|Task|Agent|Observation)\n(.*?)\n\n(?=### (?:System|Task|Agent|Observation)\n|\Z)"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    r"""Train a byte-level BPE with `vocab_size` entries. It adds no prefix space, and no token around a text.

    An escape such as `\n` is split off, so that code inside a JSON call has the same words as other code.
    """
    tokenizer = Tokenizer(models.BPE())
    escapes = pre_tokenizers.Split(Regex(r'\\[nt"\\]'), behavior="isolated")
    words = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([escapes, words])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, max_length: int, folder: Path) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` for `AutoTokenizer`, including the chat template."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
    fast.save_pretrained(folder, save_jinja_files=False)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["tokenizer_class"] = "PreTrainedTokenizerFast"  # releases before transformers 5 know this name too
    path.write_text(json.dumps(config, indent=2) + "\n")


def as_chat(transcript: str) -> str:
    """A transcript rendered with the chat template, so that the tokens of the template are trained too."""
    turns = re.findall(TURN, transcript, re.M | re.S)
    return "".join(f"<|im_start|>{CHAT_ROLES[heading]}\n{text}<|im_end|>\n" for heading, text in turns)


def agent_spans(chat: str) -> list[tuple[int, int]]:
    """Half-open character spans of the agent's messages in a chat. Each span includes the end mark."""
    found = re.finditer(r"<\|im_start\|>assistant\n(.*?<\|im_end\|>)", chat, re.S)
    return [match.span(1) for match in found]
