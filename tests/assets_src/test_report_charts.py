"""The charts of `hesnr report` are drawn by the script that the recipe makes, and its licences are in the package."""

import hashlib
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "assets_src" / "report_charts"
ASSETS = ROOT / "lm_eval_hesnr" / "assets" / "report"
SCRIPT = (ASSETS / "plot.js").read_text(encoding="utf-8")


def test_the_packaged_script_is_the_one_that_the_recipe_made():
    digest, name = (RECIPE / "plot.js.sha256").read_text().split()
    assert hashlib.sha256((ROOT / name).read_bytes()).hexdigest() == digest


def test_the_licences_name_the_versions_that_the_recipe_installs():
    locked = json.loads((RECIPE / "package-lock.json").read_text())["packages"]
    licences = (ASSETS / "LICENSES.txt").read_text(encoding="utf-8")
    named = dict(re.findall(r"^([@\w/-]+) ([\d.]+) \(", licences, re.MULTILINE))
    assert {"@observablehq/plot", "d3-array", "internmap"} <= named.keys()
    assert named == {name: locked[f"node_modules/{name}"]["version"] for name in named}


def test_the_recipe_has_exact_versions():
    package = json.loads((RECIPE / "package.json").read_text())
    versions = package["dependencies"] | package["devDependencies"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in versions.values())


def test_the_script_can_stand_inside_a_page_whose_policy_forbids_eval():
    assert not [word for word in ("</script", "<!--", "eval(", "new Function(") if word in SCRIPT]
