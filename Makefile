# Two commands matter: `make eval` runs the main job, `make test` holds the project to its word.
# Both set up everything that they need: Python 3.11, pip and make are enough.

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev
EVERYTHING := '.[dev,peers]'

# A module is compiled when it is first imported and kept: less than all at the start, and far less than each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: eval test test-slow lint types check docs manual zoo clean help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

eval: $(STAMP) ## set up and run `bench eval`: the embedded suite, no network, no GPU
	$(BIN)/bench eval

test: $(DEV) lint types ## set up and run lint, types and tests
	$(BIN)/python -m pytest -n auto --dist loadgroup

test-slow: $(DEV) ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy --num-workers 2

check: $(STAMP) ## hold every estimator against its known truth
	$(BIN)/bench check

docs: $(DEV) ## make the tables of docs/ again: coverage, speed of the metrics, parity (best on an idle machine)
	$(BIN)/python -m benchmarks.coverage
	$(BIN)/python -m benchmarks.metrics
	$(BIN)/python -m benchmarks.rows
	$(BIN)/python -m benchmarks.parity

manual: $(DEV) ## build the manual into build/manual
	$(BIN)/python -m mkdocs build --strict

zoo: $(STAMP) ## train the embedded language models again
	$(BIN)/python -m bench.zoo.train
	$(BIN)/python -m bench.zoo.masked
	$(BIN)/python -m bench.zoo.rewards
	$(BIN)/python -m bench.zoo.prior_fitted

# Torch first, alone and pinned: a bare `torch` from another package would bring gigabytes of GPU libraries.
# The rest by uv, ten times as fast as pip; by pip where uv doesn't find all (an index that only pip's settings name).
install = $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --constraint constraints.txt --editable $(1) \
	|| $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable $(1)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	$(BIN)/python -c 'import sys; sys.exit("bench needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt torch uv
	$(call install,.)
	touch $(STAMP)

$(DEV): $(STAMP)
	$(call install,$(EVERYTHING))
	touch $(DEV)

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
