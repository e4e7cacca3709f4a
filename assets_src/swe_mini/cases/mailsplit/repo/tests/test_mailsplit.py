import unittest

from mailsplit import Block, parse_mail, reply_text, split_body, threads


class BodyTest(unittest.TestCase):
    def test_blocks(self):
        body = "Sure.\n>> When?\n> At ten.\nFine, see you."
        self.assertEqual(
            split_body(body),
            [Block(0, ("Sure.",)), Block(2, ("When?",)), Block(1, ("At ten.",)), Block(0, ("Fine, see you.",))],
        )

    def test_indented_code_in_a_quote(self):
        self.assertEqual(split_body(">     return 1"), [Block(1, ("    return 1",))])

    def test_answers_between_quotes(self):
        self.assertEqual(reply_text("> One?\nYes.\n> Two?\n\n\nNo.\n"), "Yes.\n\nNo.")

    def test_attribution(self):
        for line in "On Monday, Ana wrote:", "Am 5. März schrieb Jörg:", "Le 5 mars, Zoë a écrit :":
            with self.subTest(line):
                self.assertEqual(reply_text(f"Yes.\n\n{line}\n> Really?\n"), "Yes.")

    def test_signature(self):
        self.assertEqual(reply_text("Bye!\n-- \nAna\n+49 30 1234"), "Bye!")


class ThreadTest(unittest.TestCase):
    def test_nearest_known_reference_is_the_parent(self):
        a = parse_mail("Message-ID: <a>\nSubject: Café\n\nHello")
        c = parse_mail("Message-ID: <c>\nReferences: <a>\n <b>\n\n> Hello")
        self.assertEqual(threads([a, c]), [(a, [(c, [])])])


if __name__ == "__main__":
    unittest.main()
