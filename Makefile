# `make` alone lists the targets. On Windows, see README.md: every target is one line of Python.
PYTHON ?= python3
# What is installed beside the course itself: test, ui, book.
EXTRAS =
IN_VENV := .venv/bin/python
# Two workers; a module's tests stay together, for they share an account. A commit has its own order: SEED=n gives another.
PYTEST := $(IN_VENV) -m $(if $(COVER),coverage run -m) pytest -n 2 --dist loadfile --no-loadscope-reorder
REPORT := $(if $(COVER),&& $(IN_VENV) -m coverage combine --quiet && $(IN_VENV) -m coverage report)
export CASES SEED
# Code is compiled once and kept, whatever the environment says: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help setup course solved book lab test test-all bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make or refresh .venv (the other targets do it themselves)
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON) here: install Python 3.11 or newer, or say make PYTHON=..." >&2; exit 3; }
	@$(PYTHON) setup_workbook.py --extras "$(EXTRAS)"

course: setup  ## run every notebook headless, offline, and report in build/course/
	@$(IN_VENV) -m helpers run --keep-going --out build/course

solved: setup  ## the same with every exercise solved, in build/solved/: each check must then be done
	@$(IN_VENV) -m helpers run --solved --keep-going --out build/solved

book: EXTRAS = book
book: setup  ## build the course as a site in build/book/; runs the course first where that is needed
	@$(IN_VENV) -m helpers book

lab: setup  ## open JupyterLab on your own copies of the notebooks, in my/
	@$(IN_VENV) -m helpers lab

test: EXTRAS = test
test: setup  ## the tests, in minutes; SEED=n gives another order, COVER=1 shows which branches ran
	@$(PYTEST) -m "not long" $(REPORT)

test-all: EXTRAS = test,ui,book
test-all: setup  ## all tests; also fails where one was skipped that could have run; CASES=all: every case
	@$(PYTEST) --must-run $(REPORT)

bench: EXTRAS = test
bench: setup  ## the performance figures, as ratios within one run (minutes; on a quiet machine)
	@$(IN_VENV) -m benchmarks

clean:  ## remove what was built; keeps .venv, your notebooks in my/ and your sandbox in .sandbox/
	@for home in build/course/sandbox build/solved/sandbox; do \
		if [ -d $$home ] && [ -x $(IN_VENV) ]; then \
			$(IN_VENV) -m helpers sandbox stop --home $$home >/dev/null 2>&1 || true; fi; done
	@rm -rf build .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -path ./.venv -prune -o -path ./my -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
