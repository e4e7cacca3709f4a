"""Held-out check for pipeyard: the plans of the project's own files, and what `check` says about values."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from pipeyard import load, plan

UNITS = [f"unit python={python} region={region}" for python in ("3.9", "3.10", "3.11") for region in ("se", "no", "dk")]
LINKS = ["links part=docs", "links part=readme"]


def pipeyard(*arguments):
    command = [sys.executable, "-m", "pipeyard", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class OwnFiles(unittest.TestCase):
    def setUp(self):
        self.pipeline = load("ci")

    def test_tag_publishes_last(self):
        lines = plan(self.pipeline, "tag")
        self.assertEqual(lines[-1], "publish")
        self.assertEqual(sorted(lines), sorted(["wheel", "docs", "lint", "publish", *UNITS]))
        needs = self.pipeline["jobs"]["publish"]["needs"]
        self.assertLessEqual({"docs", "lint", "unit"}, set(needs))

    def test_nightly_and_push(self):
        self.assertEqual(sorted(plan(self.pipeline, "nightly")), sorted(["wheel", "lint", *UNITS, *LINKS]))
        self.assertEqual(sorted(plan(self.pipeline, "push")), sorted(["wheel", "docs", "lint", *UNITS]))

    def test_values_are_text(self):
        jobs = self.pipeline["jobs"]
        self.assertEqual(jobs["docs"]["env"], {"EDITION": "2.40"})
        self.assertEqual(jobs["unit"]["matrix"], {"python": ["3.9", "3.10", "3.11"], "region": ["se", "no", "dk"]})
        self.assertEqual(self.pipeline["env"], {"LANG": "C.UTF-8", "RETRIES": "2"})

    def test_failed_upload_fails_the_job(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("python", "python3", "twine"):
                fake = Path(folder) / name
                fake.write_text("#!/bin/sh\nexit 3\n")
                fake.chmod(0o755)
            env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
            codes = []
            for step in self.pipeline["jobs"]["publish"]["steps"]:
                codes.append(subprocess.run(["bash", "-c", step["run"]], env=env, capture_output=True).returncode)
        self.assertTrue(any(codes))

    def test_links(self):
        self.assertEqual(plan(self.pipeline, "nightly")[-2:], LINKS)
        links = self.pipeline["jobs"]["links"]
        self.assertEqual((links["file"], links["needs"]), ("nightly.yml", ["unit"]))
        self.assertEqual(links["env"], {"TIMEOUT": "20", "FROM": "München"})
        self.assertIn("sleep 60", " ".join(step["run"] for step in links["steps"]))

    def test_check_is_content(self):
        done = pipeyard("check")
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"))


class Check(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def checked(self, pipeline_env, job):
        text = f"events: [push]\ninclude: [own.yml]\n{pipeline_env}"
        (self.folder / "pipeline.yml").write_text(text)
        (self.folder / "own.yml").write_text(f"jobs:\n  all:\n    when: [push]\n    steps: [run]\n{job}")
        return pipeyard("--folder", self.folder, "check")

    def assert_named(self, done, *words):
        self.assertEqual(done.returncode, 1)
        self.assertTrue(any(all(w in line for w in words) for line in done.stdout.splitlines()), done.stdout)

    def test_matrix(self):
        done = self.checked("", "    matrix:\n      version: [1.10, '1.20']\n      land: [no, se]\n")
        self.assert_named(done, "own.yml", "all", "version", "1.1")
        self.assert_named(done, "own.yml", "all", "land", "False")
        self.assertEqual(len(done.stdout.splitlines()), 2)

    def test_env_of_a_job(self):
        self.assert_named(self.checked("", "    env:\n      PORT: 0080\n"), "own.yml", "all", "PORT", "80")

    def test_env_of_the_pipeline(self):
        self.assert_named(self.checked("env:\n  DEBUG: off\n", ""), "pipeline.yml", "DEBUG", "False")

    def test_nothing_at_all_is_no_text(self):
        self.assert_named(self.checked("", "    env:\n      TOKEN:\n"), "TOKEN", "None")

    def test_text_is_fine(self):
        done = self.checked("env:\n  A: 'no'\n", "    env:\n      B: v1.10\n    matrix:\n      c: ['3.10', x]\n")
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"))


if __name__ == "__main__":
    unittest.main()
