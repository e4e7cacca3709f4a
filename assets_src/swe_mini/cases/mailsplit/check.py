"""Held-out check for mailsplit: marks with spaces, wrapped attributions, and "From" lines that an mbox escaped."""

import unittest

from mailsplit import Block, reply_text, split_body

WRAPPED = """\
Sounds good.

On Tue, 5 Mar 2024 at 09:12, Zoë Küçük <zoe@example.org>
wrote:

> Shall we?
"""

THREE_LINES = """\
Ja.

Am Dienstag, den 5. März 2024, um 09:12 Uhr
schrieb Jörg Müßig
<joerg@example.org>:
> Kommst du?
"""

NO_QUOTE = """\
On the other hand, this is what Ana wrote:

* first
* second
"""

OWN_LINE_ABOVE = """\
Yes, and thanks.
On Monday, Ana
wrote:
> Really?
"""

FAR_ABOVE = """\
On Sunday I was away, as I
said to you. It was fine.

He wrote:
> Hm.
"""


class Marks(unittest.TestCase):
    def test_depth(self):
        for line, block in {
            "> > hi": Block(2, ("hi",)),
            "> >> hi": Block(3, ("hi",)),
            ">> > hi": Block(3, ("hi",)),
            ">hi": Block(1, ("hi",)),
            "> >": Block(2, ("",)),
            ">": Block(1, ("",)),
            "> >     if x > y:": Block(2, ("    if x > y:",)),
            "  > hi": Block(0, ("  > hi",)),
        }.items():
            self.assertEqual(split_body(line), [block], line)

    def test_from(self):
        self.assertEqual(split_body(">From here on"), [Block(0, ("From here on",))])
        self.assertEqual(split_body("> From here on"), [Block(1, ("From here on",))])
        self.assertEqual(split_body(">Fromage"), [Block(1, ("Fromage",))])
        self.assertEqual(reply_text("I agree.\n>From now on, yes.\n"), "I agree.\nFrom now on, yes.")


class Attributions(unittest.TestCase):
    def test_wrapped(self):
        self.assertEqual(reply_text(WRAPPED), "Sounds good.")
        self.assertEqual(reply_text(THREE_LINES), "Ja.")
        self.assertEqual(reply_text(OWN_LINE_ABOVE), "Yes, and thanks.")

    def test_no_quote_below(self):
        self.assertEqual(reply_text(NO_QUOTE), NO_QUOTE.strip())
        self.assertEqual(reply_text("Yes.\nOn Monday, Ana wrote:\n"), "Yes.\nOn Monday, Ana wrote:")

    def test_another_paragraph_is_kept(self):
        self.assertEqual(reply_text(FAR_ABOVE), FAR_ABOVE[: FAR_ABOVE.index("\n> Hm")])

    def test_every_quote_has_its_own(self):
        body = "On Monday, Ana wrote:\n> One?\nYes.\nOn Tuesday, Ana\nwrote:\n> Two?\nNo.\n"
        self.assertEqual(reply_text(body), "Yes.\n\nNo.")

    def test_quote_after_deeper_quote(self):
        self.assertEqual(reply_text("On Monday, Ana wrote:\n> > Zwei?\n> Ja.\n"), "")


if __name__ == "__main__":
    unittest.main()
