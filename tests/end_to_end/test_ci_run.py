"""`.ci/run` with a `make` that only writes down its targets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

RUN = Path(__file__).parents[2] / ".ci" / "run"
REPORT = [".venv-report/.ready", "test-report"]


def run(folder, then, **environment):
    """Run `.ci/run` with a `make` that writes its target to a file and then runs a line of shell."""
    make = folder / "make"
    make.write_text(f'#!/bin/sh\necho "$1" >> {folder}/targets\n{then}\n')
    make.chmod(0o755)
    programs = {"PYTHON": sys.executable, "NEWER_PYTHON": "/none", "CHROMEDRIVER": str(make)}
    env = os.environ | programs | {"PATH": f"{folder}:{os.environ['PATH']}"} | environment
    return subprocess.run([RUN], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("status", "targets", "ends_with"),
    [
        (0, ["check", ".venv-vllm/.ready", "test-vllm", *REPORT, "test-all"], 0),
        (124, ["check", ".venv-vllm/.ready", *REPORT, "test-all"], 0),  # the exit status of `timeout`
        (2, ["check", ".venv-vllm/.ready"], 2),
    ],
)
def test_only_an_environment_that_takes_too_long_is_left_out(tmp_path, status, targets, ends_with):
    done = run(tmp_path, f'[ "$1" != .venv-vllm/.ready ] || exit {status}')
    assert (done.returncode, (tmp_path / "targets").read_text().split()) == (ends_with, targets)
    assert ("in ten minutes" in done.stdout) is (status == 124)


def test_without_a_release_of_vllm_its_tests_are_left_out(tmp_path):
    old = tmp_path / "old"
    old.write_text(f"""#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10); $2"\n""")
    old.chmod(0o755)
    done = run(tmp_path, "", PYTHON=str(old))
    assert (done.returncode, (tmp_path / "targets").read_text().split()) == (0, ["check", *REPORT, "test-all"])
    assert "no release for Python 3.10" in done.stdout


def test_the_exports_are_tested_where_there_is_a_new_python(tmp_path):
    new = tmp_path / "new"
    new.write_text("#!/bin/sh\nexit 0\n")
    new.chmod(0o755)
    done = run(tmp_path, "", NEWER_PYTHON=str(new))
    assert done.returncode == 0
    assert (tmp_path / "targets").read_text().split()[-5:] == [
        ".venv-exports/.ready", "test-exports", *REPORT, "test-all",
    ]  # fmt: skip
    done = run(tmp_path, "")
    assert "there is no Python 3.12 or newer: the exports are not tested" in done.stdout


def test_the_report_is_not_tested_in_a_browser_without_its_driver(tmp_path):
    done = run(tmp_path, "", CHROMEDRIVER="/none")
    assert done.returncode == 0
    assert (tmp_path / "targets").read_text().split() == ["check", ".venv-vllm/.ready", "test-vllm", "test-all"]
    assert "there is no chromedriver: the report is not tested in a browser" in done.stdout
