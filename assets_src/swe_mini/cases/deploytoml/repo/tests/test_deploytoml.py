import tempfile
import unittest
from pathlib import Path

from deploytoml import SettingsError, load, merge, override


class MergeTest(unittest.TestCase):
    def test_tables_are_merged_and_values_replaced(self):
        below, above = {"a": {"x": 1, "y": [1]}, "b": 2}, {"a": {"y": [3]}, "c": 4}
        self.assertEqual(merge(below, above), {"a": {"x": 1, "y": [3]}, "b": 2, "c": 4})

    def test_nothing_is_changed_in_place(self):
        below = {"a": {"x": 1}}
        merge(below, {"a": {"x": 2}})
        self.assertEqual(below, {"a": {"x": 1}})


class LoadTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        (self.folder / f"{name}.toml").write_text(text, encoding="utf-8")

    def test_inherits(self):
        self.write("base", "a = 1\nb = 1\nc = 1\n")
        self.write("middle", 'inherits = "base"\nb = 2\nc = 2\n')
        self.write("top", 'inherits = "middle"\nc = 3\n')
        self.assertEqual(load(self.folder, "top"), {"a": 1, "b": 2, "c": 3})

    def test_mistakes_name_the_file(self):
        self.write("broken", "a = \n")
        for name in "broken", "missing":
            with self.subTest(name), self.assertRaisesRegex(SettingsError, f"{name}.toml"):
                load(self.folder, name)


class OverrideTest(unittest.TestCase):
    def test_kinds(self):
        settings = {"service": {"replicas": 1, "tracing": False, "tag": "latest"}}
        for assignment in "service.replicas=3", "service.tracing=true", "service.tag=café":
            settings = override(settings, assignment)
        self.assertEqual(settings, {"service": {"replicas": 3, "tracing": True, "tag": "café"}})


if __name__ == "__main__":
    unittest.main()
