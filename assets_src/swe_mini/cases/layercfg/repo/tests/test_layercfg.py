import unittest
from pathlib import Path

from layercfg import ConfigError, build, from_environ, merge, read_layer

LAYERS = Path(__file__).parents[1] / "layers"


class MergeTest(unittest.TestCase):
    def test_later_wins(self):
        self.assertEqual(merge({"a": 1, "b": 2}, {"b": 3, "c": 4}), {"a": 1, "b": 3, "c": 4})

    def test_tables_are_merged(self):
        self.assertEqual(merge({"t": {"a": 1, "b": 2}}, {"t": {"b": 3}}), {"t": {"a": 1, "b": 3}})

    def test_list_is_replaced(self):
        self.assertEqual(merge({"a": [1, 2]}, {"a": [3]}), {"a": [3]})


class EnvironTest(unittest.TestCase):
    def test_double_underscore_is_a_table(self):
        environ = {"APP_SERVER__HOST": "example.test", "APP_GREETING": "Servus", "PATH": "/bin"}
        self.assertEqual(from_environ(environ, "APP"), {"server": {"host": "example.test"}, "greeting": "Servus"})


class BuildTest(unittest.TestCase):
    def test_two_files(self):
        config = build([LAYERS / "defaults.toml", LAYERS / "production.json"])
        self.assertEqual((config["server"]["host"], config["server"]["port"]), ("0.0.0.0", 8000))
        self.assertEqual(config["logging"], {"level": "warning", "outputs": ["stderr"]})

    def test_unknown_kind_of_file(self):
        with self.assertRaisesRegex(ConfigError, "README.md: a layer is"):
            read_layer(LAYERS.parent / "README.md")


if __name__ == "__main__":
    unittest.main()
