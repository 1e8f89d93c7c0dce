# Every verb makes .venv by itself from requirements.lock; all it needs is Python >= 3.11, make and a C compiler.

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
JOBS ?= 2
LOCK_FLAGS ?=

BIN := .venv/bin
READY := .venv/.ready
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --no-config --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: demo test test-all lint types bench dev lock clean help

demo: $(READY) ## Run the whole platform on sample data into demo_out/
	$(BIN)/dq demo demo_out

dev: $(READY) ## Start the Dagster UI and daemon on the demo, which is run first if it is not there
	@test -f demo_out/dq.yaml || $(BIN)/dq demo demo_out
	$(BIN)/dq ui demo_out

test: $(READY) ## Run the tests, without the slow ones
	$(BIN)/pytest -n $(JOBS) --dist loadfile -m "not slow"

test-all: $(READY) ## Run every test; one needs Debian's chromium
	$(BIN)/pytest -n $(JOBS) --dist loadfile

lint: $(READY) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## Check types, strictly
	$(BIN)/mypy

bench: $(READY) ## Run every script in bench/
	@set -- bench/*.py; test -e "$$1" || { echo "bench/ holds no script: nothing was measured"; exit 0; }; \
	for script; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

# One lock per audience. dagster-databricks asks for an older databricks-sdk than the newest, so it cannot share a lock with the rest.
lock: $(BIN)/uv ## Write both locks again; LOCK_FLAGS=--upgrade takes the newest releases
	$(COMPILE) --extra demo --extra postgres --extra spark --extra dev $(LOCK_FLAGS) --output-file requirements.lock
	$(COMPILE) --extra databricks --extra spark --extra dev $(LOCK_FLAGS) --output-file requirements-databricks.lock

clean: ## Remove .venv and everything that was built or run
	rm -rf .venv build dist demo_out .dg .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r verb text; do printf '%-10s %s\n' "$$verb" "$$text"; done

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python >= 3.11 is needed, found: '$(PYTHON)'. Install one, or name it: make PYTHON=python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv .venv || { rm -rf .venv; exit 1; }

# uv comes from the lock, hash and all; from then on it installs everything else.
$(BIN)/uv: | $(BIN)/python
	sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r .venv/uv.txt

$(READY): requirements.lock pyproject.toml | $(BIN)/uv
	$(BIN)/uv pip sync --python $(BIN)/python --quiet --require-hashes --build-constraints requirements.lock requirements.lock
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@
