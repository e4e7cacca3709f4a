"""Held-out check for layercfg: deep merging without sharing, list and removal signs, typed environment variables."""

import copy
import unittest
from pathlib import Path

from layercfg import ConfigError, build, merge

LAYERS = Path("layers")
BASE = {"a": {"b": {"c": 1, "d": 2}, "list": [1, {"x": 1}]}, "n": 5}


class Merging(unittest.TestCase):
    def test_deep(self):
        self.assertEqual(merge(BASE, {"a": {"b": {"c": 9}}})["a"], {"b": {"c": 9, "d": 2}, "list": [1, {"x": 1}]})

    def test_nothing_is_shared(self):
        base, over = copy.deepcopy(BASE), {"a": {"b": {"e": [1]}, "+list": [{"y": 2}]}}
        kept = copy.deepcopy(over)
        merged = merge(base, over)
        merged["a"]["b"]["c"] = "changed"
        merged["a"]["b"]["e"].append("changed")
        merged["a"]["list"][1]["x"] = "changed"
        merged["a"]["list"][2]["y"] = "changed"
        self.assertEqual((base, over), (BASE, kept))

    def test_append(self):
        self.assertEqual(merge({"l": [1]}, {"+l": [2, 3]}), {"l": [1, 2, 3]})
        self.assertEqual(merge({}, {"+l": [2]}), {"l": [2]})
        with self.assertRaisesRegex(ConfigError, "n"):
            merge(BASE, {"+n": [1]})
        with self.assertRaisesRegex(ConfigError, "l"):
            merge({"l": [1]}, {"+l": 2})

    def test_removal(self):
        self.assertEqual(merge(BASE, {"a": None}), {"n": 5})
        self.assertEqual(merge(BASE, {"a": {"b": None}, "zzz": None}), {"a": {"list": [1, {"x": 1}]}, "n": 5})
        self.assertEqual(merge({}, {"t": {"x": None, "+y": [1]}}), {"t": {"y": [1]}})

    def test_conflict_names_the_place(self):
        with self.assertRaisesRegex(ConfigError, r"a\.b\b.*table"):
            merge(BASE, {"a": {"b": 3}})
        with self.assertRaisesRegex(ConfigError, r"n\b.*table"):
            merge(BASE, {"n": {"x": 1}})


class Environment(unittest.TestCase):
    def config(self, **environ):
        return build([LAYERS / "defaults.toml", LAYERS / "production.json"], environ)

    def test_files(self):
        self.assertEqual(self.config()["server"]["tls"], {"enabled": True, "ciphers": ["AES256", "CHACHA20"]})

    def test_types(self):
        config = self.config(
            APP_SERVER__PORT="9000",
            APP_SERVER__TIMEOUT="3",
            APP_DEBUG="Yes",
            APP_SERVER__TLS__ENABLED="off",
            APP_LOGGING__OUTPUTS="stderr, /var/log/app",
            APP_GREETING="12",
            APP_EXTRA__KEY="true",
        )
        self.assertEqual(config["server"]["port"], 9000)
        self.assertIsInstance(config["server"]["timeout"], float)
        self.assertIs(config["debug"], True)
        self.assertIs(config["server"]["tls"]["enabled"], False)
        self.assertEqual(config["logging"]["outputs"], ["stderr", "/var/log/app"])
        self.assertEqual((config["greeting"], config["extra"]), ("12", {"key": "true"}))
        self.assertEqual(self.config(APP_LOGGING__OUTPUTS="")["logging"]["outputs"], [])

    def test_mistakes(self):
        for name, value in [
            ("APP_SERVER__PORT", "many"),
            ("APP_DEBUG", "maybe"),
            ("APP_SERVER", "x"),
            ("APP_DEBUG__X", "1"),
        ]:
            with self.subTest(name), self.assertRaisesRegex(ConfigError, name):
                self.config(**{name: value})


if __name__ == "__main__":
    unittest.main()
