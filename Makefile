# Everything that sets the project up. `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := engine/examples/bach_prelude_in_c.mid
SCORES := $(wildcard engine/examples/*.musicxml)
DEMO := demo-output

.DEFAULT_GOAL := help
.PHONY: help demo test bench clean

help:
	@echo "make demo   perform the bundled music: writes .mid, .wav and .png to $(DEMO)/"
	@echo "make test   install what the tests need, then linter, type checker, layers and tests"
	@echo "make bench  measure speed, for a quarter of an hour; leave the machine alone meanwhile"
	@echo "make clean  remove the environment and what was built"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
		{ rm -rf $(VENV); echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

# The stamps are newer than what they were made from, so that an environment that is up to date costs nothing.
$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.development: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	@touch $@ $(VENV)/.runtime

demo: $(VENV)/.runtime
	@mkdir -p $(DEMO)
	$(BIN)/perf-render $(EXAMPLE) -o $(DEMO)/performed.mid
	$(BIN)/perf-render $(EXAMPLE) -o $(DEMO)/performed.png
	$(BIN)/perf-live --in $(EXAMPLE) --out $(DEMO)/live.mid
	$(BIN)/perf-render $(EXAMPLE) -o $(DEMO)/as_a_score.mid --performer dexter
	$(BIN)/perf-render $(EXAMPLE) -o $(DEMO)/as_a_score.png --performer dexter
	$(BIN)/perf-render $(SCORES) -o $(DEMO) --to mid --to png
	$(BIN)/perf-render --primer $(EXAMPLE) -o $(DEMO)/improvised.mid --performer performance-rnn --seconds 30
	$(BIN)/perf-render $(EXAMPLE) -o $(DEMO)/performed_neural.wav --sound neural
	@if .ci/system-packages sound; then \
		set -x; $(BIN)/perf-render $(EXAMPLE) -o $(DEMO)/performed.wav; \
		$(BIN)/perf-render $(EXAMPLE) -o $(DEMO)/as_a_score.wav --performer dexter; \
		$(BIN)/perf-render $(SCORES) -o $(DEMO) --to wav; \
		$(BIN)/perf-render --primer $(EXAMPLE) -o $(DEMO)/improvised.wav --performer performance-rnn --seconds 30; \
		$(BIN)/perf-render $(EXAMPLE) -o $(DEMO)/as_written.wav --performer passthrough; fi
	@cmp $(DEMO)/performed.mid $(DEMO)/live.mid && echo "live.mid equals performed.mid, byte for byte"
	@echo "Listen to and look at:" && ls -1 $(DEMO)/*

test: $(VENV)/.development
	@.ci/system-packages sound jack trace browser || test "$$CI" != true
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	@set -x; OMP_NUM_THREADS=1 $(BIN)/pytest -q -m "not (sound or jack or trace or browser)" -n auto --maxprocesses 4 --dist loadfile; side_by_side=$$?; \
		$(BIN)/pytest -q -m "$$(.ci/system-packages --marks)" -n 3 --dist loadfile || test $$? -eq 5 || exit 1; exit $$side_by_side  # 5: there are none

bench: $(VENV)/.runtime
	$(BIN)/perf-bench live && $(BIN)/perf-bench velocity && $(BIN)/perf-bench render && $(BIN)/perf-bench dexter

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
