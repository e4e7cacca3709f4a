#!/usr/bin/env bash
# Makes an environment for the tests of the report in a browser: scripts/make_report_env.sh [FOLDER, default .venv-report]
#
# It has selenium, axe-core, pypdf, Pillow, and hypothesis for tests/conftest.py, but neither torch nor the harness.
# axe-core (MPL-2.0) comes as the file axe.min.js in the wheel of axe-playwright-python; Playwright itself is not installed.
# The browser is not part of the environment: Chromium and its driver are packages of the distribution (Debian: apt-get
# install chromium chromium-driver).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-.venv-report}
"${PYTHON:-python3}" -m venv "$folder"
pip=("$folder/bin/python" -m pip --disable-pip-version-check install --quiet)
"${pip[@]}" "selenium>=4.30,<5" numpy scipy pyyaml pyarrow jinja2 pypdf pillow pytest hypothesis
"${pip[@]}" --no-deps "axe-playwright-python==0.1.8"
