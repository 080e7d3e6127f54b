# Every task of this project. You need Python 3.11 or later, make and git.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python -m
# Without compiled files, each process of the tests would compile all modules again.
export PYTHONDONTWRITEBYTECODE :=
# The ipykernel versions that behave differently. The tests run on each of them.
KERNELS := 6.31.0 7.3.0 7.4.0
# The JupyterHub version that the tests run beside the newest one, and its proxy, which is for node.
HUBS := 5.5.4
INSTALL_PROXY = $(VENV)/bin/npm install --silent --no-audit --no-fund --prefix $(VENV)/hubs/proxy configurable-http-proxy@5

# Most tests wait for a server, a kernel or a page: more processes than cores. A file is run by one process.
# A test that hangs ends its process. Without `--max-worker-restart 0`, pytest-xdist would then wait forever.
WORKERS ?= 4
PYTEST := pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --cache-clear
# On a loaded machine, about one test of 10,000 fails because of its timing. The failed tests run again in a new
# process, which has no threads of other tests. (`--reruns` uses the same process, and takes 40 ms for each test.)
AGAIN := || { [ $$? = 1 ] && echo "== Running the failed tests again" && $(RUN) pytest --no-cov --last-failed --last-failed-no-failures none; }
# The tests that need no browser, no kernel and no installation.
UNIT := --ignore tests/integration --ignore tests/test_packaging.py

.PHONY: help demo hub-demo test unit coverage test-matrix docs screenshots bench check release fix clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/demo ## Open the first demo notebook in JupyterLab, with the sandbox
	@# Copies: JupyterLab saves outputs into the notebooks, and git would show them as changed.
	@mkdir -p demo && for file in notebooks/*.ipynb; do [ -e "demo/$${file##*/}" ] || cp "$$file" demo; done
	@# An IPython profile for the demo: settings in your own profile would win over those of the sandbox.
	IPYTHONDIR=$(abspath $(VENV))/ipython $(RUN) gyazo_nb.sandbox -- $(abspath $(VENV))/bin/jupyter lab --notebook-dir=demo --LabApp.default_url=/lab/tree/01_login.ipynb $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

hub-demo: $(VENV)/hub ## Start a JupyterHub with two users, the sandbox and the sign-in service
	PYTHONPATH=tests $(RUN) support.hub_demo

test: $(VENV)/dev ## Run all tests (ARGS="-k paste" for some)
	$(RUN) $(PYTEST) $(ARGS) $(AGAIN)

unit: $(VENV)/dev ## Run the fast tests that need no browser and no kernel
	$(RUN) $(PYTEST) $(UNIT) -m "not slow" $(ARGS) $(AGAIN)

coverage: $(VENV)/dev ## Run the unit tests, and list the lines and branches that they miss
	$(RUN) $(PYTEST) $(UNIT) --cov --cov-report=term-missing:skip-covered $(ARGS)

# The Python versions of test-matrix, from the PATH or pyenv.
MATRIX ?= 3.11 3.12 3.13

test-matrix: ## Run all tests except those of browsers and hubs on each installed Python version
	@for version in $(MATRIX); do \
	    python=$$(ls -d "$$HOME"/.pyenv/versions/$$version.*/bin/python 2>/dev/null | tail -n 1); \
	    [ -n "$$python" ] || python=$$(command -v python$$version) || { echo "Python $$version is not installed"; continue; }; \
	    echo "== Python $$version"; \
	    $(MAKE) --no-print-directory test PYTHON="$$python" VENV=.venv-$$version ARGS="-m 'not browser and not hub' --ignore tests/test_packaging.py $(ARGS)" || exit 1; \
	done

docs: $(VENV)/dev ## Build the documentation in docs/_build; a warning is an error
	$(RUN) sphinx -W --keep-going -q -b html docs docs/_build
	@echo "file://$(abspath docs/_build/index.html)"

screenshots: $(VENV)/dev ## Take the pictures of the documentation again (needs Chromium)
	$(VENV)/bin/python docs/screenshots.py

bench: $(VENV)/dev ## Run the benchmarks, with a comparison for each (ARGS="batches loading" for some)
	$(VENV)/bin/python tests/bench/run.py $(ARGS)

check: $(VENV)/dev ## Run what CI runs: format, lint, types, import rules, documentation, tests
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(MAKE) --no-print-directory docs
	$(RUN) $(PYTEST) --cov --cov-report=term:skip-covered $(ARGS) $(AGAIN)

release: $(VENV)/dev ## Build the package, check it, and list its files
	rm -rf dist
	$(RUN) build --outdir dist
	$(RUN) twine check --strict dist/*
	@for file in dist/*.whl; do echo "== $$file"; $(RUN) zipfile --list "$$file"; done
	@for file in dist/*.tar.gz; do echo "== $$file"; tar -tzf "$$file"; done

fix: $(VENV)/dev ## Format, and apply automatic fixes
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

clean: ## Delete the environment and all build results
	rm -rf $(VENV) demo dist .coverage docs/_build

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --upgrade pip

$(VENV)/demo: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --editable '.[sandbox]' --group demo
	@touch $@

$(VENV)/hub: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --editable '.[sandbox,hub]' --group hub
	$(INSTALL_PROXY)
	@touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/bin/python
	$(RUN) pip install --quiet --editable '.[sandbox]' --group dev
	@# Outside the environment: a kernel finds its own ipykernel version through PYTHONPATH.
	$(foreach version,$(KERNELS),$(RUN) pip install --quiet --upgrade --no-deps --target $(VENV)/kernels/$(version) ipykernel==$(version) nest-asyncio &&) true
	$(foreach version,$(HUBS),$(RUN) pip install --quiet --upgrade --no-deps --target $(VENV)/hubs/$(version) jupyterhub==$(version) &&) true
	$(INSTALL_PROXY)
	@touch $@ $(VENV)/demo $(VENV)/hub
