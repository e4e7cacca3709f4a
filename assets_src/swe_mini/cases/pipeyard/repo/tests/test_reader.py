import unittest

from pipeyard import YamlError, read


class ReaderTest(unittest.TestCase):
    def test_blocks(self):
        text = "jobs:\n  a:\n    steps:\n    - run: x\n      dir: y\n    - run: z\n  b: [1, two, '3']\n"
        want = {"jobs": {"a": {"steps": [{"run": "x", "dir": "y"}, {"run": "z"}]}, "b": [1, "two", "3"]}}
        self.assertEqual(read(text), want)

    def test_plain_scalars_have_the_types_of_yaml(self):
        self.assertEqual(read("[no, 3.10, 007, ~, a b]"), [False, 3.1, 7, None, "a b"])

    def test_quoted_scalars_are_text(self):
        self.assertEqual(read("""["no", '3.10', "a # b"]"""), ["no", "3.10", "a # b"])

    def test_text_with_a_bar(self):
        self.assertEqual(read("run: |\n  # stays\n\n    é\nnext: 1\n"), {"run": "# stays\n\n  é\n", "next": 1})

    def test_comments(self):
        self.assertEqual(read("# all\na: x#y # z\n  # no block\nb: 'it''s'  # c\n"), {"a": "x#y", "b": "it's"})

    def test_what_is_left_out_is_refused_with_its_line(self):
        for text in ("a: 1\nb: &x 2\n", "a: 1\nb: {c: 1}\n", "a: 1\na: 2\n"):
            with self.subTest(text=text), self.assertRaisesRegex(YamlError, "line 2"):
                read(text)


if __name__ == "__main__":
    unittest.main()
