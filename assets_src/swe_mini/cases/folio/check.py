"""Held-out check for folio: particles, order without accents, initials, and letters after the year."""

import unicodedata
import unittest

from folio import parse_name, read_entries, references


def printed(text):
    return parse_name(text).printed()


def listed(*works):
    """The references of works given as "AUTHORS | YEAR | TITLE", all of one publisher."""
    return [line.removesuffix(" P.") for line in references(read_entries("\n".join(f"{work} | P" for work in works)))]


class Particles(unittest.TestCase):
    def test_printed(self):
        for text, wanted in [
            ("Ludwig van Beethoven", "van Beethoven, L."),
            ("van Beethoven, Ludwig", "van Beethoven, L."),
            ("Juana Inés de la Cruz", "de la Cruz, J. I."),
            ("Charles d'Orléans", "d'Orléans, C."),
            ("d’Orléans, Charles", "d’Orléans, C."),
            ("Ortega y Gasset, José", "Ortega y Gasset, J."),
            ("Dick Van Dyke", "Dyke, D. V."),
            ("bell hooks", "hooks, b."),
            ("hooks, bell", "hooks, b."),
            ("Multatuli", "Multatuli"),
            ("D'Annunzio, Gabriele", "D'Annunzio, G."),
        ]:
            with self.subTest(text):
                self.assertEqual(printed(text), wanted)

    def test_order(self):
        found = listed(
            "Ludwig van Beethoven | 1 | T",
            "Jane Austen | 1 | T",
            "de la Cruz, Juana | 1 | T",
            "d'Orléans, Charles | 1 | T",
        )
        self.assertEqual([line.split()[0] for line in found], ["Austen,", "van", "de", "d'Orléans,"])


class Order(unittest.TestCase):
    def families(self, *families):
        return [line.split(",")[0] for line in listed(*[f"{family}, X | 1 | T" for family in families])]

    def test_accents_do_not_count(self):
        wanted = ["Aström", "Åström B", "Astrom C", "Brecht", "Çelik", "Dumas", "Łem", "Lindgren", "Ørsted", "Zola"]
        self.assertEqual(self.families(*reversed(wanted)), wanted)
        decomposed = [unicodedata.normalize("NFD", family) for family in reversed(wanted)]
        self.assertEqual([unicodedata.normalize("NFC", family) for family in self.families(*decomposed)], wanted)

    def test_letters_without_accent(self):
        self.assertEqual(self.families("Großz", "Grossy", "Grossza"), ["Grossy", "Großz", "Grossza"])
        self.assertEqual(self.families("Ægir", "Aed", "Afa"), ["Aed", "Ægir", "Afa"])
        self.assertEqual(self.families("Strauss A", "Strauß", "Lb", "Łą"), ["Łą", "Lb", "Strauß", "Strauss A"])

    def test_titles(self):
        found = listed("A | 1 | Zorn", "A | 1 | Ärger")
        self.assertEqual(found, ["A (1a). Ärger.", "A (1b). Zorn."])


class Initials(unittest.TestCase):
    def test_hyphen(self):
        self.assertEqual(printed("Jean-Luc Godard"), "Godard, J.-L.")
        self.assertEqual(printed("Sartre, Jean-Paul Charles"), "Sartre, J.-P. C.")

    def test_decomposed(self):
        self.assertEqual(printed("E\u0301mile Zola"), "Zola, É.")
        self.assertEqual(printed("A\u0301-E\u0301 X"), "X, Á.-É.")


class Letters(unittest.TestCase):
    def test_same_authors_and_year(self):
        found = listed("A B | 2020 | Two", "A B | 2020 | one", "A B | 2021 | Three", "A B & C D | 2020 | Four")
        self.assertEqual(
            found,
            ["B, A. (2020a). one.", "B, A. (2020b). Two.", "B, A. (2021). Three.", "B, A., & D, C. (2020). Four."],
        )

    def test_printed_alike(self):
        found = listed("Zola, É. | 1885 | B", "Zola, E\u0301mile | 1885 | A", "Zola, Étienne | 1885 | C")
        self.assertEqual(found, ["Zola, É. (1885a). A.", "Zola, É. (1885b). B.", "Zola, É. (1885c). C."])


if __name__ == "__main__":
    unittest.main()
