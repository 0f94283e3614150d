# Set-up is one folder, .venv; everything else that runs lives under .opsctl/. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# The newest that runs, whatever it is called: pyenv puts a name on the PATH for every version that it knows, chosen or
# not.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(or $(shell for each in python3.13 python3.12 python3.11 python3 python; do \
	$$each -c "$(FITS)" 2>/dev/null && { echo $$each; break; }; done),python3.11)
BIN := .venv/bin
ENV ?= local
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start hundreds of processes; where nothing compiled is kept, each of them compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo image image-test wheel test test-other check site format templates golden bench soak clean setup stop

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Locked with hashes: the same packages on a laptop and in CI.
.venv/.done: scripts/requirements/main.txt scripts/install.py pyproject.toml opsctl/__init__.py
	@$(PYTHON) -c "$(FITS)" 2>/dev/null || { echo "opsctl needs Python 3.11 to 3.13 (set PYTHON=path)" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python scripts/install.py scripts/requirements/main.txt --compile-bytecode
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# The local target gives every task a loopback address of its own, which macOS does not.
.PHONY: linux
linux:
	@test "$$(uname)" = Linux || { echo "This needs Linux (a virtual machine or container will do). Not so, though \
	untried on $$(uname): make setup, check, format, templates, image-test, and opsctl on AWS (docs/local.md)." >&2; exit 2; }

setup: .venv/.done service-assets ## Install everything into .venv

.PHONY: service-assets
service-assets: .venv/.done
	@$(BIN)/python -m scripts.service_assets

demo: linux setup ## Deploy the whole system to this machine, load the sample data, print the URL
	@$(BIN)/opsctl deploy --env local --yes
	@$(BIN)/opsctl dataset refresh --env local
	@$(BIN)/opsctl status --env local
	@echo "Open the URL above for the dashboard; \`make stop\` ends everything."

stop: ## Stop what demo started
	@test ! -x $(BIN)/opsctl || $(BIN)/opsctl local stop

image: setup ## Build the service's image (no container engine needed)
	$(BIN)/opsctl image build --env $(ENV)

image-test: setup ## Build it and run its tests inside (docker or podman)
	$(BIN)/opsctl image build --test --env $(ENV)

wheel: setup ## Build opsctl's package into dist/, which other projects install
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# Three at once on two cores: many tests wait for servers that they started. In order of folders, since end-to-end files are
# few tests each but long: begun last, one of them would be waited for alone.
test: linux setup ## Run all tests
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not soak" tests

# Another Python of those that opsctl supports, where one is: named, on the PATH, or kept by pyenv.
OTHER ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python /usr/bin/python3.13 /usr/local/bin/python3.13))

# Not the one that tests the tests: they are the same.
test-other: linux ## Run the unit tests under another Python
	@if [ -z "$(OTHER)" ]; then echo "There is no other Python here (set OTHER=path)."; else \
	  $(OTHER) -m venv .venv-other && \
	  .venv-other/bin/python scripts/install.py scripts/requirements/main.txt && \
	  .venv-other/bin/pip install --quiet --no-deps --no-build-isolation -e . && \
	  .venv-other/bin/pytest -q -n 2 --dist loadfile -p no:cacheprovider -m "not soak" tests/unit \
	  --ignore tests/unit/deploy/test_mutants.py; fi

check: setup ## Lint, types, import rules, templates, schema
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	DEPLOY_ENV=local $(BIN)/mypy --config-file service/mypy.ini service tests/service
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.house
	$(BIN)/opsctl synth --check
	$(BIN)/opsctl env schema --check
	$(BIN)/python -m scripts.create_only --check
	$(BIN)/python -m scripts.reference --check
	$(BIN)/python -m scripts.settings_page --check
	$(BIN)/cfn-lint 'templates/**/*.yaml'
	$(BIN)/python -m scripts.run_checkov
	$(BIN)/python -m scripts.tools hadolint hadolint --failure-threshold style service/Dockerfile
	$(BIN)/python -m scripts.tools workflows actionlint
	$(BIN)/python -m scripts.tools workflows zizmor --quiet --offline --persona auditor .github/workflows
	$(MAKE) --no-print-directory site

# Read anew each time: Sphinx says nothing again of a page that it has read before.
site: setup ## Build docs/ as a site in dist/site, and check its links
	@$(BIN)/python -m scripts.tools docs sphinx-build -q -E -a -W --keep-going -b html -c scripts/site -d .cache/site docs dist/site

format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

templates: setup ## Write templates/, the JSON Schema, the reference and the table of create-only properties
	$(BIN)/opsctl synth
	$(BIN)/opsctl env schema --write
	$(BIN)/python -m scripts.create_only
	$(BIN)/python -m scripts.reference
	$(BIN)/python -m scripts.settings_page
	$(BIN)/python -m tests.golden.controls
	$(BIN)/python -m tests.golden.screens

golden: templates ## The same: everything that is rendered and committed

bench: linux setup ## Measure, as ratios against peers in the same run
	$(BIN)/python -m scripts.bench

soak: linux setup ## The long proofs, whole
	OPSCTL_SOAK=1 $(BIN)/pytest -m soak tests

clean: ## Stop everything local and remove what can be made again
	@test ! -x $(BIN)/opsctl || $(BIN)/opsctl local reset --yes
	rm -rf .venv .venv-* .opsctl .cache dist *.egg-info node_modules .coverage* .hypothesis \
	  .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	  service/salaries/static/salaries/vendor opsctl/layer/rds.pem
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
