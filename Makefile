# Everything sets itself up in a private .venv; Python 3.11+, pip and make are all that is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types clean

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[simulate,catalog,dev]"
	touch $@

demo: $(STAMP)  ## calibrate, analyze, validate the lesson that comes with the repository
	$(BIN)/gaze demo

test: $(STAMP)  ## lint, types, all tests
	$(BIN)/ruff check .
	$(BIN)/mypy calibration headpose sessions gaze
	$(BIN)/python -m pytest -n 2 tests

lint: $(STAMP)
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache
