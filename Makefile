# Each target sets itself up in .venv from nothing.
#   make run      the main job: train nine networks on drawn faces, compare their ensembles (5 minutes)
#   make test     every test
#   make faults   every fault of docs/faults.md, in at most five minutes
#   make lint     style, types, import contracts
#   make fer2013  every network of the papers on the real FER2013 (one GPU): DATA=path/to/fer2013

PYTHON ?= python3
BIN := .venv/bin
DATA ?= ../shared/fer2013

.PHONY: run test faults lint fer2013 clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[browser,dev]'
	touch $@

run: .venv/installed
	$(BIN)/python -m benchmark run-all

test: .venv/installed
	$(BIN)/python -m pytest -n 2

faults: .venv/installed
	timeout 300 $(BIN)/python -m pytest -n 2 -m faults tests/benchmark

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fer2013: .venv/installed
	$(BIN)/python -m benchmark run-all --dataset fer2013 --data $(DATA) --members all --profile paper

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
