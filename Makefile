# Everything that this project can do. Nothing is needed beforehand but Python >= 3.11, make and git.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python -m
# The generations of the kernel that behave differently; the tests run on each of them.
KERNELS := 6.31.0 7.3.0 7.4.0

.PHONY: help demo test test-matrix bench check fix clean
.DEFAULT_GOAL := help

help: ## What there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo ## JupyterLab on the first notebook, with the sandbox running
	@# A profile of its own: settings of the real Gyazo in the user's would be sent to the pretend one.
	IPYTHONDIR=$(abspath $(VENV))/ipython $(RUN) gyazo_nb.sandbox -- $(abspath $(VENV))/bin/jupyter lab --notebook-dir=notebooks --LabApp.default_url=/lab/tree/01_login.ipynb $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

test: $(VENV)/dev ## Every test (ARGS="-k paste" for some)
	$(RUN) pytest $(ARGS)

# The Pythons of the matrix: those on the PATH, and those that pyenv keeps.
MATRIX ?= 3.11 3.12 3.13

test-matrix: ## All tests but the browser's, on each Python of the matrix that is here
	@for version in $(MATRIX); do \
	    python=$$(ls -d "$$HOME"/.pyenv/versions/$$version.*/bin/python 2>/dev/null | tail -n 1); \
	    [ -n "$$python" ] || python=$$(command -v python$$version) || { echo "Python $$version is not here"; continue; }; \
	    echo "== Python $$version"; \
	    $(MAKE) --no-print-directory test PYTHON="$$python" VENV=.venv-$$version ARGS="--ignore tests/browser --ignore tests/test_packaging.py $(ARGS)" || exit 1; \
	done

bench: $(VENV)/dev ## The numbers that are promised, each beside its peer (ARGS="batches loading" for some)
	$(VENV)/bin/python tests/bench/run.py $(ARGS)

check: $(VENV)/dev ## What CI runs: format, lint, types, layers, tests
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(RUN) pytest $(ARGS)

fix: $(VENV)/dev ## Format, and mend what can be mended by itself
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

clean: ## Forget the environment and what was built
	rm -rf $(VENV) dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --upgrade pip

$(VENV)/demo: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --editable '.[sandbox]' --group demo
	@touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --editable '.[sandbox]' --group dev
	@# Beside the environment, not in it: a kernel finds its own generation through PYTHONPATH.
	$(foreach version,$(KERNELS),$(RUN) pip install --quiet --upgrade --no-deps --target $(VENV)/kernels/$(version) ipykernel==$(version) nest-asyncio &&) true
	@touch $@ $(VENV)/demo
