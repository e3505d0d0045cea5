# Everything sets itself up in a private .venv; Python 3.11+, pip and make are all that is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-fast docs lint types audit wheel clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[simulate,catalog,dev]"
	touch $@

demo: $(STAMP)  ## calibrate, analyze, validate the lesson that comes with the repository
	$(BIN)/gaze demo

test: $(STAMP)  ## lint, types, all tests
	$(BIN)/ruff check .
	$(BIN)/mypy calibration headpose sessions gaze tools
	$(BIN)/python -m pytest -n 2 tests

test-fast: $(STAMP)  ## the same without what renders, trains or analyses pictures
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n 2 -m "not slow" tests

docs: $(STAMP)  ## the documentation as a site, build/site/index.html; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	! grep -rlE '(src|href)="https?:[^"]*\.(js|css)' build/site --include='*.html'  # nothing is fetched

types: $(STAMP)
	$(BIN)/mypy calibration headpose sessions gaze tools

audit: $(STAMP)  ## known vulnerabilities in the pinned packages (asks PyPI; names those nobody answers for)
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/python -m tools.audit

wheel: $(STAMP)  ## build it and use it in an environment of its own (downloads all dependencies)
	$(BIN)/python tests/wheel.py

lint: $(STAMP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache
