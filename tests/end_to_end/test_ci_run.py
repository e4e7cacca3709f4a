"""`.ci/run` with a `make` that only writes down what it is asked for."""

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

RUN = Path(__file__).parents[2] / ".ci" / "run"


@pytest.mark.parametrize(
    ("status", "asked", "ends_with"),
    [
        (0, ["check", ".venv-vllm/.ready", "test-vllm", "test-all"], 0),
        (124, ["check", ".venv-vllm/.ready", "test-all"], 0),  # what `timeout` gives
        (2, ["check", ".venv-vllm/.ready"], 2),
    ],
)
def test_only_an_environment_that_takes_too_long_is_left_out(tmp_path, status, asked, ends_with):
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/asked\n[ "$1" != .venv-vllm/.ready ] || exit {status}\n')
    make.chmod(0o755)
    done = subprocess.run(
        [RUN],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, (tmp_path / "asked").read_text().split()) == (ends_with, asked)
    assert ("in ten minutes" in done.stdout) is (status == 124)
