import io
import sys
import unicodedata
from itertools import chain

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import accept_every_character, one_line, shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\x1b]8;;http://a\x1b\\b", "\\x1b]8;;http://a\\x1b\\b"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\x08\x7f\0", "a\\rb\\x08\\x7f\\x00"),
        ("\u202eabc\u2066\u200b", "\\u202eabc\\u2066\\u200b"),
        ("\u2028\ud800\ufeff", "\\u2028\\ud800\\ufeff"),
        ("\u3164\u115f\u1160\uffa0\u2800", "\\u3164\\u115f\\u1160\\uffa0\\u2800"),
        ("a\ufe0f\u034f\U000e0101\u180b", "a\\ufe0f\\u034f\\U000e0101\\u180b"),
        ("a\u200db", "a\\u200db"),
        ("tab\tend\nü 世界 나랏말", "tab\tend\nü 世界 나랏말"),
    ],
)
def test_characters_that_act_or_hide_are_escapes(text, shown):
    assert visible(text) == visible(shown) == shown


@pytest.mark.parametrize("emoji", ["👨‍👩‍👧", "❤️", "1️⃣", "🏴‍☠️", "☁️‍🔥", "👍🏽", "⚠️"])
def test_emoji_stay_as_they_are(emoji):
    assert visible(f"a{emoji}b") == f"a{emoji}b"


def test_an_emoji_hides_nothing_more():
    assert visible("🙂\ufe0f\ufe0f\U000e0142") == "🙂\ufe0f\\ufe0f\\U000e0142"
    assert visible("🙂\u200d\u200d🙂") == "🙂\\u200d\\u200d🙂"


def test_no_format_character_control_character_or_odd_space_is_left():
    hidden = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    ranges = range(0x3400), range(0xD800, 0xE001), range(0xFE00, 0x10000), range(0xE0000, 0xE1000)
    for character in map(chr, chain(*ranges)):
        kind = unicodedata.category(character)
        if kind in hidden or (kind == "Zs" and character != " "):
            assert character in "\n\t" or visible(f"a{character}b").isascii(), ascii(character)


def test_only_a_text_that_is_too_long_is_shortened():
    assert [shortened(text, 3) for text in ("", "abc", "abcd")] == ["", "abc", "abc..."]


def test_an_error_of_the_caller_is_one_safe_line():
    error = InputError("\x1b[2Jrun\r1: bad\nmodel\u202e")
    assert str(error) == "\\x1b[2Jrun\\r1: bad\\nmodel\\u202e"
    assert error.code == f"error: {error}"
    assert one_line(str(error)) == str(error)


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("ascii", b"\\u2191 \\xb1"), ("latin-1", b"\\u2191 \xb1"), ("utf-8", b"\xe2\x86\x91 \xc2\xb1")],
)
def test_an_encoding_without_an_arrow_gets_an_escape(monkeypatch, encoding, written):
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding=encoding))
    accept_every_character()
    sys.stdout.write("\u2191 ±")
    sys.stdout.flush()
    assert file.getvalue() == written


def test_a_very_long_message_keeps_its_beginning_and_its_end():
    error = str(InputError(f"results.json: found {'x' * 1_000_000}\n; give another file"))
    assert len(error) == 4005
    assert error.startswith("results.json: found xxx")
    assert error.endswith("xxx\\n; give another file")
    assert str(InputError("x" * 4000)) == "x" * 4000
