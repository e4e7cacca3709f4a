"""Held-out check for deploytoml: the project's own profiles, routes by name, and texts given with --set."""

import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

from deploytoml import load, merge, override

HEALTH = {"name": "health", "path": "/healthz", "public": False}
SHOP = {"name": "shop", "path": "/", "public": True, "cache_s": 300}
ADMIN = {"name": "admin", "path": "/admin", "public": False}
MAIL = {"name": "mail", "path": "/mail", "public": False}


class OwnProfiles(unittest.TestCase):
    def test_production(self):
        settings = load("deploy", "production")
        service = settings["service"]
        self.assertEqual((service["tag"], service["replicas"], service["timeout_s"]), ("2.4.1", 4, 1.5))
        self.assertEqual(service["limits"], {"cpu": 2.0, "memory_mb": 1024})
        self.assertEqual(service["env"], {"TZ": "Europe/Copenhagen", "log.level": "warning"})
        self.assertEqual(settings["routes"], [HEALTH, SHOP, ADMIN])

    def test_canary(self):
        settings = load("deploy", "canary")
        service = settings["service"]
        self.assertEqual((service["replicas"], service["timeout_s"], service["tracing"]), (1, 1.5, True))
        self.assertEqual(settings["routes"], [HEALTH, SHOP])

    def test_staging(self):
        settings = load("deploy", "staging")
        service = settings["service"]
        self.assertEqual((service["tag"], service["replicas"], service["timeout_s"]), ("2.5.0-rc1", 2, 1.5))
        self.assertEqual(service["limits"], {"cpu": 2.0, "memory_mb": 512})
        self.assertEqual(service["env"], {"TZ": "UTC", "log.level": "debug"})
        self.assertEqual(settings["routes"], [HEALTH, SHOP | {"cache_s": 0}, ADMIN, MAIL])

    def test_staging_inherits(self):
        own = tomllib.loads(Path("deploy/staging.toml").read_text(encoding="utf-8"))
        self.assertEqual(own["inherits"], "production")
        self.assertNotIn("timeout_s", own["service"])


class Routes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def loaded(self, *texts):
        for number, text in enumerate(texts):
            inherits = f'inherits = "p{number - 1}"\n' if number else ""
            (self.folder / f"p{number}.toml").write_text(inherits + text, encoding="utf-8")
        return load(self.folder, f"p{len(texts) - 1}")

    def test_known_ones_stay_where_they_are(self):
        base = '[[routes]]\nname = "a"\nx = 1\ny = 1\n[[routes]]\nname = "b"\n'
        own = '[[routes]]\nname = "c"\n[[routes]]\nname = "b"\nz = 1\n[[routes]]\nname = "a"\nx = 2\n'
        want = [{"name": "a", "x": 2, "y": 1}, {"name": "b", "z": 1}, {"name": "c"}]
        self.assertEqual(self.loaded(base, own)["routes"], want)

    def test_removed_and_added_again(self):
        base = '[[routes]]\nname = "a"\nx = 1\n[[routes]]\nname = "b"\n'
        remove, add = '[[routes]]\nname = "a"\nremove = true\n', '[[routes]]\nname = "a"\ny = 1\n'
        self.assertEqual(self.loaded(base, remove)["routes"], [{"name": "b"}])
        self.assertEqual(self.loaded(base, remove, add)["routes"], [{"name": "b"}, {"name": "a", "y": 1}])

    def test_nothing_is_changed_in_place(self):
        below = {"routes": [{"name": "a", "x": 1}]}
        merge(below, {"routes": [{"name": "a", "x": 2}, {"name": "b"}]})
        self.assertEqual(below, {"routes": [{"name": "a", "x": 1}]})

    def test_other_lists_are_replaced(self):
        self.assertEqual(self.loaded("a = [1, 2]\n", "a = [3]\n"), {"a": [3]})


class Set(unittest.TestCase):
    def changed(self, assignment):
        service = {"tag": "a", "replicas": 1, "timeout_s": 2.5, "tracing": False, "env": {"TZ": "UTC"}}
        return override({"service": service}, assignment)["service"]

    def test_text_stays_text(self):
        for text in ("1.10", "007", "true", "2024-01-01", "a=b", "é", "[1]"):
            with self.subTest(text):
                self.assertEqual(self.changed(f"service.tag={text}")["tag"], text)

    def test_quotes_are_optional(self):
        self.assertEqual(self.changed('service.tag="1.10"')["tag"], "1.10")

    def test_env_is_text(self):
        self.assertEqual(self.changed("service.env.DEBUG=1")["env"], {"TZ": "UTC", "DEBUG": "1"})
        self.assertEqual(self.changed("service.env.TZ=0")["env"], {"TZ": "0"})

    def test_other_kinds(self):
        self.assertEqual(self.changed("service.replicas=3")["replicas"], 3)
        self.assertEqual(self.changed("service.timeout_s=0.5")["timeout_s"], 0.5)
        self.assertIs(self.changed("service.tracing=true")["tracing"], True)

    def test_command_line(self):
        command = [sys.executable, "-m", "deploytoml", "show", "staging", "--set", "service.tag=1.10"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertIn('service.tag = "1.10"\n', done.stdout)


if __name__ == "__main__":
    unittest.main()
