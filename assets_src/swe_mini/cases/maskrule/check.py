"""Held-out check for maskrule: no match comes through, however rules overlap; keep, and arguments of log records."""

import io
import logging
import random
import re
import unittest

from maskrule import Masker, MaskingFilter, Rule, read_rules


def masker(text):
    return Masker(read_rules(text))


class Overlaps(unittest.TestCase):
    def test_masks_are_not_masked(self):
        self.assertEqual(masker("email \\S+@\\S+\nname mail\\S*").mask("a@b mailbox"), "[email] [name]")
        self.assertEqual(masker("a x+\nb \\[a\\]").mask("xx [a]"), "[a] [b]")

    def test_inside(self):
        rules = "email \\w+@[\\w.]+\npassword (?<=password=)\\S+"
        self.assertEqual(masker(rules).mask("password=me@b.de!x y"), "password=[email] y")
        self.assertEqual(masker(rules).mask("password=<me@b.de>! y"), "password=[email] y")

    def test_partly(self):
        self.assertEqual(masker("user user=\\w+\nemail \\w+@[\\w.]+").mask("user=jörg@b.de ok"), "[user] ok")
        self.assertEqual(masker("email \\w+@[\\w.]+\nuser user=\\w+").mask("user=jörg@b.de ok"), "[email] ok")
        self.assertEqual(masker("a 123\nb 234\nc 345").mask("012345!"), "0[a]!")

    def test_neighbours_stay_apart(self):
        self.assertEqual(masker("a x+\nb y+").mask("xxyy"), "[a][b]")

    def test_random(self):
        rng = random.Random(11)
        for _ in range(500):
            text = "".join(rng.choices("abc", k=12))
            rules = [Rule(str(n), re.compile("".join(rng.choices("abc", k=rng.randrange(1, 4))))) for n in range(3)]
            hidden = set()
            for rule in rules:
                for match in rule.pattern.finditer(text):
                    hidden |= set(range(*match.span()))
            shown = re.sub(r"\[\d\]", "", Masker(rules).mask(text))
            self.assertEqual(shown, "".join(char for n, char in enumerate(text) if n not in hidden))


class Keep(unittest.TestCase):
    def test_separators(self):
        cards = masker("card keep=4 \\d{4}(?:[ -]?\\d{4}){3}")
        self.assertEqual(cards.mask("4111 1111 1111 1234"), "**** **** **** 1234")
        self.assertEqual(cards.mask("4111-1111-1111-1234"), "****-****-****-1234")
        self.assertEqual(cards.mask("4111111111111234."), "************1234.")
        self.assertEqual(masker("id keep=3 [A-ZÉ-]+").mask("AB-É-CD Éé"), "**-É-CD Éé")

    def test_short(self):
        self.assertEqual(masker("pin keep=4 \\d+").mask("12 12345"), "12 *2345")


class Logging(unittest.TestCase):
    def logged(self, *arguments):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.addFilter(MaskingFilter(masker("email \\w+@[\\w.]+\ntoken (?<=token=)\\w+")))
        logger = logging.Logger("check")
        logger.addHandler(handler)
        logger.info(*arguments)
        return stream.getvalue().strip()

    def test_arguments(self):
        self.assertEqual(self.logged("login of %s, %d%%", "zoë@b.de", 5), "login of [email], 5%")
        self.assertEqual(self.logged("token=%s", "abc"), "token=[token]")
        self.assertEqual(self.logged("100% of a@b.de"), "100% of [email]")
        self.assertEqual(self.logged("%(who)s", {"who": "a@b.de"}), "[email]")


if __name__ == "__main__":
    unittest.main()
