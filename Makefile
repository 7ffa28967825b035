# `make run` on a machine with nothing but Python 3.11+ and make: the environment is made on the way.

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench lock clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; \
	done)
ARGS ?=
# Most tests wait for servers, so that two cores are busy with four at a time.
ALL_TESTS := --numprocesses=4 --dist=worksteal

help:
	@echo "make run     everything on this machine; make run ARGS='--port 9000 --config my.toml'"
	@echo "make test    all tests, four at a time; make test ARGS='tests/unit -k patch'"
	@echo "make lint    ruff, mypy, hadolint, compose.yaml, and whether a dependency has a known vulnerability"
	@echo "make format  let ruff mend what it can"
	@echo "make bench   the gateway beside its peers, written to docs/performance.md (15 minutes)"
	@echo "make lock    choose the newest allowed versions of all dependencies"
	@echo "make clean   remove the environment, caches and the data folder of \`make run\`"

run: $(VENV)/.installed
	@$(BIN)/stopcast up $(ARGS)

test: $(VENV)/.installed
	@$(BIN)/pytest $(or $(ARGS),$(ALL_TESTS))

lint: $(VENV)/.installed
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	@$(BIN)/python tests/audit.py

format: $(VENV)/.installed
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format --quiet

# Each of the others in bench/ says at its top what it measures, and how long it takes.
bench: $(VENV)/.installed
	@$(BIN)/python -m bench.fanout --write

# On the oldest Python that we support: newer ones need a part of what it needs.
COMPILE := pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
lock: export CUSTOM_COMPILE_COMMAND = make lock
lock: $(VENV)/.installed
	$(BIN)/$(COMPILE) --all-extras --output-file=requirements-dev.lock pyproject.toml
	$(BIN)/$(COMPILE) --extra=sentry --extra=otel --constraint=requirements-dev.lock --output-file=requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .stopcast .mypy_cache .pytest_cache .ruff_cache .hypothesis dist

# The hashes pin every file that is installed; the project itself has none, hence the second step.
$(VENV)/.locked: requirements-dev.lock
	@test -n "$(PYTHON)" || { echo "Stopcast needs Python 3.11 or newer; none was found. \
	Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing the locked dependencies into $(VENV) ($$($(PYTHON) --version)) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
