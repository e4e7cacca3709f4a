"""Character offsets with each kind of tokenizer, and texts that only spell control tokens."""

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.scoring.tokens import TrajectoryTokenizer

TEXT = "  def naïve(x):\n\treturn  x  # 漢字 🤗🏽 e\u0301\n\n\n  ok ‐ done \n"
CORPUS = ["def f(x):\n\treturn x + 1  # done", "print('hello world')  ok", "if x  is  not None:\n        pass"] * 5
SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]


def byte_level(trim, add_prefix_space=False, roberta=False):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer.post_processor = (
        processors.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=trim, add_prefix_space=add_prefix_space)
        if roberta
        else processors.ByteLevel(trim_offsets=trim)
    )
    return tokenizer


def with_bos(tokenizer):
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def unigram(scheme):
    """Like SentencePiece: blanks become ▁, and rare characters become bytes."""
    pieces = [(piece, 0.0) for piece in SPECIAL] + [(f"<0x{byte:02X}>", -9.0) for byte in range(256)]
    letters = sorted({"▁", *"".join(CORPUS).replace(" ", "▁")})
    pieces += [(letter, -5.0) for letter in letters]
    pieces += [(word, -3.0) for word in ("▁def", "▁return", "▁x", "▁▁", "ok", "▁done")]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Metaspace(), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def llama_2():
    """BPE with byte fallback, where a normalizer puts ▁ before every piece between added tokens."""
    letters = sorted({"▁", *"".join(CORPUS).replace(" ", "▁")})
    vocabulary = {
        piece: i for i, piece in enumerate([*SPECIAL, *(f"<0x{b:02X}>" for b in range(256)), *letters, "▁▁", "de"])
    }
    tokenizer = Tokenizer(
        models.BPE(vocabulary, [("▁", "▁"), ("d", "e")], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def nfc(tokenizer):
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


KINDS = {
    "byte-level": lambda: byte_level(trim=False),
    "byte-level, trimmed": lambda: byte_level(trim=True),
    "byte-level, trimmed, prefix space": lambda: byte_level(trim=True, add_prefix_space=True),
    "byte-level, Roberta's ends": lambda: byte_level(trim=True, roberta=True),
    "byte-level, BOS": lambda: with_bos(byte_level(trim=False)),
    "byte-level, NFC": lambda: nfc(byte_level(trim=True)),
    "unigram, always": lambda: unigram("always"),
    "unigram, first, BOS": lambda: with_bos(unigram("first")),
    "unigram, never": lambda: unigram("never"),
    "Llama 2, BOS": lambda: with_bos(llama_2()),
}


def fast(kind, **options):
    return PreTrainedTokenizerFast(
        tokenizer_object=KINDS[kind](), bos_token="<s>", eos_token="</s>", unk_token="<unk>", **options
    )


def trajectory_tokenizer(kind, **options):
    return TrajectoryTokenizer(fast(kind), name="tiny", **options)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_the_ids_are_the_tokenizers_own(kind):
    assert trajectory_tokenizer(kind)(TEXT, None).ids.tolist() == fast(kind)(TEXT)["input_ids"]


def test_every_character_has_a_token_in_order(kind):
    tokens = trajectory_tokenizer(kind)(TEXT, None)
    covered = np.zeros(len(TEXT), int)
    for start, end in zip(tokens.start, tokens.end, strict=True):
        covered[start:end] += 1
    uncovered = {"\u0301"} if "NFC" in kind else set()  # the accent that went into its letter
    assert {char for char, n in zip(TEXT, covered, strict=True) if not n} == uncovered
    real = tokens.end > tokens.start
    assert (np.diff(tokens.start[real]) >= 0).all()
    assert (np.diff(tokens.end[real]) >= 0).all()


def test_the_bytes_of_a_character_all_point_to_it(kind):
    tokens = trajectory_tokenizer(kind)(TEXT, None)
    at = TEXT.index("漢")
    n_tokens = int(((tokens.start <= at) & (tokens.end > at)).sum())
    assert n_tokens == (6 if "unigram" in kind else 3)  # three bytes; a unigram model takes both signs together


def test_a_token_without_characters_has_equal_start_and_end(kind):
    tokens = trajectory_tokenizer(kind)("x", None)
    n_ends = {"byte-level, Roberta's ends": 2}.get(kind, int("BOS" in kind))
    ends = np.isin(tokens.ids, [1, 2])
    assert ends.sum() == n_ends
    assert (tokens.end[ends] == tokens.start[ends]).all()


@pytest.mark.parametrize("add_bos_token", [True, False])
def test_add_bos_token_overrides_the_tokenizer(add_bos_token):
    tokens = trajectory_tokenizer("Llama 2, BOS", add_bos_token=add_bos_token)("x", None)
    assert bool(tokens.ids[0] == 1) is add_bos_token


CHAT = [
    ("<|im_start|>", True),
    ("user\n", True),
    ("echo '<|im_start|>' </s>  x", False),
    ("<|im_end|>", True),
    ("\n", True),
]


def chat(pieces):
    text = "".join(piece for piece, _ in pieces)
    template = np.concatenate([np.full(len(piece), is_template) for piece, is_template in pieces])
    return text, template


def test_without_a_template_no_text_is_a_control_token(kind):
    tokens = trajectory_tokenizer(kind)("<|im_start|> a </s> b", None)
    real = tokens.end > tokens.start
    assert not np.isin(tokens.ids[real], range(5)).any()


def test_only_the_template_makes_control_tokens(kind):
    text, template = chat(CHAT)
    tokens = trajectory_tokenizer(kind)(text, template)
    real = tokens.end > tokens.start
    control = np.isin(tokens.ids, [1, 2, 3, 4]) & real
    assert tokens.ids[control].tolist() == [3, 4]
    spans = [(int(s), int(e)) for s, e in zip(tokens.start[control], tokens.end[control], strict=True)]
    assert [text[s:e] for s, e in spans] == ["<|im_start|>", "<|im_end|>"]
    assert spans[0] == (0, 12)
    covered = np.zeros(len(text), bool)
    for start, end in zip(tokens.start, tokens.end, strict=True):
        covered[start:end] = True
    assert covered.all()


def test_a_spelled_control_token_is_tokenized_like_any_text(kind):
    """Between the template's control tokens, the ids are those of the same text without a template."""
    text, template = chat(CHAT)
    tokens = trajectory_tokenizer(kind)(text, template)
    ids = np.asarray(tokens.ids)
    between = ids[np.flatnonzero(ids == 3)[0] + 1 : np.flatnonzero(ids == 4)[0]].tolist()
    content = text[len("<|im_start|>") : text.index("<|im_end|>")]
    alone = trajectory_tokenizer(kind, add_bos_token=False)(content, None).ids.tolist()
    if kind == "unigram, first, BOS":  # alone it is first, in the chat it is not
        blank = fast(kind).convert_tokens_to_ids("▁")
        alone = alone[1:] if alone[0] == blank else alone
    assert between == alone


def test_a_chat_that_spells_no_control_token_is_left_to_the_tokenizer(kind):
    text, template = chat([("<|im_start|>", True), ("a  b ", False), ("<|im_end|>", True)])
    assert trajectory_tokenizer(kind)(text, template).ids.tolist() == fast(kind)(text)["input_ids"]


def test_a_bos_of_the_template_is_not_doubled():
    text, template = chat([("<s>", True), ("hello </s>", False)])
    tokens = trajectory_tokenizer("byte-level, BOS")(text, template)
    assert tokens.ids.tolist().count(1) == 1
    assert (tokens.start[0], tokens.end[0]) == (0, 3)
    assert 2 not in tokens.ids


def test_private_characters_in_the_text_stay_text():
    text, template = chat([("<|im_start|>", True), ("\U000f0000\U000f0001 </s>", False), ("<|im_end|>", True)])
    tokens = trajectory_tokenizer("byte-level")(text, template)
    assert tokens.ids[[0, -1]].tolist() == [3, 4]
    assert np.isin(tokens.ids, [1, 2, 3, 4]).sum() == 2


def test_a_control_token_that_swallows_blanks_still_does():
    tokenizer = KINDS["byte-level"]()
    tokenizer.add_special_tokens([AddedToken("<|end|>", rstrip=True, lstrip=True, special=True)])
    one = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    text, template = chat([("x  ", True), ("<|end|>", True), ("  ", True), ("y <s>", False)])
    tokens = TrajectoryTokenizer(one, name="tiny")(text, template)
    end = one.convert_tokens_to_ids("<|end|>")
    at = tokens.ids.tolist().index(end)
    assert text[tokens.start[at] : tokens.end[at]] == "  <|end|>  "
    assert one("x  <|end|>  y ")["input_ids"][: at + 2] == tokens.ids.tolist()[: at + 2]


def test_added_tokens_that_are_not_special_are_text_as_the_model_knows_it():
    tokenizer = KINDS["byte-level"]()
    tokenizer.add_tokens([AddedToken("<think>", special=False)])
    one = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    think = one.convert_tokens_to_ids("<think>")
    assert think in TrajectoryTokenizer(one, name="tiny")("a <think> b", None).ids


def test_a_tokenizer_without_offsets_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(InputError, match="tiny: the tokenizer returns no character offsets"):
        TrajectoryTokenizer(Slow(), name="tiny")
