import logging
import unittest
from pathlib import Path

from maskrule import Masker, MaskingFilter, read_rules

DEFAULT = Path(__file__).parents[1] / "default.rules"


class MaskTest(unittest.TestCase):
    def setUp(self):
        self.masker = Masker(read_rules(DEFAULT.read_text(encoding="utf-8")))

    def test_default_rules(self):
        for text, masked in [
            ("from jörg@example.org, café", "from [email], café"),
            ("paid with 4111111111111234", "paid with ************1234"),
            ("Password:geheim sent", "Password:[password] sent"),
            ("nothing here", "nothing here"),
        ]:
            self.assertEqual(self.masker.mask(text), masked)

    def test_wrong_rule(self):
        with self.assertRaisesRegex(ValueError, "line 2"):
            read_rules("a  x+\nb  (\n")

    def test_filter(self):
        with self.assertLogs("app") as logs:
            logger = logging.getLogger("app")
            logger.handlers[0].addFilter(MaskingFilter(self.masker))
            logger.info("hello user=anna")
        self.assertEqual(logs.output, ["INFO:app:hello [user]"])


if __name__ == "__main__":
    unittest.main()
