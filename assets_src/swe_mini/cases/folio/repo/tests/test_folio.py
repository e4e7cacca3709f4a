import unittest

from folio import parse_name, read_entries, references

SHELF = """\
# two of them
Ilf, Ilya & Petrov, Yevgeny | 1928 | The Twelve Chairs | ZiF
Jane Austen | 1813 | Pride and Prejudice | Egerton
"""


class NameTest(unittest.TestCase):
    def test_two_ways_to_write_a_name(self):
        self.assertEqual(parse_name("Jane Austen"), parse_name("Austen, Jane"))

    def test_printed(self):
        self.assertEqual(parse_name("J. R. R. Tolkien").printed(), "Tolkien, J. R. R.")
        self.assertEqual(parse_name("García Márquez, Gabriel").printed(), "García Márquez, G.")
        self.assertEqual(parse_name("Voltaire").printed(), "Voltaire")


class ListTest(unittest.TestCase):
    def test_sorted(self):
        self.assertEqual(
            references(read_entries(SHELF)),
            [
                "Austen, J. (1813). Pride and Prejudice. Egerton.",
                "Ilf, I., & Petrov, Y. (1928). The Twelve Chairs. ZiF.",
            ],
        )

    def test_wrong_line(self):
        with self.assertRaisesRegex(ValueError, "line 1"):
            read_entries("Jane Austen | Emma")


if __name__ == "__main__":
    unittest.main()
