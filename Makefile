# Every target makes the virtual environment it needs, once: a stamp newer than pyproject.toml means
# that it is there. `make boot` installs the run-time packages alone; the others also the test extra.
VENV  := .venv
BIN   := $(VENV)/bin
RUN   := $(VENV)/.installed
TEST  := $(VENV)/.installed-test
PIP   := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# The first Python on the PATH that pyproject.toml allows
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$p; break; }; done)
SMP    ?= 4
PYTEST ?= $(BIN)/python -m pytest -n auto

.PHONY: boot test linux bench lint soak install install-test clean

boot: $(RUN)
	$(BIN)/emu demo -smp $(SMP)

test: $(TEST)
	$(PYTEST) -m 'not soak' tests

soak: $(TEST)
	$(BIN)/python -m tests.soak.run $(SOAK)

linux: $(RUN)
	$(BIN)/emu fetch
	$(BIN)/python -m emu.guests.linux -smp $(SMP)

# Without a network the fetch fails; the bench then says what is missing
bench: $(TEST)
	-$(BIN)/emu fetch
	$(BIN)/python -m tests.bench $(BENCH)

lint: $(TEST)
	$(BIN)/ruff check .
	$(BIN)/mypy

install: $(RUN)
install-test: $(TEST)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11, 3.12 or 3.13 (with venv) on the PATH" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN): pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(TEST): pyproject.toml | $(BIN)/python
	$(PIP) -e '.[test]'
	@touch $@ $(RUN)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
