# Two commands do all the set-up on a fresh machine: `make demo` and `make test`. Both make .venv themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Threads that spin while they wait are many times slower where a core is shared: by machines of CI, say.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-vllm check format clean

demo: $(READY)  ## score the embedded sample set with the embedded tiny model and print the table
	$(BIN)/lm_eval --tasks swe_hesnr --model hf-topk

test: $(READY)  ## run all tests, offline
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

test-vllm: .venv-vllm/.ready  ## the tests that need vLLM, in an environment of their own
	HF_HUB_OFFLINE=1 VLLM_CPU_KVCACHE_SPACE=1 .venv-vllm/bin/python -m pytest tests/models/test_vllm.py

check: $(READY)  ## lint, format, types: what CI runs before the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .venv-vllm

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

.venv-vllm/.ready: scripts/make_vllm_env.sh pyproject.toml
	PYTHON=$(PYTHON) scripts/make_vllm_env.sh .venv-vllm
	touch .venv-vllm/.ready
