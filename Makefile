# One command per job; `make help` lists them.
PYTHON ?= python3
VENV := .venv
# More than the two cores this is measured on: end-to-end tests wait for processes more than they compute.
WORKERS ?= 4
BIN := $(VENV)/bin
# Policies are for the real engine alone, and their requirements do not go with the newest ones of this repository.
POLICY := $(if $(shell command -v pulumi),examples/policy/$(VENV)/installed)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-oldest faults live load fuzz audit lint package bench docs emulator clean

help: ## list the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/installed $(POLICY) ## create .venv with everything that the other commands need
	@ln -sfn ../../$(VENV) examples/quickstart/$(VENV) # where the real engine looks for the provider's interpreter

$(VENV)/installed: requirements-dev.txt
.venv-oldest/installed: requirements-oldest.txt
%/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
	$(PYTHON) -m venv $*
	$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(filter %.txt,$^)
	$*/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# These read or build the package's source, and need nothing of it installed.
.venv-docs/installed .venv-package/installed .venv-audit/installed: .venv-%/installed: requirements-%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

examples/policy/$(VENV)/installed: examples/policy/requirements.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

demo: setup ## run a stack from preview to destroy; needs no Baseten account and no Pulumi CLI; about a minute
	@$(BIN)/python -m examples.demo

test: setup ## run every test, with branch coverage; 4 minutes, 14 if the Pulumi CLI is on PATH
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest --numprocesses $(WORKERS) --dist worksteal
	@$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

test-oldest: .venv-oldest/installed ## test the provider, frozen names and end-to-end cases on the lowest supported versions
	.venv-oldest/bin/python -m pytest --numprocesses $(WORKERS) tests/unit/golden tests/unit/provider tests/engine \
		tests/e2e/test_putting_settings_in_force.py tests/package/test_installed.py

faults: setup ## check every promise against random programs and faults; about 3 minutes (FAULTS="--seed 2 --runs 1000")
	@PYTHONHASHSEED=0 $(BIN)/python -m tests.faults $(FAULTS)

live: setup ## run against a real account: asks first, creates a scratch environment and deletes it (MODEL_ID, BASETEN_API_KEY, PROMOTE=1)
	@$(BIN)/python -m tests.live $(if $(PROMOTE),--promote)

load: setup ## apply 1,000 environments while 5 % of requests fail, and run 5,000 cycles in one process; 7 minutes (LOAD="--seed 2")
	@$(BIN)/python -m tests.load $(LOAD)

fuzz: setup ## test 100,000 invalid inputs and thousands of malformed responses, with a fixed seed; about 5 minutes
	CASES=100000 $(BIN)/python -m pytest --numprocesses $(WORKERS) tests/unit/provider/test_bad_input.py \
		tests/unit/api/test_hostile_responses.py

audit: .venv-audit/installed ## check the versions pinned in requirements-dev.txt for known vulnerabilities
	@.venv-audit/bin/pip-audit --requirement requirements-dev.txt --no-deps --disable-pip --strict 2> .venv-audit/stderr; \
		status=$$?; grep "known vulnerabilit" .venv-audit/stderr || echo "PyPI's list of known vulnerabilities could not be read; \
	the reason is in .venv-audit/stderr, the versions are in requirements-dev.txt."; exit $$status

lint: setup ## check formatting, lint rules, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

package: setup .venv-package/installed ## build wheel and sdist into dist/, check them and try the wheel in empty environments
	rm -rf dist
	.venv-package/bin/python -m build --no-isolation --outdir dist
	.venv-package/bin/twine check --strict dist/*
	DIST=dist PATH="$(CURDIR)/.venv-package/bin:$$PATH" $(BIN)/python -m pytest tests/package
	@wc -c dist/*

bench: setup ## measure fleets at the rate limit and against a plain provider; about 20 minutes (shorter: BENCH="--sizes 1,50")
	@$(BIN)/python -m bench $(BENCH)

docs: .venv-docs/installed ## build the documentation site into build/site; fails on a broken link
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict
	@echo "The site is in build/site: open build/site/index.html"
	@echo "Its search needs a server: $(PYTHON) -m http.server --directory build/site"

emulator: setup ## serve Baseten's API on this machine, for `pulumi up` in this clone
	@$(BIN)/baseten-pulumi emulate --port 8095 --apply-seconds 3

clean: ## remove everything that the other commands created
	rm -rf $(VENV) .venv-oldest .venv-audit .venv-docs .venv-package build dist examples/*/$(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
