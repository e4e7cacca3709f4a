# `make demo` and `make test` do all the set-up on a fresh machine: each makes .venv where it is missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Waiting threads sleep. Threads that spin are many times slower where processes share cores, for example in CI.
export OMP_WAIT_POLICY ?= PASSIVE

# The tests use two processes of one thread each (`make test WORKERS=4` uses four). All tests of a file run in the same
# process, so what they share is made once.
WORKERS ?= 2
PYTEST := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

.PHONY: help demo test test-all test-vllm test-exports test-report gpu-tiny real check format dist clean

help:  ## list these targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' Makefile | expand -t 12

demo: $(READY)  ## score the embedded sample set with the embedded tiny model and print the table
	$(BIN)/lm_eval --tasks swe_hesnr --model hf-topk

test: $(READY)  ## run the tests that stay in one process, in a few minutes, offline
	$(PYTEST) -m "not end_to_end"

test-all: $(READY)  ## run all tests, also those that start processes, servers and environments, offline
	$(PYTEST)

test-vllm: .venv-vllm/.ready  ## run the tests that need vLLM, in an environment of their own
	HF_HUB_OFFLINE=1 VLLM_CPU_KVCACHE_SPACE=1 .venv-vllm/bin/python -m pytest tests/models/test_vllm.py

real: $(READY)  ## score real runs with SmolLM2-135M, about an hour: make real TRAJECTORIES="FILES OR FOLDERS"
	scripts/real.sh $(TRAJECTORIES)

test-exports: .venv-exports/.ready  ## run the tests of the exports with the programs that read them, in their environment
	PYTHONPATH=. MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=1 .venv-exports/bin/python -m pytest tests/results/export

test-report: .venv-report/.ready  ## run the tests of the report in Chromium, in their environment; skipped without Chromium
	PYTHONPATH=. .venv-report/bin/python -m pytest tests/results/report/in_browser

gpu-tiny: .venv-gpu/.ready  ## run benchmarks/gpu.py with tiny shapes on the CPU, in an environment like that of a GPU machine
	.venv-gpu/bin/python benchmarks/gpu.py --tiny --patience 5

check: $(READY)  ## check lint, format and types, as CI does before the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## fix lint and format where ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist:  ## build the wheel and the sdist, and check both: make dist PYTHONS="python3.10 python3.12 python3.13"
	scripts/dist.sh $(or $(PYTHONS),$(PYTHON))

clean:  ## remove all environments
	rm -rf $(VENV) .venv-vllm .venv-exports .venv-report .venv-gpu .venv-dist .packages-real .wheels-gpu

$(READY): pyproject.toml constraints.txt
	@echo "making $(VENV): PyTorch and about 100 other packages, some minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

.venv-vllm/.ready: scripts/make_vllm_env.sh pyproject.toml
	PYTHON=$(PYTHON) scripts/make_vllm_env.sh .venv-vllm
	touch .venv-vllm/.ready

.venv-exports/.ready: scripts/make_exports_env.sh pyproject.toml
	scripts/make_exports_env.sh .venv-exports
	touch .venv-exports/.ready

.venv-report/.ready: scripts/make_report_env.sh pyproject.toml
	PYTHON=$(PYTHON) scripts/make_report_env.sh .venv-report
	touch .venv-report/.ready

.venv-gpu/.ready: scripts/make_gpu_env.sh benchmarks/gpu_machine.txt benchmarks/pack_wheels.py $(READY)
	scripts/make_gpu_env.sh .venv-gpu $(BIN)/python
	touch .venv-gpu/.ready
